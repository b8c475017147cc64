#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module outcome, which is an action plugin alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: outcome
short_description: Hand each cluster what one task did for all of them
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Gives each inventory host its own part of what the module M(kubesphere.multicluster.fleet) did for all, with its
    change, its diff or its failure. So the recap of the play, its exit status and its retry file are as if there had
    been a task for each cluster.
options:
  of:
    description:
      - Names of variables that tasks of the module M(kubesphere.multicluster.fleet) have registered, in their order.
      - A variable that does not exist is ignored.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.controller
seealso:
  - module: kubesphere.multicluster.fleet
"""

EXAMPLES = r"""
- name: Hand each cluster its outcome
  kubesphere.multicluster.outcome:
    of: [preflight_fleet, install_road]
"""

RETURN = r"""
phases:
  description: C(phase), C(seconds) and C(changed) of each step that the cluster took part in; C(failed) and C(msg) too.
  returned: success, and where the cluster failed
  type: list
  elements: dict
  sample: [{phase: import, seconds: 2.1, changed: true}]
actions:
  description: Each write in words, in order.
  returned: success, and where the cluster failed
  type: list
  elements: str
  sample: ["create Cluster member-1 on host: import it"]
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: Refused
"""
