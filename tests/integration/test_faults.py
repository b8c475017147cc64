"""What goes wrong on the way: an installer that fails or hangs, a killed run, an API server that goes away."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.integration.controller import Controller, Fleet, Started
from tests.integration.kubesphere import (
    CLUSTERS,
    CONFIGURATION,
    DEPLOYMENTS,
    INSTALL_SECONDS,
    USER_AGENT,
    Audit,
    configuration,
    eventually,
    installer_log,
    jwt_secret,
    meaning,
    names,
    settings,
    side_by_side,
    steer,
    wipe,
)
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

PAIR = ("host", "member-1")


@pytest.fixture(scope="module")
def pair(fleet: Fleet) -> Fleet:
    """The inventory of the host and one member."""
    return fleet.without("member-2").with_all(kubesphere_install_timeout=INSTALL_SECONDS)


@pytest.fixture(scope="module")
def two(clusters: Clusters) -> Clusters:
    """The clusters of that inventory."""
    return {name: clusters[name] for name in PAIR}


def written(two: Clusters, marks: dict[str, int]) -> int:
    """Number of the collection's writes since the marks."""
    return sum(sum(cluster.writes(marks[name], USER_AGENT).values()) for name, cluster in two.items())


# A killed run: the first tests, since each begins with nothing


@pytest.fixture(scope="module")
def undisturbed(controller: Controller, pair: Fleet, two: Clusters) -> dict[str, Any]:
    """What a run leaves that nobody disturbs, and how many writes it takes."""
    marks = {name: cluster.audit_mark() for name, cluster in two.items()}
    run = controller.playbook("site", pair)
    assert run.status == 0, run.output
    return {"meaning": {name: meaning(cluster) for name, cluster in two.items()}, "writes": written(two, marks)}


def kill_after(started: Started, two: Clusters, marks: dict[str, int], writes: int) -> int:
    """Kill a run as soon as it has made so many writes; answers how many it has made in the end."""
    deadline = time.monotonic() + 90
    while written(two, marks) < writes:
        assert started.process.poll() is None, f"ended before it was killed:\n{started.output}"
        assert time.monotonic() < deadline, started.output
    started.kill()
    return written(two, marks)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.65, 1.0], ids=["first write", "on the host", "on the member", "import"])
def test_killed_run_is_taken_up_by_the_next(
    controller: Controller, pair: Fleet, two: Clusters, undisturbed: dict[str, Any], share: float
) -> None:
    side_by_side(wipe, two.values())
    marks = {name: cluster.audit_mark() for name, cluster in two.items()}
    wanted = max(1, round(undisturbed["writes"] * share))
    before = kill_after(controller.start("site", pair), two, marks, wanted)
    assert wanted <= before <= undisturbed["writes"]
    run = controller.playbook("site", pair)
    assert run.status == 0, run.output
    # Nothing is done twice. ks-installer may have to be started anew.
    assert written(two, marks) <= undisturbed["writes"] + 1
    assert {name: meaning(cluster) for name, cluster in two.items()} == undisturbed["meaning"]
    assert jwt_secret(two["host"]) == jwt_secret(two["member-1"])
    again = controller.playbook("site", pair)
    assert not any(again.changed.values()), again.output


# What stands is changed


@pytest.fixture(scope="module")
def standing(controller: Controller, pair: Fleet) -> Fleet:
    """The inventory of the pair that stands."""
    run = controller.playbook("site", pair)
    assert run.status == 0, run.output
    return pair


def test_change_of_the_configuration_is_one_patch_and_waited_for(
    controller: Controller, standing: Fleet, two: Clusters
) -> None:
    host = two["host"]
    before = configuration(host)
    values = {"network": {"networkpolicy": {"enabled": True}}}
    wanted = standing.with_host(kubesphere_configuration=values)
    foretold = controller.playbook("install", wanted, "--check")
    audit = Audit(two.values())
    run = controller.playbook("install", wanted)
    assert run.status == 0, run.output
    assert {name: dict(writes) for name, writes in audit.writes().items()} == {
        "host": {("patch", "clusterconfigurations"): 1}
    }
    assert foretold.actions == run.actions
    assert run.actions == [
        "patch ClusterConfiguration kubesphere-system/ks-installer on host: change network.networkpolicy.enabled"
    ]
    after = configuration(host)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"].pop("network")["networkpolicy"] == {"enabled": True}
    assert after["spec"] == {key: value for key, value in before["spec"].items() if key != "network"}
    # The run of ks-installer that this caused has come to its end.
    assert installer_log(host).rstrip().endswith("#" * 53)
    assert after["status"]["core"]["enabledTime"] > before["status"]["core"]["enabledTime"]


def test_second_change_waits_for_the_run_that_goes_on(controller: Controller, standing: Fleet, two: Clusters) -> None:
    """A change in the middle of a run could have everything installed again."""
    member = two["member-1"]
    uid = configuration(member)["metadata"]["uid"]
    steer(member, installer={"hang": "ks-core"})
    mark = member.audit_mark()
    try:
        member.api.patch(CONFIGURATION, {"spec": {"terminal": {"timeout": 601}}})
        wanted = standing.with_member("member-1", kubesphere_configuration={"terminal": {"timeout": 602}})
        started = controller.start("install", wanted, "--limit", "member-1")
        eventually(lambda: "a run of ks-installer goes on" in started.output, "the run to wait", 30)
        time.sleep(1)
        assert not member.writes(mark, USER_AGENT)
    finally:
        # Not too quick: KubeSphere notes in whole seconds when ks-core was through, and the change comes at once.
        steer(member, installer={"duration": 3})
    run = started.end()
    steer(member)
    assert run.status == 0, run.output
    assert dict(member.writes(mark, USER_AGENT)) == {("patch", "clusterconfigurations"): 1}
    found = configuration(member)
    assert (found["metadata"]["uid"], found["spec"]["terminal"]["timeout"]) == (uid, 602)


def test_failed_component_is_named_and_the_next_run_mends_it(
    controller: Controller, standing: Fleet, two: Clusters
) -> None:
    member = two["member-1"]
    steer(member, installer={"fail": "monitoring", "message": "no space left on device"})
    wanted = standing.with_member("member-1", kubesphere_configuration={"terminal": {"timeout": 603}})
    try:
        run = controller.playbook("install", wanted, "--limit", "member-1")
        assert run.status == 2, run.output
        assert run.failures["member-1"] == (
            "member-1: ks-installer failed: component monitoring failed: no space left on device. "
            "Mend the cause and run this again: it restarts ks-installer. "
            "The whole log: kubectl -n kubesphere-system logs deploy/ks-installer."
        )
        assert run.seconds < 60
    finally:
        steer(member)
    audit = Audit([member])
    run = controller.playbook("install", wanted, "--limit", "member-1")
    assert run.status == 0, run.output
    assert {name: dict(writes) for name, writes in audit.writes().items()} == {
        "member-1": {("patch", "deployments"): 1, ("patch", "clusterconfigurations"): 1}
    }
    because = "restart it: its last run failed: component monitoring failed: no space left on device"
    assert f"patch Deployment kubesphere-system/ks-installer on member-1: {because}" in run.actions
    again = controller.playbook("install", wanted, "--limit", "member-1")
    assert not any(again.changed.values()), again.output


@pytest.mark.parametrize(
    ("release", "fault"), [("v3.4.1", "precheck"), ("v3.4.1", "ks-core"), ("v3.4.1", "monitoring")]
)
def test_first_installation_that_fails(
    controller: Controller, fleet: Fleet, clusters: Clusters, standing: Fleet, release: str, fault: str
) -> None:
    """In each of the three parts of a run: the message names the cause, and the next run comes through."""
    member = clusters["member-2"]
    wipe(member)
    steer(member, installer={"fail": fault, "message": "no space left on device"})
    wanted = standing.with_member("member-2", **fleet.members["member-2"], kubesphere_release=release)
    run = controller.playbook("site", wanted, "--limit", "member-2")
    assert run.status == 2, run.output
    message = run.failures["member-2"]
    assert message.startswith("member-2: ks-installer failed: "), message
    cause = "told to fail in precheck" if fault == "precheck" else "no space left on device"
    assert cause in message, message
    assert fault != "monitoring" or "component monitoring failed" in message, message
    assert names(clusters["host"]) == ["host", "member-1"]
    steer(member)
    run = controller.playbook("site", wanted, "--limit", "member-2")
    assert run.status == 0, run.output
    assert settings(member)["multicluster"]["clusterRole"] == "member"
    clusters["host"].api.delete(f"{CLUSTERS}/member-2")
    eventually(lambda: names(clusters["host"]) == ["host", "member-1"], "the Cluster to be gone")


def test_installer_that_hangs_is_waited_for_until_the_deadline(
    controller: Controller, standing: Fleet, two: Clusters
) -> None:
    member = two["member-1"]
    steer(member, installer={"hang": "monitoring"})
    wanted = standing.with_member(
        "member-1", kubesphere_configuration={"terminal": {"timeout": 604}}, kubesphere_install_timeout=8
    )
    try:
        run = controller.playbook("install", wanted, "--limit", "member-1")
    finally:
        steer(member)
    assert run.status == 2, run.output
    message = run.failures["member-1"]
    assert "Waited 8 s in vain until KubeSphere v3.4.1 stands: " in message, message
    assert "ks-installer: Waiting for all tasks to be completed" in message, message
    assert 8 < run.seconds < 30
    run = controller.playbook("install", wanted.with_member("member-1", kubesphere_install_timeout=60))
    assert run.status == 0, run.output
    assert not any(run.changed.values())


def test_image_that_cannot_be_pulled_is_named(
    controller: Controller, fleet: Fleet, clusters: Clusters, standing: Fleet
) -> None:
    member = clusters["member-2"]
    wipe(member)
    document = controller.playbook("render", fleet, "-e", f"kubesphere_render_dir={controller.folder}/own")
    assert document.status == 0, document.output
    folder = controller.folder / "own" / "member-2"
    text = "".join(path.read_text() for path in sorted(folder.glob("*.yaml")))
    manifest = controller.folder / "own.yaml"
    manifest.write_text(text.replace("kubesphere/ks-installer:v3.4.1", "kubesphere/no-such-image:v3.4.1"))
    wanted = standing.with_member(
        "member-2", **fleet.members["member-2"], kubesphere_manifest=str(manifest), kubesphere_install_timeout=8
    )
    run = controller.playbook("install", wanted, "--limit", "member-2")
    assert run.status == 2, run.output
    assert "container installer waits: " in run.failures["member-2"], run.failures
    assert "no-such-image:v3.4.1" in run.failures["member-2"], run.failures
    mended = standing.with_member("member-2", **fleet.members["member-2"])
    run = controller.playbook("install", mended, "--limit", "member-2")
    assert run.status == 0, run.output
    wipe(member)


# An API server that goes away


def test_api_server_that_restarts_during_the_wait(controller: Controller, standing: Fleet, two: Clusters) -> None:
    member = two["member-1"]
    steer(member, installer={"hang": "monitoring"})  # so that ks-installer itself has nothing to ask it meanwhile
    values = {"terminal": {"timeout": 605}}
    wanted = standing.with_member("member-1", kubesphere_configuration=values, kubesphere_install_timeout=60)
    try:
        started = controller.start("install", wanted, "--limit", "member-1")
        eventually(lambda: "ks-installer: Waiting for all tasks" in started.output, "the run to wait", 30)
        member.restart("kube-apiserver")
    finally:
        steer(member)
    run = started.end()
    assert run.status == 0, run.output
    assert configuration(member)["spec"]["terminal"]["timeout"] == 605
    again = controller.playbook("install", wanted, "--limit", "member-1")
    assert not any(again.changed.values()), again.output


@pytest.mark.stand_in("controller-manager")
def test_api_server_of_the_host_that_restarts_during_the_import(
    controller: Controller, standing: Fleet, two: Clusters
) -> None:
    host = two["host"]
    host.api.delete(f"{CLUSTERS}/member-1")
    eventually(lambda: names(host) == ["host"], "the Cluster to be gone")
    steer(host, controller={"pause": True})
    try:
        started = controller.start("import", standing)
        eventually(lambda: "waiting until it is Ready" in started.output, "the run to wait", 60)
        host.restart("kube-apiserver")
    finally:
        steer(host)
    run = started.end()
    assert run.status == 0, run.output
    assert run.of("member")[0]["verified"] is True
    assert names(host) == ["host", "member-1"]


def test_member_that_is_cut_from_its_host(controller: Controller, standing: Fleet, two: Clusters) -> None:
    """The play reaches both, and the host does not reach the member: only using the member through the host tells."""
    host, member = two["host"], two["member-1"]
    host.cut(member)
    try:
        run = controller.playbook("import", standing.with_all(kubesphere_import_timeout=6))
        assert run.status == 2, run.output
        assert "Waited 6 s in vain until it is Ready and can be used through host: " in run.failures["member-1"]
        assert run.seconds < 40
    finally:
        host.mend(member)
    assert controller.playbook("import", standing).status == 0


def test_deployment_of_the_installer_is_one(two: Clusters) -> None:
    """After all that, there is still one ks-installer with one pod."""
    for cluster in two.values():
        found = cluster.api.get(f"{DEPLOYMENTS}/ks-installer")
        assert (found["spec"]["replicas"], found["status"]["readyReplicas"]) == (1, 1)
