#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module rollout_restart."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_restart
short_description: Restart Deployments, StatefulSets and DaemonSets where something changed that needs it
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Restarts workloads as C(kubectl rollout restart) does, by the same annotation of the pod template. All of them are
    written first, and then waited for side by side.
  - With O(reasons) a workload is restarted once for all of them together, and only if one of its pods was started
    before one of them. A second run, or one after a run that was killed, waits for that restart and makes no other.
  - If pods do not come up, the message has their own words, such as why an image is not pulled, the last line of a
    crash, or why no node takes them.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
  - kubesphere.multicluster.options
attributes:
  idempotent:
    description: A second run with the same arguments changes nothing.
    support: partial
    details: With O(reasons) only. Without them the workloads are restarted at each run.
options:
  workloads:
    description:
      - What to restart. Whatever is named more than once is restarted once.
      - If one does not exist, is a paused Deployment, or has the update strategy C(OnDelete) while O(wait) is true,
        nothing is written at all.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: Kind of the workload.
        type: str
        default: Deployment
        choices: [Deployment, StatefulSet, DaemonSet]
      name:
        description:
          - Its name.
          - Either this or O(workloads[].label_selector) is needed.
        type: str
      label_selector:
        description: Labels of the workloads, as kubectl takes them. It is an error if none has them.
        type: str
      namespace:
        description: Its namespace, if it is another than O(namespace).
        type: str
  namespace:
    description: Namespace of the workloads.
    type: str
    default: kubesphere-system
  reasons:
    description:
      - What changed that needs a restart, for example a ConfigMap that is read at the start only.
      - A workload is restarted if one of its pods is as old as O(reasons[].since) or older, unless it was restarted
        since, by this module or by C(kubectl rollout restart).
      - An empty list restarts nothing. So a play can collect its reasons and call this once.
      - If it is not set, the workloads are restarted in any case, at each run.
    type: list
    elements: dict
    suboptions:
      text:
        description: What changed, in words; the result says it.
        type: str
        required: true
      since:
        description:
          - When it changed, by RFC 3339 and with the zone, for example V(2026-11-22T12:00:00Z).
          - It must be the same in later runs, or these restart again.
        type: str
        required: true
  rollback_on_failure:
    description:
      - Whether to put the former pod template back where the pods do not come up, as C(kubectl rollout undo) does.
      - The task fails all the same and says that it was undone. Needs O(wait).
      - Of a StatefulSet the pods of the undone template that are not ready are deleted, for its controller waits for
        them before it goes on.
    type: bool
    default: false
  wait:
    description: Whether to wait until all pods are replaced and available.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait, for all workloads together.
    type: int
    default: 300
notes:
  - As for Kubernetes itself, a container without a readiness probe is available as soon as it runs, even if it crashes
    a moment later, unless its workload sets C(minReadySeconds).
  - Pods of a StatefulSet below the partition of its update strategy keep running. With O(wait=false), so do all pods of
    a workload with the strategy C(OnDelete). A warning says so.
seealso:
  - module: kubesphere.multicluster.cluster_configuration
  - module: kubesphere.multicluster.proxy_address
"""

EXAMPLES = r"""
- name: Restart what reads kubesphere-config at its start
  kubesphere.multicluster.rollout_restart:
    kubeconfig: ~/.kube/host.yaml
    workloads:
      - name: ks-apiserver
      - name: ks-controller-manager
    reasons:
      - text: the proxy address was changed
        since: "2026-11-22T12:00:00Z"
      - text: the certificate was renewed
        since: "2026-11-21T08:30:00+01:00"

- name: Restart all that belongs to monitoring, and undo what does not come up
  kubesphere.multicluster.rollout_restart:
    kubeconfig: ~/.kube/host.yaml
    namespace: kubesphere-monitoring-system
    workloads:
      - kind: StatefulSet
        label_selector: app.kubernetes.io/part-of=kube-prometheus
      - kind: DaemonSet
        name: node-exporter
    rollback_on_failure: true
    wait_timeout: 600
"""

RETURN = r"""
workloads:
  description: What became of each workload, in the order in which they were asked for.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
      returned: always
      sample: Deployment
    namespace:
      description: Its namespace.
      type: str
      returned: always
      sample: kubesphere-system
    name:
      description: Its name.
      type: str
      returned: always
      sample: ks-apiserver
    restarted:
      description: Whether this run restarted it, or in check mode would.
      type: bool
      returned: always
      sample: true
    why:
      description: Why it was restarted, or why not.
      type: str
      returned: always
      sample: the proxy address was changed
    restarted_at:
      description: When it was last restarted by annotation; empty if it never was.
      type: str
      returned: always
      sample: "2026-11-22T12:00:05Z"
    revision:
      description:
        - The revision that is rolled out, as its controller counts, for a StatefulSet a name. Without a wait it may be
          the one before.
      type: str
      returned: always
      sample: "4"
actions:
  description: Each write in words, in order; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample: ["patch Deployment kubesphere-system/ks-apiserver on host: restart it: the proxy address was changed"]
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: KubeError
"""

from ..module_utils.goals.outcome import run_module
from ..module_utils.goals.rollout_restart import GOAL


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
