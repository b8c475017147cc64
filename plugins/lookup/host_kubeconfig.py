# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup plugin host_kubeconfig."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_kubeconfig
short_description: The kubeconfig of a fleet's host, made of the authentication options
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Makes one kubeconfig of whatever leads to a cluster, E(K8S_AUTH_HOST) and E(K8S_AUTH_API_KEY) for example, with
    the content of all files that are named; for variables and options that take a kubeconfig and nothing else.
  - The inventory plugin P(kubesphere.multicluster.members#inventory) names it in the variables of the host, in place
    of a credential.
  - Nothing is asked of the cluster.
extends_documentation_fragment:
  - kubesphere.multicluster.options
  - kubesphere.multicluster.options.plugin
options:
  _terms:
    description: None are taken.
    required: false
  source:
    description:
      - An inventory source of P(kubesphere.multicluster.members#inventory), the options of which hold.
      - It is read when the lookup is used, so a secret in it, in a vault best, stays there.
    type: path
  cluster_name:
    description: What messages call the cluster.
    type: str
seealso:
  - plugin: kubesphere.multicluster.members
    plugin_type: inventory
  - plugin: kubesphere.multicluster.member_kubeconfig
    plugin_type: lookup
"""

EXAMPLES = r"""
---
# The host's credential comes from the environment, as AWX gives it.
- name: Look at the fleet
  kubesphere.multicluster.member_info:
    kubeconfig: "{{ lookup('kubesphere.multicluster.host_kubeconfig') }}"

---
# group_vars/kubesphere_host.yml
kubesphere_kubeconfig: "{{ lookup('kubesphere.multicluster.host_kubeconfig') }}"
"""

RETURN = r"""
_raw:
  description: One kubeconfig, self-contained. It has a credential in it.
  type: list
  elements: dict
  sample:
    - apiVersion: v1
      kind: Config
      clusters: [{name: host, cluster: {server: "https://192.0.2.11:6443", certificate-authority-data: LS0t}}]
      users: [{name: host, user: {token: a secret}}]
      contexts: [{name: host, context: {cluster: host, user: host}}]
      current-context: host
"""

from collections.abc import Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase

from ..module_utils.goals.fleet_seen import HOST_KUBECONFIG
from ..plugin_utils.host_options import asked, found_out, in_source, read_source


class LookupModule(LookupBase):  # type: ignore[misc]
    """See its documentation."""

    def run(self, terms: Sequence[Any], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:  # noqa: ARG002
        """Make the kubeconfig."""
        self.set_options(var_options=variables, direct=kwargs)
        source = self.get_option("source")
        if source:
            given = in_source(read_source(source, self._loader), source, self._templar)
            self.set_options(var_options=variables, direct=given)
        return [found_out(HOST_KUBECONFIG, asked(self))]
