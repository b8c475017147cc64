# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that all modules document."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of the collection's modules."""

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
requirements:
  - python >= 3.9
  - kubernetes >= 24.2, != 36.0.0, != 36.0.1
  - PyYAML
  - urllib3 >= 2.0
notes:
  - Does its work in the controller's own process if the connection of the task is V(local), and as a module where it is
    delegated to, if it is not.
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
requirements:
  - python >= 3.9
  - kubernetes >= 24.2, != 36.0.0, != 36.0.1
  - PyYAML
  - urllib3 >= 2.0
"""
