#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module metrics."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metrics
short_description: Write how long a run took as metrics for Prometheus
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Writes a file for the textfile collector of node_exporter, with the durations by cluster and phase, their quantiles,
    how many clusters each phase succeeded and failed for, what the run did, and when it ended.
  - The file is replaced in one step and has mode 0644. Nothing else in its folder is touched.
  - No cluster is touched.
  - The role P(kubesphere.multicluster.report#role) calls it where C(kubesphere_metrics_path) is set, but in check mode.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
attributes:
  diff_mode:
    description: Returns what changed, or in C(check_mode) would change, as before and after.
    support: none
  idempotent:
    description: A second run with the same arguments changes nothing.
    support: none
    details: The file says when the run ended.
options:
  path:
    description: The file. Its name must end in C(.prom), because the collector reads no others.
    type: path
    required: true
  durations:
    description: Durations by cluster and by phase, C(kubesphere_run.durations) as the role report hands it on.
    type: dict
    required: true
  counts:
    description: Numbers of clusters by what the run did, C(kubesphere_run.counts) as the role report hands it on.
    type: dict
    required: true
seealso:
  - plugin: kubesphere.multicluster.fleet_run
    plugin_type: filter
"""

EXAMPLES = r"""
# In a play of the host, after the part plan of the role report, which has set the fact report_run.
- name: Write the metrics of the run
  kubesphere.multicluster.metrics:
    path: /var/lib/node_exporter/textfile/kubesphere.prom
    durations: "{{ report_run.durations }}"
    counts: "{{ report_run.counts }}"
  changed_when: false
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /var/lib/node_exporter/textfile/kubesphere.prom
actions:
  description: Each write in words, in order; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample: ["write /var/lib/node_exporter/textfile/kubesphere.prom"]
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: KubeError
"""

from ..module_utils.goals.metrics import GOAL
from ..module_utils.goals.outcome import run_module


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
