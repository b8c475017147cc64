#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cluster_configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_configuration
short_description: Install, reconfigure or upgrade KubeSphere in one cluster, as host or as member
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Applies the installer's objects and the ClusterConfiguration of a release, with O(configuration) laid over it, and
    waits until KubeSphere is installed.
  - A cluster that stands as wanted is not touched.
  - The ClusterConfiguration is never changed while ks-installer runs; that could make it install everything again.
  - Refuses to turn a host into a member or back, to downgrade, to skip a release that must not be skipped, and to
    upgrade a member before its host.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
  - kubesphere.multicluster.options
  - kubesphere.multicluster.options.host_cluster
  - kubesphere.multicluster.options.installation
options:
  apply:
    description:
      - Whether to apply anything.
      - If V(false), the module only waits for the end of an installation that was begun before. That way many clusters
        can be begun first, and waited for afterwards.
    type: bool
    default: true
  managed:
    description:
      - Whether the installation was begun by this play; with O(apply=false).
      - If V(false), another one is to begin it, on another slice of the inventory for example. What stands as wanted is
        not waited for, and what has not been begun is.
    type: bool
    default: true
  wait:
    description: Whether to wait until KubeSphere is installed.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 3600
seealso:
  - module: kubesphere.multicluster.manifests
  - module: kubesphere.multicluster.cluster_info
  - module: kubesphere.multicluster.member
"""

EXAMPLES = r"""
- name: Install the host
  kubesphere.multicluster.cluster_configuration:
    cluster_name: host
    kubeconfig: ~/.kube/host.yaml
    cluster_role: host
    release: v3.4.1
    configuration:
      devops:
        enabled: true

- name: Install a member with the host's jwtSecret
  kubesphere.multicluster.cluster_configuration:
    cluster_name: member-1
    kubeconfig: ~/.kube/member-1.yaml
    cluster_role: member
    host_cluster:
      kubeconfig: ~/.kube/host.yaml

- name: Begin an installation
  kubesphere.multicluster.cluster_configuration:
    cluster_name: member-2
    kubeconfig: ~/.kube/member-2.yaml
    cluster_role: member
    host_cluster:
      kubeconfig: ~/.kube/host.yaml
    wait: false

- name: Wait for its end, after others were begun
  kubesphere.multicluster.cluster_configuration:
    cluster_name: member-2
    kubeconfig: ~/.kube/member-2.yaml
    cluster_role: member
    host_cluster:
      kubeconfig: ~/.kube/host.yaml
    apply: false
"""

RETURN = r"""
release:
  description: The release that is installed.
  returned: success
  type: str
  sample: v3.4.1
cluster_role:
  description: What the cluster is in its fleet.
  returned: success
  type: str
  sample: member
finished:
  description: Whether the installation is finished. In check mode, whether nothing is to be done.
  returned: success
  type: bool
  sample: true
upgraded_from:
  description: The release that stood before, if this is an upgrade; else none.
  returned: success
  type: str
  sample: v3.3.2
actions:
  description: Each write in words, in order; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample:
    - "create ClusterConfiguration kubesphere-system/ks-installer on member-1: install v3.4.1"
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: Refused
"""

from ..module_utils.goals.cluster_configuration import GOAL
from ..module_utils.goals.outcome import run_module


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
