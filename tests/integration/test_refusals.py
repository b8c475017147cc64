"""Bad input and clusters that are not as they should be: each is refused in words, and nothing is written."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import (
    CLUSTERS,
    CONFIGURATION,
    STORAGE_CLASSES,
    Audit,
    configuration,
    eventually,
    jwt_secret,
    names,
    whole_list,
)
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

SECRET_WITH_SHELL = "$(reboot)`id`;0123456789abcdefghij"
RELEASES = "v3.0.0, v3.1.0, v3.1.1, v3.2.0, v3.2.1, v3.3.0, v3.3.1, v3.3.2, v3.4.0, v3.4.1"


@pytest.fixture(scope="module", autouse=True)
def _quick(fleet: Fleet) -> None:
    """Nobody waits long for a refusal."""
    fleet.everyone |= {"kubesphere_request_timeout": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's own kubeconfigs are."""
    return tmp_path


def refused(controller: Controller, playbook: str, fleet: Fleet, clusters: Clusters, *arguments: str) -> Run:
    """A run that fails and writes nothing on any cluster."""
    audit = Audit(clusters.values())
    run = controller.playbook(playbook, fleet, *arguments)
    assert run.status == 2, run.output
    assert audit.writes() == {}
    assert all(count == 0 for count in run.changed.values())
    return run


def problems(run: Run) -> dict[str, list[str]]:
    """What the module cluster_info found, by inventory name."""
    return {task.host: task.result["problems"] for task in run.tasks if "problems" in task.result}


def problem(controller: Controller, fleet: Fleet, clusters: Clusters, name: str = "member-2") -> str:
    """The one problem of the one cluster that has any, as the playbook preflight tells it to the user."""
    run = refused(controller, "preflight", fleet, clusters)
    assert set(run.failures) == {name}, run.output
    beginning = f"Nothing was written. 1 problem found:\n- {name}: "
    assert run.failures[name].startswith(beginning), run.failures[name]
    return run.failures[name].removeprefix(beginning)


def changed_kubeconfig(cluster: Cluster, folder: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """A copy of a cluster's kubeconfig with something else in it."""
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    change(content)
    path = folder / "changed.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return str(path)


# The inventory


def test_no_host(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    run = refused(controller, "site", replace(fleet, hosts={}), clusters)
    text = (
        "Nothing was written: the group kubesphere_host is empty: put the one host cluster of the fleet into it, or "
        "name it in kubesphere_slice_host, if this inventory is a slice of the fleet."
    )
    assert set(run.failures.values()) == {text}


def test_two_hosts(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    hosts = {**fleet.hosts, "member-2": fleet.members["member-2"]}
    run = refused(controller, "site", replace(fleet.without("member-2"), hosts=hosts), clusters)
    assert set(run.failures.values()) == {
        "Nothing was written: the group kubesphere_host has 2 clusters (host, member-2): leave one, "
        "a fleet has exactly one host."
    }


def test_host_that_is_also_a_member(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    run = refused(controller, "site", fleet.with_member("host", **fleet.hosts["host"]), clusters)
    assert set(run.failures.values()) == {
        "Nothing was written: host: in kubesphere_host and in kubesphere_members; leave it in one of them."
    }


def test_two_members_of_one_name(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    wanted = fleet.with_member("member-2", kubesphere_cluster_name="member-1")
    run = refused(controller, "preflight", wanted, clusters)
    for name, other in (("member-1", "member-2"), ("member-2", "member-1")):
        assert run.failures[name] == (
            f"Nothing was written. 1 problem found:\n- {name}: its kubesphere_cluster_name member-1 is also that of "
            f"{other}: each needs a name of its own"
        )


def test_name_that_kubernetes_does_not_take(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    assert problem(controller, fleet.with_member("member-2", kubesphere_cluster_name="Member_2"), clusters) == (
        "cluster name 'Member_2' is not valid: use lower-case letters, digits and '-', "
        "and a letter or digit at both ends."
    )


def test_unknown_release(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    assert problem(controller, fleet.with_member("member-2", kubesphere_release="3.4.2"), clusters) == (
        f"KubeSphere release '3.4.2' is not known to this collection. Did you mean v3.4.1? Known releases: {RELEASES}."
    )


def test_member_newer_than_its_host(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    wanted = fleet.without("member-1").with_host(kubesphere_release="v3.3.2")
    assert problem(controller, wanted, clusters) == (
        "its kubesphere_release v3.4.1 is newer than the host's v3.3.2: upgrade the host first"
    )


# Values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("enabled", "kubesphere_configuration: values of a ClusterConfiguration must be a mapping, they are a string."),
        ([{"a": 1}], "kubesphere_configuration: values of a ClusterConfiguration must be a mapping, they are a list."),
        (
            {"common": None},
            "kubesphere_configuration: common: must be a mapping, it is null; leave the key out to keep what the "
            "release ships.",
        ),
        (
            {"multicluster": {"clusterRole": "host"}},
            "kubesphere_configuration: multicluster.clusterRole: is 'host' here, but 'member' follows from the "
            "cluster's own settings; remove one of the two.",
        ),
    ],
    ids=["text", "list", "null section", "other role"],
)
def test_configuration_that_is_none(
    controller: Controller, fleet: Fleet, clusters: Clusters, value: Any, text: str
) -> None:
    assert problem(controller, fleet.with_member("member-2", kubesphere_configuration=value), clusters) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            SECRET_WITH_SHELL,
            "jwtSecret may hold nothing but ASCII letters and digits, because ks-installer passes it unquoted to a "
            "shell; use 32 of them.",
        ),
        (12345678, "jwtSecret must be a string, it is a number; put it in quotes."),
    ],
    ids=["shell", "number"],
)
def test_jwt_secret_that_the_installer_would_break_on(
    controller: Controller, fleet: Fleet, clusters: Clusters, value: Any, text: str
) -> None:
    run = refused(controller, "site", fleet.with_all(kubesphere_jwt_secret=value), clusters, "-vvv")
    for name in clusters:
        assert f"- {name}: {text}" in run.failures["host"]
    assert str(value) not in run.output


def test_connection_that_does_not_exist(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    assert problem(controller, fleet.with_member("member-2", kubesphere_connection="vpn"), clusters) == (
        "kubesphere_connection is 'vpn': set it to direct, agent or auto"
    )


# Kubeconfigs


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "kubeconfig {path} is empty. Give a kubeconfig that has a context."),
        ("clusters:\n\t- none\n", "kubeconfig {path} is no YAML at line 2. Check that it is a kubeconfig."),
        ("just a text", "kubeconfig {path} is a str, not a mapping. Check that it is a kubeconfig."),
        ("kind: Config\n", "kubeconfig {path} has no current-context. Name one of its contexts: (none)."),
        (
            "kind: Config\ncurrent-context: gone\n",
            "kubeconfig {path} has no context 'gone'. Its contexts are: (none).",
        ),
    ],
    ids=["empty", "no YAML", "text", "no context", "wrong context"],
)
def test_kubeconfig_that_is_none(
    controller: Controller, fleet: Fleet, clusters: Clusters, folder: Path, content: str, text: str
) -> None:
    path = folder / "kubeconfig"
    path.write_text(content)
    wanted = fleet.with_member("member-2", kubesphere_kubeconfig=str(path))
    assert problem(controller, wanted, clusters) == text.format(path=path)


def test_kubeconfig_that_is_not_there(controller: Controller, fleet: Fleet, clusters: Clusters, folder: Path) -> None:
    wanted = fleet.with_member("member-2", kubesphere_kubeconfig=str(folder / "none"))
    assert problem(controller, wanted, clusters) == (
        f"kubeconfig ({folder}/none) cannot be read: No such file or directory. Give the path of a readable file."
    )


def test_kubeconfig_of_another_member(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    uid = clusters["member-1"].api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    wanted = fleet.with_member("member-2", **fleet.members["member-1"])
    run = refused(controller, "preflight", wanted, clusters)
    for name, other in (("member-1", "member-2"), ("member-2", "member-1")):
        assert run.failures[name] == (
            f"Nothing was written. 1 problem found:\n- {name}: it is the same cluster as {other} (kube-system UID "
            f"{uid}): give each its own kubeconfig"
        )


def test_expired_certificate(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    expired = clusters["member-2"].kubeconfig_for("late", ["system:masters"], expires_in=-60)
    run = refused(controller, "preflight", fleet.with_member("member-2", kubesphere_kubeconfig=str(expired)), clusters)
    [first, second] = problems(run)["member-2"]
    assert first.startswith("kubeconfig: its client certificate expired on 20")
    assert first.endswith(" UTC: give a kubeconfig with a valid one")
    assert second == (
        f"Failed to read its version: 401 from {clusters['member-2'].server}: Unauthorized. "
        "Give a credential that this cluster accepts; the one in use is wrong, revoked or expired."
    )
    assert f"2 problems found:\n- member-2: {first}\n- member-2: {second}" in run.failures["member-2"]


def test_refused_token(controller: Controller, fleet: Fleet, clusters: Clusters, folder: Path) -> None:
    member = clusters["member-2"]
    token = "thisTokenIsKnownToNobodyAtAll01"

    def with_token(content: dict[str, Any]) -> None:
        content["users"][0]["user"] = {"token": token}

    path = changed_kubeconfig(member, folder, with_token)
    run = refused(controller, "preflight", fleet.with_member("member-2", kubesphere_kubeconfig=path), clusters, "-vvv")
    assert problems(run)["member-2"] == [
        f"Failed to read its version: 401 from {member.server}: Unauthorized. "
        "Give a credential that this cluster accepts; the one in use is wrong, revoked or expired."
    ]
    assert token not in run.output


def test_unreachable_server_is_given_up_in_time(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    member = clusters["member-2"]
    member.cut_from_machine()
    try:
        started = time.monotonic()
        text = problem(controller, fleet, {name: clusters[name] for name in ("host", "member-1")})
        seconds = time.monotonic() - started
    finally:
        member.mend_to_machine()
    assert text == (
        f"Failed to read its version: no answer from {member.server}: timed out. "
        "Check the server address, the network between here and there, and that the API server runs."
    )
    assert seconds < 20  # 4 s are given to a request, the rest is Ansible and a busy machine


def test_server_that_is_not_the_one_of_the_certificate(
    controller: Controller, fleet: Fleet, clusters: Clusters, folder: Path
) -> None:
    member = clusters["member-2"]
    authority = yaml.safe_load(clusters["host"].kubeconfig.read_text())["clusters"][0]["cluster"]

    def with_other_authority(content: dict[str, Any]) -> None:
        content["clusters"][0]["cluster"]["certificate-authority-data"] = authority["certificate-authority-data"]

    path = changed_kubeconfig(member, folder, with_other_authority)
    text = problem(controller, fleet.with_member("member-2", kubesphere_kubeconfig=path), clusters)
    assert text.startswith(f"Failed to read its version: no answer from {member.server}: ")
    assert "CERTIFICATE_VERIFY_FAILED" in text


def test_credential_of_a_plugin(controller: Controller, fleet: Fleet, clusters: Clusters, folder: Path) -> None:
    member = clusters["member-2"]
    user = yaml.safe_load(member.kubeconfig.read_text())["users"][0]["user"]
    decoded = {key: base64.b64decode(value).decode() for key, value in user.items()}
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "clientCertificateData": decoded["client-certificate-data"],
            "clientKeyData": decoded["client-key-data"],
        },
    }
    said = folder / "answer.json"
    said.write_text(json.dumps(answer))

    def with_plugin(content: dict[str, Any]) -> None:
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": [str(said)]}
        content["users"][0]["user"] = {"exec": {**plugin, "interactiveMode": "Never"}}

    path = changed_kubeconfig(member, folder, with_plugin)
    assert problem(controller, fleet.with_member("member-2", kubesphere_kubeconfig=path), clusters) == (
        "kubeconfig: its credential comes from a plugin (exec), which KubeSphere's pods cannot run: give a kubeconfig "
        "with a token or a client certificate, or set kubesphere_credential to auto"
    )


@pytest.mark.parametrize("server", ["https://127.0.0.1:6443", "https://localhost:6443", "https://lb.kubesphere.local"])
def test_server_that_pods_do_not_reach(controller: Controller, fleet: Fleet, clusters: Clusters, server: str) -> None:
    assert problem(controller, fleet.with_member("member-2", kubesphere_api_server=server), clusters) == (
        f"kubeconfig: its server {server} is an address that the host's pods do not reach this cluster by: "
        "set kubesphere_api_server to one that they do"
    )


def test_user_without_rights(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    member = clusters["member-2"]
    nobody = member.kubeconfig_for("nobody")
    assert problem(controller, fleet.with_member("member-2", kubesphere_kubeconfig=str(nobody)), clusters) == (
        f'Failed to read Namespace kube-system: 403 from {member.server}: namespaces "kube-system" is forbidden: User '
        '"nobody" cannot get resource "namespaces" in API group "" in the namespace "kube-system". '
        "Give the user of this kubeconfig the right to do it, or use another kubeconfig."
    )


def test_user_with_too_few_rights(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    member = clusters["member-2"]
    roles = "/apis/rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    member.api.create(f"{roles}/clusterroles", {"metadata": {"name": "reader"}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}
    binding = {"metadata": {"name": "reader"}, "roleRef": reference, "subjects": [subject]}
    member.api.create(f"{roles}/clusterrolebindings", binding)
    reader = member.kubeconfig_for("reader")
    wanted = fleet.with_member("member-2", kubesphere_kubeconfig=str(reader))

    def may_read() -> bool:
        return not problems(controller.playbook("preflight", wanted))["member-2"][0].startswith("Failed")

    eventually(may_read, "the role to be in force", 40)
    assert problem(controller, wanted, clusters) == (
        "the kubeconfig's user may not create customresourcedefinitions, create clusterroles, escalate clusterroles, "
        "create clusterrolebindings, bind clusterroles, create serviceaccounts, create deployments, create "
        "clusterconfigurations, which an installation of KubeSphere takes: use one that is bound to "
        "cluster-admin, or to what docs/rbac of the collection grants"
    )


# TLS


@pytest.mark.parametrize("connection", ["local", "bastion"])
def test_tls_that_is_switched_off_cannot_be_missed(
    controller: Controller, fleet: Fleet, clusters: Clusters, folder: Path, connection: str
) -> None:
    """In the preflight and with each later task, failed ones too; for the play's own way and for KubeSphere's."""

    def switch_off(content: dict[str, Any]) -> None:
        content["clusters"][0]["cluster"] = {
            "server": clusters["member-1"].server,
            "insecure-skip-tls-verify": True,
        }

    path = changed_kubeconfig(clusters["member-1"], folder, switch_off)
    wanted = fleet.with_member("member-1", kubesphere_kubeconfig=path)
    if connection == "bastion":
        wanted = wanted.with_all(ansible_connection="bastion", ansible_python_interpreter=sys.executable)
    if connection == "bastion":  # takes a task for each cluster
        runs = [refused(controller, "each", wanted, clusters, "--limit", "member-1")]
    else:
        looked = controller.playbook("preflight", wanted, "--limit", "host,member-1")
        assert looked.status == 0, looked.output
        runs = [looked, refused(controller, "import", wanted, clusters, "--limit", "member-1")]
    for run in runs:
        said = " ".join(run.output.replace("[WARNING]: ", "").split())
        assert run.output.count("[WARNING]: member-1: ") >= 2, run.output
        assert "member-1: the API server's certificate is not verified, so whoever is in between" in said
        assert "member-1: in the kubeconfig that KubeSphere gets, insecure-skip-tls-verify is true" in said
        assert "[WARNING]: host" not in run.output


# Clusters


def test_kubernetes_that_the_release_does_not_support(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    run = refused(controller, "site", fleet.with_all(kubesphere_release="v3.0.0"), clusters)
    text = (
        "Kubernetes v1.20.2 is not supported by KubeSphere v3.0.0, which takes 1.15 to 1.18: choose another "
        "kubesphere_release"
    )
    assert run.failures == whole_list({name: [text] for name in clusters})


@pytest.fixture
def without_default_class(clusters: Clusters) -> Iterator[None]:
    """The second member has a StorageClass that is not the default one."""
    path, annotation = f"{STORAGE_CLASSES}/local", "storageclass.kubernetes.io/is-default-class"
    api = clusters["member-2"].api
    api.patch(path, {"metadata": {"annotations": {annotation: "false"}}})
    yield
    api.patch(path, {"metadata": {"annotations": {annotation: "true"}}})


@pytest.mark.usefixtures("without_default_class")
def test_no_storage_class(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    assert problem(controller, fleet, clusters) == (
        "there is no default StorageClass: mark one as default, or name one in "
        "kubesphere_configuration.persistence.storageClass"
    )
    wanted = fleet.with_member("member-2", kubesphere_configuration={"persistence": {"storageClass": "fast"}})
    assert problem(controller, wanted, clusters) == (
        "StorageClass fast (persistence.storageClass) does not exist; there are: local"
    )
    wanted = fleet.with_member("member-2", kubesphere_configuration={"persistence": {"storageClass": "local"}})
    assert controller.playbook("preflight", wanted).status == 0


def test_member_before_its_host(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    """With ``--limit`` on a fleet whose host is not installed, there is no jwtSecret to take."""
    run = refused(controller, "install", fleet, clusters, "--limit", "member-1")
    assert run.failures == {
        "member-1": "host: the host has no jwtSecret yet, because KubeSphere is not installed there. "
        "Install the host first: the playbook kubesphere.multicluster.install does host and members."
    }


def test_import_before_the_installation(controller: Controller, fleet: Fleet, clusters: Clusters) -> None:
    run = refused(controller, "import", fleet.without("member-2"), clusters)
    assert run.failures == {"member-1": "host: KubeSphere is not installed here. Install it first: playbook install."}


# A bad member beside good ones, and what is refused once a fleet stands


@pytest.fixture(scope="module")
def bad_member(fleet: Fleet, clusters: Clusters) -> Fleet:
    """An inventory whose second member has an expired certificate."""
    expired = clusters["member-2"].kubeconfig_for("late", ["system:masters"], expires_in=-60)
    return fleet.with_member("member-2", kubesphere_kubeconfig=str(expired))


def test_strict_run_stops_for_one_bad_member(controller: Controller, bad_member: Fleet, clusters: Clusters) -> None:
    run = refused(controller, "site", bad_member.with_all(kubesphere_preflight_strict=True), clusters)
    assert "2 problems found:\n- member-2: kubeconfig: its client certificate expired" in run.failures["host"]
    assert run.failures["member-1"].startswith("Nothing was written: member-2 has problems, so nothing was begun here.")
    assert run.of("cluster_configuration") == []


@pytest.fixture(scope="module")
def one_left_out(controller: Controller, bad_member: Fleet, clusters: Clusters) -> Run:
    """A run on a fleet with one bad member."""
    audit = Audit([clusters["member-2"]])
    run = controller.playbook("site", bad_member)
    assert audit.writes() == {}
    return run


@pytest.fixture(scope="module")
def standing(one_left_out: Run, fleet: Fleet) -> Fleet:
    """The inventory of the fleet that stands."""
    assert one_left_out.stats["member-1"]["failures"] == 0, one_left_out.output
    return fleet.without("member-2")


def test_bad_member_is_left_out_and_the_good_ones_go_on(one_left_out: Run, clusters: Clusters) -> None:
    assert one_left_out.status == 2
    assert {host: counts["failures"] for host, counts in one_left_out.stats.items()} == {
        "host": 0,
        "member-1": 0,
        "member-2": 1,
    }
    assert "its client certificate expired" in one_left_out.failures["member-2"]
    assert names(clusters["host"]) == ["host", "member-1"]
    rows = [line.split(maxsplit=6) for line in one_left_out.table[1:]]
    assert [(row[0], row[-1]) for row in rows] == [
        ("host", "works"),
        ("member-1", "works"),
        ("member-2", "not imported"),
    ]


def test_foreign_cluster_configuration(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    api = clusters["member-1"].api
    collection = "/apis/installer.kubesphere.io/v1alpha1/namespaces/default/clusterconfigurations"
    body = {"apiVersion": "installer.kubesphere.io/v1alpha1", "kind": "ClusterConfiguration", "spec": {}}
    api.create(collection, {**body, "metadata": {"name": "mine"}})
    try:
        assert problem(controller, standing, clusters, "member-1") == (
            "there is another ClusterConfiguration, default/mine: remove it, ks-installer looks at "
            "kubesphere-system/ks-installer alone"
        )
    finally:
        api.delete(f"{collection}/mine")


def test_roles_are_not_exchanged(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    exchanged = replace(
        standing,
        hosts={"member-1": standing.members["member-1"]},
        members={"host": standing.hosts["host"]},
    )
    run = refused(controller, "site", exchanged, clusters)
    text = (
        "KubeSphere is installed here as {}, the inventory wants a {}: ks-installer cannot change that; mend the "
        "inventory, or uninstall KubeSphere first"
    )
    found = {"host": [text.format("host", "member")], "member-1": [text.format("member", "host")]}
    assert run.failures == whole_list(found, host="member-1")
    # Also where nobody looks before.
    run = refused(controller, "install", exchanged, clusters)
    text = (
        "{}: KubeSphere is installed here as {} and cannot become {}: ks-installer removes nothing of the former role. "
        "Put the cluster into the inventory's group for {}s, or uninstall KubeSphere first."
    )
    assert run.failures["member-1"] == text.format("member-1", "member", "host", "member")
    run = refused(controller, "install", exchanged, clusters, "--limit", "host")
    assert run.failures["host"] == text.format("host", "host", "member", "host")


def test_downgrade(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    run = refused(controller, "site", standing.with_all(kubesphere_release="v3.3.2"), clusters)
    text = "KubeSphere v3.4.1 stands here; there is no way back to v3.3.2. Set the release to v3.4.1 or to a later one."
    assert run.failures == whole_list({name: [text] for name in ("host", *standing.members)})
    # Also where nobody looks before.
    run = refused(controller, "install", standing.with_all(kubesphere_release="v3.3.2"), clusters)
    assert run.failures["host"] == f"host: {text}"


def test_member_that_is_imported_under_another_name(
    controller: Controller, standing: Fleet, clusters: Clusters
) -> None:
    run = refused(controller, "import", standing.with_member("member-1", kubesphere_cluster_name="renamed"), clusters)
    assert run.failures == {
        "member-1": "renamed: it is imported into host already, as member-1. "
        "Set kubesphere_cluster_name to member-1, or unbind it first."
    }
    # A member that does not say so itself is found by its UID.
    wanted = standing.with_member("member-1", kubesphere_cluster_name="renamed", kubesphere_adopt=True)
    uid = clusters["member-1"].api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    run = refused(controller, "import", wanted, clusters)
    assert run.failures == {
        "member-1": f"renamed: it is imported already, as member-1 (kube-system UID {uid}). "
        "Set kubesphere_cluster_name to member-1."
    }


def test_name_of_another_member(controller: Controller, standing: Fleet, fleet: Fleet, clusters: Clusters) -> None:
    uids = [clusters[n].api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"] for n in ("member-1", "member-2")]
    run = refused(controller, "import", standing.with_member("member-1", **fleet.members["member-2"]), clusters)
    assert run.failures == {
        "member-1": f"member-1: Cluster member-1 on host is another cluster (kube-system UID {uids[0]}, this one has "
        f"{uids[1]}). Choose another name by kubesphere_cluster_name, or unbind the other cluster first."
    }


def test_host_as_its_own_member(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    wanted = standing.with_member("itself", **standing.hosts["host"]).without("member-1")
    run = refused(controller, "import", wanted, clusters)
    assert run.failures == {
        "itself": "itself: KubeSphere runs here as host, not as member. "
        "Set multicluster.clusterRole to member in its ClusterConfiguration, or mend the inventory."
    }
    wanted = standing.with_member("host-again", **standing.hosts["host"], kubesphere_cluster_name="host")
    run = refused(controller, "import", wanted.without("member-1"), clusters)
    assert run.failures == {
        "host-again": "host: host is the name of the host's own Cluster. "
        "Choose another name by kubesphere_cluster_name."
    }


def test_member_of_another_fleet(controller: Controller, standing: Fleet, fleet: Fleet, clusters: Clusters) -> None:
    """A member with a jwtSecret of its own is refused by name; ``install`` would give it the host's."""
    other = "anotherFleetsSecret0123456789abc"
    wanted = fleet.without("member-1").with_member("member-2", kubesphere_jwt_secret=other)
    installed = controller.playbook("install", wanted, "--limit", "member-2")
    assert installed.status == 0, installed.output
    assert jwt_secret(clusters["member-2"]) == other
    run = refused(controller, "import", wanted, clusters, "-vvv")
    assert run.failures == {
        "member-2": "member-2: its jwtSecret differs from the host's, so it would refuse the host's users. "
        "Set authentication.jwtSecret of its ClusterConfiguration to the host's: "
        "the playbook kubesphere.multicluster.install does that."
    }
    assert other not in run.output
    mended = controller.playbook("site", standing.with_member("member-2", **fleet.members["member-2"]))
    assert mended.status == 0, mended.output
    assert jwt_secret(clusters["member-2"]) == jwt_secret(clusters["host"])
    assert names(clusters["host"]) == ["host", "member-1", "member-2"]


def test_ready_member_that_refuses_the_hosts_users(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    """The Cluster says Ready, for KubeSphere never looks at the jwtSecret again; using it through the host tells."""
    member, other = clusters["member-1"], "aSecretThatSomebodyHasChanged012"
    before = configuration(member)["spec"]["authentication"]["jwtSecret"]
    member.api.patch(CONFIGURATION, {"spec": {"authentication": {"jwtSecret": other}}})
    try:
        eventually(lambda: jwt_secret(member) == other, "the member to have another jwtSecret")
        conditions = clusters["host"].api.get(f"{CLUSTERS}/member-1")["status"]["conditions"]
        assert {each["status"] for each in conditions if each["type"] == "Ready"} == {"True"}
        wanted = standing.with_all(kubesphere_import_timeout=5)
        run = refused(controller, "import", wanted, clusters)
        text = run.failures["member-1"]
        assert "use member-1 through the host: 401" in text, text
        assert "Give the member the host's jwtSecret (playbook kubesphere.multicluster.install does)" in text, text
        table = controller.playbook("status", standing).table
        assert "jwtSecret" in next(line for line in table if line.startswith("member-1"))
    finally:
        member.api.patch(CONFIGURATION, {"spec": {"authentication": {"jwtSecret": before}}})
        eventually(lambda: jwt_secret(member) == before, "the member to have the fleet's jwtSecret")


def test_wrong_options_are_refused_by_name(controller: Controller, standing: Fleet) -> None:
    run = controller.module("member", "member-1", standing, {"conection": "direct"}, "-c", "local")
    assert run.status == 2
    assert run.failures["member-1"].startswith(
        "kubesphere.multicluster.member: Unsupported parameters: conection. Supported parameters include: adopt, "
    )
