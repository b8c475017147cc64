# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what sessions read in common, against a server on the loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import Connection
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    Unreachable,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.informer import Informer
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.reads import Reads
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    NAMESPACE,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session, retry_on_conflict
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.wait import Done, Pending, Target, wait

from tests.unit.fakes import item
from tests.unit.kube.collection import BREAK, Collection, status
from tests.unit.kube.server import Reply, Request, Server, serving

ALL = NAMESPACE.path()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture
def world(server: Server) -> Iterator[Collection]:
    """Two objects, a and b."""
    made = Collection(server, NAMESPACE, "a", "b")
    yield made
    for stream in made.streams:
        stream.events.put(None)


@pytest.fixture
def base(server: Server) -> Iterator[Session]:
    """A session whose siblings follow the objects."""
    made = Session(Connection(server=server.url, token=Secret("abcdefgh")), "one", patience=0, timeout=3, connections=9)
    made.reads = Reads(made, followed=[NAMESPACE], once=[CONFIG_MAP.path("c", "ns")])
    yield made
    made.reads.close()
    assert following() == []
    made.close()


def following() -> list[str]:
    """Threads that follow something."""
    return [each.name for each in threading.enumerate() if each.name.startswith("follows")]


def eventually(reached: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if found := reached():
            return found
        time.sleep(0.005)
    raise AssertionError("not reached")


def label(session: Session, name: str = "a") -> Any:
    return (session.get(NAMESPACE, name)["metadata"].get("labels") or {}).get("x")


def labelled(value: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"x": value}}}


class TestWhatIsKnown:
    """Reads that need no request."""

    def test_one_list_and_one_watch_serve_all(self, base: Session, world: Collection) -> None:
        siblings = [base.sibling() for _dummy in range(8)]
        with ThreadPoolExecutor(8) as pool:
            assert (
                list(pool.map(lambda each: each.get(NAMESPACE, "a")["metadata"]["uid"], siblings)) == ["uid-of-a"] * 8
            )
        assert [each["metadata"]["name"] for each in siblings[0].list(NAMESPACE).items] == ["a", "b"]
        assert siblings[1].find(NAMESPACE, "c") is None
        eventually(lambda: world.streams)
        assert (world.asked(), world.asked(watch=True)) == ([ALL], [ALL])
        assert f"resourceVersion={world.version}" in world.server.seen[-1][1]

    def test_a_stranger_s_change_is_seen(self, base: Session, world: Collection) -> None:
        one = base.sibling()
        one.get(NAMESPACE, "a")
        eventually(lambda: world.streams)
        world.tell("MODIFIED", world.put("a", **labelled("1")))
        eventually(lambda: label(one) == "1")
        world.tell("DELETED", world.remove("a"))
        eventually(lambda: one.find(NAMESPACE, "a") is None)
        assert world.asked() == [ALL]

    def test_selectors_and_other_kinds_are_read_live(self, base: Session, world: Collection) -> None:
        base.list(NAMESPACE, label_selector="x=1")
        base.list(NAMESPACE, metadata_only=True)
        assert world.asked() == [ALL, ALL]

    @pytest.mark.usefixtures("world")
    def test_what_was_read_is_nobody_s_to_change(self, base: Session) -> None:
        base.get(NAMESPACE, "a")["metadata"]["uid"] = "another"
        assert base.sibling().get(NAMESPACE, "a")["metadata"]["uid"] == "uid-of-a"


class TestOwnWrites:
    """One reads what one has written."""

    def test_before_the_watch_tells(self, base: Session, world: Collection) -> None:
        one, other = base.sibling(), base.sibling()
        one.patch(one.get(NAMESPACE, "a"), labelled("1"))
        one.create(item(NAMESPACE, "c"))
        assert (label(one), label(other)) == ("1", "1")
        assert other.find(NAMESPACE, "c") is not None
        assert world.asked() == [ALL]
        assert (len(one.journal), len(other.journal), len(base.journal)) == (2, 0, 0)

    def test_an_older_echo_changes_nothing(self, base: Session, world: Collection) -> None:
        one = base.sibling()
        one.get(NAMESPACE, "a")
        eventually(lambda: world.streams)
        older = world.put("a", **labelled("older"))
        world.version = 99  # as a text it is larger than the next one
        world.put("b")
        one.patch(one.get(NAMESPACE, "a"), labelled("newer"))
        world.tell("MODIFIED", older)
        world.tell("MODIFIED", world.put("b", **labelled("seen")))
        eventually(lambda: label(one, "b") == "seen")
        assert label(one) == "newer"

    def test_what_was_deleted_does_not_come_back(self, base: Session, world: Collection) -> None:
        """While the watch has not told of it, it is looked up."""
        one = base.sibling()
        seen = one.get(NAMESPACE, "a")
        eventually(lambda: world.streams)
        one.delete(seen)
        assert one.find(NAMESPACE, "a") is None
        assert one.find(NAMESPACE, "a") is None
        assert world.asked()[1:] == [f"{ALL}/a"] * 2
        gone = {**seen, "metadata": {**seen["metadata"], "resourceVersion": str(world.version)}}
        world.tell("DELETED", gone)
        eventually(lambda: [each["metadata"]["name"] for each in one.list(NAMESPACE).items] == ["b"])
        assert one.find(NAMESPACE, "a") is None  # the last look that is live
        count = len(world.asked())
        assert one.find(NAMESPACE, "a") is None
        assert len(world.asked()) == count

    def test_what_was_made_anew_survives_the_echo_of_its_end(self, base: Session, world: Collection) -> None:
        one = base.sibling()
        one.get(NAMESPACE, "a")
        eventually(lambda: world.streams)
        gone = world.remove("a")
        assert base.reads
        one.delete(one.get(NAMESPACE, "a"))  # answered 404: it is gone
        one.create(item(NAMESPACE, "a"))
        world.tell("DELETED", gone)
        world.tell("MODIFIED", world.put("b", **labelled("seen")))
        eventually(lambda: label(one, "b") == "seen")
        assert one.find(NAMESPACE, "a") is not None

    def test_a_conflict_is_followed_by_a_live_read(self, base: Session, world: Collection) -> None:
        one = base.sibling()
        seen = one.get(NAMESPACE, "a")
        world.put("a", **labelled("theirs"))  # and the watch is slow
        with pytest.raises(Conflict):
            one.patch(seen, labelled("ours"), guarded=True)
        assert label(one) == "theirs"

        def change(found: Object) -> Object:
            return one.patch(found, labelled("ours"), guarded=True)

        retry_on_conflict(change, seen, lambda: one.get(NAMESPACE, "a"))
        assert label(one) == "ours"
        with pytest.raises(Conflict):
            world.put("c")
            one.create(item(NAMESPACE, "c"))
        assert one.find(NAMESPACE, "c") is not None

    def test_an_answer_from_before_a_conflict_does_not_settle_it(self, base: Session, world: Collection) -> None:
        one, other = base.sibling(), base.sibling()
        seen = one.get(NAMESPACE, "a")
        assert base.reads
        base.reads.doubt(NAMESPACE, "a", None)
        answered, changed = threading.Event(), threading.Event()

        def slow(request: Request) -> Reply | None:
            if request.method != "GET" or answered.is_set() or request.path != f"{ALL}/a":
                return None
            answer = Reply(200, world.objects["a"])
            answered.set()
            changed.wait(5)
            return answer

        world.refused = slow
        reading = threading.Thread(target=other.get, args=(NAMESPACE, "a"))
        reading.start()
        answered.wait(5)
        world.put("a", **labelled("theirs"))
        base.reads.doubt(NAMESPACE, "a", None)  # as a conflict does
        changed.set()
        reading.join()
        assert label(one) == "theirs"
        assert seen != one.get(NAMESPACE, "a")

    def test_a_plan_goes_first_and_is_nobody_else_s(self, server: Server, world: Collection) -> None:
        base = Session(Connection(server=server.url), "one", planning=True)
        base.reads = Reads(base, followed=[NAMESPACE])
        one, other = base.sibling(), base.sibling("another")
        one.patch(one.get(NAMESPACE, "a"), labelled("planned"))
        one.delete(one.get(NAMESPACE, "b"))
        assert (label(one), label(other), one.find(NAMESPACE, "b")) == ("planned", None, None)
        assert other.find(NAMESPACE, "b") is not None
        assert (len(one.journal), len(other.journal), other.cluster) == (2, 0, "another")
        assert world.asked("PATCH") == world.asked("DELETE") == []
        base.reads.close()


class TestWatching:
    """Waits are served from the one watch."""

    def test_each_hears_of_its_own(self, base: Session, world: Collection) -> None:
        def ready(name: str) -> Any:
            one = base.sibling()

            def evaluate(found: Object | None) -> Any:
                told = ((found or {}).get("metadata", {}).get("labels") or {}).get("x")
                return Done(told) if told else Pending("not yet")

            return wait(one, Target(NAMESPACE, name), evaluate, goal="it is told", timeout=5)

        with ThreadPoolExecutor(2) as pool:
            waiting = pool.map(ready, ["a", "b"])
            eventually(lambda: world.streams)
            world.tell("MODIFIED", world.put("b", **labelled("of b")))
            world.tell("MODIFIED", world.put("a", **labelled("of a")))
            assert list(waiting) == ["of a", "of b"]
        assert (world.asked(), world.asked(watch=True)) == ([ALL], [ALL])

    def test_what_happened_before_it_began(self, base: Session, world: Collection) -> None:
        seen = base.get(NAMESPACE, "a")
        eventually(lambda: world.streams)
        world.tell("MODIFIED", world.put("a", **labelled("1")))
        eventually(lambda: label(base) == "1")
        version = seen["metadata"]["resourceVersion"]
        changed = next(iter(base.watch(NAMESPACE, "a", None, version, 5)))
        assert changed
        assert changed["metadata"]["labels"] == {"x": "1"}
        world.tell("DELETED", world.remove("a"))
        eventually(lambda: base.find(NAMESPACE, "a") is None)
        assert next(iter(base.watch(NAMESPACE, "a", None, version, 5))) is None

    def test_it_ends_in_time(self, base: Session, world: Collection) -> None:
        version = base.get(NAMESPACE, "a")["metadata"]["resourceVersion"]
        eventually(lambda: world.streams)
        assert list(base.watch(NAMESPACE, "a", None, version, 0.05)) == []


class TestTrouble:
    """What the watch does when it is not left alone."""

    def test_too_old_a_version(self, base: Session, world: Collection) -> None:
        """What has changed meanwhile, and what has gone, comes from a new list."""
        base.get(NAMESPACE, "a")
        eventually(lambda: world.streams)
        world.put("a", **labelled("1"))
        world.remove("b")
        world.streams[-1].events.put({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "old"}})
        eventually(lambda: len(world.streams) == 2)
        eventually(lambda: base.reads and base.reads.items(NAMESPACE))
        count = len(world.asked())
        assert (label(base), base.find(NAMESPACE, "b")) == ("1", None)
        assert len(world.asked()) == count

    @pytest.mark.parametrize("end", [None, BREAK])
    def test_a_watch_that_ends_goes_on_where_it_was(self, base: Session, world: Collection, end: Any) -> None:
        base.get(NAMESPACE, "a")
        eventually(lambda: world.streams)
        world.tell("MODIFIED", world.put("a", **labelled("1")))
        world.tell("BOOKMARK", {"metadata": {"resourceVersion": "50"}})
        world.streams[-1].events.put(end)
        eventually(lambda: len(world.streams) == 2)
        assert "resourceVersion=50" in world.server.seen[-1][1]
        assert label(base) == "1"
        assert world.asked().count(ALL) == 1

    def test_those_who_wait_are_told_that_it_broke(self, base: Session, world: Collection) -> None:
        version = base.get(NAMESPACE, "a")["metadata"]["resourceVersion"]
        eventually(lambda: world.streams)
        events = base.watch(NAMESPACE, "a", None, version, 5)
        threading.Timer(0.1, world.streams[-1].events.put, [BREAK]).start()
        with pytest.raises(Unreachable):
            next(iter(events))

    @pytest.mark.parametrize("bookmark", [{}, {"metadata": {}}, {"metadata": {"resourceVersion": 50}}, []])
    def test_a_bookmark_that_is_none_breaks_it(self, base: Session, world: Collection, bookmark: Any) -> None:
        version = base.get(NAMESPACE, "a")["metadata"]["resourceVersion"]
        eventually(lambda: world.streams)
        events = base.watch(NAMESPACE, "a", None, version, 2)
        threading.Timer(0.1, world.tell, ["BOOKMARK", bookmark]).start()
        with pytest.raises(Unreachable, match="what is no Namespace"):
            next(iter(events))
        eventually(lambda: len(world.streams) == 2)
        eventually(lambda: base.reads and base.reads.items(NAMESPACE))

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_nobody_believes_what_is_followed_no_longer(
        self, base: Session, world: Collection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever has ended it, a fault of our own as well."""
        version = base.get(NAMESPACE, "a")["metadata"]["resourceVersion"]
        eventually(lambda: world.streams)
        events = base.watch(NAMESPACE, "a", None, version, 2)
        monkeypatch.setattr(Informer, "_gone", None)
        threading.Timer(0.1, world.tell, ["DELETED", world.remove("b")]).start()
        with pytest.raises(Unreachable, match="followed no longer"):
            next(iter(events))
        eventually(lambda: not following())
        world.put("a", **labelled("1"))
        assert label(base) == "1"

    def test_reads_are_live_while_it_is_broken(self, base: Session, world: Collection) -> None:
        base.get(NAMESPACE, "a")
        eventually(lambda: world.streams)
        world.refused = lambda request: status(500) if "watch=1" in request.path else None
        world.streams[-1].events.put(BREAK)
        eventually(lambda: base.reads and base.reads.items(NAMESPACE) is None)
        world.put("a", **labelled("1"))
        assert label(base) == "1"
        assert world.asked()[-1] == f"{ALL}/a"
        world.refused = lambda _: None
        eventually(lambda: base.reads and base.reads.items(NAMESPACE))

    def test_nobody_may_watch(self, base: Session, world: Collection) -> None:
        """Each reads, and is refused, for itself; one that may watch its own object is served."""
        world.refused = lambda request: (
            status(403) if "watch=1" in request.path and "fieldSelector" not in request.path else None
        )
        base.get(NAMESPACE, "a")
        eventually(lambda: not following())
        assert label(base) is None
        assert world.asked() == [ALL, f"{ALL}/a"]
        watched = base.watch(NAMESPACE, "a", None, "1", 1)
        threading.Timer(0.05, lambda: world.tell("MODIFIED", world.put("a", **labelled("1")))).start()
        assert next(iter(watched))

    def test_nobody_may_list(self, base: Session, world: Collection) -> None:
        world.refused = lambda request: status(403) if request.path.split("?")[0] == ALL else None
        assert base.sibling().get(NAMESPACE, "a")
        assert base.sibling().get(NAMESPACE, "a")
        with pytest.raises(Forbidden):
            base.list(NAMESPACE)
        assert world.asked() == [ALL, f"{ALL}/a", f"{ALL}/a", ALL]

    def test_a_server_that_is_away(self, base: Session, world: Collection) -> None:
        world.refused = lambda _: BREAK
        with pytest.raises(Unreachable):
            base.sibling().get(NAMESPACE, "a")
        world.refused = lambda _: None
        assert base.sibling().get(NAMESPACE, "a")

    def test_versions_that_are_no_numbers(self, base: Session, world: Collection) -> None:
        world.version = 0
        listed = {"metadata": {"resourceVersion": "x"}, "items": []}
        world.refused = lambda request: Reply(200, listed) if request.path.startswith(f"{ALL}?") else None
        assert base.get(NAMESPACE, "a")
        assert not following()


class TestTheEnd:
    """Nothing outlives it."""

    def test_a_silent_watch_is_hung_up(self, base: Session, world: Collection) -> None:
        base.get(NAMESPACE, "a")
        eventually(lambda: world.streams and following())
        assert base.reads
        began = time.monotonic()
        base.reads.close()
        assert following() == []
        assert time.monotonic() - began < 1

    def test_reads_after_it_are_live(self, base: Session, world: Collection) -> None:
        base.get(NAMESPACE, "a")
        assert base.reads
        base.reads.close()
        world.put("a", **labelled("1"))
        assert label(base) == "1"

    @pytest.mark.usefixtures("world")
    def test_a_sibling_leaves_the_connections(self, base: Session) -> None:
        with base.sibling() as one:
            one.get(NAMESPACE, "a")
        assert base.sibling().get(NAMESPACE, "b")


class TestOnce:
    """Objects that are read once."""

    MAP = item(CONFIG_MAP, "c", "ns", data={"x": "1"})
    PATH = CONFIG_MAP.path("c", "ns")

    def live(self, value: str) -> Object:
        made = {**self.MAP, "data": {"x": value}}
        return {**made, "metadata": {**made["metadata"], "uid": "u", "resourceVersion": value}}

    def test_readers_at_the_same_time_wait_for_one_request(self, base: Session, server: Server) -> None:
        def slow(_request: Request) -> Reply:
            time.sleep(0.2)
            return Reply(200, self.live("1"))

        server.script = [slow]
        siblings = [base.sibling() for _dummy in range(8)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda each: each.get(CONFIG_MAP, "c", "ns"), siblings))
        assert found == [self.live("1")] * 8
        assert server.seen == [("GET", self.PATH)]
        assert all(each.server_time.endswith("Z") for each in siblings)

    def test_an_error_is_told_and_not_remembered(self, base: Session, server: Server) -> None:
        server.script = [status(500), status(404), Reply(200, self.live("1"))]
        with pytest.raises(KubeError):
            base.sibling().get(CONFIG_MAP, "c", "ns")
        assert base.sibling().find(CONFIG_MAP, "c", "ns") is None
        assert base.sibling().get(CONFIG_MAP, "c", "ns") == base.sibling().get(CONFIG_MAP, "c", "ns") == self.live("1")
        assert len(server.seen) == 3

    def test_each_has_an_error_of_its_own(self, base: Session, server: Server) -> None:
        def slow(_request: Request) -> Reply:
            time.sleep(0.2)
            return status(404)

        def error(one: Session) -> NotFound:
            with pytest.raises(NotFound) as caught:
                one.get(CONFIG_MAP, "c", "ns")
            return caught.value

        server.script = [slow]
        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(error, [base.sibling() for _dummy in range(3)]))
        assert (len({id(each) for each in found}), len({str(each) for each in found})) == (3, 1)

    def test_an_own_write_is_read(self, base: Session, server: Server) -> None:
        server.script = [Reply(200, self.live("1")), Reply(200, self.live("2")), Reply(200, self.live("2"))]
        one, other = base.sibling(), base.sibling()
        one.patch(one.get(CONFIG_MAP, "c", "ns"), {"data": {"x": "2"}})
        assert other.get(CONFIG_MAP, "c", "ns")["data"] == one.get(CONFIG_MAP, "c", "ns")["data"] == {"x": "2"}
        assert [method for method, _dummy in server.seen] == ["GET", "PATCH", "GET"]
