"""What stands after the road, seen by somebody who knows KubeSphere and not the collection."""

from __future__ import annotations

import json
import re

import pytest
from testinfra.host import Host

from tests.sandbox import audit
from tests.sandbox.standin import jwt
from tests.sandbox.standin.remote import Remote, RestConfig
from tests.scenario import (
    DEPLOYMENTS,
    STATE,
    SYSTEM,
    WORKPLACE,
    api,
    changes,
    cluster_object,
    expected_connection,
    fingerprint,
    name_of,
    playbook,
    settings,
    variables,
)

PRODUCT = "kubesphere.multicluster/"

testinfra_hosts = ["ansible://all"]


@pytest.fixture(scope="module")
def plan() -> str:
    """What a check run of the whole road prints when everything stands."""
    return playbook("kubesphere.multicluster.site", "--check", "--diff")


def test_role_is_that_of_the_group(host: Host) -> None:
    cluster = name_of(host)
    expected = "host" if cluster == "host" else "member"
    assert settings(cluster)["multicluster"]["clusterRole"] == expected


def test_jwt_secret_is_that_of_the_fleet(host: Host) -> None:
    own, fleet = (settings(name)["authentication"]["jwtSecret"] for name in (name_of(host), "host"))
    assert re.fullmatch("[A-Za-z0-9]{32}", own) is not None, "it is not 32 letters and digits"
    assert fingerprint(own) == fingerprint(fleet)


def test_deployments_are_available(host: Host) -> None:
    found = api(name_of(host)).get(DEPLOYMENTS)["items"]
    ready = {item["metadata"]["name"]: item["status"].get("availableReplicas", 0) for item in found}
    assert {"ks-installer", "ks-apiserver", "ks-controller-manager"} <= {name for name, count in ready.items() if count}


def test_cluster_object_says_what_the_inventory_says(host: Host) -> None:
    cluster = cluster_object(name_of(host))
    labels, annotations = cluster["metadata"].get("labels") or {}, cluster["metadata"].get("annotations") or {}
    seen = {
        "kubesphere_provider": cluster["spec"].get("provider"),
        "kubesphere_region": labels.get("cluster.kubesphere.io/region"),
        "kubesphere_group": labels.get("cluster.kubesphere.io/group"),
        "kubesphere_alias": annotations.get("kubesphere.io/alias-name"),
    }
    said = {key: value for key, value in variables(host).items() if key in seen}
    assert {key: seen[key] for key in said} == said


def test_cluster_is_used_through_the_host(host: Host) -> None:
    cluster = name_of(host)
    token = jwt.static_token(settings("host")["authentication"]["jwtSecret"])
    remote = Remote(RestConfig.parse((STATE / "host.kubeconfig").read_bytes()))
    path = f"{SYSTEM}/services/ks-apiserver/proxy/api/clusters/{cluster}/v1/nodes"
    response, connection = remote.forward("GET", path, {"X-KubeSphere-Authorization": f"Bearer {token}"}, None)
    try:
        status, answer = response.status, response.read()
    finally:
        connection.close()
    assert status == 200, answer
    own = api(cluster).get("/api/v1/nodes")["items"]
    seen = json.loads(answer)["items"]
    assert [node["metadata"]["uid"] for node in seen] == [node["metadata"]["uid"] for node in own]


def test_nothing_is_left_of_what_looked_around(host: Host) -> None:
    assert api(name_of(host)).get("/apis/batch/v1/jobs")["items"] == []


def test_second_run_wrote_nothing(host: Host) -> None:
    mark = int((STATE / name_of(host) / "audit.mark").read_text())
    events = audit.select(audit.read(STATE / f"{name_of(host)}.audit.log", mark), PRODUCT)
    assert events, "the second run did not even look at this cluster"
    assert audit.writes(events) == {}


def test_first_run_is_known_by_its_user_agent(host: Host) -> None:
    events = audit.select(audit.read(STATE / f"{name_of(host)}.audit.log"), PRODUCT)
    assert audit.writes(events)


def test_plan_of_what_stands_is_empty(host: Host, plan: str) -> None:
    assert changes(plan)[name_of(host)] == 0


def test_status_shows_the_cluster_at_work(host: Host, plan: str) -> None:
    role = "host" if name_of(host) == "host" else "member"
    row = rf"{name_of(host)} +{role} +{expected_connection(host)} .* works"
    assert re.search(row, plan) is not None, plan


def test_secrets_are_in_no_output(host: Host, plan: str) -> None:
    log = (WORKPLACE / "ansible.log").read_text()
    assert "TASK [kubesphere.multicluster.rollout : Go the road with all clusters at once]" in log
    cluster = name_of(host)
    secrets = {
        "jwtSecret": settings(cluster)["authentication"]["jwtSecret"],
        **cluster_object(cluster)["spec"]["connection"],
    }
    known = [key for key in ("jwtSecret", "kubeconfig", "token") if secrets.get(key)]
    assert {"jwtSecret", "kubeconfig"} <= set(known)
    assert [key for key in known if secrets[key] in log or secrets[key] in plan] == []
