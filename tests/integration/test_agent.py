"""Members that an agent connects: imported, imported again, followed, switched, and what goes wrong on the way."""

from __future__ import annotations

import json
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet, Run, Started
from tests.integration.kubesphere import (
    CLUSTERS,
    DEPLOYMENTS,
    SYSTEM,
    USER_AGENT,
    Audit,
    eventually,
    names,
    settings,
    steer,
    stored_kubeconfig,
)
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

AGENT = f"{DEPLOYMENTS}/cluster-agent"
JOBS = "/apis/batch/v1/namespaces/kubesphere-system/jobs"
TOWER = f"{DEPLOYMENTS}/tower"


@pytest.fixture(scope="module")
def pair(fleet: Fleet, clusters: Clusters) -> Fleet:
    """The inventory of the host, whose load balancer gives tower an address, and one member that an agent connects."""
    steer(clusters["host"], cloud={"address": "auto"})
    return fleet.without("member-2").with_member("member-1", kubesphere_connection="agent")


@pytest.fixture(scope="module")
def foretold(controller: Controller, pair: Fleet, clusters: Clusters) -> Run:
    """A check run before the first run."""
    audit = Audit(clusters.values())
    run = controller.playbook("site", pair, "--check", "--diff")
    assert run.status == 0, run.output
    assert audit.writes() == {}
    return run


@pytest.fixture(scope="module")
def first(controller: Controller, pair: Fleet, foretold: Run) -> Run:
    """The first run."""
    assert foretold.status == 0
    run = controller.playbook("site", pair, "--diff", "-vvv")
    assert run.status == 0, run.output
    return run


@pytest.fixture(scope="module")
def standing(first: Run, pair: Fleet) -> Fleet:
    """The inventory of the fleet that stands."""
    assert first.status == 0
    return pair


def connection(host: Cluster, name: str = "member-1") -> dict[str, Any]:
    """``spec.connection`` of a Cluster."""
    return dict(host.api.get(f"{CLUSTERS}/{name}")["spec"]["connection"])


def condition(host: Cluster, kind: str, name: str = "member-1") -> str:
    """Status of a condition of a Cluster."""
    found = (host.api.get(f"{CLUSTERS}/{name}").get("status") or {}).get("conditions") or []
    return next((str(each["status"]) for each in found if each["type"] == kind), "")


def command(member: Cluster) -> list[str]:
    """The command of a member's agent."""
    return list(member.api.get(AGENT)["spec"]["template"]["spec"]["containers"][0]["command"])


def agent_log(member: Cluster) -> str:
    """The log of a member's agent, once only one is left."""
    pods = [pod for pod in member.api.get(f"{SYSTEM}/pods")["items"] if "cluster-agent" in pod["metadata"]["name"]]
    assert pods
    if len(pods) > 1:
        return ""
    return str(member.api.request("GET", f"{SYSTEM}/pods/{pods[0]['metadata']['name']}/log").get("text", ""))


def forget(host: Cluster, *members: Cluster, cluster_names: tuple[str, ...] = ()) -> None:
    """Undo imports by hand, so that a test can begin with a first one."""
    gone = cluster_names or tuple(member.name for member in members)
    for name in gone:
        host.api.delete(f"{CLUSTERS}/{name}")
    eventually(lambda: not set(gone) & set(names(host)), "the Clusters to be gone")
    for member in members:
        if member.api.find(AGENT):
            member.api.delete(AGENT)
        config = member.api.get(f"{SYSTEM}/configmaps/kubesphere-config")
        content = yaml.safe_load(config["data"]["kubesphere.yaml"])
        if content["multicluster"].pop("clusterName", None):
            text = yaml.safe_dump(content)
            member.api.patch(f"{SYSTEM}/configmaps/kubesphere-config", {"data": {"kubesphere.yaml": text}})


# The first import, and the second run


def test_check_mode_foretells_the_first_run(foretold: Run, first: Run) -> None:
    assert "create Deployment kubesphere-system/cluster-agent on member-1: connect it to the host" in first.actions
    assert foretold.actions == first.actions
    assert foretold.changed == first.changed


def test_first_run_connects_the_member(first: Run, host: Cluster, member: Cluster) -> None:
    [imported] = first.of("member")
    assert (imported["connection"], imported["verified"], imported["nodes"]) == ("agent", True, 1)
    address = imported["proxy_address"]
    assert f"--proxy-server={address}" in command(member)
    stored = connection(host)
    assert stored["type"] == "proxy"
    assert len(stored["token"]) == 64
    assert f"--token={stored['token']}" in command(member)
    for kind in ("Initialized", "AgentAvailable", "Federated", "Ready"):
        assert condition(host, kind) == "True", kind
    # tower's own kubeconfig leads through the tunnel.
    service = host.api.get(f"{SYSTEM}/services/mc-member-1")["spec"]["clusterIP"]
    assert stored_kubeconfig(host, "member-1")["clusters"][0]["cluster"]["server"] == f"https://{service}:6443"
    uid = member.api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    assert imported["uid"] == uid


def test_token_is_shown_nowhere(first: Run, host: Cluster, controller: Controller) -> None:
    token = connection(host)["token"]
    assert token not in first.output
    assert token not in json.dumps([task.result for task in first.tasks])
    assert [path for path in controller.folder.rglob("*") if path.is_file() and token in _text(path)] == []


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def test_table_shows_the_connection(first: Run) -> None:
    assert ["member-1", "member", "agent"] in [row.split()[:3] for row in first.table]
    assert all(row.split()[-1] == "works" for row in first.table[1:])


def test_second_run_changes_nothing(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook("site", standing)
    assert run.status == 0, run.output
    assert run.changed == {"host": 0, "member-1": 0}
    assert run.actions == []
    assert audit.requests().keys() == {"host", "member-1"}
    assert audit.writes() == {}
    assert audit.caused() == {}


def test_manifest_of_ks_apiserver_means_the_same(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    wanted = standing.with_member("member-1", kubesphere_agent_manifest_source="ks_apiserver")
    run = controller.playbook("import", wanted)
    assert run.status == 0, run.output
    assert run.actions == []
    assert audit.writes() == {}


def test_what_a_user_adds_to_the_agent_stays(controller: Controller, standing: Fleet, member: Cluster) -> None:
    container = member.api.get(AGENT)["spec"]["template"]["spec"]["containers"][0]
    changed = {**container, "command": [*container["command"][:-1], "--v=2"], "env": [{"name": "A", "value": "b"}]}
    member.api.patch(AGENT, {"spec": {"template": {"spec": {"containers": [changed]}}}})
    agent = {"replicas": 1, "environment": {"HTTPS_PROXY": "http://192.0.2.9:3128"}}
    run = controller.playbook("import", standing.with_member("member-1", kubesphere_agent=agent))
    assert run.status == 0, run.output
    assert run.actions == ["patch Deployment kubesphere-system/cluster-agent on member-1: the inventory says so"]
    after = member.api.get(AGENT)["spec"]["template"]["spec"]["containers"][0]
    assert after["command"] == changed["command"]
    assert after["env"] == [{"name": "A", "value": "b"}, {"name": "HTTPS_PROXY", "value": "http://192.0.2.9:3128"}]


# The proxy address changes, and the agent's credentials


def test_agents_follow_the_proxy_address(
    controller: Controller, standing: Fleet, clusters: Clusters, member: Cluster
) -> None:
    host = clusters["host"]
    before = next(word for word in command(member) if word.startswith("--proxy-server=")).partition("=")[2]
    port = host.api.get(f"{SYSTEM}/services/tower")["spec"]["ports"][0]["nodePort"]
    address = f"http://{host.address}:{port}"
    wanted = standing.with_host(kubesphere_proxy_address=address)
    run = controller.playbook("renew", wanted)
    assert run.status == 0, run.output
    assert (
        f"patch Deployment kubesphere-system/cluster-agent on member-1: the proxy address is {address} now, no longer "
        f"{before}"
    ) in run.actions
    assert settings(host)["multicluster"]["proxyPublishAddress"] == address
    assert f"--proxy-server={address}" in command(member)
    audit = Audit(clusters.values())
    again = controller.playbook("site", wanted)
    assert again.status == 0, again.output
    assert audit.writes() == {}


def test_agent_with_a_wrong_token_is_mended(
    controller: Controller, standing: Fleet, host: Cluster, member: Cluster
) -> None:
    container = member.api.get(AGENT)["spec"]["template"]["spec"]["containers"][0]
    words = ["--token=wrong" if word.startswith("--token=") else word for word in container["command"]]
    member.api.patch(AGENT, {"spec": {"template": {"spec": {"containers": [{**container, "command": words}]}}}})
    # The condition may stay: 3.4's webhook lets nobody update the Cluster of a member that cannot be reached.
    eventually(lambda: "Unauthorized agent" in agent_log(member), "the agent to be refused")
    run = controller.playbook("import", standing)
    assert run.status == 0, run.output
    assert run.actions == [
        "patch Deployment kubesphere-system/cluster-agent on member-1: its token is not the Cluster's"
    ]
    assert condition(host, "AgentAvailable") == "True"


def test_tower_that_is_restarted_is_waited_for(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    host = clusters["host"]
    # By its pod: the programs of two pods cannot have the one port of the sandbox's node.
    for pod in host.api.get(f"{SYSTEM}/pods")["items"]:
        if pod["metadata"]["name"].startswith("tower-"):
            host.api.delete(f"{SYSTEM}/pods/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})
    run = controller.playbook("import", standing)
    assert run.status == 0, run.output
    assert run.actions == []


# One that cannot be reached, and one that has to be looked at


@pytest.fixture
def again(standing: Fleet, host: Cluster, member: Cluster) -> Iterator[Fleet]:
    """A member that is not imported; it can be reached, and reach, everything when the test ends."""
    forget(host, member)
    yield standing
    host.mend(member)
    member.mend_to_machine()
    if "member-1" in names(host):
        forget(host, member)


def test_auto_takes_the_direct_connection_where_the_host_reaches_the_member(
    controller: Controller, again: Fleet, clusters: Clusters
) -> None:
    host = clusters["host"]
    wanted = again.with_member("member-1", kubesphere_connection="auto")
    audit = Audit(clusters.values())
    foretold = controller.playbook("import", wanted, "--check")
    assert audit.writes() == {}
    run = controller.playbook("import", wanted)
    assert run.status == 0, run.output
    [imported] = run.of("member")
    reason = f"{clusters['member-1'].server} is reached by the host's ks-apiserver"
    assert (imported["connection"], imported["connection_reason"]) == ("direct", reason)
    assert run.actions == [f"create Cluster member-1 on host: import it by connection direct: {reason}"]
    assert foretold.actions == run.actions
    annotations = host.api.get(f"{CLUSTERS}/member-1")["metadata"]["annotations"]
    assert annotations["kubesphere.multicluster/connection-reason"] == reason
    audit = Audit(clusters.values())
    second = controller.playbook("import", wanted)
    assert second.of("member")[0]["connection_reason"] == reason
    assert audit.writes() == {}


def test_auto_takes_the_agent_where_only_the_member_reaches_the_host(
    controller: Controller, again: Fleet, clusters: Clusters, host: Cluster, member: Cluster
) -> None:
    host.cut_way_to(member, reject=True)
    wanted = again.with_member("member-1", kubesphere_connection="auto")
    run = controller.playbook("import", wanted)
    assert run.status == 0, run.output
    [imported] = run.of("member")
    assert (imported["connection"], imported["verified"]) == ("agent", True)
    assert f"{member.server} is not reached by the host's ks-apiserver" in imported["connection_reason"]
    assert "is reached from a pod in member-1" in imported["connection_reason"]
    assert member.api.get(JOBS)["items"] == []
    audit = Audit(clusters.values())
    second = controller.playbook("import", wanted)
    assert second.status == 0, second.output
    assert audit.writes() == {}


def test_auto_refuses_where_neither_reaches_the_other(
    controller: Controller, again: Fleet, host: Cluster, member: Cluster
) -> None:
    host.cut_way_to(member, reject=True)
    member.cut_way_to(host, reject=True)
    run = controller.playbook("import", again.with_member("member-1", kubesphere_connection="auto"))
    assert run.status == 2, run.output
    text = run.failures["member-1"]
    assert "it can be imported neither directly nor by agent" in text
    assert f"{member.server} is not reached by the host's ks-apiserver" in text
    assert "is not reached from a pod in member-1" in text
    assert "member-1" not in names(host)
    assert member.api.find(AGENT) is None


def test_member_that_the_play_does_not_reach(
    controller: Controller, again: Fleet, host: Cluster, member: Cluster, tmp_path: Path
) -> None:
    member.cut_from_machine()
    apart = again.with_member(
        "member-1",
        kubesphere_reachable=False,
        kubesphere_agent_manifest_dir=str(tmp_path),
        kubesphere_import_wait=False,
    )
    begun = controller.playbook("site", apart)
    assert begun.status == 0, begun.output
    [imported] = begun.of("member")
    manifest = tmp_path / "member-1.yaml"
    assert (imported["verified"], imported["agent_manifest"]) == (False, str(manifest))
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o600
    token = connection(host)["token"]
    assert token in manifest.read_text()
    assert token not in begun.output
    # Its state is told, not taken for done.
    assert "works" not in next(row for row in begun.table if row.startswith("member-1"))
    member.mend_to_machine()
    member.api.create(DEPLOYMENTS, yaml.safe_load(manifest.read_text()))
    member.cut_from_machine()
    finished = controller.playbook("site", apart.with_member("member-1", kubesphere_import_wait=True))
    assert finished.status == 0, finished.output
    [imported] = finished.of("member")
    assert (imported["verified"], imported["nodes"]) == (True, 1)
    assert not any(finished.changed.values())


def test_agent_manifest_for_a_pipeline(controller: Controller, standing: Fleet, host: Cluster, tmp_path: Path) -> None:
    run = controller.playbook("import", standing)
    assert run.status == 0, run.output
    access = {"host_cluster": {"kubeconfig": str(host.kubeconfig)}, "cluster_name": "member-1"}
    path = tmp_path / "agent.yaml"
    local = standing.with_all(ansible_connection="local")

    def asked(**more: str) -> Run:
        return controller.module("agent_manifest", "member-1", local, {**access, **more})

    [given] = asked().of("agent_manifest")
    [written] = asked(path=str(path)).of("agent_manifest")
    assert written["actions"] == [f"write {path}"]
    assert yaml.safe_load(path.read_text()) == yaml.safe_load(given["manifest"])
    [again] = asked(path=str(path)).of("agent_manifest")
    assert again["changed"] is False
    refused = asked(cluster_name="nobody").failures["member-1"]
    assert "there is no Cluster nobody with an agent connection" in refused


# From one connection to the other


def test_other_connection_is_refused_unless_it_is_asked_for(
    controller: Controller, standing: Fleet, clusters: Clusters, host: Cluster, member: Cluster
) -> None:
    assert controller.playbook("import", standing).status == 0
    direct = standing.with_member("member-1", kubesphere_connection="direct")
    audit = Audit(clusters.values())
    refused = controller.playbook("import", direct)
    assert "it is imported by connection agent, not direct" in refused.failures["member-1"]
    assert audit.writes() == {}
    switching = direct.with_member("member-1", kubesphere_switch_connection=True)
    switched = controller.playbook("import", switching)
    assert switched.status == 0, switched.output
    assert connection(host)["type"] == "direct"
    assert "token" not in connection(host)
    assert stored_kubeconfig(host, "member-1")["clusters"][0]["cluster"]["server"] == member.server
    assert member.api.find(AGENT) is None
    assert host.api.find(f"{SYSTEM}/services/mc-member-1") is None
    audit = Audit(clusters.values())
    assert controller.playbook("import", switching).actions == []
    assert audit.writes() == {}
    back = controller.playbook("import", standing.with_member("member-1", kubesphere_switch_connection=True))
    assert back.status == 0, back.output
    assert connection(host)["type"] == "proxy"
    assert condition(host, "AgentAvailable") == "True"


# What goes wrong


def test_member_without_its_service_account(
    controller: Controller, again: Fleet, clusters: Clusters, member: Cluster
) -> None:
    account = member.api.get(f"{SYSTEM}/serviceaccounts/kubesphere")
    member.api.delete(f"{SYSTEM}/serviceaccounts/kubesphere")
    audit = Audit(clusters.values())
    try:
        run = controller.playbook("import", again)
        assert "it has no ServiceAccount kubesphere-system/kubesphere" in run.failures["member-1"]
        assert audit.writes() == {}
    finally:
        member.api.create(f"{SYSTEM}/serviceaccounts", {"metadata": {"name": account["metadata"]["name"]}})
        # Whoever runs with it has a token that is worth nothing now.
        for pod in member.api.get(f"{SYSTEM}/pods")["items"]:
            if pod["spec"].get("serviceAccountName") == "kubesphere":
                member.api.delete(f"{SYSTEM}/pods/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})


def test_other_jwt_secret(controller: Controller, again: Fleet, clusters: Clusters, member: Cluster) -> None:
    path = f"{SYSTEM}/configmaps/kubesphere-config"
    text = member.api.get(path)["data"]["kubesphere.yaml"]
    content = yaml.safe_load(text)
    content["authentication"]["jwtSecret"] = "another0another0another0another0"
    member.api.patch(path, {"data": {"kubesphere.yaml": yaml.safe_dump(content)}})
    audit = Audit(clusters.values())
    try:
        run = controller.playbook("import", again)
        assert "its jwtSecret differs from the host's" in run.failures["member-1"]
        assert audit.writes() == {}
    finally:
        member.api.patch(path, {"data": {"kubesphere.yaml": text}})


def test_image_that_cannot_be_pulled(controller: Controller, again: Fleet, host: Cluster) -> None:
    wanted = again.with_all(kubesphere_import_timeout=8)
    image = {"image": "registry.example.org/nobody/has-this:v1"}
    run = controller.playbook("import", wanted.with_member("member-1", kubesphere_agent=image))
    assert run.status == 2, run.output
    assert "ImagePull" in run.failures["member-1"]
    assert "has-this:v1" in run.failures["member-1"]
    mended = controller.playbook("import", again)
    assert mended.status == 0, mended.output
    assert condition(host, "AgentAvailable") == "True"


def test_tower_that_does_not_run(controller: Controller, again: Fleet, host: Cluster) -> None:
    host.api.patch(TOWER, {"spec": {"replicas": 0}})
    eventually(lambda: not host.api.get(TOWER)["status"].get("replicas"), "tower to be gone")
    try:
        run = controller.playbook("import", again.with_all(kubesphere_import_timeout=6))
    finally:
        host.api.patch(TOWER, {"spec": {"replicas": 1}})
    assert run.status == 2, run.output
    assert "is not reached from a pod in member-1" in run.failures["member-1"]
    eventually(lambda: host.api.get(TOWER)["status"].get("availableReplicas"), "tower to be back")
    run = controller.playbook("import", again)
    assert run.status == 0, run.output


def test_address_that_is_not_tower(controller: Controller, again: Fleet, clusters: Clusters, host: Cluster) -> None:
    audit = Audit([clusters["host"]])
    run = controller.playbook("import", again.with_member("member-1", kubesphere_proxy_address=host.server))
    text = run.failures["member-1"]
    assert "its agent could not call the host" in text
    assert "certificate" in text
    assert audit.writes() == {}


@pytest.mark.stand_in("proxy")
def test_ports_of_another_member_are_drawn_anew(controller: Controller, again: Fleet, host: Cluster) -> None:
    other = {
        "apiVersion": "cluster.kubesphere.io/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": "other"},
        "spec": {"joinFederation": True, "connection": {"type": "proxy", "token": "x"}},
    }
    steer(host, cloud={"address": "auto"}, tower={"port": {"other": 6100, "member-1": 6100}})
    try:
        host.api.create(CLUSTERS, other)
        eventually(lambda: connection(host, "other").get("kubernetesAPIServerPort") == 6100, "the other's ports")
        started = controller.start("import", again)
        eventually(lambda: connection(host).get("kubernetesAPIServerPort") == 6100, "the same ports")
        steer(host, cloud={"address": "auto"}, tower={"port": {"other": 6100, "member-1": 6200}})
        run = started.end()
        assert run.status == 0, run.output
        assert connection(host)["kubernetesAPIServerPort"] == 6200
        assert connection(host, "other")["kubernetesAPIServerPort"] == 6100
        assert "patch Cluster member-1 on host: other has the same ports" in run.actions
        assert condition(host, "AgentAvailable") == "True"
        assert host.api.get(f"{SYSTEM}/services/mc-member-1")["spec"]["ports"][0]["targetPort"] == 6200
    finally:
        steer(host, cloud={"address": "auto"})
        forget(host, cluster_names=("other",))


# A killed run, and servers that go away


def written(clusters: Clusters, marks: dict[str, int]) -> int:
    """Number of the collection's writes since the marks, those of probes left out."""
    return sum(
        count
        for name, mark in marks.items()
        for (_verb, resource), count in clusters[name].writes(mark, USER_AGENT).items()
        if resource not in ("jobs", "pods")
    )


@pytest.mark.parametrize("writes", [1, 2])
def test_killed_run_is_taken_up_by_the_next(
    controller: Controller, again: Fleet, clusters: Clusters, host: Cluster, member: Cluster, writes: int
) -> None:
    marks = {name: cluster.audit_mark() for name, cluster in clusters.items()}
    started: Started = controller.start("import", again)
    eventually(lambda: written(clusters, marks) >= writes or started.process.poll() is not None, "its writes")
    assert started.process.poll() is None, started.output
    started.kill()
    run = controller.playbook("import", again)
    assert run.status == 0, run.output
    assert written(clusters, marks) == 2
    assert condition(host, "Ready") == "True"
    assert member.api.get(JOBS)["items"] == []


def test_killed_probe_is_taken_up(controller: Controller, again: Fleet, member: Cluster) -> None:
    mark = member.audit_mark()
    started = controller.start("import", again)
    eventually(lambda: member.writes(mark, USER_AGENT)["create", "jobs"] or started.process.poll() is not None, "a Job")
    started.kill()
    run = controller.playbook("import", again)
    assert run.status == 0, run.output
    assert member.api.get(JOBS)["items"] == []


def test_api_server_of_the_host_restarts_in_the_middle(
    controller: Controller, again: Fleet, host: Cluster, member: Cluster
) -> None:
    mark = member.audit_mark()
    started = controller.start("import", again)
    eventually(lambda: member.writes(mark, USER_AGENT)["create", "deployments"], "the agent")
    host.restart("kube-apiserver")
    run = started.end()
    assert run.status == 0, run.output
    assert condition(host, "Ready") == "True"
    assert Counter(run.changed) == Counter({"member-1": 1})
