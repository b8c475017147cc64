"""What a fault does to requests, and which."""

from __future__ import annotations

import pytest

from tests.torture.network import Fault, Faulty
from tests.torture.proxy import Answer, HangUp, Request

READ, WRITE = Request("host", "GET", "/api/v1/pods"), Request("host", "POST", "/api/v1/pods")
WATCH = Request("host", "GET", "/api/v1/pods", "watch=1")


def test_each_nth_request_is_harmed_and_so_many_at_most() -> None:
    gate = Faulty(Fault("x", "503", every=2, most=2))
    given = [gate.before(READ) for dummy in range(8)]
    assert [answer.status if answer else None for answer in given] == [None, 503, None, 503, None, None, None, None]
    assert gate.before(WATCH) is None
    assert gate.harmed == 2


def test_only_writes_or_only_watches() -> None:
    writes, watches = (
        Faulty(Fault("x", "reset", every=1, writes=True)),
        Faulty(Fault("x", "expired", every=1, watches=True)),
    )
    assert writes.before(READ) is None
    with pytest.raises(HangUp):
        writes.before(WRITE)
    assert watches.before(WRITE) is None
    answer = watches.before(WATCH)
    assert answer is not None
    assert b"410" in answer.body


@pytest.mark.parametrize("harm", ["lost", "half"])
def test_answers_are_harmed_of_the_request_that_was_chosen(harm: str) -> None:
    gate = Faulty(Fault("x", harm, every=2))
    first, second = Request("host", "GET", "/a"), Request("host", "GET", "/b")
    assert gate.before(first) is None
    assert gate.before(second) is None
    assert gate.after(first, Answer(200, b"1234")) == Answer(200, b"1234")
    if harm == "lost":
        with pytest.raises(HangUp):
            gate.after(second, Answer(200, b"1234"))
    else:
        assert gate.after(second, Answer(200, b"1234")) == Answer(200, b"12", None, 4)


def test_a_busy_server_says_when_to_come_back() -> None:
    answer = Faulty(Fault("x", "429", every=1)).before(READ)
    assert answer is not None
    assert (answer.headers or {})["Retry-After"] == "1"
    assert b'"code":429' in answer.body
