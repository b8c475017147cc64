# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of when a member's credential is made anew, tried, switched, put back and revoked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import Connection
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Forbidden,
    KubeError,
    Unauthorized,
    Unreachable,
    WaitTimeout,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CLUSTER_ROLE_BINDING,
    SECRET,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import NAMESPACE as NAMESPACE_KIND
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import credentials, minted
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member import Wanted, import_member
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member_credential import (
    CredentialOptions,
    problems,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member_direct import (
    Direct,
    DirectOptions,
    stored,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    CREDENTIAL,
    NAMESPACE,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import find
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.fakes import Clock, FakeSession, fail
from tests.unit.kube.test_connection import config
from tests.unit.kubesphere.test_member import one
from tests.unit.kubesphere.test_minted import Member, bound_token

WITH_PLUGIN = config(user={"exec": {"command": "a-plugin"}})
WITH_TOKEN = config(user={"token": "a-given-token"})
DAY = 86400.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def host_of(*, planning: bool = False) -> FakeSession:
    """A host whose controller finds every Cluster Ready."""
    host = one("host", "host", planning=planning)

    def control(method: str, written: Object) -> None:
        if method in ("POST", "PATCH"):
            conditions = [{"type": kind, "status": "True", "lastUpdateTime": "z"} for kind in ("Federated", "Ready")]
            host.put({**host.at(CLUSTER, "m"), "status": {"conditions": conditions, "uid": "uid-of-member"}})
        del written

    host.on_write = control
    return host


def member_of(*, planning: bool = False) -> Member:
    """A member that can be imported, and that issues tokens for a year."""
    found = one("member", "member")
    member = Member(*found.objects.values(), planning=planning)
    member.answers |= found.answers
    member.lives = 365 * DAY
    return member


def planned(session: FakeSession) -> Any:
    """The same cluster as a plan sees it."""
    made = type(session).__new__(type(session))
    made.__dict__.update({**session.__dict__, "planning": True, "journal": [], "_planned": {}, "requests": []})
    return made


def run(
    host: FakeSession,
    member: FakeSession,
    *,
    given: dict[str, Any] | None = None,
    timeout: float | None = 5,
    **how: Any,
) -> Result:
    """Import with a credential, or do so again."""
    for session in (host, member):
        session.journal.clear()
        session.requests.clear()
    options = CredentialOptions(**{"kind": "auto", **how})
    wanted = Wanted(name="m", direct=DirectOptions(given or WITH_PLUGIN, "", options))
    return import_member(host, member, wanted, wait_timeout=timeout)


def store(host: FakeSession, token: str, **more: Any) -> None:
    """Let the Cluster have another token."""
    live = host.at(CLUSTER, "m")
    kubeconfig = credentials.encode(config(more.get("cluster"), {"token": token}))
    host.put(merge(live, {"spec": {"connection": {"kubeconfig": kubeconfig}}}))


def kubeconfig_of(host: FakeSession) -> dict[str, Any]:
    return stored(host.at(CLUSTER, "m"))


def token_of(host: FakeSession) -> str:
    return str(kubeconfig_of(host)["users"][0]["user"]["token"])


class TestDecision:
    """When one is made."""

    def test_first_and_then_no_more(self) -> None:
        host, member = host_of(), member_of()
        first = run(host, member)
        assert minted.recognise(kubeconfig_of(host))
        assert host.at(CLUSTER, "m")["metadata"]["annotations"] == {CREDENTIAL: "token"}
        assert token_of(host) not in json.dumps([first.actions, first.diff])
        again = run(host, member)
        assert (again.actions, again.warnings) == ([], [])
        assert host.writes == member.writes == []
        # The credential costs two reads.
        assert len(member.requests) == 3

    def test_a_plan_is_the_run(self) -> None:
        plan = run(host_of(planning=True), member_of(planning=True))
        assert plan.actions == run(host_of(), member_of()).actions

    @pytest.mark.parametrize(
        ("left", "lives", "due"),
        [(40, 365, False), (29, 365, True), (-1, 365, True), (0.6, 1, False), (0.4, 1, True)],
    )
    def test_before_its_end(self, left: float, lives: float, due: bool) -> None:
        host, member = host_of(), member_of()
        run(host, member)
        store(host, bound_token(member.secrets[0]["metadata"]["name"], lives * DAY, (lives - left) * DAY))
        plan = run(planned(host), planned(member))
        found = run(host, member)
        assert plan.actions == found.actions
        assert ("patch Cluster m on host: its credential is about to expire" in found.actions) == due
        assert len(member.secrets) == 1
        assert run(host, member).actions == []

    def test_when_asked(self) -> None:
        host, member = host_of(), member_of()
        run(host, member)
        before = token_of(host)
        found = run(host, member, renew=True)
        name = member.secrets[0]["metadata"]["name"]
        assert found.actions == [
            "patch Cluster m on host: its credential is to be renewed",
            f"create Secret {NAMESPACE}/{name} on member: its credential is to be renewed",
            f"create ServiceAccount {NAMESPACE}/{minted.NAME}/token on member: its credential is to be renewed",
            f"delete Secret {NAMESPACE}/{minted.NAME}-first on member: it has been replaced",
        ]
        assert token_of(host) != before

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda host, _: store(host, "a-foreign-token"), "takes the place of the given one"),
            (lambda _, member: member.objects.pop(SECRET.path(f"{minted.NAME}-first", NAMESPACE)), "has been revoked"),
            (lambda _, member: member.objects.pop(CLUSTER_ROLE_BINDING.path(minted.NAME)), "has been revoked"),
        ],
    )
    def test_when_the_one_that_stands_will_not_do(self, change: Any, reason: str) -> None:
        host, member = host_of(), member_of()
        run(host, member)
        change(host, member)
        assert any(reason in action for action in run(host, member).actions)
        assert run(host, member).actions == []

    def test_when_it_leads_elsewhere(self) -> None:
        host, member = host_of(), member_of()
        run(host, member)
        elsewhere = config({"server": "https://192.0.2.77:6443"}, {"exec": {}})
        assert "patch Cluster m on host: its kubeconfig leads elsewhere" in run(host, member, given=elsewhere).actions
        connection = host.at(CLUSTER, "m")["spec"]["connection"]
        assert connection["kubernetesAPIEndpoint"] == "https://192.0.2.77:6443"

    def test_another_kind(self) -> None:
        host, member = host_of(), member_of()
        run(host, member)
        found = run(host, member, kind="certificate")
        assert "patch Cluster m on host: its credential is to be a certificate" in found.actions
        assert member.secrets == []

    def test_auto_keeps_what_kubesphere_can_use(self) -> None:
        host, member = host_of(), member_of()
        run(host, member, given=WITH_TOKEN)
        assert token_of(host) == "a-given-token"
        assert member.writes == []

    def test_the_host_is_asked_by_no_credential_whether_it_reaches_the_member(self) -> None:
        direct = Direct(host_of(), member_of(), "m", DirectOptions(WITH_PLUGIN, "", CredentialOptions("auto")))
        asked = credentials.decode(direct.question()["kubeconfig"])
        assert asked["users"][0]["user"] == {}
        assert asked["clusters"][0]["cluster"] == WITH_PLUGIN["clusters"][0]["cluster"]
        assert direct.problems() == []

    @pytest.mark.parametrize(
        ("kind", "tag", "words"),
        [
            ("auto", "v3.4.1", ""),
            ("auto", "v3.3.2", ""),
            ("certificate", "v3.3.2", ""),
            ("token", "v3.3.2", "with a token, a member of KubeSphere v3.3.2 never becomes Ready"),
            ("token_secret", "v3.0.0", "with a token_secret, a member of KubeSphere v3.0.0 never"),
            ("given", "v3.4.1", "comes from a plugin"),
        ],
    )
    def test_what_a_release_takes(self, kind: str, tag: str, words: str) -> None:
        assert words in "".join(problems(WITH_PLUGIN, kind, find(tag)))
        assert bool(words) == bool(problems(WITH_PLUGIN, kind, find(tag)))

    def test_an_address_for_nobody_is_refused(self) -> None:
        host, member = host_of(), member_of()
        with pytest.raises(Refused, match="an address that the host's pods do not reach"):
            run(host, member, given=config({"server": "https://127.0.0.1:6443"}, {"exec": {}}))
        assert host.writes == member.writes == []

    def test_who_is_not_imported_is_refused(self) -> None:
        host, member = host_of(), member_of()
        wanted = Wanted(name="m", direct=DirectOptions(WITH_PLUGIN), only_imported=True)
        with pytest.raises(Refused, match="host does not know a member m"):
            import_member(host, member, wanted, wait_timeout=5)
        assert host.writes == member.writes == []


class TestWarnings:
    """What is not refused."""

    @pytest.mark.parametrize(
        ("left", "words"), [(29.0, "expires in 29 days"), (-1.0, "has expired"), (31.0, ""), (None, "")]
    )
    def test_a_given_one_that_nobody_renews(self, left: float | None, words: str) -> None:
        host, member = host_of(), member_of()
        token = "opaque" if left is None else bound_token("x", 365 * DAY, (365 - left) * DAY - 60)
        run(host, member, given=WITH_TOKEN)
        store(host, token)
        found = run(host, member, given=config(user={"token": token}), kind="given")
        assert found.actions == []
        assert words in "".join(found.warnings)
        assert bool(words) == bool(found.warnings)

    def test_one_that_cannot_be_renewed(self) -> None:
        host, member = host_of(), member_of()
        run(host, member, given=WITH_TOKEN)
        [warning] = run(host, member, given=WITH_TOKEN, kind="given", renew=True).warnings
        assert "there is nothing to renew" in warning

    def test_a_cluster_that_issues_for_a_day(self) -> None:
        host, member = host_of(), member_of()
        member.lives = DAY
        [warning] = run(host, member).warnings
        assert warning.startswith("member: it issues a token for 1.0 days at most, not for 365")
        assert run(host, member).actions == []


class TestTrial:
    """What is tried before anything is switched."""

    NEW = config(user={"token": "a-newer-token"})

    def imported(self) -> tuple[FakeSession, Member]:
        host, member = host_of(), member_of()
        run(host, member, given=WITH_TOKEN)
        return host, member

    def test_another_cluster(self) -> None:
        host, member = self.imported()
        other = one("other", "member")
        member.reached = lambda _: other
        with pytest.raises(Refused, match=r"leads to another cluster \(kube-system UID uid-of-other"):
            run(host, member, given=self.NEW)
        assert host.writes == member.writes == []

    @pytest.mark.parametrize("error", [Unauthorized("401", status=401), Forbidden("403", status=403)])
    def test_a_credential_that_is_not_accepted(self, error: KubeError) -> None:
        host, member = self.imported()
        strict = FakeSession("strict")
        strict.answers[NAMESPACE_KIND.path("kube-system")] = lambda: fail(error)
        member.reached = lambda _: strict
        with pytest.raises(Refused, match="its new kubeconfig is not accepted"):
            run(host, member, given=self.NEW)
        assert host.writes == member.writes == []

    def test_an_address_for_the_hosts_pods_alone(self) -> None:
        host, member = self.imported()
        silent = FakeSession("silent")
        silent.answers[NAMESPACE_KIND.path("kube-system")] = lambda: fail(Unreachable("no answer", "member"))

        def reached(way: Connection) -> FakeSession:
            return silent if way.server == "https://192.0.2.88:6443" else member

        member.reached = reached
        run(host, member, given=config({"server": "https://192.0.2.88:6443"}, {"token": "a-newer-token"}))
        assert token_of(host) == "a-newer-token"
        assert [way.server for way in member.tried] == ["https://192.0.2.88:6443", member.server]
        assert {way.token.reveal() for way in member.tried if way.token} == {"a-newer-token"}

    def test_a_member_that_has_not_heard_of_it_yet(self) -> None:
        host, member = host_of(), member_of()
        tries: list[int] = []

        def reached(_way: Connection) -> FakeSession:
            tries.append(1)
            slow = FakeSession("slow")
            slow.answers[NAMESPACE_KIND.path("kube-system")] = lambda: fail(Unauthorized("401", status=401))
            return slow if len(tries) < 3 else member

        member.reached = reached
        assert run(host, member).data["verified"]
        assert len(tries) == 3

    def test_one_that_was_made_and_is_never_accepted_is_removed(self) -> None:
        host, member = host_of(), member_of()
        before = member.names
        strict = FakeSession("strict")
        strict.answers[NAMESPACE_KIND.path("kube-system")] = lambda: fail(Unauthorized("401", status=401))
        member.reached = lambda _: strict
        with pytest.raises(WaitTimeout, match="in vain until its new kubeconfig is accepted"):
            run(host, member)
        assert host.writes == []
        assert member.names == before


class TestPutBack:
    """What does not work through the host."""

    def broken(self) -> tuple[FakeSession, Member, Object]:
        host, member = host_of(), member_of()
        run(host, member)
        before = host.at(CLUSTER, "m")
        host.on_write = lambda _method, _item: None
        host.put(merge(before, {"status": {"conditions": []}}))
        return host, member, before

    def test_the_former_one_is_in_force_again_and_the_new_one_is_revoked(self) -> None:
        host, member, before = self.broken()
        with pytest.raises(WaitTimeout) as caught:
            run(host, member, renew=True, timeout=1)
        assert "has no condition Federated yet. The former kubeconfig was put back." in str(caught.value)
        after = host.at(CLUSTER, "m")
        assert (after["spec"], after["metadata"]["annotations"]) == (before["spec"], before["metadata"]["annotations"])
        assert [each["metadata"]["name"] for each in member.secrets] == [f"{minted.NAME}-first"]

    def test_if_that_fails_too_both_are_told_and_both_are_kept(self) -> None:
        host, member, before = self.broken()
        request, patches = host.request, []

        def deny_second(method: str, path: str, body: Object | None = None, **more: Any) -> Object:
            if method == "PATCH":
                patches.append(body)
            if len(patches) == 2 and method == "PATCH":
                raise Forbidden("the webhook says no", "host", status=403)
            return request(method, path, body, **more)

        host.request = deny_second  # type: ignore[method-assign]
        with pytest.raises(WaitTimeout) as caught:
            run(host, member, renew=True, timeout=1)
        assert "has no condition Federated yet. And the former kubeconfig could not be put back: the webhook" in str(
            caught.value
        )
        assert host.at(CLUSTER, "m")["spec"] != before["spec"]
        assert len(member.secrets) == 2

    def test_what_somebody_else_has_put_in_stays(self) -> None:
        host, member, _before = self.broken()
        request = host.request
        patches: list[Any] = []

        def overtaken(method: str, path: str, body: Object | None = None, **more: Any) -> Object:
            answer = request(method, path, body, **more)
            if method == "PATCH" and not patches:
                patches.append(body)
                store(host, "somebody-else-s")
            return answer

        host.request = overtaken  # type: ignore[method-assign]
        with pytest.raises(WaitTimeout, match="could not be put back: somebody else has replaced it meanwhile"):
            run(host, member, renew=True, timeout=1)
        assert token_of(host) == "somebody-else-s"

    def test_a_change_that_is_refused_leaves_nothing(self) -> None:
        host, member, before = self.broken()
        request = host.request

        def deny(method: str, path: str, body: Object | None = None, **more: Any) -> Object:
            if method == "PATCH":
                raise Forbidden("the webhook says no", "host", status=403)
            return request(method, path, body, **more)

        host.request = deny  # type: ignore[method-assign]
        with pytest.raises(Forbidden):
            run(host, member, renew=True)
        assert len(member.secrets) == 1
        assert host.at(CLUSTER, "m")["spec"] == before["spec"]

    def test_a_first_import_keeps_its_cluster_and_its_credential(self) -> None:
        host, member = one("host", "host"), member_of()
        with pytest.raises(WaitTimeout):
            run(host, member, timeout=1)
        assert minted.recognise(kubeconfig_of(host))
        assert len(member.secrets) == 1


class TestClearing:
    """What is left when another one has been seen to work."""

    def test_a_given_one_takes_over(self) -> None:
        host, member = host_of(), member_of()
        before = member.names
        run(host, member)
        plan = run(planned(host), planned(member), given=WITH_TOKEN, kind="given")
        found = run(host, member, given=WITH_TOKEN, kind="given")
        assert plan.actions == found.actions
        assert "patch Cluster m on host: nothing is left of its former credential" in found.actions
        assert member.names == before
        assert run(host, member, given=WITH_TOKEN, kind="given").actions == []

    def test_one_that_was_made_and_is_given_is_in_use(self) -> None:
        host, member = host_of(), member_of()
        run(host, member)
        for _again in range(2):
            assert run(host, member, given=kubeconfig_of(host), kind="given").actions == []
        assert len(member.secrets) == 1

    def test_not_before_it_has_been_used(self) -> None:
        host, member = host_of(), member_of()
        run(host, member)
        run(host, member, renew=True, timeout=None)
        assert len(member.secrets) == 2
        found = run(host, member)
        assert found.actions == [f"delete Secret {NAMESPACE}/{minted.NAME}-first on member: it has been replaced"]

    def test_another_runs_is_kept_if_the_cluster_has_it(self) -> None:
        """Who was quicker wins, and is not locked out."""
        host, member = host_of(), member_of()
        run(host, member)
        theirs, credential = minted.mint(member, "certificate", 1, WITH_PLUGIN, {}, "another run")
        control = host.on_write

        def overtaken(method: str, written: Object) -> None:
            control(method, written)
            if method == "PATCH":
                host.on_write = control
                live = host.at(CLUSTER, "m")
                host.put(merge(live, {"spec": {"connection": {"kubeconfig": credentials.encode(theirs)}}}))

        host.on_write = overtaken
        run(host, member, renew=True)
        assert minted.read(member).holds(credential)
