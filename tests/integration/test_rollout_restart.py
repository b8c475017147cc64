"""Workloads restarted on a real cluster: writes by the audit log, pods by their UIDs, and their words in messages."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet, Run, Started
from tests.integration.kubesphere import Audit, eventually
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import Object

NAMESPACE = "shop"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"
KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
GOOD, BAD = "nginx:1.25", "registry.example.org/nowhere:1"
ALL: list[Object] = [{"kind": kind, "name": "web"} for kind in KINDS]

Result = dict[str, Any]


@pytest.fixture(autouse=True)
def shop(host: Cluster) -> Iterator[None]:
    """One workload of each kind, all of their pods ready; whatever a test leaves is removed after it."""
    if host.api.find(f"/api/v1/namespaces/{NAMESPACE}") is None:
        host.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        eventually(lambda: host.api.find(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"), "an account")
    for kind in KINDS:
        make(host, kind)
    eventually(lambda: all(ready(host, kind) for kind in KINDS), "all pods to be ready")
    yield
    for plural in KINDS.values():
        for item in host.api.get(f"{APPS}/{plural}")["items"]:
            host.api.delete(f"{APPS}/{plural}/{item['metadata']['name']}")
    eventually(lambda: not host.api.get(PODS)["items"], "the pods to be gone")


def make(host: Cluster, kind: str, name: str = "web", container: Object | None = None, **spec: Any) -> None:
    """Create a workload."""
    labels = {"app": name, "kind": kind.lower()}
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "web", "image": GOOD, **(container or {})}],
        },
    }
    more = {} if kind == "DaemonSet" else {"replicas": 2}
    service = {"serviceName": name} if kind == "StatefulSet" else {}
    full = {**more, **service, "selector": {"matchLabels": labels}, "template": template, **spec}
    host.api.create(f"{APPS}/{KINDS[kind]}", {"metadata": {"name": name, "labels": {"of": "shop"}}, "spec": full})


def live(host: Cluster, kind: str, name: str = "web") -> Object:
    """A workload as it stands."""
    return host.api.get(f"{APPS}/{KINDS[kind]}/{name}")


def annotation(host: Cluster, kind: str) -> str:
    """When a workload was restarted; empty if it never was."""
    metadata = live(host, kind)["spec"]["template"]["metadata"]
    return str((metadata.get("annotations") or {}).get(RESTARTED_AT) or "")


def pods(host: Cluster, kind: str) -> list[Object]:
    """The pods of a workload, those that are about to go aside."""
    found = host.api.get(PODS, labelSelector=f"app=web,kind={kind.lower()}")["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def uids(host: Cluster) -> set[str]:
    """The UIDs of all pods."""
    return {pod["metadata"]["uid"] for kind in KINDS for pod in pods(host, kind)}


def ready(host: Cluster, kind: str) -> bool:
    """Whether a workload has all of its pods, and each is ready."""
    wanted = live(host, kind)["spec"].get("replicas", 1)
    conditions = [each for pod in pods(host, kind) for each in pod["status"].get("conditions") or []]
    return bool(wanted == sum(each["type"] == "Ready" and each["status"] == "True" for each in conditions))


def now() -> str:
    """The present time, as a reason has it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def arguments(host: Cluster, *workloads: Object, **more: Any) -> Result:
    """Arguments of the module."""
    given = list(workloads) or ALL
    return {"kubeconfig": str(host.kubeconfig), "namespace": NAMESPACE, "workloads": given, "wait_timeout": 60, **more}


def restart(
    controller: Controller, fleet: Fleet, host: Cluster, *given: Object, flags: Any = ("-c", "local"), **more: Any
) -> Run:
    """Run the module."""
    return controller.module("rollout_restart", "host", fleet, arguments(host, *given, **more), *flags, timeout=150)


def result(run: Run) -> Result:
    """The result of a run that went well."""
    assert run.status == 0, run.output
    [task] = run.tasks
    return task.result


def message(run: Run) -> str:
    """The message of a run that failed."""
    assert run.status == 2, run.output
    return run.failures["host"]


def start(controller: Controller, fleet: Fleet, host: Cluster, folder: Path, **more: Any) -> Started:
    """Start the module in a playbook."""
    task = {"kubesphere.multicluster.rollout_restart": arguments(host, **more)}
    play = {"hosts": "host", "connection": "local", "gather_facts": False, "tasks": [task]}
    path = folder / "restart.yml"
    path.write_text(yaml.safe_dump([play]))
    return controller.start(path, fleet)


EVERY_KIND = Counter({("patch", plural): 1 for plural in KINDS.values()})


def test_every_kind_is_restarted_once_for_all_reasons(controller: Controller, fleet: Fleet, host: Cluster) -> None:
    before = uids(host)
    reasons = [{"text": "a ConfigMap was changed", "since": now()}, {"text": "a Secret was renewed", "since": now()}]
    audit = Audit([host])
    plan = restart(controller, fleet, host, reasons=reasons, flags=["-c", "local", "--check", "--diff"])
    assert audit.writes() == {}
    assert result(plan)["changed"]
    done = restart(controller, fleet, host, reasons=reasons)
    assert audit.writes() == {"host": EVERY_KIND}
    assert plan.actions == done.actions
    why = "a ConfigMap was changed; a Secret was renewed"
    assert done.actions == sorted(f"patch {kind} shop/web on host: restart it: {why}" for kind in KINDS)
    for kind, told in zip(KINDS, result(done)["workloads"]):
        assert (told["kind"], told["restarted"], told["why"]) == (kind, True, why)
        assert told["restarted_at"] == annotation(host, kind) != ""
        assert ready(host, kind), kind
    assert not uids(host) & before, "a pod is still the one that it was"
    assert result(done)["workloads"][0]["revision"] == "2"

    after, audit = uids(host), Audit([host])
    again = result(restart(controller, fleet, host, reasons=reasons))
    assert (again["changed"], audit.writes(), uids(host)) == (False, {}, after)
    assert {told["why"] for told in again["workloads"]} == {
        f"it was restarted since, at {told['restarted_at']}" for told in again["workloads"]
    }


def test_no_reason_and_no_pod_that_is_older(controller: Controller, fleet: Fleet, host: Cluster) -> None:
    audit = Audit([host])
    assert not result(restart(controller, fleet, host, reasons=[]))["changed"]
    past = [{"text": "long ago", "since": "2020-01-01T00:00:00+01:00"}]
    told = result(restart(controller, fleet, host, reasons=past))
    assert not told["changed"]
    assert all(each["why"].startswith("its oldest pod is of ") for each in told["workloads"])
    assert audit.writes() == {}


def test_by_label_and_in_any_case(controller: Controller, fleet: Fleet, host: Cluster) -> None:
    make(host, "Deployment", "other")
    selected = {"kind": "Deployment", "label_selector": "of in (shop),!gone"}
    for count in (1, 2):
        audit = Audit([host])
        told = result(restart(controller, fleet, host, selected, ALL[0]))
        assert audit.writes() == {"host": Counter({("patch", "deployments"): 2})}, count
        assert {each["name"] for each in told["workloads"]} == {"web", "other"}


def test_bastion(controller: Controller, fleet: Fleet, host: Cluster) -> None:
    """The module, as it runs where the connection is not local."""
    since = [{"text": "a", "since": now()}]
    flags = ["-e", f"ansible_python_interpreter={sys.executable}", "-c", "bastion"]
    run = restart(controller, fleet, host, ALL[0], reasons=since, flags=flags)
    told = result(run)["workloads"]
    here = result(restart(controller, fleet, host, ALL[0], reasons=since))
    assert [each["restarted"] for each in (*told, *here["workloads"])] == [True, False]


def test_killed_run_is_gone_on_with(controller: Controller, fleet: Fleet, host: Cluster, tmp_path: Path) -> None:
    before, reasons = uids(host), [{"text": "a", "since": now()}]
    host.freeze("kube-controller-manager")
    try:
        started = start(controller, fleet, host, tmp_path, reasons=reasons)
        eventually(lambda: all(annotation(host, kind) for kind in KINDS), "all to be written")
        started.kill()
    finally:
        host.thaw("kube-controller-manager")
    audit = Audit([host])
    told = result(restart(controller, fleet, host, reasons=reasons))
    assert (told["changed"], audit.writes()) == (False, {})
    assert not uids(host) & before, "it was not waited for"


def test_what_cannot_be_restarted_keeps_all_from_it(controller: Controller, fleet: Fleet, host: Cluster) -> None:
    make(host, "Deployment", "held", paused=True)
    make(host, "DaemonSet", "manual", updateStrategy={"type": "OnDelete"})
    audit = Audit([host])
    told = message(restart(controller, fleet, host, *ALL, {"name": "held"}))
    assert "Deployment shop/held is paused: kubectl -n shop rollout resume deployment/held" in told
    manual = {"kind": "DaemonSet", "name": "manual"}
    assert "DaemonSet shop/manual has the update strategy OnDelete" in message(
        restart(controller, fleet, host, *ALL, manual)
    )
    assert "StatefulSet shop/nobody does not exist" in message(
        restart(controller, fleet, host, *ALL, {"kind": "StatefulSet", "name": "nobody"})
    )
    assert "shop has no Deployment with the labels of=nobody" in message(
        restart(controller, fleet, host, *ALL, {"label_selector": "of=nobody"})
    )
    assert "which is no time with a zone" in message(
        restart(controller, fleet, host, reasons=[{"text": "a", "since": "yesterday"}])
    )
    assert audit.writes() == {}
    unwaited = restart(controller, fleet, host, manual, wait=False)
    assert result(unwaited)["changed"]
    assert "so its pods go on running until somebody deletes them" in " ".join(unwaited.output.split())


def test_words_of_pods_that_do_not_come_up(controller: Controller, fleet: Fleet, host: Cluster) -> None:
    crash = {"image": "busybox:1.36", "command": ["sh", "-c", "echo starting; echo panic: no such table; exit 3"]}
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 60}  # without one it is available while it runs
    make(host, "Deployment", "crash", {**crash, "readinessProbe": probe}, replicas=1)
    make(host, "StatefulSet", "pull", {"image": BAD}, replicas=1)
    make(host, "Deployment", "large", {"resources": {"requests": {"memory": "900Gi"}}}, replicas=1)
    named = [{"name": "crash"}, {"kind": "StatefulSet", "name": "pull"}, {"name": "large"}]
    audit = Audit([host])
    run = restart(controller, fleet, host, *named, ALL[2], wait_timeout=10)
    told = message(run)
    assert audit.writes()["host"].total() == 4
    assert "Waited 10 s in vain until Deployment shop/crash is rolled out" in told
    assert "container web ended with exit code 3" in told
    assert "its last line: panic: no such table" in told
    assert "StatefulSet pull: " in told
    assert "pod pull-0: container web waits: " in told
    assert BAD in told
    assert "is not scheduled: 0/1 nodes are available" in told
    assert "DaemonSet" not in told
    assert run.seconds < 30


def test_what_does_not_come_up_is_undone(controller: Controller, fleet: Fleet, host: Cluster, tmp_path: Path) -> None:
    """An image that nobody can pull comes with the restart, so what ran before is the former template."""
    host.freeze("kube-controller-manager")
    try:
        for kind, plural in KINDS.items():
            spec = {"containers": [{"name": "web", "image": BAD}]}
            host.api.patch(f"{APPS}/{plural}/web", {"spec": {"template": {"spec": spec}}})
            assert ready(host, kind)
        started = start(controller, fleet, host, tmp_path, wait_timeout=10, rollback_on_failure=True)
        eventually(lambda: all(annotation(host, kind) for kind in KINDS), "all to be written")
    finally:
        host.thaw("kube-controller-manager")
    told = message(started.end())
    for kind in KINDS:
        assert f"Waited 10 s in vain until {kind} shop/web is rolled out" in told
        assert f"It was undone: {kind} shop/web runs with its former pod template again" in told
        template = live(host, kind)["spec"]["template"]
        assert template["spec"]["containers"][0]["image"] == GOOD
        assert annotation(host, kind) == ""
        assert ready(host, kind)
        assert {pod["spec"]["containers"][0]["image"] for pod in pods(host, kind)} == {GOOD}
    assert told.count(BAD) >= len(KINDS)
