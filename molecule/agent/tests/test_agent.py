"""What is particular to a fleet whose host has a load balancer."""

from __future__ import annotations

from testinfra.host import Host

from tests.scenario import SYSTEM, api, name_of, proxy_address, settings

testinfra_hosts = ["ansible://kubesphere_host"]


def test_load_balancer_gives_the_address(host: Host) -> None:
    cluster = name_of(host)
    service = api(cluster).get(f"{SYSTEM}/services/tower")
    assert service["spec"]["type"] == "LoadBalancer"
    assert not settings(cluster)["multicluster"].get("proxyPublishAddress")
    assert proxy_address() == f"http://{service['status']['loadBalancer']['ingress'][0]['ip']}:8080"
