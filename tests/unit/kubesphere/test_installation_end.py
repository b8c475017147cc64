# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of when an installation has come to its end, and of an installer that is not there."""

from __future__ import annotations

from typing import NoReturn

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import Forbidden, WaitTimeout
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP, DEPLOYMENT
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installation import (
    Wanted,
    await_installed,
    install,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installed import InstallationFailed
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER_CONFIGURATION,
    INSTALLER,
    NAMESPACE,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused

from tests.unit.fakes import Clock, FakeSession
from tests.unit.kubesphere.test_installation import SECRET, cluster, config, log, member, spec_of, standing

RUNNING = "TASK [common : Making things]\n"
ENDED = f"{RUNNING}Welcome to KubeSphere!\n"
FAILED = f'{RUNNING}fatal: [localhost]: FAILED! => {{"msg": "no space"}}\nlocalhost : ok=1 failed=1\n'


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def old(tag: str) -> tuple[FakeSession, Wanted]:
    """A cluster of a release whose status does not tell the end of a run."""
    session = cluster(standing(tag=tag, core={"status": "enabled"}), tag=tag)
    return session, Wanted(tag, "member", jwt_secret=Secret(SECRET))


class TestEnd:
    """What stands may stem from a former run."""

    def test_it_does_not_end_the_wait_while_a_run_goes_on(self, clock: Clock) -> None:
        session, lines = cluster(standing()), list[str]()
        log(session, RUNNING)
        clock.on_sleep = lambda: log(session, ENDED if clock.now >= 20 else RUNNING)
        found = await_installed(session, member(), wait_timeout=100, progress=lines.append)
        assert found.data["finished"] is True
        assert 20 <= clock.now < 30
        assert lines[0].endswith("its run goes on; ks-installer: common : Making things")
        assert session.writes == []

    def test_a_run_that_does_not_end(self) -> None:
        session = cluster(standing())
        log(session, RUNNING)
        with pytest.raises(WaitTimeout, match="its run goes on; ks-installer: common : Making things"):
            await_installed(session, member(), wait_timeout=60)

    def test_a_failed_run_is_a_failure_although_everything_stands(self) -> None:
        session = cluster(standing())
        log(session, FAILED)
        with pytest.raises(InstallationFailed) as caught:
            await_installed(session, member(), wait_timeout=60)
        assert caught.value.message == "ks-installer failed: task [common : Making things] failed: no space"
        assert "it restarts ks-installer" in caught.value.hint

    def test_a_failure_that_comes_during_the_wait(self, clock: Clock) -> None:
        session = cluster(standing(core={}))
        log(session, RUNNING)
        clock.on_sleep = lambda: log(session, FAILED if clock.now >= 20 else RUNNING)
        with pytest.raises(InstallationFailed, match="no space"):
            await_installed(session, member(), wait_timeout=100)
        assert clock.now < 30

    def test_what_is_missing_is_waited_for_after_the_run(self, clock: Clock) -> None:
        session, lines = cluster(standing()), list[str]()
        log(session, ENDED)
        path = CONFIG_MAP.path("kubesphere-config", NAMESPACE)
        del session.objects[path]
        clock.on_sleep = lambda: clock.now >= 20 and session.put(config())
        await_installed(session, member(), wait_timeout=100, progress=lines.append)
        assert "kubesphere-config is not written yet" in lines[0]

    def test_a_configuration_that_is_re_created_during_the_wait(self, clock: Clock) -> None:
        session, lines = cluster(), list[str]()
        clock.on_sleep = lambda: clock.now >= 5 and session.put(standing())
        await_installed(session, member(), wait_timeout=100, progress=lines.append)
        assert "ks-installer is re-creating the ClusterConfiguration" in lines[0]

    def test_the_mark_of_a_first_run_is_its_end(self, clock: Clock) -> None:
        session = cluster(standing(core={"status": "enabled"}))
        log(session, RUNNING)
        clock.on_sleep = lambda: clock.now >= 20 and session.put(standing())
        assert await_installed(session, member(), wait_timeout=100).data["finished"] is True
        assert clock.now < 40

    def test_the_end_of_a_later_run_is_heard_from_its_log(self, clock: Clock) -> None:
        session = cluster(standing())
        log(session, RUNNING)
        clock.on_sleep = lambda: log(session, ENDED if clock.now >= 17 else RUNNING)
        await_installed(session, member(), wait_timeout=100)
        assert clock.now == 17
        reads = [path for method, path in session.requests if method == "GET" and path.endswith(f"/{INSTALLER}")]
        assert len(reads) == 3

    def test_a_log_that_cannot_be_followed(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        session = cluster(standing())
        log(session, RUNNING)
        clock.on_sleep = lambda: log(session, ENDED if clock.now >= 17 else RUNNING)

        def lines(*_arguments: object) -> NoReturn:
            raise Forbidden("no")

        monkeypatch.setattr(session, "lines", lines)
        await_installed(session, member(), wait_timeout=100)
        assert clock.now == 20

    @pytest.mark.parametrize("text", [None, "", ENDED])
    def test_where_the_status_tells_the_end_the_log_need_not(self, text: str | None) -> None:
        session = cluster(standing())
        if text is not None:
            log(session, text)
        assert await_installed(session, member(), wait_timeout=1).data["finished"] is True

    @pytest.mark.parametrize("tag", ["v3.0.0", "v3.1.0"])
    @pytest.mark.parametrize("text", [None, "", RUNNING])
    def test_where_it_does_not_the_log_must(self, tag: str, text: str | None) -> None:
        session, wanted = old(tag)
        if text is not None:
            log(session, text)
        with pytest.raises(WaitTimeout, match="its run goes on"):
            await_installed(session, wanted, wait_timeout=30)
        log(session, ENDED)
        assert await_installed(session, wanted, wait_timeout=1).data["finished"] is True


class TestMissingInstaller:
    """Somebody has removed ks-installer."""

    def cluster(self, planning: bool = False) -> FakeSession:
        session = cluster(standing(), planning=planning)
        del session.objects[DEPLOYMENT.path(INSTALLER, NAMESPACE)]
        return session

    @pytest.mark.parametrize("planning", [False, True])
    def test_it_is_brought_back_before_a_change(self, planning: bool) -> None:
        session = self.cluster(planning)
        found = install(session, member(configuration={"logging": {"enabled": True}}))
        assert found.actions == [
            "create Deployment kubesphere-system/ks-installer on one: install v3.4.1",
            "patch ClusterConfiguration kubesphere-system/ks-installer on one: change logging.enabled",
        ]
        if not planning:
            assert spec_of(session)["logging"]["enabled"] is True

    def test_from_the_users_own_manifest(self) -> None:
        session = self.cluster()
        own = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": INSTALLER, "namespace": NAMESPACE, "labels": {"mine": "yes"}},
            "spec": {"selector": {"matchLabels": {"app": INSTALLER}}},
        }
        install(session, member(manifest=[own], configuration={"logging": {"enabled": True}}))
        assert session.at(DEPLOYMENT, INSTALLER, NAMESPACE)["metadata"]["labels"] == {"mine": "yes"}

    def test_where_nothing_changes_it_may_stay_away(self) -> None:
        session = self.cluster()
        assert not install(session, member(), wait_timeout=1).changed
        assert session.writes == []

    def test_a_change_that_would_break_it_does_not_bring_it_back(self) -> None:
        session = self.cluster()
        session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)["spec"]["common"] = "text"
        with pytest.raises(Refused, match="common"):
            install(session, member(configuration={"logging": {"enabled": True}}))
        assert session.writes == []


class TestOfOthers:
    """An installation that another run is to begin."""

    def test_it_is_waited_for_although_nobody_has_begun(self, clock: Clock) -> None:
        session, lines = cluster(), list[str]()
        clock.on_sleep = lambda: clock.now >= 30 and session.put(standing())
        found = await_installed(session, member(), managed=False, wait_timeout=100, progress=lines.append)
        assert found.data["finished"] is True
        assert "the run that installs KubeSphere here has not begun yet" in lines[0]
        assert session.writes == []

    def test_in_vain(self) -> None:
        with pytest.raises(WaitTimeout, match="has not begun yet") as caught:
            await_installed(cluster(), member(), managed=False, wait_timeout=60)
        assert "the slice of the inventory that has the host" in caught.value.hint

    def test_what_stands_is_not_waited_for(self, clock: Clock) -> None:
        session = cluster(standing())
        log(session, FAILED)
        assert await_installed(session, member(), managed=False, wait_timeout=60).data["finished"] is True
        assert clock.now < 1

    def test_a_failure_is_told_and_noted_by_whoever_has_begun(self) -> None:
        session = cluster(standing())
        del session.objects[CONFIG_MAP.path("kubesphere-config", NAMESPACE)]
        log(session, FAILED)
        with pytest.raises(InstallationFailed, match="no space"):
            await_installed(session, member(), managed=False, wait_timeout=60)
        assert session.writes == []

    def test_another_role_is_refused(self) -> None:
        with pytest.raises(Refused, match="installed here as member"):
            await_installed(cluster(standing()), Wanted("v3.4.1", "host"), managed=False, wait_timeout=60)

    def test_a_plan_does_not_wait(self) -> None:
        session = FakeSession("one", planning=True)
        assert await_installed(session, member(), managed=False, wait_timeout=60).data["finished"] is True
