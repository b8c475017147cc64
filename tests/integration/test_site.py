"""The road on a host and its members: what a run does, what a second run leaves alone, what check mode foretells."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import (
    CLUSTERS,
    Audit,
    configuration,
    eventually,
    jwt_secret,
    names,
    settings,
    stored_kubeconfig,
)
from tests.sandbox.binaries import require
from tests.sandbox.cluster import Cluster

CREATE_CLUSTER = {"host": Counter({("create", "clusters"): 1})}
CONNECTIONS = ("local", "bastion")
PYTHON = ("-e", f"ansible_python_interpreter={sys.executable}")
PATCH_CLUSTER = {"host": Counter({("patch", "clusters"): 1})}


@pytest.fixture(scope="module")
def described(fleet: Fleet) -> Fleet:
    """The inventory, with what a user would say of the members."""
    return fleet.with_member(
        "member-1",
        kubesphere_region="eu-1",
        kubesphere_group="production",
        kubesphere_alias="First",
        kubesphere_provider="sandbox",
        kubesphere_labels={"tier": "gold"},
    ).without("member-2")


@pytest.fixture(scope="module")
def foretold(controller: Controller, described: Fleet, clusters: dict[str, Cluster]) -> Run:
    """A check run before the first run."""
    audit = Audit(clusters.values())
    run = controller.playbook("site", described, "--check", "--diff")
    assert run.status == 0, run.output
    assert audit.writes() == {}
    assert audit.caused() == {}
    return run


@pytest.fixture(scope="module")
def first(controller: Controller, described: Fleet, foretold: Run) -> Run:
    """The first run, on the host and one member."""
    assert foretold.status == 0
    run = controller.playbook("site", described, "--diff")
    assert run.status == 0, run.output
    return run


@pytest.fixture(scope="module")
def installed(first: Run, described: Fleet) -> Fleet:
    """The inventory of the fleet that stands."""
    assert first.status == 0
    return described


def test_check_mode_foretells_the_first_run(foretold: Run, first: Run) -> None:
    assert len(first.actions) > 10
    assert foretold.actions == first.actions
    assert foretold.diffs == first.diffs
    assert foretold.changed == first.changed


def test_first_run_installs_and_imports(first: Run, host: Cluster, member: Cluster) -> None:
    assert configuration(host)["status"]["core"]["version"] == "v3.4.1"
    assert settings(host)["multicluster"]["clusterRole"] == "host"
    assert settings(member)["multicluster"]["clusterRole"] == "member"
    secret = jwt_secret(host)
    assert len(secret) == 32
    assert secret.isalnum()
    assert jwt_secret(member) == secret
    assert names(host) == ["host", "member-1"]
    cluster = host.api.get(f"{CLUSTERS}/member-1")
    labels = {"cluster.kubesphere.io/region": "eu-1", "cluster.kubesphere.io/group": "production", "tier": "gold"}
    assert labels.items() <= cluster["metadata"]["labels"].items()
    assert cluster["metadata"]["annotations"]["kubesphere.io/alias-name"] == "First"
    assert cluster["spec"]["provider"] == "sandbox"
    assert stored_kubeconfig(host, "member-1")["clusters"][0]["cluster"]["server"] == member.server
    [imported] = first.of("member")
    assert imported["verified"] is True
    assert imported["nodes"] == 1


def test_a_run_fails_whose_modules_return_what_they_do_not_document(
    controller: Controller, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"cluster_role": "host", "path": str(tmp_path)}
    local = fleet.with_all(ansible_connection="local")
    assert controller.module("manifests", "host", local, arguments).status == 0
    monkeypatch.setattr("tests.plugin_docs.returned_by", lambda _module: {})
    with pytest.raises(AssertionError, match="manifests: files is not documented"):
        controller.module("manifests", "host", local, arguments)


def test_table_shows_what_stands(first: Run) -> None:
    header, *rows = first.table
    assert header.split() == ["CLUSTER", "ROLE", "CONNECTION", "KUBERNETES", "KUBESPHERE", "NODES", "STATE"]
    assert [row.split() for row in rows] == [
        ["host", "host", "direct", "v1.20.2", "v3.4.1", "1", "works"],
        ["member-1", "member", "direct", "v1.20.2", "v3.4.1", "1", "works"],
    ]


def test_second_run_changes_nothing(controller: Controller, installed: Fleet, clusters: dict[str, Cluster]) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook("site", installed)
    assert run.status == 0, run.output
    assert run.changed == {"host": 0, "member-1": 0}
    assert run.actions == []
    assert audit.requests().keys() == {"host", "member-1"}
    assert audit.writes() == {}
    assert audit.caused() == {}


def test_check_mode_reports_nothing_on_an_installed_fleet(
    controller: Controller, installed: Fleet, clusters: dict[str, Cluster]
) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook("site", installed, "--check", "--diff")
    assert run.status == 0, run.output
    assert run.changed == {"host": 0, "member-1": 0}
    assert (run.actions, run.diffs) == ([], [])
    assert audit.writes() == {}


def change(controller: Controller, before: Fleet, fleet: Fleet, host: Cluster) -> Run:
    """Change one Cluster by one write, foretold by a check run and followed by a run that does nothing."""
    settled = controller.playbook("import", before)
    assert settled.status == 0, settled.output
    foretold = controller.playbook("import", fleet, "--check", "--diff")
    audit = Audit([host])
    run = controller.playbook("import", fleet, "--diff")
    assert run.status == 0, run.output
    assert audit.writes() == PATCH_CLUSTER
    assert (foretold.actions, foretold.diffs) == (run.actions, run.diffs)
    assert run.changed == {"member-1": 1}
    again = controller.playbook("import", fleet)
    assert again.changed == {"member-1": 0}
    return run


def test_labels_and_annotations_change_in_place_by_one_write(
    controller: Controller, installed: Fleet, host: Cluster
) -> None:
    before = host.api.get(f"{CLUSTERS}/member-1")
    wanted = installed.with_member(
        "member-1",
        kubesphere_region="eu-9",
        kubesphere_alias="Renamed",
        kubesphere_description="A description",
        kubesphere_creator="admin",
        kubesphere_labels={"tier": "silver"},
    )
    run = change(controller, installed, wanted, host)
    assert run.actions == ["patch Cluster member-1 on host: the inventory says so"]
    after = host.api.get(f"{CLUSTERS}/member-1")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["labels"]["cluster.kubesphere.io/region"] == "eu-9"
    assert after["metadata"]["labels"]["cluster.kubesphere.io/group"] == "production"
    assert after["metadata"]["labels"]["tier"] == "silver"
    annotations = after["metadata"]["annotations"]
    assert annotations["kubesphere.io/alias-name"] == "Renamed"
    assert annotations["kubesphere.io/description"] == "A description"
    assert annotations["kubesphere.io/creator"] == "admin"
    assert after["metadata"]["finalizers"] == before["metadata"]["finalizers"]
    assert after["spec"] == before["spec"]


def test_kubeconfig_changes_in_place_by_one_write(
    controller: Controller, installed: Fleet, host: Cluster, member: Cluster
) -> None:
    before = host.api.get(f"{CLUSTERS}/member-1")
    other = member.kubeconfig_for("another-admin", ["system:masters"])
    wanted = installed.with_member("member-1", kubesphere_member_kubeconfig=str(other))
    run = change(controller, installed, wanted, host)
    [result] = run.of("member")
    assert (result["verified"], result["nodes"]) == (True, 1)
    shown = json.dumps(result["diff"])
    assert "***" in shown
    key = yaml.safe_load(other.read_text())["users"][0]["user"]["client-key-data"]
    assert key not in shown
    after = host.api.get(f"{CLUSTERS}/member-1")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert stored_kubeconfig(host, "member-1")["users"][0]["user"]["client-key-data"] == key


def test_third_cluster_joins_later(
    controller: Controller, installed: Fleet, fleet: Fleet, host: Cluster, clusters: dict[str, Cluster]
) -> None:
    """With ``--limit``: the host is not in the play, and is written all the same."""
    wanted = installed.with_member("member-2", **fleet.members["member-2"])
    foretold = controller.playbook("site", wanted, "--limit", "member-2", "--check")
    audit = Audit(clusters.values())
    run = controller.playbook("site", wanted, "--limit", "member-2")
    assert run.status == 0, run.output
    assert set(run.stats) == {"member-2"}
    assert foretold.actions == run.actions
    writes = audit.writes()
    assert set(writes) == {"host", "member-2"}
    assert writes["host"] == CREATE_CLUSTER["host"]
    assert names(host) == ["host", "member-1", "member-2"]
    assert jwt_secret(clusters["member-2"]) == jwt_secret(host)


@pytest.mark.parametrize(
    ("playbook", "modules"),
    [
        ("preflight", {"cluster_info"}),
        ("install", {"cluster_configuration"}),
        ("import", {"member"}),
        ("status", {"cluster_configuration", "member", "member_info"}),
    ],
)
def test_playbooks_stand_alone(
    controller: Controller, installed: Fleet, clusters: dict[str, Cluster], playbook: str, modules: set[str]
) -> None:
    controller.playbook("import", installed)
    audit = Audit(clusters.values())
    run = controller.playbook(playbook, installed)
    assert run.status == 0, run.output
    glue = ("kubesphere.multicluster.fleet", "kubesphere.multicluster.outcome")
    done = [task.action for task in run.tasks if task.status != "skipped" and task.action not in glue]
    actions = {action for action in done if action.startswith("kubesphere.multicluster.")}
    assert actions == {f"kubesphere.multicluster.{module}" for module in modules}
    assert all(count == 0 for count in run.changed.values())
    assert audit.requests() != {}
    assert audit.writes() == {}


def test_rendered_manifests_are_what_kubectl_takes(
    controller: Controller, installed: Fleet, clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    folder = tmp_path / "rendered"
    secret = "renderedManifestsHoldThisSecret1"
    wanted = installed.with_all(kubesphere_jwt_secret=secret, kubesphere_registry="registry.example.org:5000")
    marks = {name: cluster.audit_mark() for name, cluster in clusters.items()}
    foretold = controller.playbook("render", wanted, "-e", f"kubesphere_render_dir={folder}", "--check")
    assert not folder.exists()
    run = controller.playbook("render", wanted, "-e", f"kubesphere_render_dir={folder}")
    assert run.status == 0, run.output
    assert run.actions == foretold.actions
    assert secret not in run.output
    again = controller.playbook("render", wanted, "-e", f"kubesphere_render_dir={folder}")
    assert again.changed == {"host": 0, "member-1": 0}
    for name, cluster in clusters.items():
        assert cluster.audit_events(marks[name], "kubesphere.multicluster/") == []
    found = sorted(folder.rglob("*.yaml"))
    assert [str(path.relative_to(folder)) for path in found] == [
        f"{name}/{file}"
        for name in ("host", "member-1")
        for file in ("1-kubesphere-installer.yaml", "2-cluster-configuration.yaml")
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    for name, role in (("host", "host"), ("member-1", "member")):
        document = yaml.safe_load((folder / name / "2-cluster-configuration.yaml").read_text())
        assert document["spec"]["multicluster"]["clusterRole"] == role
        assert document["spec"]["authentication"]["jwtSecret"] == secret
        assert document["spec"]["local_registry"] == "registry.example.org:5000"
        # The kinds are known here, so the server checks both files; nothing is stored.
        applied = kubectl(clusters[name], "apply", "--dry-run=server", "-f", str(folder / name))
        assert applied.returncode == 0, applied.stderr
        assert "clusterconfiguration.installer.kubesphere.io/ks-installer" in applied.stdout


def kubectl(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run kubectl on a cluster."""
    command = [str(require("kubectl")), f"--kubeconfig={cluster.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_module_defaults_hold_for_the_action_group(
    controller: Controller, installed: Fleet, host: Cluster, tmp_path: Path
) -> None:
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "module_defaults": {"group/kubesphere.multicluster.multicluster": {"kubeconfig": str(host.kubeconfig)}},
        "tasks": [
            {"kubesphere.multicluster.member_info": {"use": False}},
            {"kubesphere.multicluster.cluster_info": {"cluster_role": "host", "cluster_name": "the-host"}},
        ],
    }
    book = tmp_path / "play.yml"
    book.write_text(yaml.safe_dump([play]))
    # Without the defaults, there is no way to a cluster.
    run = controller.playbook(book, installed, env={"KUBECONFIG": str(tmp_path / "nowhere")})
    assert run.status == 0, run.output
    assert {each["name"] for each in run.of("member_info")[0]["members"]} >= {"host", "member-1"}
    [looked] = run.of("cluster_info")
    assert (looked["cluster"]["server"], looked["problems"]) == (host.server, [])


def ad_hoc(controller: Controller, fleet: Fleet, module: str, arguments: dict[str, Any], *more: str) -> dict[str, Any]:
    run = controller.module(module, "member-1", fleet, arguments, *more)
    assert run.status == 0, run.output
    [task] = run.tasks
    volatile = ("invocation", "warnings", "deprecations", "ansible_facts")
    return {key: value for key, value in task.result.items() if key not in volatile}


def test_module_on_a_bastion_gives_what_the_action_plugin_gives(
    controller: Controller, installed: Fleet, host: Cluster, member: Cluster
) -> None:
    inline = yaml.safe_load(member.kubeconfig.read_text())
    of_host = {"name": "host", "kubeconfig": str(host.kubeconfig)}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("cluster_info", {"kubeconfig": str(member.kubeconfig), "cluster_name": "member-1"}),
        ("cluster_configuration", {"kubeconfig": inline, "cluster_role": "member", "host_cluster": of_host}),
        ("member", {"kubeconfig": inline, "host_cluster": of_host, "alias": "From a bastion"}),
    ]
    for module, arguments in cases:
        check = ("--check", "--diff")
        here = ad_hoc(controller, installed, module, arguments, *check, "-c", "local")
        there = ad_hoc(controller, installed, module, arguments, *check, "-c", "bastion", *PYTHON)
        assert here.pop("diff", None) == there.pop("diff", None)
        assert here == there, module
    eventually(lambda: not list((controller.home / "tmp").glob("*")), "Ansible to clear its temporary folder", 5)


def test_module_on_a_bastion_refuses_with_the_same_words(
    controller: Controller, installed: Fleet, member: Cluster
) -> None:
    arguments = {"kubeconfig": str(member.kubeconfig), "alias": "x"}
    said = [controller.module("member", "member-1", installed, arguments, *PYTHON, "-c", c) for c in CONNECTIONS]
    assert [run.status for run in said] == [2, 2]
    assert said[0].failures == said[1].failures
    assert said[0].failures["member-1"] == (
        "member-1: it was not said how to reach the host. "
        "Set host_cluster; the roles take it from the inventory's group kubesphere_host."
    )
