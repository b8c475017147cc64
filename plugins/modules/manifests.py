#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module manifests."""

from __future__ import annotations

DOCUMENTATION = r"""
module: manifests
short_description: Write what an installation would apply as files for kubectl
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Writes the installer's objects and the ClusterConfiguration of one cluster, as a first installation would apply
    them, to C(1-kubesphere-installer.yaml) and C(2-cluster-configuration.yaml) in a folder of the cluster's name.
  - No cluster is touched. The files have mode 0600, because they may hold the jwtSecret.
  - Apply the first file, then the second. One call of kubectl for both fails, since the second needs the definition
    that the first makes.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
  - kubesphere.multicluster.options.installation
options:
  cluster_name:
    description:
      - Name of the cluster and of its folder.
      - By default the name of the inventory host.
    type: str
  path:
    description: Folder for the folders of the clusters.
    type: path
    required: true
seealso:
  - module: kubesphere.multicluster.cluster_configuration
"""

EXAMPLES = r"""
- name: Write the manifests of a member
  kubesphere.multicluster.manifests:
    cluster_name: member-1
    cluster_role: member
    jwt_secret: "{{ vault_jwt_secret }}"
    path: rendered
"""

RETURN = r"""
files:
  description: Paths of the files.
  returned: success
  type: list
  elements: str
  sample: [rendered/member-1/1-kubesphere-installer.yaml, rendered/member-1/2-cluster-configuration.yaml]
actions:
  description: Each write in words, in order; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample:
    - "write rendered/member-1/2-cluster-configuration.yaml"
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: Refused
"""

from ..module_utils.goals.manifests import GOAL
from ..module_utils.goals.outcome import run_module


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
