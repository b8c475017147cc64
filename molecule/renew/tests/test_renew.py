"""Credentials that were made on the members: renewed when asked, and the former ones good for nothing."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from tests.sandbox.kubeapi import ApiError, KubeApi
from tests.scenario import SYSTEM, api, changes, cluster_object, fingerprint, name_of, playbook, variables

OURS = "labelSelector=app.kubernetes.io/managed-by%3Dkubesphere.multicluster"
REMEMBERED = 15.0  # seconds; an API server goes by what it remembers of a token for ten
MEMBERS = ("member-1", "member-2")

testinfra_hosts = ["ansible://kubesphere_members"]


def stored(cluster: str) -> dict[str, Any]:
    """The kubeconfig that KubeSphere has."""
    encoded = cluster_object(cluster)["spec"]["connection"]["kubeconfig"]
    return dict(yaml.safe_load(base64.b64decode(encoded)))


def status(kubeconfig: dict[str, Any], folder: Path) -> int:
    """What a cluster answers to who wants to read its Secrets."""
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    try:
        KubeApi.from_kubeconfig(path).get("/api/v1/namespaces/kube-system/secrets")
    except ApiError as error:
        return error.status
    return 200


@pytest.fixture(scope="module")
def former() -> dict[str, dict[str, Any]]:
    """The kubeconfigs before the renewal."""
    return {name: stored(name) for name in MEMBERS}


@pytest.fixture(scope="module")
def renewal(former: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Number of changes by a renewal that is asked for."""
    assert set(former) == set(MEMBERS)
    return changes(playbook("kubesphere.multicluster.renew", "--extra-vars", "kubesphere_renew=true"))


def test_credential_is_of_the_kind_that_is_wanted(host: Host) -> None:
    [user] = stored(name_of(host))["users"]
    token = variables(host)["kubesphere_credential"] == "token"
    assert set(user["user"]) == ({"token"} if token else {"client-certificate-data", "client-key-data"})


def test_renewal_takes_its_place(
    host: Host, renewal: dict[str, int], former: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    cluster = name_of(host)
    assert renewal[cluster] == 1
    new = stored(cluster)
    assert fingerprint(str(new["users"])) != fingerprint(str(former[cluster]["users"]))
    assert status(new, tmp_path) == 200


@pytest.mark.usefixtures("renewal")
def test_former_one_is_good_for_nothing(host: Host, former: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    cluster = name_of(host)
    refused = 401 if variables(host)["kubesphere_credential"] == "token" else 403
    deadline = time.monotonic() + REMEMBERED
    while status(former[cluster], tmp_path) != refused and time.monotonic() < deadline:
        time.sleep(0.5)
    assert status(former[cluster], tmp_path) == refused


@pytest.mark.usefixtures("renewal")
def test_one_is_left(host: Host) -> None:
    cluster = name_of(host)
    token = variables(host)["kubesphere_credential"] == "token"
    assert len(api(cluster).get(f"{SYSTEM}/secrets?{OURS}")["items"]) == int(token)
    binding = api(cluster).get("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubesphere-multicluster")
    assert [each["kind"] for each in binding["subjects"]] == ["ServiceAccount" if token else "User"]


@pytest.mark.usefixtures("renewal")
def test_nothing_is_left_to_renew() -> None:
    assert set(changes(playbook("kubesphere.multicluster.renew")).values()) == {0}
