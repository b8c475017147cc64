"""What the host reaches a direct member with: made, renewed, revoked, replaced, and put back."""

from __future__ import annotations

import base64
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import (
    CLUSTERS,
    SYSTEM,
    Audit,
    eventually,
    side_by_side,
    steer,
    stored_kubeconfig,
    wipe,
)
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import ApiError, KubeApi, Object

Clusters = dict[str, Cluster]

NAME = "kubesphere-multicluster"
BINDING = f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{NAME}"
OURS = "labelSelector=app.kubernetes.io/managed-by%3Dkubesphere.multicluster"
NOWHERE = "https://192.0.2.1:6443"

ASKED = ("-e", "kubesphere_renew=true")


@pytest.fixture(scope="module")
def with_plugin(member: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A kubeconfig whose credential a plugin gives out."""
    folder = tmp_path_factory.mktemp("plugin")
    content = yaml.safe_load(member.kubeconfig.read_text())
    user = content["users"][0]["user"]
    certificate, key = (base64.b64decode(user[f"client-{part}-data"]).decode() for part in ("certificate", "key"))
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"clientCertificateData": certificate, "clientKeyData": key},
    }
    (folder / "answer.json").write_text(json.dumps(answer))
    command = {"command": "cat", "args": [str(folder / "answer.json")], "interactiveMode": "Never"}
    content["users"][0]["user"] = {"exec": {"apiVersion": answer["apiVersion"], **command}}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.fixture(scope="module")
def former() -> list[dict[str, Any]]:
    """Tokens that have been revoked: an API server goes by what it remembers of a token for ten seconds."""
    return []


@pytest.fixture(scope="module")
def pair(fleet: Fleet, with_plugin: str) -> Fleet:
    """The inventory of the host and one member, whose kubeconfig KubeSphere could not use."""
    wanted = fleet.without("member-2").with_all(kubesphere_import_timeout=30)
    return wanted.with_member("member-1", kubesphere_kubeconfig=with_plugin, kubesphere_credential="auto")


@pytest.fixture(scope="module")
def foretold(controller: Controller, pair: Fleet, clusters: Clusters) -> Run:
    """A check run before the first run."""
    audit = Audit(clusters.values())
    run = controller.playbook("site", pair, "--check")
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


def with_credential(cluster: Cluster, user: dict[str, Any], folder: Path) -> KubeApi:
    """A client with the credential of a kubeconfig that was taken out of a Cluster."""
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    content["users"][0]["user"] = user
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return KubeApi.from_kubeconfig(path)


def status_of(cluster: Cluster, user: dict[str, Any], folder: Path) -> int:
    """What a cluster answers to a credential that wants to read Secrets."""
    try:
        with_credential(cluster, user, folder).get("/api/v1/namespaces/kube-system/secrets")
    except ApiError as error:
        return error.status
    return 200


def stored_user(host: Cluster) -> dict[str, Any]:
    """The credential that KubeSphere has."""
    return dict(stored_kubeconfig(host, "member-1")["users"][0]["user"])


def secrets_of_user(user: dict[str, Any]) -> list[str]:
    """What of a credential must not be seen."""
    key = base64.b64decode(user.get("client-key-data") or "").decode()
    return [text for text in (user.get("token"), user.get("client-key-data"), key.strip()) if text]


def ours(member: Cluster) -> dict[str, list[Any]]:
    """What stands on a member of the collection's."""
    binding = member.api.find(BINDING)
    accounts = member.api.get(f"{SYSTEM}/serviceaccounts?{OURS}")["items"]
    requests = member.api.get(f"/apis/certificates.k8s.io/v1/certificatesigningrequests?{OURS}")["items"]
    return {
        "secrets": [each["metadata"]["name"] for each in member.api.get(f"{SYSTEM}/secrets?{OURS}")["items"]],
        "subjects": [each["name"] for each in (binding or {}).get("subjects") or []],
        "accounts": [each["metadata"]["name"] for each in accounts],
        "requests": [each["metadata"]["name"] for each in requests],
    }


def renewed(controller: Controller, fleet: Fleet, host: Cluster, *arguments: str) -> tuple[Run, dict[str, Any]]:
    """A run that is foretold by a check run, leaves nothing to do, and shows no secret; and the former credential."""
    before = stored_user(host)
    foretold = controller.playbook("renew", fleet, *arguments, "--check")
    assert stored_user(host) == before
    run = controller.playbook("renew", fleet, *arguments, "--diff", "-vvv")
    assert run.status == 0, run.output
    assert foretold.actions == run.actions
    assert run.changed["member-1"] == 1
    [result] = run.of("member")
    assert result["verified"]
    after = stored_user(host)
    assert after != before
    for secret in (*secrets_of_user(before), *secrets_of_user(after)):
        assert secret not in run.output
        assert secret not in json.dumps([task.result for task in run.tasks])
    return run, before


# The first import, and the second run


def test_check_mode_foretells_the_first_run(foretold: Run, first: Run) -> None:
    assert first.actions == foretold.actions
    assert (
        f"create ServiceAccount kubesphere-system/{NAME}/token on member-1: a credential for KubeSphere"
        in first.actions
    )


def test_a_kubeconfig_with_a_plugin_is_imported_with_a_credential_of_its_own(
    first: Run, host: Cluster, member: Cluster, tmp_path: Path
) -> None:
    user = stored_user(host)
    assert list(user) == ["token"]
    assert status_of(member, user, tmp_path) == 200
    stored = stored_kubeconfig(host, "member-1")
    assert stored["clusters"][0]["cluster"] == yaml.safe_load(member.kubeconfig.read_text())["clusters"][0]["cluster"]
    found = ours(member)
    assert (len(found["secrets"]), found["subjects"], found["accounts"]) == (1, [NAME], [NAME])
    assert user["token"] not in first.output
    assert user["token"] not in json.dumps([task.result for task in first.tasks])


@pytest.mark.parametrize("playbook", ["site", "renew"])
def test_second_run_writes_nothing(controller: Controller, standing: Fleet, clusters: Clusters, playbook: str) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook(playbook, standing)
    assert run.status == 0, run.output
    assert run.actions == []
    assert audit.writes() == {}
    assert audit.caused() == {}


# Renewal


def test_renewed_when_asked(
    controller: Controller,
    standing: Fleet,
    host: Cluster,
    member: Cluster,
    tmp_path: Path,
    former: list[dict[str, Any]],
) -> None:
    run, before = renewed(controller, standing, host, *ASKED)
    assert "patch Cluster member-1 on host: its credential is to be renewed" in run.actions
    former.append(before)
    assert status_of(member, stored_user(host), tmp_path) == 200
    assert len(ours(member)["secrets"]) == 1


def test_certificate_is_renewed_before_its_end_and_the_former_one_may_do_nothing(
    controller: Controller,
    standing: Fleet,
    host: Cluster,
    member: Cluster,
    tmp_path: Path,
    former: list[dict[str, Any]],
) -> None:
    wanted = standing.with_member("member-1", kubesphere_credential="certificate")
    former.append(renewed(controller, wanted, host)[1])
    found = ours(member)
    assert (found["secrets"], found["accounts"], found["requests"]) == ([], [], [])
    [name] = found["subjects"]
    # The same, as it will be an hour before its end.
    short = yaml.safe_load(member.kubeconfig_for(name, expires_in=3600).read_text())
    encoded = base64.b64encode(yaml.safe_dump(short).encode()).decode()
    host.api.patch(f"{CLUSTERS}/member-1", {"spec": {"connection": {"kubeconfig": encoded}}})
    run, old = renewed(controller, wanted, host)
    assert "patch Cluster member-1 on host: its credential is about to expire" in run.actions
    assert old == short["users"][0]["user"]
    assert status_of(member, old, tmp_path) == 403
    assert status_of(member, stored_user(host), tmp_path) == 200
    assert controller.playbook("renew", wanted).actions == []


def test_two_runs_at_once_leave_one_that_works(
    controller: Controller, standing: Fleet, host: Cluster, member: Cluster, tmp_path: Path
) -> None:
    wanted = standing.with_member("member-1", kubesphere_credential="certificate")
    started = [controller.start("renew", wanted, *ASKED) for _dummy in range(2)]
    runs = [each.end() for each in started]
    assert 0 in [run.status for run in runs], [run.output for run in runs]
    assert status_of(member, stored_user(host), tmp_path) == 200
    again = controller.playbook("renew", wanted)
    assert again.status == 0, again.output
    assert len(ours(member)["subjects"]) == 1
    assert status_of(member, stored_user(host), tmp_path) == 200


def test_token_that_never_expires_and_what_a_killed_run_left(
    controller: Controller, standing: Fleet, host: Cluster, member: Cluster, clusters: Clusters, tmp_path: Path
) -> None:
    wanted = standing.with_member("member-1", kubesphere_credential="token_secret")
    _run, certificate = renewed(controller, wanted, host)
    assert status_of(member, certificate, tmp_path) == 403
    assert status_of(member, stored_user(host), tmp_path) == 200
    labels = {"app.kubernetes.io/managed-by": "kubesphere.multicluster"}
    member.api.create(f"{SYSTEM}/secrets", {"metadata": {"name": f"{NAME}-left", "labels": labels}})
    stray = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"{NAME}:left"}
    member.api.patch(BINDING, {"subjects": [*member.api.get(BINDING)["subjects"], stray]})
    run = controller.playbook("renew", wanted)
    assert run.actions == [
        f"delete Secret kubesphere-system/{NAME}-left on member-1: it has been replaced",
        f"patch ClusterRoleBinding {NAME} on member-1: it has been replaced",
    ]
    found = ours(member)
    assert (len(found["secrets"]), found["subjects"]) == (1, [NAME])
    audit = Audit(clusters.values())
    assert controller.playbook("renew", wanted).actions == []
    assert audit.writes() == {}


def test_a_given_kubeconfig_takes_over_and_nothing_of_ours_is_left(
    controller: Controller, standing: Fleet, host: Cluster, member: Cluster, former: list[dict[str, Any]]
) -> None:
    given = member.kubeconfig_for("an-admin", ["system:masters"])
    wanted = standing.with_member("member-1", kubesphere_credential="given", kubesphere_member_kubeconfig=str(given))
    former.append(renewed(controller, wanted, host)[1])
    assert ours(member) == {"secrets": [], "subjects": [], "accounts": [], "requests": []}
    [result] = controller.playbook("renew", wanted).of("member")
    [warning] = result["warnings"]
    assert warning.startswith("member-1: its kubeconfig expires in 1 day, and was given")
    renewed(controller, standing, host)


# What does not work is not switched to, or switched back


def unchanged(host: Cluster, member: Cluster, before: tuple[Object, dict[str, list[Any]]]) -> None:
    """Nothing is other than it was."""
    assert host.api.get(f"{CLUSTERS}/member-1")["spec"] == before[0]["spec"]
    assert ours(member) == before[1]


def as_it_is(host: Cluster, member: Cluster) -> tuple[Object, dict[str, list[Any]]]:
    """What a failure has to leave as it is."""
    return host.api.get(f"{CLUSTERS}/member-1"), ours(member)


def test_a_kubeconfig_of_another_cluster_is_refused(
    controller: Controller, standing: Fleet, clusters: Clusters, member: Cluster
) -> None:
    wanted = standing.with_member(
        "member-1", kubesphere_credential="given", kubesphere_member_kubeconfig=str(clusters["member-2"].kubeconfig)
    )
    audit = Audit(clusters.values())
    run = controller.playbook("renew", wanted)
    assert "its new kubeconfig leads to another cluster" in run.failures["member-1"]
    assert controller.playbook("renew", wanted, "--check").failures == run.failures
    assert audit.writes() == {}
    assert ours(member)["secrets"]


def test_a_kubeconfig_that_is_not_accepted_is_refused(
    controller: Controller, standing: Fleet, clusters: Clusters, member: Cluster
) -> None:
    content = yaml.safe_load(member.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": "nobody-knows-this-token"}
    wanted = standing.with_member("member-1", kubesphere_credential="given", kubesphere_member_kubeconfig=content)
    audit = Audit(clusters.values())
    run = controller.playbook("renew", wanted)
    assert "its new kubeconfig is not accepted" in run.failures["member-1"]
    assert "nobody-knows-this-token" not in run.output
    assert audit.writes() == {}


def test_a_kubeconfig_that_may_too_little_is_put_back(
    controller: Controller, standing: Fleet, host: Cluster, member: Cluster
) -> None:
    """KubeSphere's webhook lets it pass, since it leads to the same cluster."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
    member.api.create(f"{rbac}/clusterroles", {"metadata": {"name": "looker"}, "rules": [rule]})
    binding = {
        "metadata": {"name": "looker"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "looker"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "looker"}],
    }
    member.api.create(f"{rbac}/clusterrolebindings", binding)
    before = as_it_is(host, member)
    wanted = standing.with_all(kubesphere_import_timeout=4).with_member(
        "member-1",
        kubesphere_credential="given",
        kubesphere_member_kubeconfig=str(member.kubeconfig_for("looker")),
    )
    run = controller.playbook("renew", wanted)
    message = run.failures["member-1"]
    assert "in vain until it is Ready" in message
    assert "The former kubeconfig was put back" in message
    unchanged(host, member, before)
    assert controller.playbook("renew", standing).actions == []


def test_an_address_that_the_host_does_not_reach_is_not_switched_to(
    controller: Controller, standing: Fleet, host: Cluster, member: Cluster
) -> None:
    """Here KubeSphere's webhook tries it, and refuses the change."""
    before = as_it_is(host, member)
    run = controller.playbook("renew", standing.with_member("member-1", kubesphere_api_server=NOWHERE))
    assert "Failed to change Cluster member-1" in run.failures["member-1"]
    unchanged(host, member, before)


def test_a_member_that_is_not_imported_is_refused(
    controller: Controller, standing: Fleet, fleet: Fleet, clusters: Clusters
) -> None:
    audit = Audit(clusters.values())
    wanted = standing.with_member("member-2", **fleet.members["member-2"])
    run = controller.playbook("renew", wanted)
    assert run.failures == {
        "member-2": "member-2: host does not know a member member-2. Import it first: playbook import."
    }
    assert audit.writes() == {}


def is_dead(member: Cluster, user: dict[str, Any], folder: Path) -> bool:
    """Whether a cluster does not know a credential any more."""
    return status_of(member, user, folder) == 401


def test_former_tokens_are_dead(member: Cluster, former: list[dict[str, Any]], tmp_path: Path) -> None:
    assert len(former) == 3
    for user in former:
        eventually(partial(is_dead, member, user, tmp_path), "a token to be refused", 40)


# An older release


@pytest.fixture(scope="module")
def older(controller: Controller, standing: Fleet, clusters: Clusters) -> Fleet:
    """The same fleet with a release that takes no tokens, and whose webhook does not look at Clusters."""
    two = (clusters["host"], clusters["member-1"])
    side_by_side(wipe, two)
    # What fails right after an installation is tried again at the next resync only.
    side_by_side(partial(steer, controller={"resync": 3}), two)
    wanted = standing.with_all(kubesphere_release="v3.3.2")
    run = controller.playbook("site", wanted)
    assert run.status == 0, run.output
    return wanted


@pytest.mark.stand_in("ks-apiserver", "controller-manager")
def test_a_release_that_takes_no_tokens_gets_a_certificate(older: Fleet, host: Cluster, member: Cluster) -> None:
    assert older.everyone["kubesphere_release"] == "v3.3.2"
    assert set(stored_user(host)) == {"client-certificate-data", "client-key-data"}
    assert ours(member)["accounts"] == []


@pytest.mark.stand_in("ks-apiserver", "controller-manager")
def test_an_address_that_the_host_does_not_reach_is_put_back(
    controller: Controller, older: Fleet, host: Cluster, member: Cluster, clusters: Clusters
) -> None:
    before = as_it_is(host, member)
    wanted = older.with_all(kubesphere_import_timeout=4).with_member("member-1", kubesphere_api_server=NOWHERE)
    run = controller.playbook("renew", wanted)
    message = run.failures["member-1"]
    assert "in vain until it is Ready" in message
    assert "The former kubeconfig was put back" in message
    unchanged(host, member, before)
    audit = Audit(clusters.values())
    assert controller.playbook("renew", older).actions == []
    assert audit.writes() == {}
