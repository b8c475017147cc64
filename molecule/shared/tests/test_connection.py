"""How the host reaches each member, and that nothing of the other way is there."""

from __future__ import annotations

import base64
import re

import yaml
from testinfra.host import Host

from tests.scenario import (
    DEPLOYMENTS,
    STATE,
    SYSTEM,
    api,
    cluster_object,
    expected_connection,
    fetch,
    fingerprint,
    name_of,
    proxy_address,
)

CONDITIONS = {
    "direct": {"Federated", "Ready"},
    "agent": {"Initialized", "AgentAvailable", "Federated", "Ready"},
}

testinfra_hosts = ["ansible://kubesphere_members"]


def by_agent(host: Host) -> bool:
    return expected_connection(host) == "agent"


def server(kubeconfig: str | bytes) -> str:
    return str(yaml.safe_load(kubeconfig)["clusters"][0]["cluster"]["server"])


def test_type(host: Host) -> None:
    expected = "proxy" if by_agent(host) else "direct"
    assert cluster_object(name_of(host))["spec"]["connection"]["type"] == expected


def test_conditions(host: Host) -> None:
    conditions = cluster_object(name_of(host))["status"]["conditions"]
    assert {item["type"] for item in conditions if item["status"] == "True"} == CONDITIONS[expected_connection(host)]


def test_token(host: Host) -> None:
    token = cluster_object(name_of(host))["spec"]["connection"].get("token", "")
    expected = "[0-9a-f]{64}" if by_agent(host) else ""
    assert re.fullmatch(expected, token) is not None, f"there is one of {len(token)} characters"


def test_service_of_tower(host: Host) -> None:
    cluster = name_of(host)
    service = api("host").find(f"{SYSTEM}/services/mc-{cluster}")
    if not by_agent(host):
        assert service is None
        return
    assert service is not None
    connection = cluster_object(cluster)["spec"]["connection"]
    assert {port["port"]: port["targetPort"] for port in service["spec"]["ports"]} == {
        6443: connection["kubernetesAPIServerPort"],
        80: connection["kubesphereAPIServerPort"],
    }


def test_kubeconfig_leads_the_right_way(host: Host) -> None:
    cluster = name_of(host)
    if by_agent(host):
        expected = f"https://{api('host').get(f'{SYSTEM}/services/mc-{cluster}')['spec']['clusterIP']}:6443"
    else:
        expected = server((STATE / f"{cluster}.kubeconfig").read_text())
    stored = cluster_object(cluster)["spec"]["connection"]["kubeconfig"]
    assert server(base64.b64decode(stored)) == expected


def test_agent_calls_the_address_in_force(host: Host) -> None:
    cluster = name_of(host)
    agent = api(cluster).find(f"{DEPLOYMENTS}/cluster-agent")
    if not by_agent(host):
        assert agent is None
        return
    assert agent is not None
    assert agent["status"].get("availableReplicas") == agent["spec"]["replicas"]
    command = agent["spec"]["template"]["spec"]["containers"][0]["command"]
    said = dict(word.lstrip("-").split("=", 1) for word in command if "=" in word)
    token = cluster_object(cluster)["spec"]["connection"]["token"]
    assert (said["name"], said["proxy-server"]) == (cluster, proxy_address())
    assert fingerprint(said["token"]) == fingerprint(token)
    assert fetch(cluster, f"{proxy_address()}/health") == "200 OK"
