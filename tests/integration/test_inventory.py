"""A fleet that stands, as a dynamic inventory: what is asked for it, what is in it, and playbooks that run on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.awx.inject import inventory_script
from tests.integration.controller import Controller, Fleet, Run, files_below
from tests.integration.kubesphere import CLUSTERS, Audit, jwt_secret, names, steer, stored_kubeconfig
from tests.prepare import ROOT
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

DIRECT, BY_AGENT = "member-1", "member-2"
LABELS = {"tier": "gold"}
AWX_SOURCE = ROOT / "extensions" / "awx" / "project" / "inventory" / "kubesphere.yml"
DRIFT = ("-e", "kubesphere_status_fail_on=drift")
GRAPH = """\
@all:
  |--@ungrouped:
  |--@kubesphere_host:
  |  |--frankfurt
  |--@kubesphere_members:
  |  |--member-1
  |  |--member-2
"""


@pytest.fixture(scope="module")
def standing(controller: Controller, fleet: Fleet, clusters: Clusters) -> Fleet:
    """The hand-written inventory of the fleet that stands."""
    steer(clusters["host"], cloud={"address": "auto"})
    described = fleet.with_member(
        DIRECT, kubesphere_labels=LABELS, kubesphere_region="eu-1", kubesphere_provider="own"
    ).with_member(BY_AGENT, kubesphere_connection="agent", kubesphere_group="testing")
    run = controller.playbook("site", described)
    assert run.status == 0, run.output
    return described


@pytest.fixture(scope="module")
def source(standing: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dynamic inventory of the same fleet, by the host's kubeconfig alone."""
    path = tmp_path_factory.mktemp("dynamic") / "kubesphere.yml"
    options = {
        "plugin": "kubesphere.multicluster.members",
        "kubeconfig": standing.hosts["host"]["kubesphere_kubeconfig"],
        "cluster_name": "frankfurt",
        "group_by": [],
        "use_extra_vars": True,
        "compose": {
            "kubesphere_member_state": "'absent' if kubesphere_cluster_name == leaving | default('') else 'present'"
        },
    }
    path.write_text(yaml.safe_dump(options))
    return path


def secrets(clusters: Clusters) -> list[str]:
    """What nobody may see."""
    host = clusters["host"]
    found = [jwt_secret(host), host.api.get(f"{CLUSTERS}/{BY_AGENT}")["spec"]["connection"]["token"]]
    for name in (DIRECT, BY_AGENT):
        found.append(host.api.get(f"{CLUSTERS}/{name}")["spec"]["connection"]["kubeconfig"])
        found.append(stored_kubeconfig(host, name)["users"][0]["user"]["client-key-data"])
    return [str(each) for each in found]


def on(controller: Controller, standing: Fleet, source: Path, playbook: str, *arguments: str) -> Run:
    """A run on the dynamic inventory; nothing of the hand-written one is there but its timeouts."""
    return controller.playbook(playbook, Fleet(everyone=standing.everyone), "-i", str(source), *arguments)


def test_the_fleet_is_known_by_two_requests_to_the_host(
    controller: Controller, source: Path, clusters: Clusters
) -> None:
    audit = Audit(clusters.values())
    graph = controller.inventory(source, "--graph")
    assert {name: dict(requests) for name, requests in audit.requests().items()} == {
        "host": {("list", "clusters"): 1, ("get", "configmaps"): 1}
    }
    assert graph.startswith(GRAPH), graph
    variables = yaml.safe_load(controller.inventory(source, "--list"))["_meta"]["hostvars"]
    assert variables[DIRECT]["kubesphere_labels"] == LABELS
    assert (variables[DIRECT]["kubesphere_region"], variables[DIRECT]["kubesphere_provider"]) == ("eu-1", "own")
    assert variables[BY_AGENT]["kubesphere_group"] == "testing"
    assert variables[BY_AGENT]["kubesphere_reachable"] is False
    for name, cluster in (("frankfurt", "host"), (DIRECT, DIRECT), (BY_AGENT, BY_AGENT)):
        seen: dict[str, Any] = variables[name]
        assert (seen["kubesphere_cluster_name"], seen["kubesphere_seen_ready"]) == (cluster, True)
        assert (seen["kubesphere_release"], seen["kubesphere_seen_nodes"]) == ("v3.4.1", 1)


def test_what_is_kept_in_a_cache_asks_nobody_and_has_no_secret(
    controller: Controller, source: Path, clusters: Clusters
) -> None:
    cache = source.parent / "cache"
    settings = {
        "ANSIBLE_INVENTORY_CACHE": "true",
        "ANSIBLE_INVENTORY_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_INVENTORY_CACHE_CONNECTION": str(cache),
    }
    first = controller.inventory(source, "--list", "-vvvv", env=settings)
    audit = Audit(clusters.values())
    again = controller.inventory(source, "--list", env=settings)
    assert audit.requests() == {}
    assert DIRECT in again
    kept = [path.read_text() for path in files_below(cache)]
    assert DIRECT in "".join(kept)
    texts = [first, again, *kept]
    assert [secret for secret in secrets(clusters) for text in texts if secret in text] == []


def test_status_and_site_find_nothing_to_do(
    controller: Controller, standing: Fleet, source: Path, clusters: Clusters
) -> None:
    audit = Audit(clusters.values())
    run = on(controller, standing, source, "status", "-e", "kubesphere_status_fail_on=drift", "-vvvv")
    assert run.status == 0, run.output
    assert run.table[-1] == "Everything works, and stands as the inventory says."
    requests = audit.requests()
    assert requests[DIRECT], "the direct member was not asked by its stored kubeconfig"
    assert [secret for secret in secrets(clusters) if secret in run.output] == []
    for playbook in ("site", "renew"):
        run = on(controller, standing, source, playbook, "-vvvv")
        assert run.status == 0, run.output
        assert not any(run.changed.values()), run.actions
        assert [secret for secret in secrets(clusters) if secret in run.output] == []
    assert audit.writes() == {}


def test_a_job_of_awx_reaches_the_host_by_its_own_credential(
    controller: Controller, standing: Fleet, clusters: Clusters, tmp_path: Path
) -> None:
    """AWX keeps what an update has found; the credential's file is another one in each job."""
    paths = {name: tmp_path / name for name in ("update", "job")}
    for path in paths.values():
        path.write_text(clusters["host"].kubeconfig.read_text())
    env = {name: {"K8S_AUTH_KUBECONFIG": str(path)} for name, path in paths.items()}
    found = controller.inventory(AWX_SOURCE, "--list", "--export", env=env["update"])
    paths["update"].unlink()
    assert [secret for secret in secrets(clusters) if secret in found] == []
    source = inventory_script(yaml.safe_load(found), tmp_path / "hosts")
    run = controller.playbook("status", Fleet(everyone=standing.everyone), "-i", str(source), *DRIFT, env=env["job"])
    assert run.status == 0, run.output
    assert {DIRECT, BY_AGENT} <= {line.split()[0] for line in run.table if line}
    assert run.table[-1] == "Everything works, and stands as the inventory says."


def test_a_module_of_another_play_reaches_a_direct_member(
    controller: Controller, source: Path, clusters: Clusters
) -> None:
    audit = Audit(clusters.values())
    arguments = {"kubeconfig": "{{ kubesphere_kubeconfig }}", "cluster_role": "member", "release": "v3.4.1"}
    run = controller.module(
        "cluster_info", DIRECT, Fleet(), arguments, "-i", str(source), "-e", "ansible_connection=local"
    )
    assert run.status == 0, run.output
    assert run.of("cluster_info")[0]["problems"] == []
    assert audit.requests()["host"][("get", "clusters")] == 1
    assert audit.requests()[DIRECT]


def test_a_member_leaves_by_a_variable(
    controller: Controller, standing: Fleet, source: Path, clusters: Clusters
) -> None:
    run = on(controller, standing, source, "unbind", "-e", f"leaving={DIRECT}")
    assert run.status == 0, run.output
    assert names(clusters["host"]) == ["host", BY_AGENT]
    assert DIRECT not in controller.inventory(source, "--graph")
