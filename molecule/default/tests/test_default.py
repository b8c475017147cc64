"""What stands after the road, seen by somebody who knows KubeSphere and not the collection."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import testinfra
import yaml
from testinfra.host import Host

from tests.sandbox import audit
from tests.sandbox.kubeapi import KubeApi
from tests.sandbox.standin import jwt
from tests.sandbox.standin.remote import Remote, RestConfig

SCENARIO = Path(__file__).parents[1]
CHECKOUT = SCENARIO.parents[1]
STATE = CHECKOUT / "build" / "molecule" / "default"
SYSTEM = "/api/v1/namespaces/kubesphere-system"
CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"
PRODUCT = "kubesphere.multicluster/"

testinfra_hosts = ["ansible://all"]


def name_of(host: Host) -> str:
    return str(host.ansible.get_variables()["inventory_hostname"])


@functools.cache
def api(cluster: str) -> KubeApi:
    return KubeApi.from_kubeconfig(STATE / f"{cluster}.kubeconfig")


def settings(cluster: str) -> dict[str, Any]:
    return dict(yaml.safe_load(api(cluster).get(f"{SYSTEM}/configmaps/kubesphere-config")["data"]["kubesphere.yaml"]))


def fingerprint(secret: str) -> str:
    """Stands for a secret in what a failed assertion shows."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def playbook(name: str, *options: str) -> str:
    """Run a playbook of the collection as the scenario does."""
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(part) for part in (program, "--inventory", SCENARIO / "inventory", *options, name)]
    return str(testinfra.get_host("local://").check_output(" ".join(["%s"] * len(command)), *command))


def changes(output: str) -> dict[str, int]:
    """Number of changed tasks by host, from the recap."""
    return {name: int(count) for name, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", output, re.MULTILINE)}


def test_role_is_that_of_the_group(host: Host) -> None:
    cluster = name_of(host)
    expected = "host" if cluster == "host" else "member"
    assert settings(cluster)["multicluster"]["clusterRole"] == expected


def test_jwt_secret_is_that_of_the_fleet(host: Host) -> None:
    own, fleet = (settings(name)["authentication"]["jwtSecret"] for name in (name_of(host), "host"))
    assert re.fullmatch("[A-Za-z0-9]{32}", own) is not None, "it is not 32 letters and digits"
    assert fingerprint(own) == fingerprint(fleet)


def test_deployments_are_available(host: Host) -> None:
    found = api(name_of(host)).get("/apis/apps/v1/namespaces/kubesphere-system/deployments")["items"]
    ready = {item["metadata"]["name"]: item["status"].get("availableReplicas", 0) for item in found}
    assert {"ks-installer", "ks-apiserver", "ks-controller-manager"} <= {name for name, count in ready.items() if count}


def test_cluster_object_is_ready(host: Host) -> None:
    cluster = api("host").get(f"{CLUSTERS}/{name_of(host)}")
    conditions = {item["type"]: item["status"] for item in cluster["status"]["conditions"]}
    assert (conditions.get("Federated"), conditions.get("Ready")) == ("True", "True")


def test_cluster_object_says_what_the_inventory_says(host: Host) -> None:
    cluster = api("host").get(f"{CLUSTERS}/{name_of(host)}")
    labels, annotations = cluster["metadata"]["labels"], cluster["metadata"].get("annotations") or {}
    seen = {
        "kubesphere_provider": cluster["spec"].get("provider"),
        "kubesphere_region": labels.get("cluster.kubesphere.io/region"),
        "kubesphere_group": labels.get("cluster.kubesphere.io/group"),
        "kubesphere_alias": annotations.get("kubesphere.io/alias-name"),
    }
    said = {key: value for key, value in host.ansible.get_variables().items() if key in seen}
    assert {key: seen[key] for key in said} == said
    assert cluster["spec"]["connection"]["type"] == "direct"


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


def test_second_run_wrote_nothing(host: Host) -> None:
    mark = int((STATE / name_of(host) / "audit.mark").read_text())
    events = audit.select(audit.read(STATE / f"{name_of(host)}.audit.log", mark), PRODUCT)
    assert events, "the second run did not even look at this cluster"
    assert audit.writes(events) == {}


def test_first_run_is_known_by_its_user_agent(host: Host) -> None:
    events = audit.select(audit.read(STATE / f"{name_of(host)}.audit.log"), PRODUCT)
    assert audit.writes(events)


def test_plan_of_what_stands_is_empty() -> None:
    assert changes(playbook("kubesphere.multicluster.site", "--check", "--diff")) == {"host": 0, "member-1": 0}


def test_status_shows_the_member_at_work() -> None:
    shown = playbook("kubesphere.multicluster.status")
    assert re.search(r"member-1 +member +direct .* works", shown) is not None, shown
