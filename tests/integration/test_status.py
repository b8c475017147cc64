"""What stands, what of it works, and what differs from the inventory: a direct member, and one by agent."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import (
    CLUSTERS,
    CONFIGURATION,
    DEPLOYMENTS,
    SYSTEM,
    Audit,
    eventually,
    jwt_secret,
    names,
    steer,
)
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

LONG_AGO = "2026-01-01T00:00:00Z"
DIRECT, BY_AGENT = "member-1", "member-2"
AGENT = f"{DEPLOYMENTS}/cluster-agent"
CLOUD = {"address": "auto"}
OTHER_SECRET = "Zk3wNq8PfX5bVh2GyC7mDr9LsJ4tEa6K"


@pytest.fixture(scope="module")
def standing(controller: Controller, fleet: Fleet, clusters: Clusters) -> Fleet:
    """The inventory of the fleet that stands."""
    steer(clusters["host"], cloud=CLOUD)
    policy = {"network": {"networkpolicy": {"enabled": False}}}
    described = fleet.with_member(
        DIRECT, kubesphere_labels={"tier": "gold"}, kubesphere_configuration=policy
    ).with_member(BY_AGENT, kubesphere_connection="agent")
    run = controller.playbook("site", described)
    assert run.status == 0, run.output
    return described


def status(controller: Controller, fleet: Fleet, fail_on: str, clusters: Clusters) -> Run:
    """A run of the playbook, which must not write."""
    audit = Audit(clusters.values())
    run = controller.playbook("status", fleet, "-e", f"kubesphere_status_fail_on={fail_on}", "-vvv")
    assert audit.requests() != {}
    assert audit.writes() == {}
    return run


def found(run: Run) -> dict[str, Any]:
    """What a run has handed on."""
    handed_on = [task.result["ansible_stats"]["data"] for task in run.tasks if "ansible_stats" in task.result]
    assert len(handed_on) == 1, run.output
    return dict(handed_on[0]["kubesphere_status"])


def texts(run: Run, what: str) -> list[str]:
    """Differences or problems of a run, one text for each."""
    return [f"{each['cluster']}: {each['text']}" for each in found(run)[what]]


def details(run: Run, name: str) -> dict[str, Any]:
    """What member_info has said of one cluster."""
    [result] = run.of("member_info")
    return next(dict(each) for each in result["members"] if each["name"] == name)


def agent_command(member: Cluster) -> list[str]:
    """The command of a member's agent."""
    return list(member.api.get(AGENT)["spec"]["template"]["spec"]["containers"][0]["command"])


def test_a_healthy_fleet(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    run = status(controller, standing, "drift", clusters)
    assert run.status == 0, run.output
    assert found(run) == {"verdict": "clean", "drift": [], "problems": [], "unplanned": []}
    assert run.table[-1] == "Everything works, and stands as the inventory says."
    assert not any(run.changed.values())
    host, direct, by_agent = (details(run, name) for name in ("host", DIRECT, BY_AGENT))
    for each in (host, direct, by_agent):
        assert (each["works"], each["jwt_secret_agrees"], each["kubesphere_skew"]) == (True, True, "same")
        assert each["components"]["core"] == "enabled"
        assert all(condition["fresh"] is not False for condition in each["conditions"])
    assert (direct["credential"]["kind"], direct["server"]) == ("certificate", clusters[DIRECT].server)
    assert direct["credential"]["days"] > 30
    assert by_agent["ports"][1] == by_agent["ports"][0] + 10000
    address = by_agent["proxy_address"]
    assert address["same"] is True
    assert f"--proxy-server={address['used']}" in agent_command(clusters[BY_AGENT])
    secret = jwt_secret(clusters["host"])
    token = clusters["host"].api.get(f"{CLUSTERS}/{BY_AGENT}")["spec"]["connection"]["token"]
    assert secret not in run.output
    assert token not in run.output


def test_its_picture(controller: Controller, standing: Fleet, clusters: Clusters, tmp_path: Path) -> None:
    """What a member says of itself is in it as it is, and escaped."""
    strange = "<script>{{ 6 * 7 }}</script>"
    clusters["host"].api.patch(
        f"{CLUSTERS}/{DIRECT}", {"metadata": {"annotations": {"kubesphere.io/alias-name": strange}}}
    )
    wanted = standing.with_member(DIRECT, kubesphere_labels={"tier": "platinum"}).with_all(report_dir=str(tmp_path))
    run = status(controller, wanted, "drift", clusters)
    assert run.status == 2
    assert run.table[-1] == f"Report: {tmp_path}/index.html"
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["verdict"], report["totals"]["differences"], report["totals"]["compared"]) == ("drift", 1, 3)
    member = next(each for each in report["clusters"] if each["name"] == DIRECT)
    assert (member["health"], member["alias"], member["credential"]["kind"]) == ("works", strange, "certificate")
    assert 'metadata.labels.tier is "gold", wanted "platinum"' in member["drift"][0]
    page = (tmp_path / "index.html").read_text()
    assert "&lt;script&gt;{{ 6 * 7 }}" in page
    assert strange not in page
    clusters["host"].api.patch(
        f"{CLUSTERS}/{DIRECT}", {"metadata": {"annotations": {"kubesphere.io/alias-name": None}}}
    )


def test_a_misspelt_policy_does_not_open_the_gate(controller: Controller) -> None:
    fleet = Fleet(hosts={"host": {"kubesphere_kubeconfig": "/nowhere"}})
    run = controller.playbook("status", fleet, "-e", "kubesphere_status_fail_on=drfit")
    assert run.status == 2
    assert run.failures["host"] == "kubesphere_status_fail_on is drfit: set it to never, error or drift."


def test_what_somebody_has_changed_is_what_a_run_changes_back(
    controller: Controller, standing: Fleet, clusters: Clusters
) -> None:
    host, direct, by_agent = clusters["host"], clusters[DIRECT], clusters[BY_AGENT]
    injected = "{{ 6 * 7 }}"
    host.api.patch(f"{CLUSTERS}/{DIRECT}", {"metadata": {"labels": {"tier": "silver"}}})
    host.api.patch(f"{CLUSTERS}/{DIRECT}", {"metadata": {"annotations": {"kubesphere.io/alias-name": injected}}})
    direct.api.patch(CONFIGURATION, {"spec": {"network": {"networkpolicy": {"enabled": True}}}})
    tower = host.api.get(f"{SYSTEM}/services/tower")["spec"]["ports"][0]["nodePort"]
    container = by_agent.api.get(AGENT)["spec"]["template"]["spec"]["containers"][0]
    other = f"--proxy-server=http://{host.address}:{tower}"
    command = [other if word.startswith("--proxy-server=") else word for word in container["command"]]
    patch = {"spec": {"template": {"spec": {"containers": [{**container, "command": command}]}}}}
    by_agent.api.patch(AGENT, patch)
    of_tower = {"app": "tower", "app.kubernetes.io/name": "tower"}
    for name, selector in (("mc-gone", of_tower), ("mc-monitor", {"app": "mine"})):
        spec = {"ports": [{"port": 80}], "selector": selector}
        host.api.create(f"{SYSTEM}/services", {"metadata": {"name": name}, "spec": spec})
    wanted = standing.with_member(DIRECT, kubesphere_alias="First")
    eventually(lambda: by_agent.api.get(AGENT)["status"].get("updatedReplicas"), "the agent's new pod")

    def told() -> Run | None:
        run = status(controller, wanted, "error", clusters)
        return run if found(run)["verdict"] == "drift" else None

    run = eventually(told, "no problem but the drift", 40)
    assert run.status == 0, run.output
    policy, label, agent, left = texts(run, "drift")
    assert f"{DIRECT}: Cluster {DIRECT} on host: " in label
    assert 'metadata.labels.tier is "silver", wanted "gold"' in label
    assert f'metadata.annotations[kubesphere.io/alias-name] is "{injected}", wanted "First"' in label
    assert "spec.network.networkpolicy.enabled is true, wanted false" in policy
    assert agent.startswith(f"{BY_AGENT}: Deployment kubesphere-system/cluster-agent on {BY_AGENT}: ")
    assert other in agent
    assert left == "gone: Service kubesphere-system/mc-gone is left on the host, and there is no Cluster gone"
    assert details(run, BY_AGENT)["proxy_address"]["same"] is False

    strict = status(controller, wanted, "drift", clusters)
    assert strict.status == 2
    assert strict.failures["host"].startswith("4 differences found:\n- ")
    assert injected in strict.failures["host"]

    for name in ("mc-gone", "mc-monitor"):
        host.api.delete(f"{SYSTEM}/services/{name}")
    back = controller.playbook("site", wanted)
    assert back.status == 0, back.output
    assert back.actions == sorted(each["action"] for each in found(run)["drift"] if "action" in each)


def test_who_is_known_on_one_side_only(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    host = clusters["host"]
    kind = {"apiVersion": "cluster.kubesphere.io/v1alpha1", "kind": "Cluster"}
    spec = {"connection": {"type": "direct"}, "joinFederation": False}
    host.api.create(CLUSTERS, {**kind, "metadata": {"name": "stray"}, "spec": spec})
    host.api.delete(f"{CLUSTERS}/{DIRECT}")
    eventually(lambda: DIRECT not in names(host), "the Cluster to be gone")
    leaving = standing.with_member(BY_AGENT, kubesphere_member_state="absent")
    run = status(controller, leaving, "never", clusters)
    assert run.status == 0, run.output
    assert sorted(texts(run, "drift")) == [
        f"{DIRECT}: the host has no Cluster {DIRECT}: it is not imported",
        f"{BY_AGENT}: it is imported, and its kubesphere_member_state is absent",
        "stray: the inventory does not know it, and the host has imported it",
    ]
    assert texts(run, "problems") == ["stray: Cluster stray has no condition Ready yet"]
    host.api.patch(f"{CLUSTERS}/stray", {"metadata": {"finalizers": None}})
    host.api.delete(f"{CLUSTERS}/stray")


def test_what_does_not_work(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    """The last one, for it leaves nothing that works."""
    host, direct, by_agent = clusters["host"], clusters[DIRECT], clusters[BY_AGENT]
    run = controller.playbook("import", standing)
    assert run.status == 0, run.output
    steer(host, cloud=CLOUD, controller={"pause": True})
    # Both while the webhook still lets somebody write.
    ending = direct.kubeconfig_for("ending-soon", ["system:masters"], expires_in=12 * 3600).read_bytes()
    connection = {"connection": {"kubeconfig": base64.b64encode(ending).decode()}}
    host.api.patch(f"{CLUSTERS}/{DIRECT}", {"spec": connection})
    seen = host.api.get(f"{CLUSTERS}/{BY_AGENT}")["status"]["conditions"]
    stale = [{**each, "lastUpdateTime": LONG_AGO} for each in seen]
    host.api.patch(f"{CLUSTERS}/{BY_AGENT}", {"status": {"conditions": stale}})
    by_agent.api.patch(AGENT, {"spec": {"replicas": 0}})
    direct.api.patch(CONFIGURATION, {"spec": {"authentication": {"jwtSecret": OTHER_SECRET}}})
    eventually(lambda: jwt_secret(direct) == OTHER_SECRET, "the member's KubeSphere to have another jwtSecret")

    def told() -> Run | None:
        run = status(controller, standing, "error", clusters)
        return None if any(details(run, name)["works"] for name in (DIRECT, BY_AGENT)) else run

    run = eventually(told, "both members to be out of use", 60)
    assert run.status == 2
    problems = texts(run, "problems")
    assert f"{len(problems)} problems found:" in run.failures["host"]

    def is_told(name: str, *words: str) -> bool:
        return any(text.startswith(f"{name}: ") and all(word in text for word in words) for text in problems)

    assert is_told(DIRECT, "Give the member the host's jwtSecret")
    assert is_told(DIRECT, "the certificate in its kubeconfig expires on", "renew")
    assert is_told(BY_AGENT, f"Failed to use {BY_AGENT} through the host")
    assert is_told(BY_AGENT, f"says Ready since {LONG_AGO}", "it may be gone for long")
    ends, ready = (details(run, name) for name in (DIRECT, BY_AGENT))
    assert (ends["jwt_secret_agrees"], ends["credential"]["due"]) == (False, True)
    assert (ready["ready"], ready["works"], ready["components"]) == (True, False, None)
    drift = texts(run, "drift")
    assert any('spec.authentication.jwtSecret is "*** (before)", wanted "*** (after)"' in text for text in drift)
    assert any('spec.connection.kubeconfig is "*** (before)", wanted "*** (after)"' in text for text in drift)
    key = yaml.safe_load(ending)["users"][0]["user"]["client-key-data"]
    for secret in (OTHER_SECRET, jwt_secret(host), key[100:140], base64.b64encode(ending).decode()[200:240]):
        assert secret not in run.output
