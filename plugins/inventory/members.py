# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory plugin members."""

from __future__ import annotations

DOCUMENTATION = r"""
name: members
short_description: The members of a KubeSphere host, and the host itself, as an inventory
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Lists the Clusters of a host by one request, and makes an inventory of them on which the playbooks of the
    collection run as on a hand-written one.
  - The variables of the roles (C(kubesphere_cluster_name), C(kubesphere_region), C(kubesphere_release) and so on) say
    what stands, so a run changes nothing that you do not say otherwise.
  - What was seen of a cluster is in C(kubesphere_seen_at), C(kubesphere_seen_role), C(kubesphere_seen_ready),
    C(kubesphere_seen_problem), C(kubesphere_seen_conditions) (by type), C(kubesphere_seen_kubernetes_version),
    C(kubesphere_seen_kubesphere_version), C(kubesphere_seen_nodes), C(kubesphere_seen_uid),
    C(kubesphere_seen_credential) (C(kind), C(expires), C(days), C(due)), C(kubesphere_seen_server) and
    C(kubesphere_seen_deleted); null where there is none.
  - The groups are C(kubesphere_host), C(kubesphere_members), C(kubesphere_connection_<connection>),
    C(kubesphere_release_<release>), C(kubesphere_credential_<kind>), C(kubesphere_credential_due), and those that
    O(group_by) says.
  - The inventory has no secret in it, nor has its cache. A direct member is reached by the kubeconfig that the host
    has stored of it, which P(kubesphere.multicluster.member_kubeconfig#lookup) reads when it is used. A member that
    is connected by agent is not reached (C(kubesphere_reachable) is V(false)), and is judged through the host.
  - The file's name has to end in C(kubesphere.yml) or C(kubesphere.yaml).
extends_documentation_fragment:
  - kubesphere.multicluster.options
  - kubesphere.multicluster.options.plugin
  - constructed
  - inventory_cache
options:
  plugin:
    description: What tells that the file is for this plugin.
    type: str
    required: true
    choices: [kubesphere.multicluster.members]
  kubeconfig:
    description:
      - Kubeconfig of the host, as a path, as its text, or as a mapping.
      - A relative path begins in the folder of the inventory source.
      - Without it and without O(host), E(KUBECONFIG) and then C(~/.kube/config) are used.
  cluster_name:
    description: Name of the host in the inventory; that of its Cluster if this is not set.
    type: str
  host_variables:
    description:
      - More variables of the host, C(kubesphere_proxy_address) for example. They go before those that were found.
    type: dict
    default: {}
  label_selector:
    description:
      - Only members with these labels, as kubectl takes them, C(tier=gold,spare!=true) for example.
    type: str
  connections:
    description: Only members of these connections; all if empty.
    type: list
    elements: str
    choices: [direct, agent]
    default: []
  group_by:
    description:
      - Which groups to make besides. V(ready) makes C(kubesphere_ready) and C(kubesphere_not_ready); V(region),
        V(group), V(provider) make C(kubesphere_region_<region>) and so on; V(kubernetes) makes
        C(kubesphere_kubernetes_<1_26>); V(labels) makes C(kubesphere_label_<key>_<value>).
      - A cluster is ready if its condition Ready is True and was written within the last three resyncs, for
        KubeSphere cannot write the conditions of a member that is gone.
    type: list
    elements: str
    choices: [ready, region, group, provider, kubernetes, labels]
    default: [ready, region, group, provider, kubernetes, labels]
  renew_before_days:
    description: Days before its end that a credential is due, and its member in C(kubesphere_credential_due).
    type: int
    default: 30
notes:
  - Templates are evaluated in the authentication options, where C(inventory_dir) is the folder of the inventory
    source.
  - The credential has to be allowed to list Clusters, and so sees the kubeconfigs in them. The resync period is read
    from the ConfigMap C(kubesphere-config), if it may be.
seealso:
  - plugin: kubesphere.multicluster.member_kubeconfig
    plugin_type: lookup
  - plugin: kubesphere.multicluster.host_kubeconfig
    plugin_type: lookup
  - module: kubesphere.multicluster.member_info
"""

EXAMPLES = r"""
---
# kubesphere.yml: all that is needed for  ansible-playbook -i kubesphere.yml kubesphere.multicluster.status
plugin: kubesphere.multicluster.members
kubeconfig: ~/.kube/frankfurt.yaml

---
# production.kubesphere.yml: a part of the fleet, with groups and variables of one's own, kept for ten minutes
plugin: kubesphere.multicluster.members
kubeconfig: ~/.kube/frankfurt.yaml
cluster_name: frankfurt
host_variables:
  kubesphere_proxy_source: node_port
label_selector: cluster.kubesphere.io/group=production
strict: true
compose:
  kubesphere_alias: kubesphere_labels['example.com/site'] | default(kubesphere_cluster_name)
groups:
  small: kubesphere_seen_nodes | int < 3
keyed_groups:
  - prefix: expires_in
    key: (kubesphere_seen_credential.expires or '')[:7]
    default_value: never
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/kubesphere-inventory
cache_timeout: 600

---
# awx.kubesphere.yml: the environment says how the host is reached (K8S_AUTH_HOST, K8S_AUTH_API_KEY, …)
plugin: kubesphere.multicluster.members
"""

import contextlib
import difflib
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..module_utils.goals.fleet_seen import MEMBERS
from ..module_utils.kubesphere import fleet_inventory
from ..module_utils.kubesphere.fleet_inventory import Inventory
from ..module_utils.version import USER_AGENT
from ..plugin_utils.host_options import HOST, asked, in_source, reference
from ..plugin_utils.local_goal import LocalGoal
from ..plugin_utils.trust import ours, theirs

_PASSWORDS = ("api_key", "password", "proxy", "proxy_headers")
"""Options of which nobody shall guess a short one by the name of a file."""

_MEMBER = "{{ lookup('kubesphere.multicluster.member_kubeconfig', kubesphere_cluster_name) }}"


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """See its documentation."""

    NAME = "kubesphere.multicluster.members"

    def verify_file(self, path: str) -> bool:
        """Whether a file is for this plugin, by its name."""
        return bool(super().verify_file(path)) and path.endswith(("kubesphere.yml", "kubesphere.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory."""
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        self._check(config, path)
        given = in_source(config, path, self.templar)
        self.set_options(direct={**config, **given}, var_options=self._vars)
        made = fleet_inventory.of(
            self._seen(path, cache),
            host_name=self.get_option("cluster_name") or "",
            connections=self.get_option("connections"),
            group_by=self.get_option("group_by"),
        )
        for warning in made.warnings:
            self.display.warning(f"{path}: {warning}")
        reached = {name: ours(value) for name, value in reference(given, asked(self), path).items()}
        self._populate(made, {**reached, **self.get_option("host_variables")})

    def _check(self, config: Mapping[str, Any], path: str) -> None:
        """Refuse an option that there is none of, which Ansible would pass over in silence."""
        definitions = self.option_definitions
        known = {*definitions, *(alias for each in definitions.values() for alias in each.get("aliases") or ())}
        for name in (str(key) for key in config if key not in known):
            meant = "".join(f", is it {each}?" for each in difflib.get_close_matches(name, known, n=1))
            raise AnsibleParserError(
                f"{path}: there is no option {name}{meant or '.'} See 'ansible-doc -t inventory {self.NAME}'."
            )

    def _seen(self, path: str, cache: bool) -> dict[str, Any]:
        """What the host's Clusters say, or said when that was kept."""
        arguments = {**asked(self), **{name: self.get_option(name) for name in ("label_selector", "renew_before_days")}}
        if not self.get_option("cache"):
            return self._asked(arguments)
        # Another host, another selection, another release of ours must not be answered with what is kept of this one.
        told = {name: value for name, value in arguments.items() if name not in _PASSWORDS}
        question = hashlib.sha256(json.dumps([USER_AGENT, told], sort_keys=True, default=str).encode()).hexdigest()[:16]
        key = f"{self.get_cache_key(path)}_{question}"
        if cache:
            with contextlib.suppress(KeyError):
                kept: dict[str, Any] = self._cache[key]
                return kept
        found = self._cache[key] = self._asked(arguments)
        return found

    def _asked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            result = LocalGoal(MEMBERS, given, HOST).run(check_mode=False)
        except AnsibleError as error:
            raise AnsibleParserError(error.message) from None
        for warning in result.get("warnings", ()):
            self.display.warning(warning)
        if result.get("failed"):
            raise AnsibleParserError(result["msg"])
        return {key: result[key] for key in ("at", "clusters")}

    def _populate(self, made: Inventory, of_host: Mapping[str, Any]) -> None:
        shared: dict[str, dict[str, Any]] = {name: {} for name in made.hosts}
        for group, names in made.groups.items():
            self.inventory.add_group(group)
            variables = theirs(made.variables.get(group, {}))
            for name in names:
                self.inventory.add_host(name, group)
                shared[name] |= variables
            if group == fleet_inventory.DIRECT:
                variables = {**variables, "kubesphere_kubeconfig": ours(_MEMBER)}
            self._set(group, variables)
        for name, found in made.hosts.items():
            self._set(name, theirs(found))
            if name in made.groups[fleet_inventory.HOST]:
                self._set(name, of_host)
            self._construct(name, shared[name])

    def _set(self, name: str, variables: Mapping[str, Any]) -> None:
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)

    def _construct(self, name: str, shared: Mapping[str, Any]) -> None:
        """What the user makes of a host by expressions."""
        wanted = {option: self.get_option(option) for option in ("compose", "groups", "keyed_groups")}
        if not any(wanted.values()):
            return
        how = {"host": name, "strict": self.get_option("strict")}
        host = self.inventory.get_host(name)
        self._set_composite_vars(wanted["compose"], {**shared, **host.get_vars()}, **how)
        variables = {**shared, **host.get_vars()}
        self._add_host_to_composed_groups(wanted["groups"], variables, fetch_hostvars=False, **how)
        self._add_host_to_keyed_groups(wanted["keyed_groups"], variables, fetch_hostvars=False, **how)
