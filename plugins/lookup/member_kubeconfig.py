# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup plugin member_kubeconfig."""

from __future__ import annotations

DOCUMENTATION = r"""
name: member_kubeconfig
short_description: The kubeconfig that a host has stored of a member
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Reads the kubeconfig by which KubeSphere reaches a member of the direct connection from its Cluster on the host,
    each time it is used. So it is never older than the last renewal, and is kept nowhere.
  - The inventory plugin P(kubesphere.multicluster.members#inventory) names it in the variables of the members. It is
    of use in a hand-written inventory, too.
  - Its server is an address that pods of the host reach. Whether you do is for you to see.
  - It has the rights that KubeSphere has there, which are those of cluster-admin. Whoever may read Clusters on the
    host has them.
extends_documentation_fragment:
  - kubesphere.multicluster.options
  - kubesphere.multicluster.options.plugin
options:
  _terms:
    description: Names of the members' Clusters.
    type: list
    elements: str
    required: true
  cluster_name:
    description: What messages call the host; its name in the inventory if there is one.
    type: str
notes:
  - Without options the host is reached as C(kubesphere_kubeconfig) and C(kubesphere_context) of the inventory host in
    the group C(kubesphere_host) say, as the roles do. Only without those the environment holds.
seealso:
  - plugin: kubesphere.multicluster.members
    plugin_type: inventory
  - plugin: kubesphere.multicluster.host_kubeconfig
    plugin_type: lookup
"""

EXAMPLES = r"""
---
- name: Look at a member by the way that KubeSphere goes
  kubernetes.core.k8s_info:
    kubeconfig: "{{ lookup('kubesphere.multicluster.member_kubeconfig', 'berlin') }}"
    kind: Node

---
# group_vars/kubesphere_members.yml: whoever reaches the host needs no other credential.
kubesphere_kubeconfig: "{{ lookup('kubesphere.multicluster.member_kubeconfig', kubesphere_cluster_name) }}"
"""

RETURN = r"""
_raw:
  description: A kubeconfig for each of the members, self-contained. It has a credential in it.
  type: list
  elements: dict
  sample:
    - apiVersion: v1
      kind: Config
      clusters: [{name: member-1, cluster: {server: "https://192.0.2.11:6443", certificate-authority-data: LS0t}}]
      users: [{name: member-1, user: {token: a secret}}]
      contexts: [{name: member-1, context: {cluster: member-1, user: member-1}}]
      current-context: member-1
"""

from collections.abc import Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase

from ..module_utils.goals.fleet_seen import MEMBER_KUBECONFIG
from ..plugin_utils.host_options import asked, found_out, of_inventory


class LookupModule(LookupBase):  # type: ignore[misc]
    """See its documentation."""

    def run(self, terms: Sequence[Any], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Read the kubeconfigs."""
        self.set_options(var_options=variables, direct=kwargs)
        options = asked(self)
        if not kwargs.keys() & {"kubeconfig", "context", "host"}:
            host = of_inventory(variables or {})
            options = host if host.keys() & {"kubeconfig", "context"} else {**options, **host}
        return [found_out(MEMBER_KUBECONFIG, {**options, "name": str(name)}) for name in terms]
