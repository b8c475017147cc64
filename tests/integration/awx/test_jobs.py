"""Jobs of the project on real API servers: credentials, answers and artifacts come as AWX passes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.integration.awx.conftest import AWX, Data
from tests.integration.awx.inject import Injected
from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import Audit
from tests.sandbox.cluster import Cluster
from tests.sandbox.network import has_privileges

pytestmark = pytest.mark.skipif(not has_privileges(), reason="network namespaces take root")

Clusters = dict[str, Cluster]


class _Unsafe(yaml.SafeDumper):
    """Writes every text as a value that is no template, as AWX does with what did not come from a job template."""


_Unsafe.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


def members_kubeconfig(members: Mapping[str, Cluster]) -> str:
    """One kubeconfig, with a context for each member."""
    merged: Data = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, cluster in members.items():
        given = yaml.safe_load(cluster.kubeconfig.read_text())
        merged["clusters"].append({**given["clusters"][0], "name": name})
        merged["users"].append({**given["users"][0], "name": name})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    return yaml.safe_dump(merged)


@dataclass
class Jobs:
    """Runs the playbooks of the project, as the inventory of the project describes the clusters of the sandbox."""

    controller: Controller
    fleet: Fleet
    injected: Injected

    def run(self, playbook: str, *arguments: str, **extra: Any) -> Run:
        """One job; ``extra`` are answers and artifacts."""
        file = self.injected.folder / "extra.yml"
        file.write_text(yaml.dump(extra, Dumper=_Unsafe))
        path = AWX / "project" / "playbooks" / f"{playbook}.yml"
        given = (*self.injected.arguments, "-e", f"@{file}", *arguments)
        return self.controller.playbook(path, self.fleet, *given, env=self.injected.environment)


@pytest.fixture(scope="module")
def jobs(
    controller: Controller, fleet: Fleet, clusters: Clusters, data: Data, tmp_path_factory: pytest.TempPathFactory
) -> Jobs:
    members = {name: cluster for name, cluster in clusters.items() if name != "host"}
    written = yaml.safe_load((AWX / "project" / "inventory" / "hosts.yml").read_text())
    everyone = dict.fromkeys(members, written["kubesphere_members"]["vars"])
    described = Fleet({"host": written["kubesphere_host"]["vars"]}, everyone, fleet.everyone)
    injected = Injected(tmp_path_factory.mktemp("env"))
    of_host, of_members = data["controller_credential_types"]
    injected.add(of_host, {"kubeconfig": clusters["host"].kubeconfig.read_text()})
    injected.add(of_members, {"kubeconfig": members_kubeconfig(members)})
    return Jobs(controller, described, injected)


@pytest.fixture(scope="module")
def plan(jobs: Jobs) -> Data:
    """The artifact of the job that plans; the answers are those of a survey, which knows texts and numbers."""
    answers = {"kubesphere_preflight_strict": "true", "kubesphere_switch_connection": "false"}
    run = jobs.run("site", "--check", **answers, kubesphere_in_flight=7)
    assert run.status == 0, run.output
    [artifact] = [task.result["ansible_stats"]["data"] for task in run.tasks if "ansible_stats" in task.result]
    return dict(artifact["kubesphere_plan"])


def test_each_cluster_is_reached_by_its_own_kubeconfig(jobs: Jobs, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = jobs.run("preflight", kubesphere_in_flight=2)
    assert run.status == 0, run.output
    assert audit.requests().keys() == clusters.keys()
    assert audit.writes() == {}


def test_a_plan_that_holds_is_verified(jobs: Jobs, plan: Data, clusters: Clusters) -> None:
    assert plan["counts"]["install"] == len(clusters)
    audit = Audit(clusters.values())
    run = jobs.run("verify", "--check", kubesphere_plan=plan)
    assert run.status == 0, run.output
    assert "The plan still holds. Plan: 3 to install" in run.output
    assert audit.writes() == {}


@pytest.mark.parametrize("change", ["less", "other", "none", "limit"])
def test_a_plan_that_does_not_hold_is_refused(jobs: Jobs, plan: Data, change: str) -> None:
    changes = {name: list(found) for name, found in plan["changes"].items()}
    if change == "less":
        changes.pop("member-2")
    elif change == "other":
        changes["member-2"][0] = {**changes["member-2"][0], "what": "{{ 7 * 6 }}"}
    approved = {} if change == "none" else {"kubesphere_plan": {**plan, "changes": changes}}
    limit = ["--limit", "kubesphere_members"] if change == "limit" else []
    run = jobs.run("verify", "--check", *limit, **approved)
    assert run.status != 0
    assert "The plan that was approved does not hold any more, or there is none" in run.output
    assert "42" not in run.output.partition("does not hold")[2]


def test_a_job_shows_no_secret(jobs: Jobs, clusters: Clusters) -> None:
    run = jobs.run("preflight", "-vvv")
    for cluster in clusters.values():
        user = yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"]
        assert all(str(value) not in run.output for value in user.values())


def test_names_to_unbind_are_a_text_in_a_survey(jobs: Jobs) -> None:
    """Both names are found in it."""
    run = jobs.run("unbind", "--check", kubesphere_unbind="member-1\nmember-2", kubesphere_force="false")
    assert run.status != 0
    assert "member-1 is listed as present in the inventory; member-2 is listed as present" in run.output
