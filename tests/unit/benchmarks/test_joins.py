"""What a join took, read from an audit log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.joins import joins
from tests.sandbox.audit import Event

_US, _KUBESPHERE = "10.0.0.1", "10.0.0.9"
_CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"
_USE = "/api/v1/namespaces/kubesphere-system/services/:ks-apiserver:80/proxy/api/clusters/{}/v1/nodes?limit=1"


def _event(source: str, verb: str, uri: str, asked: float, answered: float, code: int = 200, **more: Any) -> Event:
    return {
        "stage": "ResponseComplete",
        "verb": verb,
        "requestURI": uri,
        "sourceIPs": [source],
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": f"2026-01-01T00:00:{asked:09.6f}Z",
        "stageTimestamp": f"2026-01-01T00:00:{answered:09.6f}Z",
        **more,
    }


def _write(source: str, verb: str, name: str, asked: float, code: int = 200) -> Event:
    reference = {"resource": "clusters", "name": name}
    return _event(source, verb, f"{_CLUSTERS}/{name}", asked, asked + 0.01, code, objectRef=reference)


def _used(name: str, answered: float, code: int = 200) -> Event:
    reference = {"resource": "services", "subresource": "proxy", "name": ":ks-apiserver:80"}
    return _event(_US, "get", _USE.format(name), answered - 0.02, answered, code, objectRef=reference)


def _start() -> float:
    return 1767225600.0  # 2026-01-01T00:00:00Z


def _ours(event: Event) -> bool:
    return bool(event["sourceIPs"][-1] == _US)


def test_from_the_write_to_the_last_use() -> None:
    events = [
        _write(_US, "create", "m1", 1.0, 201),
        _write(_KUBESPHERE, "update", "m1", 2.0),
        _write(_KUBESPHERE, "update", "m1", 3.0),  # this one was seen
        _used("m1", 3.05, code=403),
        _used("m1", 3.10),
        _write(_KUBESPHERE, "update", "m1", 3.20),
    ]
    (join,) = joins(events, {"m1": _start() + 3.015}, _ours)
    assert join.seconds == pytest.approx(2.10)
    assert join.beyond == pytest.approx(0.09)
    assert join.answering == pytest.approx(0.02)


def test_a_member_that_is_refused_is_not_ready_yet() -> None:
    events = [
        _write(_US, "create", "m1", 1.0, 201),
        _write(_KUBESPHERE, "update", "m1", 3.0),
        _used("m1", 3.10, code=500),
        _used("m2", 3.30, code=500),
        _used("m1", 3.20),
    ]
    (join,) = joins(events, {"m1": _start() + 3.015}, _ours)
    assert join.beyond == pytest.approx(0.10, abs=1e-5)
    assert join.asking == pytest.approx(0.08, abs=1e-5)


def test_seen_before_the_answer_was_logged() -> None:
    events = [_write(_US, "create", "m1", 1.0), _write(_KUBESPHERE, "update", "m1", 3.0), _used("m1", 3.10)]
    (join,) = joins(events, {"m1": _start() + 3.004}, _ours)
    assert join.beyond == pytest.approx(0.096)


def test_late_sight_makes_nothing_look_better() -> None:
    events = [_write(_US, "create", "m1", 1.0), _write(_KUBESPHERE, "update", "m1", 3.0), _used("m1", 3.50)]
    (join,) = joins(events, {"m1": _start() + 3.45}, _ours)
    assert join.beyond == pytest.approx(0.49)


def test_refused_writes_and_other_members_do_not_count() -> None:
    events = [
        _write(_US, "create", "m1", 1.0),
        _write(_KUBESPHERE, "update", "m1", 2.0),
        _write(_KUBESPHERE, "update", "m1", 2.5, code=409),
        _write(_KUBESPHERE, "update", "m10", 2.6),
        _used("m10", 2.8),
        _used("m1", 2.7),
    ]
    (join,) = joins(events, {"m1": _start() + 2.65, "host": _start() + 2.65}, _ours)
    assert join.member == "m1"
    assert join.beyond == pytest.approx(0.69)
    assert join.seconds == pytest.approx(1.7)


def test_member_that_was_not_used_has_no_join() -> None:
    events = [_write(_US, "create", "m1", 1.0), _write(_KUBESPHERE, "update", "m1", 2.0)]
    assert joins(events, {"m1": _start() + 2.5}, _ours) == []
