# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the session against a server on the loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import errors
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import Connection, resolve
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Conflict,
    Gone,
    KubeError,
    NotFound,
    ServerError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.objects import ensure
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP, NODE, POD
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session, retry_on_conflict

from tests.unit.fakes import item
from tests.unit.kube.server import (
    Identity,
    Reply,
    Request,
    Reset,
    Server,
    Silence,
    self_signed,
    server_tls,
    serving,
)

TOKEN = "a-token-nobody-sees"
PATH = "/api/v1/namespaces/ns/configmaps/a"
MAP = item(CONFIG_MAP, "a", "ns", data={"x": "1"})
LIVE = {**MAP, "metadata": {**MAP["metadata"], "uid": "u", "resourceVersion": "7"}}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture(scope="module")
def identity() -> Identity:
    return self_signed("api.test")


def connect(server: Server, *, patience: float = 3, timeout: float = 2, planning: bool = False, **how: Any) -> Session:
    connection = Connection(server=server.url, token=Secret(TOKEN), **how)
    return Session(connection, "one", patience=patience, timeout=timeout, planning=planning)


def status(code: int, message: str = "because") -> Reply:
    return Reply(code, {"kind": "Status", "message": message, "code": code})


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class TestReading:
    """Reads and their failures."""

    def test_an_error_that_wraps_a_status(self, server: Server) -> None:
        """As programs behind the service proxy send it that marshal Go's error."""
        server.script = [Reply(400, {"ErrStatus": {"kind": "Status", "message": "cluster x not exists", "code": 400}})]
        with connect(server) as session, pytest.raises(errors.Invalid, match=r"400 from \S+: cluster x not exists"):
            session.get(CONFIG_MAP, "a", "ns")

    def test_an_object(self, server: Server) -> None:
        server.script = [Reply(body=LIVE)]
        with connect(server) as session:
            assert session.get(CONFIG_MAP, "a", "ns") == LIVE
        assert server.seen == [("GET", PATH)]
        headers = server.requests[0].headers
        assert headers["Authorization"] == f"Bearer {TOKEN}"
        assert headers["User-Agent"].startswith("kubesphere.multicluster/")

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            (400, errors.Invalid),
            (401, errors.Unauthorized),
            (403, errors.Forbidden),
            (404, NotFound),
            (405, errors.Invalid),
            (409, Conflict),
            (410, Gone),
            (422, errors.Invalid),
            (500, ServerError),
            (501, ServerError),
        ],
    )
    def test_what_a_status_means(self, server: Server, code: int, error: type[KubeError]) -> None:
        server.script = [status(code, f"no: {TOKEN}")]
        with pytest.raises(error) as caught:
            connect(server).get(CONFIG_MAP, "a", "ns")
        assert caught.type is error
        assert caught.value.status == code
        assert caught.value.message == f"Failed to read ConfigMap ns/a: {code} from {server.url}: no: ***"
        assert str(caught.value).startswith("one: Failed to")
        assert len(server.requests) == 1

    def test_nothing_is_found_where_nothing_is(self, server: Server) -> None:
        server.script = [status(404)]
        assert connect(server).find(CONFIG_MAP, "a", "ns") is None

    @pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b"\xff\xfe", b"null"])
    def test_an_answer_that_is_none(self, server: Server, body: bytes) -> None:
        server.script = [Reply(200, body)]
        with pytest.raises(ServerError, match=r"the answer is no JSON object.*Check that http.* is a Kubernetes"):
            connect(server).get(CONFIG_MAP, "a", "ns")

    def test_a_failure_in_html_is_shortened(self, server: Server) -> None:
        server.script = [Reply(500, b"<p>\n" * 500)]
        with pytest.raises(ServerError) as caught:
            connect(server).get(CONFIG_MAP, "a", "ns")
        assert len(caught.value.message) < 500
        assert "\n" not in caught.value.message

    def test_an_answer_cut_short_is_asked_for_again(self, server: Server) -> None:
        server.script = [Reply(200, b'{"a":', Content_Length="100", Connection="close"), Reply(body=LIVE)]
        cut = server.script[0]

        def send_and_close(_request: Request) -> Reply:
            class Cut(Reply):
                def send(self, handler: Any) -> None:
                    assert isinstance(cut, Reply)
                    cut.send(handler)
                    handler.close_connection = True

            return Cut()

        server.script[0] = send_and_close
        assert connect(server, timeout=1).get(CONFIG_MAP, "a", "ns") == LIVE

    def test_a_redirect_is_not_followed(self, server: Server) -> None:
        server.script = [Reply(302, b"", Location="http://127.0.0.1:1/")]
        with pytest.raises(ServerError, match="no JSON object"):
            connect(server).get(CONFIG_MAP, "a", "ns")

    def test_names_cannot_lead_elsewhere(self, server: Server) -> None:
        server.script = [status(404)]
        connect(server).find(CONFIG_MAP, "../../x", "a/b")
        assert server.seen == [("GET", "/api/v1/namespaces/a%2Fb/configmaps/..%2F..%2Fx")]


class TestPatience:
    """Tries that fail for a while."""

    @pytest.mark.parametrize("code", [429, 503])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_busy_server_is_asked_again(self, server: Server, code: int, method: str) -> None:
        server.script = [status(code), status(code), Reply(body=LIVE)]
        assert connect(server).request(method, PATH, what="try") == LIVE
        assert len(server.requests) == 3

    @pytest.mark.parametrize(
        "message",
        [
            "error trying to reach service: dial tcp 192.0.2.1:9090: connect: connection refused",
            'Internal error occurred: failed calling webhook "w": Post "https://w.ns.svc": connection refused',
        ],
    )
    def test_who_stands_behind_the_server_may_be_starting(self, server: Server, message: str) -> None:
        server.script = [status(500, message), Reply(body=LIVE)]
        assert connect(server).request("PATCH", PATH, what="try") == LIVE
        server.script = [status(500, message)]
        with pytest.raises(ServerError, match="500 from"):
            connect(server).request("POST", PATH, what="try")

    @pytest.mark.parametrize("code", [502, 504])
    def test_a_gateway_on_the_way(self, server: Server, code: int) -> None:
        server.script = [Reply(code), Reply(body=LIVE)]
        assert connect(server).request("GET", PATH, what="try") == LIVE
        server.script = [Reply(code)]
        with pytest.raises(ServerError, match=f"{code} from"):
            connect(server).request("POST", PATH, what="try")

    def test_as_late_as_it_says(self, server: Server) -> None:
        server.script = [Reply(429, {}, Retry_After="1"), Reply(body=LIVE)]
        started = time.monotonic()
        connect(server).get(CONFIG_MAP, "a", "ns")
        assert 1 <= time.monotonic() - started < 2.5

    def test_not_longer_than_patience_lasts(self, server: Server) -> None:
        server.script = [Reply(429, {"message": "busy"}, Retry_After="30")]
        started = time.monotonic()
        with pytest.raises(KubeError, match=r"429 from .*: busy"):
            connect(server).get(CONFIG_MAP, "a", "ns")
        assert time.monotonic() - started < 1

    def test_a_busy_server_does_not_mean_a_wrong_request(self, server: Server) -> None:
        server.script = [status(429)]
        with pytest.raises(ServerError):
            connect(server, patience=0).get(CONFIG_MAP, "a", "ns")

    def test_a_server_that_comes_up(self) -> None:
        port = free_port()
        found: list[Any] = []
        session = Session(Connection(server=f"http://127.0.0.1:{port}"), "one", patience=5)
        reader = threading.Thread(target=lambda: found.append(session.get(CONFIG_MAP, "a", "ns")), daemon=True)
        reader.start()
        time.sleep(0.3)
        with serving(port=port) as server:
            server.script = [Reply(body=LIVE)]
            reader.join(5)
        assert found == [LIVE]

    def test_a_server_that_does_not(self) -> None:
        session = Session(Connection(server=f"http://127.0.0.1:{free_port()}"), "one", patience=0.3)
        with pytest.raises(Unreachable) as caught:
            session.get(CONFIG_MAP, "a", "ns")
        assert caught.value.message == (
            f"Failed to read ConfigMap ns/a: no answer from {session.server}: Connection refused"
        )
        assert not caught.value.maybe_delivered

    def test_a_name_that_does_not_exist_is_not_tried_again(self) -> None:
        session = Session(Connection(server="http://nowhere.invalid:1"), "one", patience=20)
        started = time.monotonic()
        with pytest.raises(Unreachable):
            session.get(CONFIG_MAP, "a", "ns")
        assert time.monotonic() - started < 10

    def test_a_silent_server(self, server: Server) -> None:
        server.script = [Silence(1)]
        with pytest.raises(Unreachable, match="timed out") as caught:
            connect(server, timeout=0.2, patience=0).get(CONFIG_MAP, "a", "ns")
        assert caught.value.maybe_delivered

    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    def test_what_may_be_repeated_is(self, server: Server, method: str) -> None:
        server.script = [Reset(), Reply(body=LIVE)]
        assert connect(server).request(method, PATH, what="try") == LIVE

    def test_what_may_not_is_not(self, server: Server) -> None:
        server.script = [Reset()]
        with pytest.raises(Unreachable):
            connect(server).request("POST", PATH, {}, what="try")
        assert len(server.requests) == 1


class TestTokensThatEnd:
    """Those of credential plugins, and of files that somebody writes anew, last for minutes."""

    def session(self, server: Server, folder: Path) -> tuple[Session, Path]:
        path = folder / "token"
        path.write_text(f"{TOKEN}\n")
        kubeconfig = {
            "clusters": [{"name": "c", "cluster": {"server": server.url}}],
            "users": [{"name": "u", "user": {"tokenFile": str(path)}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        return Session(resolve({"kubeconfig": kubeconfig}), "one", timeout=2, patience=3), path

    @staticmethod
    def only(token: str, reply: Reply) -> Callable[[Request], Reply]:
        return lambda request: reply if request.headers["Authorization"] == f"Bearer {token}" else status(401)

    def test_the_newer_one_is_taken_for_reads_and_writes(self, server: Server, tmp_path: Path) -> None:
        session, path = self.session(server, tmp_path)
        sibling = session.sibling()
        path.write_text("a-newer-token")
        server.script = [self.only("a-newer-token", Reply(200, LIVE))]
        assert session.get(CONFIG_MAP, "a", "ns") == LIVE
        assert session.get(CONFIG_MAP, "a", "ns") == LIVE
        assert len(server.requests) == 3
        sibling.create(MAP)
        assert [each.method for each in server.requests[3:]] == ["POST", "POST"]
        assert session.redactor.text("a-newer-token") == "***"

    def test_and_for_watches(self, server: Server, tmp_path: Path) -> None:
        session, path = self.session(server, tmp_path)
        path.write_text("a-newer-token")
        event = json.dumps({"type": "MODIFIED", "object": LIVE}).encode() + b"\n"
        server.script = [self.only("a-newer-token", Reply(200, event))]
        assert list(session.watch(CONFIG_MAP, "a", "ns", "1", 1)) == [LIVE]

    def test_once_for_a_request(self, server: Server, tmp_path: Path) -> None:
        """A token that is new whenever one looks is not tried for ever."""
        session, path = self.session(server, tmp_path)

        def refuse(_request: Request) -> Reply:
            path.write_text(f"token-{len(server.requests)}")
            return status(401)

        server.script = [refuse]
        with pytest.raises(Unauthorized):
            session.get(CONFIG_MAP, "a", "ns")
        assert len(server.requests) == 2

    @pytest.mark.parametrize("later", [TOKEN, "two words", None])
    def test_without_a_newer_one_the_refusal_stands(self, server: Server, tmp_path: Path, later: str | None) -> None:
        session, path = self.session(server, tmp_path)
        path.unlink() if later is None else path.write_text(later)
        server.script = [status(401)]
        with pytest.raises(Unauthorized, match="401"):
            session.get(CONFIG_MAP, "a", "ns")
        assert len(server.requests) == 1


class TestWriting:
    """Writes and the journal."""

    def test_create(self, server: Server) -> None:
        server.script = [Reply(201, LIVE)]
        session = connect(server)
        assert session.create(MAP, "why") == LIVE
        assert server.seen == [("POST", "/api/v1/namespaces/ns/configmaps?fieldManager=kubesphere.multicluster")]
        assert server.requests[0].body == MAP
        write = session.journal[0]
        assert (write.verb, write.title, write.before, write.after, write.reason) == (
            "create",
            "ConfigMap ns/a",
            None,
            MAP,
            "why",
        )

    def test_an_object_is_not_created_twice(self, server: Server) -> None:
        server.script = [Reset(), Reply(body=LIVE)]
        assert connect(server).create(MAP) == LIVE
        assert [method for method, dummy in server.seen] == ["POST", "GET"]

    def test_it_is_sent_again_if_it_did_not_arrive(self, server: Server) -> None:
        server.script = [Reset(), status(404), Reply(201, LIVE)]
        assert connect(server).create(MAP) == LIVE
        assert [method for method, dummy in server.seen] == ["POST", "GET", "POST"]

    def test_what_failed_is_not_in_the_journal(self, server: Server) -> None:
        server.script = [status(409, "already exists")]
        session = connect(server)
        with pytest.raises(Conflict, match="already exists"):
            session.create(MAP)
        assert session.journal == []

    def test_patch(self, server: Server) -> None:
        server.script = [Reply(body={**LIVE, "data": {"x": "3"}})]
        session = connect(server)
        session.patch(LIVE, {"data": {"x": "2"}})
        request = server.requests[0]
        assert request.body == {"data": {"x": "2"}}
        assert request.headers["Content-Type"] == "application/merge-patch+json"
        after = session.journal[0].after
        assert after
        assert after["data"] == {"x": "2"}  # what was asked for, as a plan says it

    def test_a_guarded_patch_says_what_it_saw(self, server: Server) -> None:
        server.script = [Reply(body=LIVE)]
        connect(server).patch(LIVE, {"metadata": {"labels": {"a": "b"}}}, guarded=True)
        assert server.requests[0].body == {"metadata": {"labels": {"a": "b"}, "resourceVersion": "7"}}

    def test_delete_means_this_very_object(self, server: Server) -> None:
        connect(server).delete(LIVE)
        assert server.requests[0].body["preconditions"] == {"uid": "u"}

    def test_what_is_gone_need_not_be_deleted(self, server: Server) -> None:
        server.script = [status(404)]
        connect(server).delete(LIVE)

    def test_ensure_asks_once_if_nothing_is_to_be_done(self, server: Server) -> None:
        server.script = [Reply(body=LIVE)]
        session = connect(server)
        assert ensure(session, MAP) == LIVE
        assert (server.seen, session.journal) == ([("GET", PATH)], [])

    def test_ensure_creates_or_patches(self, server: Server) -> None:
        server.script = [status(404), Reply(201, LIVE), Reply(body=LIVE), Reply(body=LIVE)]
        session = connect(server)
        ensure(session, MAP)
        ensure(session, {**MAP, "data": {"x": "2"}})
        assert [method for method, dummy in server.seen] == ["GET", "POST", "GET", "PATCH"]
        assert server.requests[-1].body == {"data": {"x": "2"}}

    def test_a_conflict_tells_who_was_quicker(self, server: Server) -> None:
        owned = {"manager": "kubectl-edit", "fieldsV1": {"f:data": {"f:y": {}}}}
        metadata = {**LIVE["metadata"], "managedFields": [owned]}
        now = {**LIVE, "metadata": metadata, "data": {**LIVE["data"], "y": "3"}}
        server.script = [status(409), Reply(body=now)]
        with pytest.raises(Conflict) as raised:
            connect(server).patch(LIVE, {"data": {"x": "2"}}, guarded=True)
        assert raised.value.hint == "kubectl-edit has changed data.y meanwhile. Run this again."

    def test_a_conflict_tells_of_itself_where_nobody_can_look(self, server: Server) -> None:
        server.script = [status(409), status(403)]
        with pytest.raises(Conflict) as raised:
            connect(server).patch(LIVE, {"data": {"x": "2"}}, guarded=True)
        assert raised.value.hint == ""

    def test_a_conflict_is_tried_again_a_few_times(self) -> None:
        seen: list[int] = []

        def change(version: int) -> dict[str, Any]:
            seen.append(version)
            if version < 3:
                raise Conflict("x")
            return {}

        versions = iter(range(2, 10))
        assert retry_on_conflict(change, 1, lambda: next(versions)) == {}
        assert seen == [1, 2, 3]  # each try looks at what was read after the one before
        with pytest.raises(Conflict):
            retry_on_conflict(change, 0, lambda: 0)
        assert seen[3:] == [0, 0, 0, 0]


class TestPlanning:
    """Check mode."""

    def test_nothing_is_sent_and_reads_see_what_is_planned(self, server: Server) -> None:
        server.script = [Reply(body=LIVE)]
        session = connect(server, planning=True)
        live = session.get(CONFIG_MAP, "a", "ns")
        session.patch(live, {"data": {"x": "2"}}, guarded=True)
        assert session.get(CONFIG_MAP, "a", "ns")["data"] == {"x": "2"}
        session.create(item(CONFIG_MAP, "b", "ns"))
        assert session.find(CONFIG_MAP, "b", "ns") == item(CONFIG_MAP, "b", "ns")
        session.delete(live)
        assert session.find(CONFIG_MAP, "a", "ns") is None
        assert server.seen == [("GET", PATH)]
        assert [write.verb for write in session.journal] == ["patch", "create", "delete"]

    def test_what_is_planned_cannot_be_changed_by_its_reader(self, server: Server) -> None:
        session = connect(server, planning=True)
        manifest = item(CONFIG_MAP, "b", "ns", data={})
        session.create(manifest)
        session.get(CONFIG_MAP, "b", "ns")["data"]["x"] = manifest["data"]["y"] = 1
        assert session.get(CONFIG_MAP, "b", "ns")["data"] == {}


ITEM = {"metadata": {"name": "x", "uid": "1", "resourceVersion": "1"}, "spec": {"containers": [{"name": "c"}]}}


class TestLists:
    """Reading many."""

    def test_pages(self, server: Server) -> None:
        server.script = [
            Reply(body={"metadata": {"continue": "c&1", "resourceVersion": "5"}, "items": [{**ITEM, "a": 1}]}),
            Reply(body={"metadata": {"resourceVersion": "5"}, "items": [{**ITEM, "a": 2}]}),
        ]
        listing = connect(server).list(POD, "ns", label_selector="app=x")
        item = {**ITEM, "apiVersion": "v1", "kind": "Pod"}  # an item of a list does not say it
        assert (listing.items, listing.resource_version) == ([{**item, "a": 1}, {**item, "a": 2}], "5")
        assert server.seen == [
            ("GET", "/api/v1/namespaces/ns/pods?limit=500&labelSelector=app%3Dx"),
            ("GET", "/api/v1/namespaces/ns/pods?limit=500&labelSelector=app%3Dx&continue=c%261"),
        ]

    def test_metadata_alone_has_nothing_else(self, server: Server) -> None:
        server.script = [Reply(body={"items": [{"metadata": ITEM["metadata"]}]})]
        session = connect(server)
        [found] = session.list(POD, metadata_only=True).items
        assert found["metadata"]["name"] == "x"
        assert server.requests[0].headers["Accept"].startswith("application/json;as=PartialObjectMetadataList")
        with pytest.raises(ServerError, match="spec is absent"):
            session.list(POD)

    def test_a_page_that_expired_begins_anew_and_whole(self, server: Server) -> None:
        server.script = [
            Reply(body={"metadata": {"continue": "c"}, "items": [{**ITEM, "a": 1}]}),
            status(410),
            Reply(body={"metadata": {"resourceVersion": "9"}, "items": [{**ITEM, "a": 1}, {**ITEM, "a": 2}]}),
        ]
        assert [each["a"] for each in connect(server).list(NODE).items] == [1, 2]
        assert server.seen[-1] == ("GET", "/api/v1/nodes")

    def test_a_server_that_always_says_gone_is_believed(self, server: Server) -> None:
        server.script = [status(410)]
        with pytest.raises(Gone):
            connect(server).list(NODE)
        assert len(server.requests) == 2

    def test_a_missing_type_can_count_as_none(self, server: Server) -> None:
        server.script = [status(404)]
        assert connect(server).list(NODE, missing_ok=True).items == []
        with pytest.raises(NotFound):
            connect(server).list(NODE)

    def test_no_items(self, server: Server) -> None:
        server.script = [Reply(body={"items": None})]
        assert connect(server).list(NODE).items == []


class TestWatch:
    """Events."""

    def watch(self, server: Server, *events: Any) -> list[Any]:
        body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        server.script = [Reply(200, body)]
        return list(connect(server).watch(CONFIG_MAP, "a", "ns", "7", 1))

    def test_changes_and_the_end(self, server: Server) -> None:
        deleted = {"type": "DELETED", "object": LIVE}
        assert self.watch(server, {"type": "MODIFIED", "object": LIVE}, deleted) == [LIVE, None]
        assert server.seen == [
            (
                "GET",
                "/api/v1/namespaces/ns/configmaps?watch=1&fieldSelector=metadata.name%3Da&resourceVersion=7"
                "&timeoutSeconds=1",
            )
        ]

    def test_an_error_event(self, server: Server) -> None:
        event = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}
        with pytest.raises(Gone, match=r"watch ConfigMap ns/a: 410 from .*: too old"):
            self.watch(server, event)

    def test_a_refusal(self, server: Server) -> None:
        server.script = [status(403)]
        with pytest.raises(errors.Forbidden):
            list(connect(server).watch(CONFIG_MAP, "a", "ns", "7", 1))

    @pytest.mark.parametrize("reply", [Reset(), Reply(200, b"no json\n"), Reply(200, b"null\n[]\n")])
    def test_a_watch_that_breaks(self, server: Server, reply: Reply) -> None:
        server.script = [reply]
        with pytest.raises(KubeError):
            list(connect(server).watch(CONFIG_MAP, "a", "ns", "7", 1))

    def test_events_that_come_in_pieces(self, server: Server) -> None:
        class Slow(Reply):
            def send(self, handler: Any) -> None:
                handler.send_response(200)
                handler.end_headers()
                line = json.dumps({"type": "MODIFIED", "object": LIVE}).encode() + b"\n"
                for part in (line[:10], line[10:] + line):
                    handler.wfile.write(part)
                    handler.wfile.flush()
                    time.sleep(0.05)
                handler.close_connection = True

        server.script = [Slow()]
        assert list(connect(server).watch(CONFIG_MAP, "a", "ns", "7", 1)) == [LIVE, LIVE]


class TestLines:
    """A log that is followed."""

    def follow(self, server: Server, reply: Reply, seconds: float = 0.2) -> list[str]:
        server.script = [reply]
        return list(connect(server).lines("/log", "follow the log", {"follow": "true"}, seconds))

    def test_until_the_time_is_over(self, server: Server) -> None:
        class Slow(Reply):
            def send(self, handler: Any) -> None:
                handler.send_response(200)
                handler.send_header("Transfer-Encoding", "chunked")
                handler.end_headers()
                for part in (b"one\ntw", b"o\n"):
                    handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                time.sleep(1)

        assert self.follow(server, Slow()) == ["one", "two"]
        assert server.seen == [("GET", "/log?follow=true")]

    def test_a_chatty_one_ends_in_time(self, server: Server) -> None:
        server.script = [Reply(200, b"a\n" * 3)]
        heard = []
        for line in connect(server).lines("/log", "follow the log", {}, 0.5):
            heard.append(line)
            time.sleep(0.3)
        assert heard == ["a", "a"]

    def test_a_silent_one_need_not_even_begin(self, server: Server) -> None:
        assert self.follow(server, Silence(1)) == []

    @pytest.mark.parametrize(
        ("reply", "words"),
        [(status(403), "403"), (Reset(), "no answer"), (Reply(200, b"a\n"), "follow the log: it has ended")],
    )
    def test_what_cannot_be_followed(self, server: Server, reply: Reply, words: str) -> None:
        with pytest.raises(KubeError, match=words):
            self.follow(server, reply, seconds=5)


class TestWays:
    """How the server is reached."""

    def test_impersonation(self, server: Server) -> None:
        connect(server, impersonate_user="jane", impersonate_groups=("a", "b")).request("GET", "/x", what="try")
        headers = server.requests[0].headers
        assert headers["Impersonate-User"] == "jane"
        assert ", ".join(headers.get_all("Impersonate-Group") or ()) == "a, b"

    def test_basic_authentication(self, server: Server) -> None:
        session = Session(Connection(server=server.url, basic=("jane", Secret("pass"))), "one")
        session.request("GET", "/x", what="try")
        assert server.requests[0].headers["Authorization"] == "Basic amFuZTpwYXNz"

    def test_plain_http_without_verification(self, server: Server) -> None:
        connect(server, verify=False, tls_server_name="x").request("GET", "/x", what="try")
        assert server.seen == [("GET", "/x")]

    def test_a_proxy(self, server: Server) -> None:
        way = Connection(server="http://192.0.2.1:6443", proxy=server.url, proxy_headers={"proxy-authorization": "x"})
        Session(way, "one").request("GET", "/x", what="try")
        assert server.seen == [("GET", "http://192.0.2.1:6443/x")]
        assert server.requests[0].headers["Proxy-Authorization"] == "x"

    @pytest.mark.parametrize("no_proxy", ["127.0.0.1", "example.com, 127.0.0.1", "*"])
    def test_no_proxy(self, server: Server, no_proxy: str) -> None:
        connect(server, proxy="http://127.0.0.1:1", no_proxy=no_proxy).request("GET", "/x", what="try")
        assert server.seen == [("GET", "/x")]


class TestTLS:
    """Certificates."""

    @pytest.fixture
    def tls_server(self, identity: Identity, tmp_path: Path) -> Iterator[Server]:
        with serving(server_tls(identity, tmp_path)) as server:
            yield server

    def test_verified(self, tls_server: Server, identity: Identity) -> None:
        connect(tls_server, ca=identity.certificate).request("GET", "/x", what="try")
        assert tls_server.seen == [("GET", "/x")]

    def test_another_authority(self, tls_server: Server) -> None:
        started = time.monotonic()
        with pytest.raises(Unreachable, match=r"self-signed certificate|CERTIFICATE_VERIFY_FAILED") as caught:
            connect(tls_server, ca=self_signed("other").certificate, patience=20).request("GET", "/x", what="try")
        assert time.monotonic() - started < 5
        assert TOKEN not in str(caught.value)
        assert tls_server.seen == []

    def test_another_name(self, tmp_path: Path) -> None:
        identity = self_signed("elsewhere.test")
        with serving(server_tls(identity, tmp_path)) as server:
            with pytest.raises(Unreachable, match="IP address mismatch"):
                connect(server, ca=identity.certificate).request("GET", "/x", what="try")
            named = connect(server, ca=identity.certificate, tls_server_name="elsewhere.test")
            named.request("GET", "/x", what="try")
            assert server.seen == [("GET", "/x")]

    def test_unverified(self, tls_server: Server, recwarn: pytest.WarningsRecorder) -> None:
        connect(tls_server, verify=False).request("GET", "/x", what="try")
        assert not recwarn.list

    def test_a_client_certificate_of_which_no_file_is_left(self, identity: Identity, tmp_path: Path) -> None:
        client = self_signed("jane")
        with serving(server_tls(identity, tmp_path, clients=client)) as server:
            session = connect(
                server,
                ca=identity.certificate,
                client_certificate=client.certificate,
                client_key=Secret(client.key),
            )
            session.request("GET", "/x", what="try")
            peer = server.requests[0].peer
        assert peer
        assert peer["subject"] == ((("commonName", "jane"),),)
        assert session.redactor.text(client.key) == "***"


class TestSubresources:
    """Writes that are no create, patch or delete."""

    def test_sent(self, server: Server) -> None:
        server.script = [Reply(body={"status": {"x": 1}})]
        session = connect(server)
        assert session.act("POST", LIVE, "token", {"y": 2}, "because") == {"status": {"x": 1}}
        assert server.seen[-1] == ("POST", f"{PATH}/token?fieldManager=kubesphere.multicluster")
        [write] = session.journal
        assert (write.verb, write.title, write.after) == ("create", "ConfigMap ns/a/token", {"y": 2})

    def test_planned(self, server: Server) -> None:
        session = connect(server, planning=True)
        assert session.act("PUT", LIVE, "approval", {}, "because") == {}
        assert server.seen == []
        assert [(each.verb, each.title) for each in session.journal] == [("update", "ConfigMap ns/a/approval")]
