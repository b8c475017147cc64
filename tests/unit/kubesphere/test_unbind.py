# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of unbinding a member, on two API servers in dictionaries."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import yaml
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Forbidden,
    KubeError,
    Unreachable,
    WaitTimeout,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    DEPLOYMENT,
    PERSISTENT_VOLUME_CLAIM,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    VALIDATING_WEBHOOK_CONFIGURATION,
    Kind,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import NAMESPACE as NAMESPACE_KIND
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.agent import Settings, manifest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    FEDERATION_NAMESPACE,
    FINALIZER,
    HOST_LABEL,
    KUBEFED_CLUSTER,
    MANAGED_BY,
    MANAGED_LABEL,
    NAMESPACE,
    OWNER,
    SUSPENDED_RULES,
    UNBINDING,
    WORKSPACE,
    WORKSPACE_LABEL,
    WORKSPACE_TEMPLATE,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.unbind import unbind

from tests.unit.fakes import Clock, FakeSession, fail, item
from tests.unit.kubesphere.test_cluster_webhook import configuration, standing
from tests.unit.kubesphere.test_member import PROXY, one
from tests.unit.kubesphere.test_member import run as import_one

ACCOUNT, ROLE = "m-kubesphere", "kubefed-controller-manager:m-kubesphere"
DENIED = "dial tcp 192.0.2.7:6443: i/o timeout"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def labelled(each: Object, **labels: str) -> Object:
    """An object with labels, the names of which have underscores for what Python does not take."""
    each["metadata"]["labels"] = {
        {"managed": MANAGED_LABEL, "workspace": WORKSPACE_LABEL, "host": HOST_LABEL, "by": MANAGED_BY}[key]: value
        for key, value in labels.items()
    }
    return each


def config(**multicluster: str) -> Object:
    """kubesphere-config as KubeSphere's controller writes it."""
    content = {"authentication": {"jwtSecret": "s" * 32}, "multicluster": {"clusterRole": "member", **multicluster}}
    return item(CONFIG_MAP, "kubesphere-config", NAMESPACE, data={"kubesphere.yaml": yaml.safe_dump(content)})


def owned(name: str, workspace: str, **labels: str) -> Object:
    """A namespace of a workspace."""
    namespace = labelled(item(NAMESPACE_KIND, name), workspace=workspace, **labels)
    namespace["metadata"]["ownerReferences"] = [
        {"kind": "Workspace", "name": workspace, "uid": "1"},
        {"kind": "Other", "name": workspace, "uid": "2"},
    ]
    return namespace


class Fleet:
    """A host that knows a member, the member, and what KubeSphere's controllers do on the host.

    Attributes:
        lets_go: whether the host's controller takes its finalizer away.
        denies: whether the host's webhook denies every update of the Cluster, unless it is suspended.
    """

    def __init__(self, *, planning: bool = False, release: str = "3.4", bound: bool = True) -> None:
        cluster = item(CLUSTER, "m", spec={"connection": {"type": "proxy", "token": "an-agent-token"}})
        cluster["metadata"]["finalizers"] = [FINALIZER]
        known = release != "3.2"
        federated = {"conditions": [{"type": "Federated", "status": "True"}]}
        cluster["status"] = {**federated, **({"uid": "uid-of-kube-system"} if known else {})}
        beside = [
            cluster,
            item(KUBEFED_CLUSTER, "m", FEDERATION_NAMESPACE),
            item(SECRET, "m-secret", FEDERATION_NAMESPACE, data={"token": "dG9rZW4="}),
            item(SERVICE, "mc-m", NAMESPACE, spec={"selector": {"app": "tower", "app.kubernetes.io/name": "tower"}}),
        ]
        hook = [configuration()] if release == "3.4" else []
        own = labelled(item(CLUSTER, "host"), host="")
        self.host = FakeSession("host", own, *hook, *(beside if bound else []), planning=planning)
        role = {"clusterName": "m"} if known and bound else {}
        self.member = FakeSession(
            "member",
            item(NAMESPACE_KIND, "kube-system"),
            config(**role),
            labelled(item(WORKSPACE, "own"), managed="true" if bound else "false"),
            item(WORKSPACE_TEMPLATE, "own"),
            owned("own-project", "own"),
            planning=planning,
        )
        if bound:
            self._bind()
        self.lets_go = True
        self.denies = False
        self.host.on_write = self._host_written
        self.member.on_write = self._member_written

    def _bind(self) -> None:
        deployment = manifest("m", Secret("an-agent-token"), "http://192.0.2.9:8080", "tower", Settings())
        for each in (
            labelled(item(WORKSPACE, "team"), managed="true"),
            owned("team-project", "team", managed="true"),
            deployment,
            item(NAMESPACE_KIND, FEDERATION_NAMESPACE),
            item(SERVICE_ACCOUNT, "default", FEDERATION_NAMESPACE),
            item(SERVICE_ACCOUNT, ACCOUNT, FEDERATION_NAMESPACE),
            item(SECRET, f"{ACCOUNT}-token-x", FEDERATION_NAMESPACE, type="kubernetes.io/service-account-token"),
            item(CONFIG_MAP, "kube-root-ca.crt", FEDERATION_NAMESPACE),
            item(CLUSTER_ROLE, ROLE),
            item(CLUSTER_ROLE_BINDING, ROLE),
            labelled(item(SERVICE_ACCOUNT, "kubesphere-multicluster", NAMESPACE), by=OWNER),
            labelled(item(CLUSTER_ROLE_BINDING, "kubesphere-multicluster"), by=OWNER),
        ):
            self.member.put(each)

    def run(self, *, member: bool = True, **more: Any) -> Result:
        """Unbind the member, with fresh journals."""
        for session in (self.host, self.member):
            session.journal.clear()
            session.requests.clear()
        return unbind(self.host, self.member if member else None, "m", **{"wait_timeout": 20, **more})

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What was written on either side."""
        return self.host.writes + self.member.writes

    @property
    def left(self) -> set[str]:
        """Names of what stands on either side."""
        stands = itertools.chain(self.host.objects.values(), self.member.objects.values())
        return {each["metadata"]["name"] for each in stands}

    def _host_written(self, method: str, written: Object) -> None:
        if (written["kind"], written["metadata"]["name"]) != ("Cluster", "m"):
            return
        if method == "DELETE":
            if self.lets_go:
                self._forget()
            else:
                self.host.put({**written, "metadata": {**written["metadata"], "deletionTimestamp": "now"}})
        elif self.denies and not self._is_suspended():
            fail(Forbidden(DENIED, "host", status=403))
        elif not written["metadata"]["finalizers"]:
            self._forget()

    def _member_written(self, method: str, written: Object) -> None:
        if method == "DELETE" and written["kind"] == NAMESPACE_KIND.kind:
            inside = f"/namespaces/{written['metadata']['name']}/"
            self.member.objects = {path: each for path, each in self.member.objects.items() if inside not in path}

    def _is_suspended(self) -> bool:
        return not standing(self.host)["webhooks"][0]["rules"]

    def _forget(self) -> None:
        self.host.objects.pop(CLUSTER.path("m"), None)
        for kind, name, namespace in (
            (KUBEFED_CLUSTER, "m", FEDERATION_NAMESPACE),
            (SECRET, "m-secret", FEDERATION_NAMESPACE),
            (SERVICE, "mc-m", NAMESPACE),
        ):
            self.host.objects.pop(kind.path(name, namespace), None)


@pytest.mark.parametrize("release", ["3.2", "3.3", "3.4"])
def test_what_stood_before_stands_again(release: str) -> None:
    fleet = Fleet(release=release)
    found = fleet.run()
    before = Fleet(release=release, bound=False)
    assert fleet.left == {*before.left, "team-project"}
    project = fleet.member.at(NAMESPACE_KIND, "team-project")["metadata"]
    assert not project.get("labels")
    assert [each["kind"] for each in project["ownerReferences"]] == ["Other"]
    own = fleet.member.at(WORKSPACE, "own")["metadata"]["labels"]
    assert own == {MANAGED_LABEL: "false"}
    kept = fleet.member.at(NAMESPACE_KIND, "own-project")["metadata"]
    assert (kept["labels"], len(kept["ownerReferences"])) == ({WORKSPACE_LABEL: "own"}, 2)
    settings = fleet.member.at(CONFIG_MAP, "kubesphere-config", NAMESPACE)
    assert settings["data"] == config()["data"]
    assert not settings["metadata"].get("annotations")
    assert found.data == {"name": "m", "known": True, "member_cleaned": True, "remaining": [], "commands": []}
    assert "an-agent-token" not in json.dumps([found.actions, found.diff])


def test_namespaces_first_and_the_agent_after_the_cluster() -> None:
    fleet = Fleet()
    order: list[str] = []
    for session in (fleet.host, fleet.member):
        inner = session.on_write

        def note(method: str, written: Object, inner: Any = inner) -> None:
            order.append(f"{method} {written['kind']} {written['metadata']['name']}")
            inner(method, written)

        session.on_write = note
    fleet.run()
    wanted = ["PATCH Namespace team-project", "DELETE Cluster m", "DELETE Deployment cluster-agent"]
    assert [each for each in order if each in wanted] == wanted
    assert order.index("DELETE Workspace team") > order.index("DELETE Cluster m")


def test_a_namespace_outlives_a_workspace_that_is_going_already() -> None:
    fleet = Fleet()
    team = fleet.member.at(WORKSPACE, "team")
    fleet.member.put({**team, "metadata": {**team["metadata"], "deletionTimestamp": "now"}})
    with pytest.raises(WaitTimeout):
        fleet.run(wait_timeout=0.01)
    project = fleet.member.at(NAMESPACE_KIND, "team-project")["metadata"]
    assert [owner["kind"] for owner in project["ownerReferences"]] == ["Other"]
    assert ("DELETE", "Workspace team") not in fleet.writes


def test_again_nothing() -> None:
    fleet = Fleet()
    assert fleet.run().changed
    again = fleet.run()
    assert (again.actions, fleet.writes, again.data["known"]) == ([], [], False)


def test_a_plan_is_the_run() -> None:
    plan, fleet = Fleet(planning=True), Fleet()
    foretold, done = plan.run(), fleet.run()
    assert (foretold.actions, foretold.diff) == (done.actions, done.diff)
    assert plan.writes == []


@pytest.mark.parametrize("killed_after", range(1, 13))
def test_killed_anywhere_the_next_run_comes_to_the_same_end(killed_after: int) -> None:
    fleet, whole = Fleet(), Fleet()
    whole.run()
    left = itertools.count(killed_after, -1)
    for session in (fleet.host, fleet.member):
        inner = session.on_write

        def count(method: str, written: Object, inner: Any = inner) -> None:
            inner(method, written)
            if next(left) == 1:
                raise KeyboardInterrupt

        session.on_write = count
    with pytest.raises(KeyboardInterrupt):
        fleet.run()
    fleet.run()
    for killed, other in ((fleet.host, whole.host), (fleet.member, whole.member)):
        assert {path: stripped(each) for path, each in killed.objects.items()} == {
            path: stripped(each) for path, each in other.objects.items()
        }
    assert fleet.run().actions == []


def stripped(each: Object) -> Object:
    metadata = {key: value for key, value in each["metadata"].items() if key != "resourceVersion" and value}
    return {**each, "metadata": metadata}


# What is refused


def refused(fleet: Fleet, words: str, **more: Any) -> None:
    with pytest.raises(Refused, match=words):
        fleet.run(**more)
    assert fleet.writes == []


def test_the_host_itself() -> None:
    fleet = Fleet()
    with pytest.raises(Refused, match="Cluster host is the host itself"):
        unbind(fleet.host, fleet.member, "host", force=True)
    assert fleet.writes == []


def test_another_cluster() -> None:
    fleet = Fleet()
    fleet.member.objects[NAMESPACE_KIND.path("kube-system")]["metadata"]["uid"] = "another"
    refused(fleet, "is another cluster .*set kubesphere_force")
    found = fleet.run(force=True)
    assert fleet.member.writes == []
    assert "m" not in {each["metadata"]["name"] for each in fleet.host.objects.values()}
    assert (found.data["member_cleaned"], len(found.warnings)) == (False, 1)
    assert found.data["remaining"]


def test_another_cluster_where_clusters_have_no_uid() -> None:
    fleet = Fleet(release="3.2")
    fleet.member = Fleet(release="3.2", bound=False).member
    refused(fleet, "it has nothing that an import as m leaves")


def test_another_hosts_member_where_this_one_was_never_federated() -> None:
    fleet = Fleet(release="3.2")
    fleet.host.at(CLUSTER, "m")["status"] = {}
    fleet.member.put({**fleet.member.at(DEPLOYMENT, "cluster-agent", NAMESPACE), "spec": {}})
    fleet.member.put(item(SERVICE_ACCOUNT, "other-kubesphere", FEDERATION_NAMESPACE))
    fleet.member.objects.pop(SERVICE_ACCOUNT.path(ACCOUNT, FEDERATION_NAMESPACE))
    refused(fleet, "it has nothing that an import as m leaves")


def test_another_host_that_has_imported_it_by_the_same_name() -> None:
    fleet = Fleet()
    fleet.member.put(manifest("m", Secret("anothers-token"), "http://192.0.2.9:8080", "tower", Settings()))
    refused(fleet, "its agent has not the token of Cluster m")
    found = fleet.run(force=True)
    assert (found.data["member_cleaned"], fleet.member.writes) == (False, [])
    assert "anothers-token" not in json.dumps([found.warnings, found.diff])


@pytest.mark.parametrize("error", [Unreachable("no answer", "m"), Forbidden("403", "m", status=403)])
def test_a_member_that_does_not_answer(error: KubeError) -> None:
    fleet = Fleet()
    fleet.member.answers[NAMESPACE_KIND.path("kube-system")] = lambda: fail(error)
    refused(fleet, "kubesphere_force to true, to clean the host only")
    found = fleet.run(force=True)
    assert fleet.member.writes == []
    assert found.data["member_cleaned"] is False
    # Nothing more to do: no force is needed to find that out.
    again = fleet.run()
    assert (again.actions, len(again.warnings)) == ([], 1)


def test_a_member_that_the_play_does_not_reach() -> None:
    refused(Fleet(), "it is not reached by the play", member=False)
    found = Fleet().run(member=False, force=True)
    assert any("--cascade=orphan" in command for command in found.data["commands"])


def test_what_remains_is_named_with_how_it_is_removed() -> None:
    data = Fleet().run(member=False, force=True).data
    for words in (ROLE, ACCOUNT, MANAGED_BY, "clusterName", "cluster-agent"):
        assert any(words in each for each in data["remaining"]), words
        assert any(words in each for each in data["commands"]), words


def test_a_member_that_says_it_is_imported_and_the_host_knows_nothing() -> None:
    fleet = Fleet()
    fleet._forget()
    refused(fleet, "it says that a host has imported it as m, and host has no such Cluster")
    fleet.run(force=True)
    assert fleet.left == {*Fleet(bound=False).left, "team-project"}


def test_a_member_that_is_anothers_by_now_keeps_what_is_shared() -> None:
    fleet = Fleet()
    fleet.member.put(config(clusterName="other"))
    found = fleet.run()
    assert "it is imported as other by now" in found.warnings[0]
    assert {"team", "kubesphere-multicluster"} <= fleet.left
    assert not fleet.left & {ACCOUNT, ROLE}
    assert fleet.member.at(CONFIG_MAP, "kubesphere-config", NAMESPACE)["data"] == config(clusterName="other")["data"]


@pytest.mark.parametrize("kind", [DEPLOYMENT, PERSISTENT_VOLUME_CLAIM, ROLE_BINDING], ids=lambda kind: kind.kind)
def test_a_namespace_that_is_used_stays(kind: Kind) -> None:
    fleet = Fleet()
    fleet.member.put(item(kind, "mine", FEDERATION_NAMESPACE))
    fleet.run()
    assert FEDERATION_NAMESPACE in fleet.left
    assert ACCOUNT not in fleet.left


# The dead


def test_a_cluster_that_is_not_let_go() -> None:
    fleet = Fleet()
    fleet.lets_go = False
    with pytest.raises(WaitTimeout, match="its finalizers are not removed") as caught:
        fleet.run()
    assert "kubesphere_force" in caught.value.hint


def test_a_finalizer_of_somebody_else_stays() -> None:
    fleet = Fleet()
    fleet.lets_go = False
    fleet.host.at(CLUSTER, "m")["metadata"]["finalizers"] = [FINALIZER, "of.somebody/else"]
    with pytest.raises(WaitTimeout, match=r"its finalizers are not removed: of\.somebody/else"):
        fleet.run(force=True)
    assert standing(fleet.host)["webhooks"] == configuration()["webhooks"]


@pytest.mark.parametrize("release", ["3.3", "3.4"])
def test_force_takes_the_finalizer(release: str) -> None:
    fleet = Fleet(release=release)
    fleet.lets_go, fleet.denies = False, release == "3.4"
    found = fleet.run(member=False, force=True)
    assert "patch Cluster m on host: KubeSphere does not let it go by itself" in found.actions
    assert not fleet.host.objects.keys() & {CLUSTER.path("m")}
    if release == "3.4":
        assert standing(fleet.host)["webhooks"] == configuration()["webhooks"]
        plan = Fleet(planning=True)  # no ks-apiserver answers for the member there
        assert plan.run(member=False, force=True).actions == found.actions


def test_a_plan_asks_the_host_whether_it_reaches_the_member() -> None:
    plan = Fleet(planning=True)
    plan.host.put(config())
    uid = {"metadata": {"uid": "uid-of-kube-system"}}
    plan.host.answers[f"{PROXY}/api/clusters/m/v1/namespaces/kube-system"] = lambda: uid
    assert plan.run(member=False, force=True).actions == ["delete Cluster m on host: unbind it"]


def test_a_webhook_that_a_killed_run_left_suspended_is_restored() -> None:
    fleet = Fleet()
    fleet.lets_go, fleet.denies = False, True
    inner = fleet.host.on_write

    def killed(method: str, written: Object) -> None:
        if written["kind"] == VALIDATING_WEBHOOK_CONFIGURATION.kind:
            fleet.host.on_write = inner
            raise SystemExit  # and nothing is cleaned up, as with SIGKILL
        inner(method, written)

    fleet.host.on_write = killed
    with pytest.raises(SystemExit):
        fleet.run(member=False, force=True)
    fleet.host.put(suspended())
    fleet.run(member=False, force=True)
    assert standing(fleet.host)["webhooks"] == configuration()["webhooks"]
    assert fleet.run(member=False, force=True).actions == []


def test_a_living_member_restores_it_too() -> None:
    fleet = Fleet()
    fleet.host.put(suspended())
    found = fleet.run()
    assert found.actions[0].endswith("restore what was suspended")
    assert standing(fleet.host)["webhooks"] == configuration()["webhooks"]


def suspended() -> Object:
    """The webhook as a killed run leaves it."""
    held = configuration()
    held["metadata"]["annotations"] = {SUSPENDED_RULES: json.dumps({"validating": held["webhooks"][0]["rules"]})}
    held["webhooks"][0]["rules"] = []
    return held


def test_a_run_that_ends_the_suspension_of_another(clock: Clock) -> None:
    fleet = Fleet()
    fleet.lets_go, fleet.denies = False, True
    interfering = iter([True])

    def interfere() -> None:
        if fleet._is_suspended() and next(interfering, False):
            fleet.host.put(configuration())

    clock.on_sleep = interfere
    fleet.run(member=False, force=True)
    assert not fleet.host.objects.keys() & {CLUSTER.path("m")}
    assert standing(fleet.host)["webhooks"] == configuration()["webhooks"]


@pytest.mark.parametrize("planning", [True, False])
def test_leftovers_of_a_cluster_that_is_gone(planning: bool) -> None:
    fleet = Fleet(planning=planning)
    fleet.host.objects.pop(CLUSTER.path("m"))
    found = fleet.run(force=True)
    gone = [action for action in found.actions if "there is no Cluster m any more" in action]
    assert [action.split()[1:3] for action in gone] == [
        ["KubeFedCluster", f"{FEDERATION_NAMESPACE}/m"],
        ["Secret", f"{FEDERATION_NAMESPACE}/m-secret"],
        ["Service", f"{NAMESPACE}/mc-m"],
    ]


def test_what_a_user_has_named_so_stays() -> None:
    fleet = Fleet(bound=False)
    fleet.host.put(item(SERVICE, "mc-m", NAMESPACE, spec={"selector": {"app": "monitor"}}))
    fleet.host.put(item(SECRET, "m-secret", FEDERATION_NAMESPACE, data={".dockerconfigjson": "e30="}))
    assert fleet.run(member=False, force=True).actions == []


def test_what_belongs_to_a_cluster_that_was_made_meanwhile_stays() -> None:
    fleet = Fleet()
    fleet.lets_go = False

    def made_anew(method: str, written: Object) -> None:
        if (method, written["kind"]) == ("DELETE", "Cluster"):
            fleet.host.put(item(CLUSTER, "m") | {"metadata": {"name": "m", "uid": "a-new-one"}})

    fleet.host.on_write = made_anew
    fleet.run()
    assert {"m-secret", "mc-m"} <= fleet.left


def test_a_refusal_leaves_no_webhook_suspended() -> None:
    fleet = Fleet()
    fleet.host.put(suspended())
    with pytest.raises(Refused, match="not reached"):
        fleet.run(member=False)
    assert standing(fleet.host)["webhooks"] == configuration()["webhooks"]
    assert len(fleet.writes) == 1


def test_no_secret_of_the_members_settings_is_shown() -> None:
    fleet = Fleet()
    content = yaml.safe_load(config(clusterName="m")["data"]["kubesphere.yaml"])
    content["ldap"] = {"managerPassword": "a-password-of-ldap"}
    content["authentication"]["oauthOptions"] = {"clients": [{"name": "kubesphere", "secret": "kubesphere"}]}
    fleet.member.put({**config(), "data": {"kubesphere.yaml": yaml.safe_dump(content)}})
    found = fleet.run()
    shown = json.dumps([found.actions, found.diff])
    assert "a-password-of-ldap" not in shown
    assert "s" * 32 not in shown
    assert "delete Deployment kubesphere-system/cluster-agent on member: the host does not know it any more" in shown


def test_an_import_that_changes_a_cluster_restores_the_webhook() -> None:
    host, member = one("host", "host"), one("member", "member")
    import_one(host, member)
    host.put(suspended())
    host.journal.clear()
    assert import_one(host, member).actions == []
    found = import_one(host, member, region="eu")
    assert found.actions[0].endswith("restore what was suspended")
    assert standing(host)["webhooks"] == configuration()["webhooks"]


def test_an_import_ends_an_unbind_that_was_killed() -> None:
    """Else a later unbind from the former host would take the new one's member for its own."""
    begun = config()
    begun["metadata"]["annotations"] = {UNBINDING: "m"}
    actions = []
    for planning in (True, False):
        host, member = one("host", "host", planning=planning), one("member", "member", planning=planning)
        begun["data"] = member.at(CONFIG_MAP, "kubesphere-config", NAMESPACE)["data"]
        member.put(begun)
        actions.append(import_one(host, member).actions)
    assert actions[0] == actions[1]
    assert "patch ConfigMap kubesphere-system/kubesphere-config on member: it is imported anew" in actions[1]
    assert not member.at(CONFIG_MAP, "kubesphere-config", NAMESPACE)["metadata"].get("annotations")
