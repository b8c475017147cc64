# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes and requirements that modules document."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of the collection's modules: what they support, and where they do their work."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and says what would change without changing it.
    support: full
  diff_mode:
    description: Returns what changed, or in C(check_mode) would change, as before and after.
    support: full
    details: Secrets are masked; one that differs is marked as before and after.
  idempotent:
    description: A second run with the same arguments changes nothing.
    support: full
  action_group:
    description: Takes defaults from C(group/kubesphere.multicluster.multicluster) in C(module_defaults).
    support: full
    membership:
      - kubesphere.multicluster.multicluster
  platform:
    description: Systems that it runs on. What Kubernetes' own machines run is of no matter.
    support: full
    platforms: posix
  async:
    description: Can be used with the keyword C(async).
    support: none
  delegation:
    description: Can be used with the keyword C(delegate_to).
    support: full
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and says what would change without changing it.
    support: full
    details: This module only reads.
  diff_mode:
    description: Returns what changed, or in C(check_mode) would change, as before and after.
    support: N/A
    details: This module only reads.
  idempotent:
    description: A second run with the same arguments changes nothing.
    support: full
  action_group:
    description: Takes defaults from C(group/kubesphere.multicluster.multicluster) in C(module_defaults).
    support: full
    membership:
      - kubesphere.multicluster.multicluster
  platform:
    description: Systems that it runs on. What Kubernetes' own machines run is of no matter.
    support: full
    platforms: posix
  async:
    description: Can be used with the keyword C(async).
    support: none
  delegation:
    description: Can be used with the keyword C(delegate_to).
    support: full
"""

    PAIR = r"""
options: {}
attributes:
  connection:
    description: Does its work where the task's connection leads.
    support: full
    details: In the controller's own process if that is V(local), and as a module on the other side if it is not.
notes:
  - Messages name variables of the roles, which P(kubesphere.multicluster.kubesphere#role) explains. The option of a
    module has the same name without C(kubesphere_), or without C(kubesphere_proxy_).
requirements:
  - python >= 3.9
  - PyYAML
  - urllib3 >= 2.0
  - kubernetes >= 24.2, != 36.0.0, != 36.0.1, for kubeconfigs that have an auth-provider
  - cryptography, to read and to request client certificates
"""

    CONTROLLER = r"""
options: {}
attributes:
  connection:
    description: Does its work where the task's connection leads.
    support: none
    details: In the controller's own process in any case.
"""
