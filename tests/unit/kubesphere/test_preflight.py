# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of looking at clusters before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import Unauthorized, Unreachable
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import NAMESPACE as NAMESPACE_KIND
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    SELF_SUBJECT_ACCESS_REVIEW,
    STORAGE_CLASS,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.configuration import (
    check_cluster_name,
    check_jwt_secret,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import CLUSTER_CONFIGURATION
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.preflight import (
    Expected,
    expectation_problems,
    fleet_problems,
    inventory_problems,
    look,
    verdict,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES, find

from tests.unit.fakes import FakeSession, item
from tests.unit.kube.test_connection import config as kubeconfig
from tests.unit.kubesphere.test_installation import standing

REVIEW = SELF_SUBJECT_ACCESS_REVIEW.path()
GOOD = kubeconfig(user={"token": "abc"})


def expected(role: str = "member", release: str = "v3.4.1", **fields: Any) -> Expected:
    return Expected("one", role, release, **fields)


def storage_class(name: str, **annotations: str) -> Object:
    made = item(STORAGE_CLASS, name)
    made["metadata"]["annotations"] = annotations or None
    return made


def default(name: str, prefix: str = "storageclass.kubernetes.io", value: str = "true") -> Object:
    return storage_class(name, **{f"{prefix}/is-default-class": value})


def cluster(*items: Object, version: str = "v1.20.2", allowed: bool = True) -> FakeSession:
    system = item(NAMESPACE_KIND, "kube-system")
    system["metadata"]["uid"] = "uid-1"
    session = FakeSession("one", system, *items)
    session.answers["/version"] = lambda: {"gitVersion": version}
    session.answers[REVIEW] = lambda: {"status": {"allowed": allowed}}
    return session


class TestExpectations:
    """What is wrong with the wishes."""

    @pytest.mark.parametrize("role", ["host", "member"])
    @pytest.mark.parametrize("release", list(RELEASES))
    def test_none(self, role: str, release: str) -> None:
        assert expectation_problems(expected(role, release, jwt_secret="a1B2")) == []

    def test_a_good_kubeconfig(self) -> None:
        assert expectation_problems(expected(kubeconfig=GOOD, configuration={"logging": {"enabled": True}})) == []

    def test_an_unknown_release_is_the_only_problem_of_its_cluster(self) -> None:
        found = expectation_problems(expected(release="v9", jwt_secret="no good", connection="pigeon"))
        assert len(found) == 1
        assert "v9" in found[0]
        assert "v3.4.1" in found[0]  # what there is

    def test_all_problems_at_once(self) -> None:
        bad = kubeconfig({"server": "https://127.0.0.1:6443"}, {"exec": {"command": "x"}})
        wishes: dict[str, Any] = {"configuration": {"common": "x"}, "jwt_secret": "not; usable", "kubeconfig": bad}
        found = expectation_problems(Expected("One_1", "member", "v3.4.1", "pigeon", **wishes))
        assert found[:3] == [
            *check_cluster_name("One_1"),
            "kubesphere_connection is 'pigeon': set it to direct, agent or auto",
            *check_jwt_secret("not; usable"),
        ]
        # What is wrong with the kubeconfig counts once it is said that the connection is direct.
        assert [each.partition(": ")[0] for each in found[3:]] == ["kubesphere_configuration"]
        assert "not; usable" not in "".join(found)
        direct = expectation_problems(Expected("One_1", "member", "v3.4.1", "direct", **wishes))
        assert [direct[0], direct[1]] == [found[0], found[2]]
        assert [each.partition(": ")[0] for each in direct[2:]] == [
            "kubeconfig",
            "kubeconfig",
            "kubesphere_configuration",
        ]

    @pytest.mark.parametrize("connection", ["direct", "agent", "auto"])
    @pytest.mark.parametrize("role", ["host", "member"])
    def test_connections(self, role: str, connection: str) -> None:
        assert expectation_problems(expected(role, connection=connection, kubeconfig=GOOD)) == []

    @pytest.mark.parametrize(("connection", "number"), [("direct", 1), ("agent", 0), ("auto", 0)])
    def test_a_kubeconfig_that_kubesphere_cannot_use(self, connection: str, number: int) -> None:
        bad = kubeconfig(user={"exec": {"command": "x"}})
        found = expectation_problems(expected(connection=connection, kubeconfig=bad))
        assert [each.partition(" (exec)")[0] for each in found] == [
            "kubeconfig: its credential comes from a plugin"
        ] * number

    @pytest.mark.parametrize(
        ("connection", "letters", "fine"),
        [("agent", 60, True), ("agent", 61, False), ("direct", 61, True), ("auto", 61, True)],
    )
    def test_a_name_that_a_service_is_named_after(self, connection: str, letters: int, fine: bool) -> None:
        found = expectation_problems(Expected("m" * letters, "member", "v3.4.1", connection))
        message = (
            f"its name {'m' * letters} has {letters} letters; an agent connection takes 60 at most, since a Service is "
            "named after it"
        )
        assert found == ([] if fine else [message])
        assert expectation_problems(Expected("m" * letters, "host", "v3.4.1", connection)) == []

    @pytest.mark.parametrize(
        ("role", "connection", "fine"),
        [
            ("member", "agent", True),
            ("member", "direct", False),
            ("member", "auto", False),
            ("host", "agent", False),
            ("host", "direct", False),
        ],
    )
    def test_what_the_play_need_not_reach(self, role: str, connection: str, fine: bool) -> None:
        message = "kubesphere_reachable is false, which goes with a member and kubesphere_connection: agent only"
        found = expectation_problems(expected(role, connection=connection, reachable=False))
        assert found == ([] if fine else [message])

    def test_what_concerns_members_only(self) -> None:
        bad = kubeconfig(user={})
        assert expectation_problems(Expected("The Host", "host", "v3.4.1", "agent", kubeconfig=bad)) == []

    @pytest.mark.parametrize("values", ["text", ["a"], 7, {"common": []}, {"monitoring": 1}])
    def test_a_configuration_of_the_wrong_form(self, values: Any) -> None:
        found = expectation_problems(expected(configuration=values))
        assert found
        assert found[0].startswith("kubesphere_configuration: ")

    @pytest.mark.parametrize("secret", ["", 123456, "a b", "$(reboot)"])
    def test_a_secret_that_is_none(self, secret: Any) -> None:
        found = expectation_problems(expected(jwt_secret=secret))
        assert found == check_jwt_secret(secret)
        assert found


class TestLook:
    """What is seen in one cluster."""

    def test_a_cluster_ready_for_installation(self) -> None:
        session = cluster(storage_class("slow"), default("fast"))
        seen, problems = look(session, expected())
        assert problems == []
        assert seen == {
            "uid": "uid-1",
            "kubernetes_version": "v1.20.2",
            "storage_classes": ["slow", "fast"],
            "default_storage_class": "fast",
            "release": None,
            "cluster_role": "none",
            "complete": False,
        }
        assert session.writes == [("POST", REVIEW)]  # a question that is asked by a POST

    @pytest.mark.parametrize(
        ("classes", "values", "problem"),
        [
            ([], None, "there is no default StorageClass"),
            ([storage_class("slow")], {}, "there is no default StorageClass"),
            ([default("x", value="false")], {}, "there is no default StorageClass"),
            ([default("x", "storageclass.beta.kubernetes.io")], {}, ""),
            ([storage_class("slow")], {"persistence": {"storageClass": "slow"}}, ""),
            (
                [default("fast"), storage_class("slow")],
                {"persistence": {"storageClass": "none-such"}},
                "StorageClass none-such (persistence.storageClass) does not exist; there are: fast, slow",
            ),
            ([], {"persistence": {"storageClass": "x"}}, "does not exist; there are: none"),
            ([default("fast")], {"persistence": "x"}, ""),  # told by expectation_problems
            ([default("fast")], "x", ""),
        ],
    )
    def test_storage(self, classes: list[Object], values: Any, problem: str) -> None:
        _seen, problems = look(cluster(*classes), expected(configuration=values))
        assert bool(problems) is bool(problem)
        assert problem in "".join(problems)

    @pytest.mark.parametrize(
        ("version", "release", "fine"),
        [
            ("v1.20.2", "v3.4.1", True),
            ("v1.26.15+k3s1", "v3.4.1", True),
            ("1.22.0", "v3.4.1", True),
            ("v1.27.0", "v3.4.1", False),
            ("v1.19.16", "v3.4.1", False),
            ("v1.9.0", "v3.4.1", False),
            ("v1.19.0", "v3.2.0", True),
            ("v1.22.3", "v3.2.0", True),
            ("v1.23.0", "v3.2.0", False),
        ],
    )
    def test_versions_of_kubernetes(self, version: str, release: str, fine: bool) -> None:
        _seen, problems = look(cluster(default("x"), version=version), expected(release=release))
        supported = find(release).kubernetes
        low, high = (f"{each[0]}.{each[1]}" for each in (supported.minimum, supported.experimental))
        message = (
            f"Kubernetes {version} is not supported by KubeSphere {release}, which takes {low} to {high}: "
            "choose another kubesphere_release"
        )
        assert problems == ([] if fine else [message])

    def test_a_version_that_is_none(self) -> None:
        assert look(cluster(default("x"), version="main"), expected())[1] == [
            "its Kubernetes version 'main' cannot be read"
        ]

    def test_a_user_who_may_not_do_it(self) -> None:
        _seen, problems = look(cluster(default("x"), allowed=False), expected())
        assert problems == [
            "the kubeconfig's user may not create customresourcedefinitions, create clusterroles, escalate "
            "clusterroles, create clusterrolebindings, bind clusterroles, create serviceaccounts, create deployments, "
            "create clusterconfigurations, which an installation of KubeSphere takes: use one that is bound to "
            "cluster-admin, or to what docs/rbac of the collection grants"
        ]

    def test_a_user_who_may_do_just_what_it_takes(self) -> None:
        session = cluster(default("x"))
        answers = iter([False, *[True] * 8])
        session.answers[REVIEW] = lambda: {"status": {"allowed": next(answers)}}
        assert look(session, expected())[1] == []

    def test_a_question_that_is_refused(self) -> None:
        session = cluster(default("x"))

        def refuse() -> Object:
            raise Unauthorized("Failed to ask for a SelfSubjectAccessReview: 401", "one", status=401)

        session.answers[REVIEW] = refuse
        assert look(session, expected())[1][0].startswith("Failed to ask for a SelfSubjectAccessReview: 401. Give a")

    def test_a_finished_installation_of_the_release(self) -> None:
        session = cluster(standing(), allowed=False)
        seen, problems = look(session, expected())
        assert problems == []  # nothing will be installed, so neither rights nor a StorageClass are needed
        assert (seen["release"], seen["cluster_role"], seen["complete"]) == ("v3.4.1", "member", True)
        assert session.writes == []

    @pytest.mark.parametrize(
        ("found", "release"),
        [(standing(tag="v3.4.0"), "v3.4.1"), (standing(core={"status": "enabled"}), "v3.4.1")],
        ids=["upgrade", "unfinished"],
    )
    def test_an_installation_to_go_on_with_takes_all_rights(self, found: Object, release: str) -> None:
        _seen, problems = look(cluster(found, allowed=False), expected(release=release))
        assert [each[:30] for each in problems] == ["the kubeconfig's user may not "]

    @pytest.mark.parametrize(("stands", "wanted"), [("host", "member"), ("member", "host")])
    def test_a_change_of_role(self, stands: str, wanted: str) -> None:
        _seen, problems = look(cluster(standing(stands)), expected(wanted))
        assert problems == [
            f"KubeSphere is installed here as {stands}, the inventory wants a {wanted}: ks-installer cannot change "
            "that; mend the inventory, or uninstall KubeSphere first"
        ]

    def test_a_single_cluster_may_become_either(self) -> None:
        assert look(cluster(standing("none")), expected("host"))[1] == []

    def test_a_foreign_configuration(self) -> None:
        foreign = item(CLUSTER_CONFIGURATION, "other", "default", spec={})
        _seen, problems = look(cluster(foreign, default("x")), expected())
        assert problems == [
            "there is another ClusterConfiguration, default/other: "
            "remove it, ks-installer looks at kubesphere-system/ks-installer alone"
        ]

    def test_a_cluster_that_does_not_answer(self) -> None:
        session = cluster()

        def silent() -> Object:
            raise Unreachable("Failed to read its version: no answer from https://x", "one")

        session.answers["/version"] = silent
        seen, problems = look(session, expected())
        assert seen["kubernetes_version"] is seen["uid"] is None
        assert len(problems) == 1
        assert problems[0].startswith("Failed to read its version: no answer from https://x. Check the server address")

    def test_an_unknown_release_is_told_elsewhere(self) -> None:
        session = cluster()
        assert look(session, expected(release="v9"))[1] == []
        assert session.requests == []


@pytest.mark.parametrize(
    ("hosts", "members", "problems"),
    [
        (["h"], ["a", "b"], []),
        (["h"], [], []),
        ([], ["a"], ["the group kubesphere_host is empty"]),
        (["h", "g"], [], ["the group kubesphere_host has 2 clusters (g, h): leave one"]),
        (["h"], ["h", "a"], ["h: in kubesphere_host and in kubesphere_members"]),
        (["h", "g"], ["h"], ["the group kubesphere_host has 2 clusters", "h: in kubesphere_host and in"]),
    ],
)
def test_groups(hosts: list[str], members: list[str], problems: list[str]) -> None:
    found = inventory_problems(hosts, members)
    assert len(found) == len(problems)
    assert all(text.startswith(start) for text, start in zip(found, problems))


def one(role: str = "member", **fields: Any) -> dict[str, Any]:
    return {"name": None, "cluster_role": role, "release": "v3.4.1", "uid": None, **fields}


class TestFleet:
    """What is wrong with clusters side by side."""

    def test_nothing(self) -> None:
        clusters = {"h": one("host", name="host", uid="1"), "a": one(name="a", uid="2"), "b": one(name="b", uid="3")}
        assert fleet_problems(clusters) == {}

    def test_one_cluster_twice(self) -> None:
        found = fleet_problems({"h": one("host", uid="1"), "a": one(uid="1"), "b": one(uid="1"), "c": one(uid="2")})
        assert found == {
            name: [f"it is the same cluster as {others} (kube-system UID 1): give each its own kubeconfig"]
            for name, others in (("h", "a, b"), ("a", "b, h"), ("b", "a, h"))
        }

    def test_one_name_twice(self) -> None:
        found = fleet_problems({"h": one("host", name="x"), "a": one(name="x"), "b": one(name="x")})
        assert found == {
            name: [f"its kubesphere_cluster_name x is also that of {other}: each needs a name of its own"]
            for name, other in (("a", "b"), ("b", "a"))  # the host's own Cluster is not called by this name
        }

    @pytest.mark.parametrize(
        ("host", "member", "problem"),
        [
            ("v3.4.1", "v3.4.1", False),
            ("v3.4.1", "v3.3.2", False),
            ("v3.4.0", "v3.4.1", True),
            ("v9", "v3.4.1", False),
            ("v3.4.1", "v9", False),
        ],
    )
    def test_a_member_that_is_newer_than_its_host(self, host: str, member: str, problem: bool) -> None:
        found = fleet_problems({"h": one("host", release=host), "a": one(release=member)})
        message = f"its kubesphere_release {member} is newer than the host's {host}: upgrade the host first"
        assert found == ({"a": [message]} if problem else {})

    def test_a_member_that_the_hosts_upgrade_would_leave_behind(self) -> None:
        clusters = {"h": one("host", installed={"release": "v3.3.2"}), "a": one(installed={"release": "v3.2.1"})}
        assert list(fleet_problems(clusters)) == ["h"]
        clusters["a"]["installed"] = None
        assert fleet_problems(clusters) == {}

    def test_a_member_that_is_not_in_the_inventory_would_be_left_behind_too(self) -> None:
        """It may be in another slice; what was looked at counts before what the host says of it."""
        installed = {"release": "v3.3.2"}
        known = {"a": "v3.2.1", "b": "v3.2.1", "c": "v3.3.2", "d": ""}
        host = one("host", installed=installed, members=known)
        found = fleet_problems({"h": host, "mine": one(name="a", installed=installed)})
        assert list(found) == ["h"]
        assert [problem.partition(" behind ")[0].rpartition(" ")[2] for problem in found["h"]] == ["b"]
        unreached = fleet_problems({"h": host, "a": one(name="a", installed=None)})
        assert len(unreached["h"]) == 2

    def test_members_without_a_host(self) -> None:
        assert fleet_problems({"a": one()}) == {}


LOOKED: dict[str, dict[str, Any]] = {
    "host": {"problems": []},
    "a": {"problems": ["one", "two"]},
    "b": {"problems": []},
}


def test_one_with_problems_is_left_out() -> None:
    assert verdict(LOOKED, "host", strict=False) == {"a": "Nothing was written. 2 problems found:\n- a: one\n- a: two"}


def test_nobody_goes_on_without_the_host() -> None:
    found = verdict({**LOOKED, "host": {"problems": ["three"]}}, "host", strict=False)
    assert found["host"] == "Nothing was written. 3 problems found:\n- a: one\n- a: two\n- host: three"
    assert found["a"] == "Nothing was written. 2 problems found:\n- a: one\n- a: two"
    assert found["b"].startswith("Nothing was written: host has problems, so nothing was begun here.")


def test_strictly_nobody_goes_on_at_all() -> None:
    found = verdict(LOOKED, "host", strict=True)
    assert found["host"].startswith("Nothing was written. 2 problems found:")
    assert found["b"].startswith("Nothing was written: a has problems")
    assert verdict({"host": LOOKED["host"]}, "host", strict=True) == {}
    assert verdict(LOOKED, None, strict=False).keys() == {"a"}
