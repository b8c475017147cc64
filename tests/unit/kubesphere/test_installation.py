# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of installing, on an API server in a dictionary."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import WaitTimeout
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    POD,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.configuration import (
    ConfigurationError,
    cluster_configuration,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installation import (
    Wanted,
    install,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installed import (
    InstallationFailed,
    Installed,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installer import installer_objects
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER_CONFIGURATION,
    FAILED_RUN,
    INSTALLER,
    NAMESPACE,
    RUN_BEFORE,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import find

from tests.unit.fakes import Clock, FakeSession, item

SECRET = "A" * 32
OTHER = "B" * 32
EARLIER, LATER = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def standing(
    role: str = "member",
    tag: str = "v3.4.1",
    *,
    core: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    notes: dict[str, str] | None = None,
    secret: str | None = SECRET,
) -> Object:
    """A ClusterConfiguration; ``notes`` are the collection's own annotations."""
    made = cluster_configuration(find(tag), role, secret, spec or {})
    made["metadata"]["annotations"] = notes or {}
    done = {"status": "enabled", "version": tag, "enabledTime": LATER}
    made["status"] = {"core": done if core is None else core, "monitoring": {"status": "enabled"}}
    return made


def config(secret: str = SECRET, role: str = "member") -> Object:
    text = json.dumps({"authentication": {"jwtSecret": secret}, "multicluster": {"clusterRole": role}})
    return item(CONFIG_MAP, "kubesphere-config", NAMESPACE, data={"kubesphere.yaml": text})


def available(name: str) -> Object:
    status = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}}
    return item(DEPLOYMENT, name, NAMESPACE, spec=spec, status=status)


def cluster(*items: Object, tag: str = "v3.4.1", planning: bool = False) -> FakeSession:
    """A cluster with everything of a release but a ClusterConfiguration."""
    names = ("ks-apiserver", "ks-console", "ks-controller-manager")
    session = FakeSession(
        "one", *installer_objects(find(tag)), *map(available, names), config(), *items, planning=planning
    )
    session.requests.clear()
    return session


def log(session: FakeSession, text: str) -> None:
    """Let the installer have a pod with this log."""
    label = session.at(DEPLOYMENT, INSTALLER, NAMESPACE)["spec"]["selector"]["matchLabels"]["app"]
    pod = item(POD, "ks-installer-1", NAMESPACE, status={"phase": "Running"})
    pod["metadata"]["labels"] = {"app": label}
    session.put(pod)
    session.logs[f"{POD.path('ks-installer-1', NAMESPACE)}/log"] = text


def member(**fields: Any) -> Wanted:
    return Wanted("v3.4.1", "member", **{"jwt_secret": Secret(SECRET), **fields})


def spec_of(session: FakeSession) -> Any:
    return session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)["spec"]


class TestFirst:
    """Where nothing stands yet."""

    def test_order_and_content(self) -> None:
        session = FakeSession()
        found = install(session, Wanted("v3.4.1", "host", {"logging": {"enabled": True}}))
        kinds = [action.split()[1] for action in found.actions]
        assert kinds == [
            "CustomResourceDefinition",
            "Namespace",
            "ServiceAccount",
            "ClusterRole",
            "ClusterRoleBinding",
            "Deployment",
            "ClusterConfiguration",
        ]
        assert all(action.startswith("create ") for action in found.actions)
        assert spec_of(session)["logging"]["enabled"] is True
        assert spec_of(session)["multicluster"]["clusterRole"] == "host"
        assert len(spec_of(session)["authentication"]["jwtSecret"]) == 32
        assert spec_of(session)["authentication"]["jwtSecret"] not in json.dumps([found.diff, found.actions])
        assert found.data == {
            "release": "v3.4.1",
            "cluster_role": "host",
            "finished": False,
            "upgraded_from": None,
        }

    def test_a_plan_says_what_the_run_does_and_sends_nothing(self) -> None:
        planned, run = FakeSession(planning=True), FakeSession()
        wanted = Wanted("v3.4.1", "host", jwt_secret=Secret(SECRET))
        plan, result = install(planned, wanted, wait_timeout=5), install(run, wanted)
        assert (plan.actions, plan.diff) == (result.actions, result.diff)
        assert planned.writes == []

    def test_again_nothing(self) -> None:
        session = FakeSession()
        wanted = Wanted("v3.4.1", "host")
        install(session, wanted)
        session.requests.clear()
        session.journal.clear()
        assert not install(session, wanted).changed
        assert session.writes == []

    @pytest.mark.parametrize(
        "given", [{"jwt_secret": Secret(OTHER)}, {"configuration": {"authentication": {"jwtSecret": OTHER}}}]
    )
    @pytest.mark.parametrize("role", ["host", "member"])
    def test_a_given_secret_comes_first(self, role: str, given: dict[str, Any]) -> None:
        session = FakeSession()
        install(session, Wanted("v3.4.1", role, **given), host=cluster(standing("host")))
        assert spec_of(session)["authentication"]["jwtSecret"] == OTHER

    @pytest.mark.parametrize("in_spec", [SECRET, None])
    def test_then_the_hosts(self, in_spec: str | None) -> None:
        session = FakeSession()
        install(session, Wanted("v3.4.1", "member"), host=cluster(standing("host", secret=in_spec)))
        assert spec_of(session)["authentication"]["jwtSecret"] == SECRET

    def test_a_member_without_a_host(self) -> None:
        session = FakeSession()
        with pytest.raises(Refused, match="a member needs the host's jwtSecret"):
            install(session, Wanted("v3.4.1", "member"))
        with pytest.raises(Refused, match="the host has no jwtSecret yet"):
            install(session, Wanted("v3.4.1", "member"), host=FakeSession("host"))
        assert session.writes == []

    def test_a_plan_of_a_member_whose_host_is_planned_too(self) -> None:
        session = FakeSession(planning=True)
        assert install(session, Wanted("v3.4.1", "member"), host=FakeSession("host", planning=True)).changed

    def test_what_cannot_be_is_refused_before_anything_is_written(self) -> None:
        session = FakeSession()
        with pytest.raises(ConfigurationError):
            install(session, member(configuration={"common": "x"}))
        with pytest.raises(
            Refused, match=r"objects of kind Lease, apiVersion coordination.k8s.io/v1, are not supported"
        ):
            manifest = [
                *installer_objects(find("v3.4.1")),
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "x"}},
            ]
            install(session, member(manifest=manifest))
        assert session.writes == []


class TestStanding:
    """Where it stands."""

    def test_nothing_to_do(self) -> None:
        session = cluster(standing())
        found = install(session, member(), wait_timeout=1)
        assert (found.changed, found.data["finished"], session.writes) == (False, True, [])

    @pytest.mark.parametrize("planning", [False, True])
    def test_a_change_is_one_patch(self, planning: bool) -> None:
        session = cluster(standing(), planning=planning)
        log(session, "Welcome to KubeSphere!")
        found = install(session, member(configuration={"logging": {"enabled": True}}))
        assert found.actions == [
            "patch ClusterConfiguration kubesphere-system/ks-installer on one: change logging.enabled"
        ]
        assert len(session.writes) == (0 if planning else 1)
        assert not found.warnings

    def test_a_conflict_is_tried_again(self) -> None:
        session = cluster(standing())
        original = session.request
        stolen: list[str] = []

        def quicker(method: str, path: str, *args: Any, **kwargs: Any) -> Object:
            if method == "PATCH" and not stolen:
                stolen.append(path)
                other = session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)
                session.put({**other, "spec": {**other["spec"], "alerting": {"enabled": True}}})
            return original(method, path, *args, **kwargs)

        session.request = quicker  # type: ignore[method-assign]
        found = install(session, member(configuration={"logging": {"enabled": True}}))
        assert spec_of(session)["alerting"]["enabled"] is spec_of(session)["logging"]["enabled"] is True
        assert len(found.actions) == 1

    def test_what_would_be_recreated_is_filled_in(self) -> None:
        made = standing()
        del made["spec"]["terminal"]
        session = cluster(made)
        found = install(session, member(configuration={"logging": {"enabled": True}}))
        assert spec_of(session)["terminal"] == {"timeout": 600}
        assert not found.warnings

    def test_what_will_be_recreated_is_announced(self) -> None:
        made = standing()
        made["spec"]["logging"]["logsidecarReplicas"] = 2
        found = install(cluster(made), member(configuration={"logging": {"enabled": True}}))
        assert "will re-create the ClusterConfiguration" in found.warnings[0]

    def test_a_running_run_is_waited_for(self) -> None:
        session = cluster(standing(notes={RUN_BEFORE: LATER}))
        log(session, "TASK [common : x]\n")
        with pytest.raises(WaitTimeout, match="a run of ks-installer goes on"):
            install(session, member(configuration={"logging": {"enabled": True}}), wait_timeout=0.05)
        assert session.writes == []

    def test_the_secret_is_mended(self) -> None:
        session = cluster(standing(secret=OTHER))
        install(session, member())
        assert spec_of(session)["authentication"]["jwtSecret"] == SECRET

    def test_a_secret_in_force_is_not_written(self) -> None:
        session = cluster(standing(secret=None))
        assert not install(session, member()).changed

    @pytest.mark.parametrize(("role", "wanted"), [("host", "member"), ("member", "host")])
    def test_a_change_of_role(self, role: str, wanted: str) -> None:
        session = cluster(standing(role))
        with pytest.raises(Refused, match=f"is installed here as {role} and cannot become {wanted}"):
            install(session, Wanted("v3.4.1", wanted, jwt_secret=Secret(SECRET)))
        assert session.writes == []

    def test_a_single_cluster_becomes_a_member(self) -> None:
        session = cluster(standing("none"))
        assert install(session, member()).changed
        assert spec_of(session)["multicluster"]["clusterRole"] == "member"

    @pytest.mark.parametrize(
        ("core", "notes", "again"),
        [
            ({"status": "enabled"}, {}, []),
            (None, {FAILED_RUN: "task [common : x] failed: no"}, ["note that a new run has begun"]),
        ],
        ids=["first run", "later run"],
    )
    def test_a_failed_run_is_started_again(
        self, core: dict[str, Any] | None, notes: dict[str, str], again: list[str]
    ) -> None:
        session = cluster(standing(core=core, notes=notes))
        log(session, 'TASK [common : x]\nfatal: [localhost]: FAILED! => {"msg": "no"}\nlocalhost : ok=1 failed=1\n')
        done = available(INSTALLER)["status"] | {"observedGeneration": 1}

        def roll_out(_method: str, written: Object) -> None:
            if written["kind"] == "Deployment":
                session.objects[DEPLOYMENT.path(INSTALLER, NAMESPACE)] = {**written, "status": done}

        session.on_write = roll_out
        session.put({**session.at(DEPLOYMENT, INSTALLER, NAMESPACE), "status": done})
        found = install(session, member())
        assert found.actions == [
            "patch Deployment kubesphere-system/ks-installer on one: restart it: its last run failed: "
            "task [common : x] failed: no",
            *(f"patch ClusterConfiguration kubesphere-system/ks-installer on one: {reason}" for reason in again),
        ]
        standing_now = Installed(session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE))
        assert (standing_now.failed_run, standing_now.run_outstanding) == ("", bool(again))

    def test_a_later_run_that_fails_leaves_word(self) -> None:
        session = cluster(standing())
        log(session, "")

        def fail(_method: str, _written: Object) -> None:
            log(session, "TASK [common : x]\nlocalhost : ok=1 failed=1\n")

        session.on_write = fail
        with pytest.raises(InstallationFailed):
            install(session, member(configuration={"logging": {"enabled": True}}), wait_timeout=5)
        found = Installed(session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE))
        assert found.failed_run == "task [common : x] failed"

    def test_a_failure_ends_the_wait(self) -> None:
        session = cluster(standing(core={}))
        log(session, "")

        def fail(method: str, _written: Object) -> None:
            if method == "PATCH":
                log(session, "TASK [common : x]\nlocalhost : ok=1 failed=1\n")

        session.on_write = fail
        with pytest.raises(InstallationFailed, match=r"ks-installer failed: task \[common : x\] failed"):
            install(session, member(configuration={"logging": {"enabled": True}}), wait_timeout=5)


class TestUpgrade:
    """From one release to the next."""

    def test_within_a_line(self) -> None:
        session = cluster(standing(tag="v3.4.0"), tag="v3.4.0")
        found = install(session, member())
        assert found.data["upgraded_from"] == "v3.4.0"
        assert [action.split(" on ")[0] for action in found.actions] == [
            "patch Deployment kubesphere-system/ks-installer"
        ]
        image = session.at(DEPLOYMENT, INSTALLER, NAMESPACE)["spec"]["template"]["spec"]["containers"][0]["image"]
        assert image.endswith(":v3.4.1")

    @pytest.mark.parametrize("planning", [False, True])
    def test_the_installer_is_away_while_the_spec_changes(self, planning: bool) -> None:
        session = cluster(standing(tag="v3.3.2"), tag="v3.3.2", planning=planning)
        actions = install(session, member()).actions
        verbs = [(action.split()[0], action.split()[1]) for action in actions]
        assert verbs[:2] == [("delete", "Deployment"), ("patch", "ClusterConfiguration")]
        assert verbs[-1] == ("create", "Deployment")

    def test_the_last_words_of_the_former_installer_are_no_conflict(self) -> None:
        session = cluster(standing(tag="v3.3.2"), tag="v3.3.2")

        def write_status(method: str, _written: Object) -> None:
            if method == "DELETE":
                session.put({**session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE), "last": "words"})

        session.on_write = write_status
        install(session, member())
        assert session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)["last"] == "words"

    def test_a_run_that_was_killed_with_the_installer_away(self) -> None:
        """What it has noted as under way, nobody installs."""
        session = FakeSession("one", config(), standing(tag="v3.4.0", notes={RUN_BEFORE: LATER}))
        actions = install(session, member(), wait_timeout=None).actions
        assert actions[-1].startswith("create Deployment kubesphere-system/ks-installer")

    def test_a_run_that_goes_on_is_not_disturbed(self) -> None:
        session = cluster(standing(tag="v3.4.0", notes={RUN_BEFORE: LATER}))
        log(session, "TASK [common : x]\n")
        found = install(session, member())
        assert (found.actions, found.data["upgraded_from"], found.data["finished"]) == ([], "v3.4.0", False)

    @pytest.mark.parametrize("notes", [{}, {FAILED_RUN: "task [common : x] failed"}])
    def test_a_run_that_failed_is_repeated(self, notes: dict[str, str]) -> None:
        session = cluster(standing(tag="v3.4.0", notes=notes))
        log(session, "TASK [common : x]\nlocalhost : ok=1 failed=1\n")
        deployment = session.at(DEPLOYMENT, INSTALLER, NAMESPACE)
        deployment["status"] = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1}
        session.put(deployment)
        actions = install(session, member()).actions
        assert actions[0] == (
            "patch Deployment kubesphere-system/ks-installer on one: restart it: its last run failed: "
            "task [common : x] failed"
        )
        assert Installed(session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)).failed_run == ""

    def test_a_release_that_is_told_by_the_label_alone(self) -> None:
        session = cluster(standing(tag="v3.0.0", core={"status": "enabled"}), tag="v3.0.0")
        wanted = Wanted("v3.1.0", "member", jwt_secret=Secret(SECRET))
        assert install(session, wanted).data["upgraded_from"] == "v3.0.0"
        labels = session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)["metadata"]["labels"]
        assert labels["version"] == "v3.1.0"
        session.journal.clear()
        again = install(session, wanted)
        assert (again.changed, again.data["upgraded_from"]) == (False, None)

    @pytest.mark.parametrize(
        ("now", "wanted", "message"),
        [
            ("v3.4.1", "v3.3.2", "there is no way back to v3.3.2"),
            ("v3.2.1", "v3.4.1", "cannot be upgraded to v3.4.1 in one step.*Upgrade to v3.3"),
        ],
    )
    def test_ways_that_there_are_not(self, now: str, wanted: str, message: str) -> None:
        session = cluster(standing(tag=now), tag=now)
        with pytest.raises(Refused, match=message):
            install(session, Wanted(wanted, "member", jwt_secret=Secret(SECRET)))
        assert session.writes == []

    def test_an_unknown_release(self) -> None:
        session = cluster(standing(core={"status": "enabled", "version": "v9.0.0"}))
        with pytest.raises(Refused, match=r"KubeSphere v9.0.0 stands here, which this collection does not know"):
            install(session, member())

    def test_a_member_waits_for_its_host(self) -> None:
        session, host = cluster(standing(tag="v3.4.0"), tag="v3.4.0"), cluster(standing("host", "v3.4.0"))
        with pytest.raises(Refused, match=r"is not upgraded to v3.4.1 before its host, which is at v3.4.0"):
            install(session, member(), host=host)
