"""What ``auto`` has found, beside what there was to be found."""

from __future__ import annotations

from testinfra.host import Host

from tests.scenario import cluster_object, expected_connection, fetch, name_of, proxy_address, sandbox

testinfra_hosts = ["ansible://kubesphere_members"]


def test_host_reaches_who_is_connected_directly(host: Host) -> None:
    cluster = name_of(host)
    answer = fetch("host", f"{sandbox()[cluster].server}/version")
    assert answer.startswith("200 " if expected_connection(host) == "direct" else "no answer: "), answer


def test_reason_is_on_the_cluster(host: Host) -> None:
    cluster = name_of(host)
    reason = cluster_object(cluster)["metadata"]["annotations"]["kubesphere.multicluster/connection-reason"]
    server = sandbox()[cluster].server
    if expected_connection(host) == "direct":
        assert reason == f"{server} is reached by the host's ks-apiserver"
    else:
        assert f"{server} is not reached by the host's ks-apiserver: " in reason
        assert f"the proxy address {proxy_address()} is reached from a pod in {cluster}" in reason
