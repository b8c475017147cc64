# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of restarting several workloads: which, why, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import rollout
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Forbidden,
    KubeError,
    NotFound,
    WaitTimeout,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    DAEMON_SET,
    DEPLOYMENT,
    POD,
    STATEFUL_SET,
    Kind,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.restarts import (
    Reason,
    Restart,
    Selected,
    restart_all,
)

from tests.unit.fakes import Clock, FakeSession, item
from tests.unit.kube.test_rollout import EXCEEDED, ON_DELETE, PARTITION, UP, replica_set, stuck, workload

NOW = "2026-11-22T12:00:00Z"
ONE = Selected(DEPLOYMENT, "ns", "w")


def reason(since: str, text: str = "") -> Reason:
    moment = rollout.parse_time(f"2026-11-22T{since}Z")
    assert moment
    return Reason(text or f"changed at {since}", moment)


def pod(created: str, app: str = "w") -> Object:
    made = item(POD, f"{app}-{created}", "ns", status={"phase": "Running"})
    made["metadata"] |= {"labels": {"app": app}, "creationTimestamp": f"2026-11-22T{created}Z"}
    return made


def cluster(*items: Object, planning: bool = False) -> FakeSession:
    session = FakeSession("one", *items, planning=planning)
    session.server_time = NOW
    return session


def restarted(standing: Object, at: str) -> Object:
    template = standing["spec"]["template"]
    template["metadata"] = {**template.get("metadata", {}), "annotations": {rollout.RESTARTED_AT: at}}
    return standing


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def restart(
    session: FakeSession, *selected: Selected, reasons: Any = None, wait: Any = 60, **more: Any
) -> list[Restart]:
    return restart_all(session, selected or (ONE,), reasons, wait_timeout=wait, **more)


# Whether


@pytest.mark.parametrize(
    ("at", "pods", "since", "why"),
    [
        (None, ["10:00:00", "11:00:00"], ["10:30:00"], None),
        (None, ["10:00:00"], ["10:00:00"], None),
        (None, ["10:00:01"], ["10:00:00"], "its oldest pod is of 2026-11-22T10:00:01Z"),
        (None, [], ["10:00:00"], "it has no pods"),
        (None, ["10:00:00"], [], "there is no reason"),
        # As kubectl writes it, with the zone of where it runs.
        ("2026-11-22T12:00:00+02:00", ["09:00:00"], ["09:59:59", "10:00:00"], "it was restarted since, at {at}"),
        ("2026-11-22T12:00:00+02:00", ["09:00:00"], ["10:00:00.1"], None),
        ("some day", ["09:00:00"], ["10:00:00"], None),
        ("some day", ["10:00:01"], ["10:00:00"], "its oldest pod is of 2026-11-22T10:00:01Z"),
    ],
)
def test_a_restart_needs_a_reason(at: str | None, pods: list[str], since: list[str], why: str | None) -> None:
    standing = restarted(workload(), at) if at else workload()
    session = cluster(standing, *map(pod, pods), pod("00:00:00", app="other"))
    (done,) = restart(session, reasons=list(map(reason, since)))
    assert done.restarted == bool(session.writes) == (why is None)
    if why is not None:
        assert done.why == why.format(at=at)


def test_one_restart_for_all_reasons_that_hold() -> None:
    session = cluster(workload(), pod("10:00:00"))
    reasons = [reason("09:00:00", "a"), reason("10:00:01", "b"), reason("11:00:00", "c"), reason("11:30:00", "b")]
    (done,) = restart(session, reasons=reasons)
    assert (done.restarted, done.why, done.warning) == (True, "b; c", "")
    assert len(session.writes) == 1
    assert session.journal[0].reason == "restart it: b; c"
    (again,) = restart(session, reasons=reasons)
    assert (again.restarted, len(session.writes)) == (False, 1)


def test_a_reason_by_a_clock_that_is_ahead_counts_once() -> None:
    session = cluster(workload(), pod("10:00:00"))
    for wanted in (True, False):
        (done,) = restart(session, reasons=[reason("12:04:59")])
        assert done.restarted is wanted


def test_a_reason_that_lies_in_the_future() -> None:
    session = cluster(workload(), pod("10:00:00"))
    with pytest.raises(KubeError) as caught:
        restart(session, reasons=[reason("12:05:01", "a")])
    assert str(caught.value) == (
        "one: the reason 'a' is of 2026-11-22T12:05:01Z, and the API server's clock says 2026-11-22T12:00:00Z. "
        "Give the time at which something changed, and look whether the clocks are right."
    )
    assert session.writes == []


def test_without_reasons_it_is_restarted_each_time() -> None:
    session = cluster(workload())
    for _dummy in range(2):
        (done,) = restart(session)
        assert (done.restarted, done.why) == (True, "asked for")
    assert len(session.writes) == 2


@pytest.mark.parametrize(("standing", "waits"), [(workload(), False), (workload(updatedReplicas=1), True)])
def test_a_restart_that_goes_on_is_waited_for(clock: Clock, standing: Object, waits: bool) -> None:
    session = cluster(restarted(standing, "2026-11-22T11:00:00Z"), pod("10:00:00"))
    clock.on_sleep = lambda: session.put(restarted(workload(), "2026-11-22T11:00:00Z"))
    (done,) = restart(session, reasons=[reason("10:30:00")])
    assert (done.restarted, session.writes, clock.now > 0) == (False, [], waits)
    assert rollout.problem(done.workload) == ""


def test_what_is_not_restarted_is_not_waited_for() -> None:
    session = cluster(workload(updatedReplicas=0), pod("11:00:00"))
    (done,) = restart(session, reasons=[reason("10:30:00")])
    assert (done.restarted, session.writes) == (False, [])


# Which


def labelled(kind: Kind, name: str, **labels: str) -> Object:
    made = workload(kind, name=name)
    made["metadata"]["labels"] = labels
    return made


def test_many_by_label_and_each_once() -> None:
    sets = [labelled(STATEFUL_SET, name, part="x") for name in ("a", "b")]
    session = cluster(*sets, labelled(STATEFUL_SET, "c", part="y"), labelled(DAEMON_SET, "a", part="x"), workload())
    by_label = Selected(STATEFUL_SET, "ns", label_selector="part=x")
    done = restart(session, Selected(STATEFUL_SET, "ns", "b"), by_label, ONE, Selected(DAEMON_SET, "ns", "a"))
    assert [str(each.target) for each in done] == [
        "StatefulSet ns/b",
        "StatefulSet ns/a",
        "Deployment ns/w",
        "DaemonSet ns/a",
    ]
    assert len(session.writes) == 4


@pytest.mark.parametrize(
    ("selected", "message"),
    [
        (
            Selected(DEPLOYMENT, "ns", "x"),
            "one: Deployment ns/x does not exist. Look which there are: kubectl -n ns get deployments.",
        ),
        (
            Selected(DAEMON_SET, "ns", label_selector="a=b"),
            "one: ns has no DaemonSet with the labels a=b. "
            "Look which there are: kubectl -n ns get daemonsets --show-labels.",
        ),
    ],
)
def test_what_is_not_there(selected: Selected, message: str) -> None:
    session = cluster(workload())
    with pytest.raises(NotFound) as caught:
        restart(session, ONE, selected)
    assert (str(caught.value), session.writes) == (message, [])


@pytest.mark.parametrize(
    ("standing", "message"),
    [
        (workload(spec={"paused": True}, name="x"), "Deployment ns/x is paused: .* Nothing was written"),
        (workload(DAEMON_SET, ON_DELETE, name="x"), "DaemonSet ns/x has the update strategy OnDelete"),
    ],
)
def test_what_cannot_be_restarted_keeps_the_others_from_it(standing: Object, message: str) -> None:
    session = cluster(workload(), standing)
    with pytest.raises(rollout.NotRestartable, match=message):
        restart(session, ONE, Selected(rollout.KINDS[standing["kind"]], "ns", "x"))
    assert session.writes == []


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        (ON_DELETE, "its update strategy is OnDelete, so its pods go on running until somebody deletes them"),
        (PARTITION, "its pods below the partition 1 go on running with the former pod template"),
    ],
)
def test_pods_that_go_on_running_are_told(spec: Any, warning: str) -> None:
    session = cluster(workload(STATEFUL_SET, spec))
    (done,) = restart(session, Selected(STATEFUL_SET, "ns", "w"), wait=None)
    assert (done.restarted, done.warning) == (True, f"StatefulSet ns/w: {warning}")
    (left,) = restart(session, Selected(STATEFUL_SET, "ns", "w"), wait=None, reasons=[])
    assert (left.restarted, left.warning) == (False, "")


def test_a_plan_writes_nothing_and_waits_for_nothing() -> None:
    session = cluster(workload(updatedReplicas=0), planning=True)
    (done,) = restart(session)
    assert (done.restarted, session.writes, len(session.journal)) == (True, [], 1)


# What comes of it


class Controller:
    """Notices each change, as the API server counts it, and brings up the pods of what is not to fail."""

    def __init__(self, session: FakeSession, *failing: str, former_fails: bool = False) -> None:
        self.session, self.failing, self.former_fails = session, failing, former_fails
        session.on_write = self.see

    def see(self, _method: str, written: Object) -> None:
        generation = written["metadata"]["generation"] = written["metadata"]["generation"] + 1
        former = written["spec"]["template"]["spec"]["containers"][0]["image"] == "former"
        fails = self.former_fails if former else written["metadata"]["name"] in self.failing
        up = {**UP[written["kind"]], "observedGeneration": generation}
        self.session.put({**written, "status": {**up, "updatedReplicas": 1} if fails else up})


PAIR = (Selected(DEPLOYMENT, "ns", "w"), Selected(DEPLOYMENT, "ns", "x"))


def pair(*failing: str, former_fails: bool = False) -> FakeSession:
    former = replica_set("former", "1"), replica_set("r2", "2")
    session = cluster(workload(), workload(name="x"), *former)
    Controller(session, *failing, former_fails=former_fails)
    return session


def test_all_are_written_before_any_is_waited_for() -> None:
    session = pair()
    done = restart(session, *PAIR)
    assert all(each.restarted for each in done)
    methods = [method for method, _path in session.requests]
    assert methods.index("PATCH") < len(methods) - 1 - methods[::-1].index("PATCH") < methods.index("WATCH")


def test_all_that_fail_are_told(clock: Clock) -> None:
    session = pair("w", "x")
    session.put(stuck(app="x", name="x-new"))
    with pytest.raises(WaitTimeout) as caught:
        restart(session, *PAIR)
    assert caught.value.message == (
        "Waited 60 s in vain until Deployment ns/w is rolled out: Deployment w: 1 of 2 pods are updated; "
        "Waited 60 s in vain until Deployment ns/x is rolled out: Deployment x: 1 of 2 pods are updated; "
        "pod x-new: container c waits: ErrImagePull: no such"
    )
    assert clock.now >= 60
    assert len(session.writes) == 2


def test_what_does_not_come_up_is_undone() -> None:
    session = pair("w")
    with pytest.raises(rollout.RolloutFailed) as caught:
        restart(session, *PAIR, rollback=True)
    assert caught.value.message == (
        "Waited 60 s in vain until Deployment ns/w is rolled out: Deployment w: 1 of 2 pods are updated. "
        "It was undone: Deployment ns/w runs with its former pod template again"
    )
    assert rollout.restarted_at(session.at(DEPLOYMENT, "w", "ns")) == ""
    assert rollout.restarted_at(session.at(DEPLOYMENT, "x", "ns")) != ""


def test_what_cannot_be_undone_is_told() -> None:
    session = cluster(workload())
    Controller(session, "w")
    with pytest.raises(rollout.RolloutFailed, match="It could not be undone: Deployment ns/w has no former revision"):
        restart(session, rollback=True)


def test_a_former_template_that_does_not_come_up_either() -> None:
    session = pair("w", former_fails=True)
    with pytest.raises(rollout.RolloutFailed) as caught:
        restart(session, ONE, rollback=True)
    assert caught.value.message.endswith(
        ". Its former pod template was put back, but does not come up either: Waited 60 s in vain until "
        "Deployment ns/w is rolled out: Deployment w: 1 of 2 pods are updated"
    )


def test_a_deadline_that_has_passed_is_told_at_once(clock: Clock) -> None:
    session = cluster(workload(updatedReplicas=1, conditions=EXCEEDED))
    with pytest.raises(rollout.RolloutFailed, match="progress deadline of 600 s"):
        restart(session)
    assert clock.now == 0


def test_what_cannot_be_looked_at_is_not_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: Any, **_more: Any) -> Object:
        raise Forbidden("no")

    session = pair()
    monkeypatch.setattr(rollout, "wait_until_rolled_out", refused)
    with pytest.raises(Forbidden, match="no"):
        restart(session, ONE, rollback=True)
    assert len(session.writes) == 1
