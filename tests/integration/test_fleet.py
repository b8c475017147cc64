"""One task for many clusters: what Ansible's own ways to choose and to order hosts do with it."""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import Audit, names
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

IMPORT = {"name": "kubesphere.multicluster.import"}
CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"


@pytest.fixture(scope="module")
def installed(controller: Controller, fleet: Fleet) -> Fleet:
    """The inventory, with KubeSphere everywhere and no member imported."""
    run = controller.playbook("install", fleet)
    assert run.status == 0, run.output
    return fleet


@pytest.fixture
def apart(installed: Fleet, clusters: Clusters, controller: Controller) -> Fleet:
    """The inventory, with no member imported."""
    gone = installed
    for name in installed.members:
        gone = gone.with_member(name, kubesphere_member_state="absent")
    run = controller.playbook("unbind", gone, "-e", "kubesphere_unbind_max=100%")
    assert run.status == 0, run.output
    assert names(clusters["host"]) == ["host"]
    return installed


def play(folder: Path, role: dict[str, str], task: dict[str, Any] | None = None, **keywords: Any) -> Path:
    """A playbook of a user's own with one of our roles, with keywords of the task and of the play."""
    how = {"hosts": "kubesphere_members", "connection": "local", "gather_facts": False}
    path = folder / f"play-{len(list(folder.iterdir()))}.yml"
    tasks = [{"ansible.builtin.import_role": role, **(task or {})}]
    path.write_text(yaml.safe_dump([{**how, **keywords, "tasks": tasks}]))
    return path


def phases(run: Run, host: str) -> list[str]:
    return [phase["phase"] for told in run.of("outcome", host) for phase in told["phases"]]


def test_retry_concerns_those_that_failed(
    controller: Controller, apart: Fleet, clusters: Clusters, tmp_path: Path
) -> None:
    broken = apart.with_member("member-2", kubesphere_api_server="https://192.0.2.1:6443", kubesphere_import_timeout=5)
    keep = {"ANSIBLE_RETRY_FILES_ENABLED": "true", "ANSIBLE_RETRY_FILES_SAVE_PATH": str(tmp_path)}
    run = controller.playbook("site", broken, env=keep)
    assert run.status == 2
    assert set(run.failures) == {"member-2"}, run.output
    assert {host: counts["failures"] for host, counts in run.stats.items()} == {"host": 0, "member-1": 0, "member-2": 1}
    assert run.changed["member-1"] == 1
    assert phases(run, "member-2") == ["preflight", "install", "import"]
    [retry] = tmp_path.glob("*.retry")
    assert retry.read_text().split() == ["member-2"]
    audit = Audit(clusters.values())
    again = controller.playbook("site", apart, "--limit", f"@{retry}")
    assert again.status == 0, again.output
    assert set(again.stats) == {"member-2"}
    # Nothing of the other member was touched, nor looked at.
    assert "member-1" not in audit.requests()
    assert names(clusters["host"]) == ["host", "member-1", "member-2"]


def test_serial_makes_batches(controller: Controller, apart: Fleet, clusters: Clusters, tmp_path: Path) -> None:
    run = controller.playbook(play(tmp_path, IMPORT, serial=1), apart)
    assert run.status == 0, run.output
    fleets = [task for task in run.tasks if task.action == "kubesphere.multicluster.fleet"]
    assert [list(task.result["clusters"]) for task in fleets] == [["member-1"], ["member-2"]]
    assert run.changed == {"member-1": 1, "member-2": 1}
    assert names(clusters["host"]) == ["host", "member-1", "member-2"]


def test_throttle_bounds_what_is_in_flight(
    controller: Controller, apart: Fleet, clusters: Clusters, tmp_path: Path
) -> None:
    run = controller.playbook(play(tmp_path, IMPORT, {"throttle": 1}), apart)
    assert run.status == 0, run.output
    made, ready = {}, {}
    for name in apart.members:
        cluster = clusters["host"].api.get(f"{CLUSTERS}/{name}")
        made[name] = cluster["metadata"]["creationTimestamp"]
        ready[name] = next(each for each in cluster["status"]["conditions"] if each["type"] == "Ready")
    first, second = sorted(made, key=lambda name: made[name])
    assert ready[first]["lastTransitionTime"] <= made[second]


def test_a_condition_is_each_clusters_own(
    controller: Controller, apart: Fleet, clusters: Clusters, tmp_path: Path
) -> None:
    def conditional(name: str) -> Path:
        return play(tmp_path, IMPORT, {"when": f"inventory_hostname == '{name}'"})

    # Ansible asks the first cluster alone whether the one task is run; what it leaves out is not passed over silently.
    left_out = controller.playbook(conditional("member-2"), apart)
    assert left_out.status == 2
    assert "the one task that does this for all clusters was skipped" in left_out.failures["member-2"]
    assert names(clusters["host"]) == ["host"]
    run = controller.playbook(conditional("member-1"), apart)
    assert run.status == 0, run.output
    assert names(clusters["host"]) == ["host", "member-1"]


def test_a_strategy_that_goes_host_by_host(
    controller: Controller, apart: Fleet, clusters: Clusters, tmp_path: Path
) -> None:
    audit = Audit(clusters.values())
    refused = controller.playbook(play(tmp_path, IMPORT, strategy="free"), apart)
    assert refused.status == 2
    assert "or the role's entry point each (tasks_from: each)" in refused.failures["member-1"]
    assert audit.writes() == {}
    run = controller.playbook(play(tmp_path, {**IMPORT, "tasks_from": "each"}, strategy="free"), apart)
    assert run.status == 0, run.output
    assert run.changed == {"member-1": 1, "member-2": 1}
    assert audit.writes() == {"host": Counter({("create", "clusters"): 2})}


def told(run: Run) -> dict[str, dict[str, Any]]:
    """What each module returned for each cluster, but for the time that it took."""
    found = {}
    for task in run.tasks:
        module = task.action.rpartition(".")[2]
        if module in ("cluster_info", "cluster_configuration", "member", "proxy_address"):
            found[f"{task.host}: {module}, {task.result['phase']}"] = {
                key: value for key, value in task.result.items() if key not in ("seconds", "diff")
            }
    return found


def test_each_for_itself_comes_to_the_same(
    controller: Controller, apart: Fleet, clusters: Clusters, tmp_path: Path
) -> None:
    described = apart.with_member("member-1", kubesphere_labels={"of": "{{ inventory_hostname }}"})
    described = described.with_all(kubesphere_region="{{ 'eu' if inventory_hostname == 'member-1' else omit }}")
    audit = Audit(clusters.values())
    at_once = controller.playbook("site", described, "--check", "--diff")
    each = controller.playbook("each", described, "--check", "--diff")
    assert (at_once.status, each.status) == (0, 0), at_once.output + each.output
    assert at_once.actions == each.actions != []
    assert told(at_once) == told(each)
    bastion = described.with_member("member-1", ansible_connection="bastion", ansible_python_interpreter=sys.executable)
    there = controller.playbook("each", bastion, "--check", "--diff", "-e", f"report_dir={tmp_path}")
    assert [action for action in there.actions if str(tmp_path) not in action] == each.actions, there.output
    plan = handed_on(there, "kubesphere_plan")
    assert plan["changes"] == handed_on(at_once, "kubesphere_plan")["changes"]
    [written] = json.loads((tmp_path / "report.json").read_text())["runs"]
    assert (written["of"], written["summary"]) == ("each", plan["summary"])
    refused = controller.playbook("site", bastion, "--check")
    assert "its connection is bastion" in refused.failures["member-1"]
    assert audit.writes() == {}


def by_bastion(fleet: Fleet, name: str, **variables: Any) -> Fleet:
    """The inventory in which a member is reached through another machine."""
    way = {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    return fleet.with_member(name, **way, **variables)


def handed_on(run: Run, name: str) -> Any:
    """What a run hands on by set_stats."""
    stats = [(task.result.get("ansible_stats") or {}).get("data", {}) for task in run.tasks if task.status == "ok"]
    [found] = [each[name] for each in stats if name in each]
    return found


def test_a_bastion_knows_status_renewal_and_unbinding(
    controller: Controller, apart: Fleet, clusters: Clusters, tmp_path: Path
) -> None:
    imported = controller.playbook("import", apart)
    assert imported.status == 0, imported.output

    audit = Audit(clusters.values())
    wanted = apart.with_member("member-2", kubesphere_group="another")
    at_once = controller.playbook("status", wanted)
    by_each = controller.playbook("status_each", by_bastion(wanted, "member-1"))
    assert (at_once.status, by_each.status) == (0, 0), at_once.output + by_each.output
    assert handed_on(by_each, "kubesphere_status") == handed_on(at_once, "kubesphere_status")
    assert [item["cluster"] for item in handed_on(by_each, "kubesphere_status")["drift"]] == ["member-2"]
    lost = by_bastion(apart, "member-1", kubesphere_kubeconfig=str(tmp_path / "none"))
    found = controller.playbook("status_each", lost, "-e", "kubesphere_status_fail_on=never")
    assert [each["cluster"] for each in handed_on(found, "kubesphere_status")["problems"]] == ["member-1"]
    renewed = controller.playbook("renew_each", by_bastion(apart, "member-1"))
    assert renewed.status == 0, renewed.output
    assert audit.writes() == {}

    gone = by_bastion(apart, "member-1", kubesphere_member_state="absent").without("member-2")
    gone = gone.with_all(kubesphere_unbind=["member-2"], kubesphere_force=True, kubesphere_unbind_max=2)
    foretold = controller.playbook("unbind_each", gone, "--check")
    assert foretold.status == 0, foretold.output
    assert audit.writes() == {}
    run = controller.playbook("unbind_each", gone)
    assert run.status == 0, run.output
    plan, done = handed_on(foretold, "kubesphere_plan"), handed_on(run, "kubesphere_run")
    assert (plan["summary"], done["summary"]) == ("Plan: 2 to unbind.", "Done: 2 unbound.")
    assert plan["changes"] == done["changes"]
    assert names(clusters["host"]) == ["host"]


PLUGIN = """
import os, sys, time
folder, answer, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
descriptor = os.open(folder + "/begun", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(descriptor, (answer + "\\n").encode())
deadline = time.monotonic() + 300
while len(open(folder + "/begun").read().splitlines()) < number and time.monotonic() < deadline:
    time.sleep(0.02)
print(open(folder + "/" + answer).read())
"""


def test_credential_plugins_run_side_by_side(
    controller: Controller, installed: Fleet, clusters: Clusters, tmp_path: Path
) -> None:
    """Each waits until that of every other cluster has begun; one of them gives no credential in the end."""
    (tmp_path / "plugin.py").write_text(PLUGIN)
    wanted = installed
    for name, cluster in clusters.items():
        content = yaml.safe_load(cluster.kubeconfig.read_text())
        user = content["users"][0]["user"]
        pem = {part: base64.b64decode(user[f"client-{part}-data"]).decode() for part in ("certificate", "key")}
        answer = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"clientCertificateData": pem["certificate"], "clientKeyData": pem["key"]},
        }
        (tmp_path / name).write_text("no-credential" if name == "member-2" else json.dumps(answer))
        arguments = [str(tmp_path / "plugin.py"), str(tmp_path), name, str(len(clusters))]
        plugin = {"apiVersion": answer["apiVersion"], "command": sys.executable, "args": arguments}
        content["users"][0]["user"] = {"exec": {**plugin, "interactiveMode": "Never"}}
        path = tmp_path / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(content))
        variables = {"kubesphere_kubeconfig": str(path), "kubesphere_credential": "auto"}
        wanted = wanted.with_host(**variables) if name == "host" else wanted.with_member(name, **variables)
    run = controller.playbook("preflight", wanted)
    assert sorted((tmp_path / "begun").read_text().split()) == sorted(clusters)  # once each
    assert set(run.failures) == {"member-2"}, run.output
    assert "gave no credential (its answer is no ExecCredential)" in run.failures["member-2"]
    assert "no-credential" not in run.output
