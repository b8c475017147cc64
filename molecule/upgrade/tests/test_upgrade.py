"""What an upgrade leaves, on every cluster and of the agent."""

from __future__ import annotations

from testinfra.host import Host

from tests.scenario import DEPLOYMENTS, SYSTEM, api, name_of, settings

CONFIGURATION = "/apis/installer.kubesphere.io/v1alpha1/namespaces/kubesphere-system/clusterconfigurations/ks-installer"

testinfra_hosts = ["ansible://all"]


def image(cluster: str, deployment: str) -> str:
    found = api(cluster).get(f"{DEPLOYMENTS}/{deployment}")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def test_release(host: Host) -> None:
    cluster = name_of(host)
    assert api(cluster).get(CONFIGURATION)["status"]["core"]["version"] == "v3.4.1"
    assert image(cluster, "ks-installer") == "kubesphere/ks-installer:v3.4.1"


def test_agent_has_the_image_that_the_host_gives_out(host: Host) -> None:
    if name_of(host) != "host":
        assert image(name_of(host), "cluster-agent") == settings("host")["multicluster"]["agentImage"]
        assert image(name_of(host), "cluster-agent") == "kubesphere/tower:v0.2.1"


def test_one_agent_is_left(host: Host) -> None:
    pods = api(name_of(host)).get(f"{SYSTEM}/pods")["items"]
    agents = [pod for pod in pods if pod["metadata"]["name"].startswith("cluster-agent")]
    assert len(agents) == (0 if name_of(host) == "host" else 1)
