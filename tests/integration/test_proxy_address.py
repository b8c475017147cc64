"""The address at which agents call the host: found, set where it lasts, and looked at from a member."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import (
    CONFIGURATION,
    SYSTEM,
    Audit,
    configuration,
    eventually,
    installer_log,
    names,
    settings,
    steer,
)
from tests.sandbox.cluster import Cluster

SERVICE = f"{SYSTEM}/services/tower"
CONFIG_MAP = f"{SYSTEM}/configmaps/kubesphere-config"
PORT = 30881


@pytest.fixture(scope="module")
def alone(controller: Controller, fleet: Fleet) -> Fleet:
    """The inventory of the host alone, which stands; a member to come is to be connected by agent."""
    wanted = fleet.without("member-2").with_member("member-1", kubesphere_connection="agent")
    wanted = wanted.with_all(kubesphere_proxy_timeout=20)
    run = controller.playbook("install", wanted, "--limit", "host")
    assert run.status == 0, run.output
    return wanted


@pytest.fixture(autouse=True)
def unset(host: Cluster) -> Iterator[None]:
    """After each test no address is set, and no load balancer gives one."""
    yield
    steer(host)
    live = host.api.get(SERVICE)
    ports = [{**live["spec"]["ports"][0], "nodePort": None}]
    host.api.patch(f"{SERVICE}/status", {"status": {"loadBalancer": {"ingress": None}}})
    host.api.patch(SERVICE, {"spec": {"type": "LoadBalancer", "externalIPs": None, "ports": ports}})
    if not configuration(host)["spec"]["multicluster"].get("proxyPublishAddress") and not published(host):
        return
    runs = installer_log(host).count("Welcome to KubeSphere!")
    changes = {"proxyPublishAddress": None, "clusterControllerResyncPeriod": f"{time.time_ns() % 10**6 + 60000}ms"}
    host.api.patch(CONFIGURATION, {"spec": {"multicluster": changes}})
    eventually(lambda: installer_log(host).count("Welcome to KubeSphere!") > runs, "ks-installer to undo it")
    assert not published(host)


def published(host: Cluster) -> str:
    """``proxyPublishAddress`` of kubesphere-config."""
    return str(settings(host)["multicluster"].get("proxyPublishAddress") or "")


def proxy(controller: Controller, fleet: Fleet, *arguments: str, **of_host: Any) -> tuple[Run, dict[str, Any]]:
    """Run the playbook, which is to succeed."""
    run = controller.playbook("proxy", fleet.with_host(**of_host), *arguments)
    assert run.status == 0, run.output
    [result] = run.of("proxy_address")
    return run, result


def twice(controller: Controller, fleet: Fleet, host: Cluster, **of_host: Any) -> tuple[Run, dict[str, Any]]:
    """Run the playbook, foretold by a check run and followed by a run that writes nothing."""
    audit = Audit([host])
    foretold, planned = proxy(controller, fleet, "--check", "--diff", **of_host)
    assert audit.writes() == {}
    run, result = proxy(controller, fleet, "--diff", **of_host)
    assert (foretold.actions, foretold.diffs) == (run.actions, run.diffs)
    assert planned["address"] == result["address"]
    audit = Audit([host])
    again, same = proxy(controller, fleet, **of_host)
    assert again.changed == {"host": 0}
    assert audit.writes() == {}
    assert same["address"] == result["address"]
    return run, result


def test_pending_for_ever_is_told_with_the_events(controller: Controller, alone: Fleet, host: Cluster) -> None:
    steer(host, cloud={"fail": "the quota of addresses is used up"})
    audit = Audit([host])
    run = controller.playbook("proxy", alone.with_host(kubesphere_proxy_timeout=4))
    assert run.status == 2
    message = run.failures["host"]
    assert "Waited 4 s in vain until Service kubesphere-system/tower has an address of its load balancer" in message
    assert "its EXTERNAL-IP is pending" in message
    assert "SyncLoadBalancerFailed" in message
    assert "the quota of addresses is used up" in message
    assert "Set kubesphere_proxy_address" in message
    assert audit.writes() == {}


def test_pending_in_silence_is_no_error_where_members_may_be_direct(
    controller: Controller, alone: Fleet, host: Cluster
) -> None:
    run, result = proxy(
        controller, alone.with_member("member-1", kubesphere_connection="auto"), kubesphere_proxy_timeout=3
    )
    assert (result["address"], result["pending"]) == (None, True)
    assert "its EXTERNAL-IP is pending since" in " ".join(result["warnings"])
    assert run.changed == {"host": 0}
    assert published(host) == ""


def test_a_plan_goes_on_where_the_run_will_have_the_address(controller: Controller, alone: Fleet) -> None:
    run = controller.playbook("site", alone, "--check")
    assert run.status == 0, run.output
    assert "create Cluster member-1 on host: import it" in run.output
    assert "the host's proxy address is known after the run, which finds or sets it first" in run.output
    run = controller.playbook("import", alone, "--check")
    assert run.status == 2
    assert "there is no proxy address that an agent could call" in run.failures["member-1"]


def test_without_agents_nothing_is_asked(controller: Controller, alone: Fleet, host: Cluster) -> None:
    audit = Audit([host])
    run = controller.playbook("proxy", alone.with_member("member-1", kubesphere_connection="direct"))
    assert run.status == 0, run.output
    assert run.of("proxy_address") in ([], [{"changed": False, "skipped": True}]) or audit.requests() == {}


def test_load_balancers_address_is_in_force_by_itself(controller: Controller, alone: Fleet, host: Cluster) -> None:
    steer(host, cloud={"address": "auto", "after": 2})
    audit = Audit([host])
    run, result = proxy(controller, alone)
    ingress = host.api.get(SERVICE)["status"]["loadBalancer"]["ingress"][-1]["ip"]
    assert result["address"] == f"http://{ingress}:8080"
    assert (result["source"], result["published"], result["pending"]) == ("ingress", False, False)
    assert (run.changed, audit.writes()) == ({"host": 0}, {})


def test_network_policy_stands_or_not_as_it_is_wanted(controller: Controller, alone: Fleet, host: Cluster) -> None:
    """The object alone: no network plugin enforces policies here."""
    policy = "/apis/networking.k8s.io/v1/namespaces/kubesphere-system/networkpolicies/kubesphere-multicluster-tower"
    wanted = {"kubesphere_proxy_address": f"http://{host.address}:8080", "kubesphere_proxy_store": "config_map"}
    proxy(controller, alone, **wanted)
    run, _result = twice(controller, alone, host, **wanted, kubesphere_proxy_network_policy=True)
    assert [action.split(" on ")[0] for action in run.actions] == [
        "create NetworkPolicy kubesphere-system/kubesphere-multicluster-tower"
    ]
    selected = host.api.get(policy)["spec"]["podSelector"]["matchLabels"]
    [tower] = [
        pod["metadata"]["name"]
        for pod in host.api.get(f"{SYSTEM}/pods")["items"]
        if selected.items() <= pod["metadata"]["labels"].items()
    ]
    assert tower.startswith("tower-")
    # Everybody, by a rule of somebody else's making.
    host.api.patch(policy, {"spec": {"ingress": [{}]}})
    run, _result = twice(controller, alone, host, **wanted, kubesphere_proxy_network_policy=True)
    assert [action.split()[0] for action in run.actions] == ["patch"]
    run, _result = twice(controller, alone, host, **wanted)
    assert [action.split()[0] for action in run.actions] == ["delete"]
    assert host.api.find(policy) is None


def test_node_port_is_published_by_the_cluster_configuration(
    controller: Controller, alone: Fleet, host: Cluster
) -> None:
    run, result = twice(controller, alone, host, kubesphere_proxy_source="node_port")
    port = host.api.get(SERVICE)["spec"]["ports"][0]["nodePort"]
    assert result["address"] == f"http://{host.address}:{port}"
    assert (result["source"], result["published"], result["pending"]) == ("node_port", True, True)
    assert run.actions == [
        "patch ClusterConfiguration kubesphere-system/ks-installer on host: change multicluster.proxyPublishAddress"
    ]
    assert configuration(host)["spec"]["multicluster"]["proxyPublishAddress"] == result["address"]
    assert published(host) == result["address"]
    assert result["reached"] is True, result["reached_detail"]
    assert configuration(host)["status"]["core"]["version"] == "v3.4.1"


def test_fixed_node_port_is_asserted_again(controller: Controller, alone: Fleet, host: Cluster) -> None:
    wanted = {"kubesphere_proxy_source": "node_port", "kubesphere_proxy_node_port": PORT}
    run, result = twice(controller, alone, host, **wanted)
    assert result["address"] == f"http://{host.address}:{PORT}"
    assert len(run.actions) == 2
    live = host.api.get(SERVICE)["spec"]
    assert (live["type"], live["ports"][0]["nodePort"]) == ("LoadBalancer", PORT)
    # As after an upgrade, when ks-installer has applied its own Service again.
    host.api.patch(SERVICE, {"spec": {"ports": [{**live["ports"][0], "nodePort": PORT + 1}]}})
    audit = Audit([host])
    run, again = proxy(controller, alone, **wanted)
    assert run.actions == [f"patch Service kubesphere-system/tower on host: its node port is to be {PORT}"]
    assert audit.writes() == {"host": Counter({("patch", "services"): 1})}
    assert again["address"] == result["address"]


def test_node_port_that_cannot_be_is_refused(controller: Controller, alone: Fleet, host: Cluster) -> None:
    other = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"}}
    other["spec"] = {"type": "NodePort", "ports": [{"port": 80, "nodePort": PORT + 2}]}
    host.api.create(f"{SYSTEM}/services", other)
    try:
        taken = controller.playbook("proxy", alone.with_host(kubesphere_proxy_node_port=PORT + 2))
        low = controller.playbook("proxy", alone.with_host(kubesphere_proxy_node_port=8080))
    finally:
        host.api.delete(f"{SYSTEM}/services/other")
    assert f"node port {PORT + 2} is taken by Service kubesphere-system/other" in taken.failures["host"]
    assert "node port 8080 is outside of the range that this cluster gives out" in low.failures["host"]
    assert "The range of valid ports is 30000-32767" in low.failures["host"]


def test_external_ip(controller: Controller, alone: Fleet, host: Cluster) -> None:
    host.api.patch(SERVICE, {"spec": {"externalIPs": ["192.0.2.7"]}})
    _run, result = proxy(controller, alone, "--check", kubesphere_proxy_source="external_ip")
    assert result["address"] == "http://192.0.2.7:8080"
    assert {"address": "http://192.0.2.7:8080", "source": "external_ip"} in result["candidates"]


def test_edit_of_the_config_map_keeps_the_rest(controller: Controller, alone: Fleet, host: Cluster) -> None:
    """The how-to's way, for a host on which no ks-installer runs any more."""
    eventually(lambda: settings(host)["multicluster"].get("clusterName"), "the cluster controller to write its part")
    live = host.api.get(CONFIG_MAP)["data"]["kubesphere.yaml"]
    before = f"# by hand\n{live}unknown:\n  kept: [1,  2]  # as it is\n"
    host.api.patch(CONFIG_MAP, {"data": {"kubesphere.yaml": before}})
    address = f"http://{host.address}:8080"
    run, result = twice(
        controller, alone, host, kubesphere_proxy_address=f"{address}/", kubesphere_proxy_store="config_map"
    )
    assert result["published"] is True
    after = host.api.get(CONFIG_MAP)["data"]["kubesphere.yaml"]
    added = [line for line in after.splitlines() if "proxyPublishAddress" in line]
    assert added == [f'  proxyPublishAddress: "{address}"']
    assert [line for line in after.splitlines() if line not in added] == before.splitlines()
    assert "proxyPublishAddress" not in configuration(host)["spec"]["multicluster"]
    assert "ks-installer will carry over it at its next run" in " ".join(result["warnings"])
    assert settings(host)["authentication"]["jwtSecret"] not in json.dumps(run.diffs)


def test_given_address_comes_with_the_installation(controller: Controller, alone: Fleet, host: Cluster) -> None:
    """One run of ks-installer, not two; and what the user's own values say goes before."""
    wanted = alone.with_host(kubesphere_proxy_address="https://tower.example.com")
    foretold = controller.playbook("site", wanted, "--limit", "host", "--check", "--diff")
    run = controller.playbook("site", wanted, "--limit", "host", "--diff")
    assert run.status == 0, run.output
    assert (foretold.actions, foretold.diffs) == (run.actions, run.diffs)
    assert len(run.actions) == 1
    assert published(host) == "https://tower.example.com:443"
    audit = Audit([host])
    _run, result = proxy(controller, wanted)
    assert (result["address"], result["changed"]) == ("https://tower.example.com:443", False)
    assert result["reached"] is False
    own = {"multicluster": {"proxyPublishAddress": "http://203.0.113.9:8080"}}
    foretold = controller.playbook(
        "install", wanted.with_host(kubesphere_configuration=own), "--limit", "host", "--check", "--diff"
    )
    assert "203.0.113.9" in json.dumps(foretold.diffs)
    assert audit.writes() == {}


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.0.0.1:8080", "it has no scheme: is it http://10.0.0.1:8080?"),
        ("http://localhost:8080", "an agent would call its own pod"),
        ("http://tower.kubesphere-system.svc:8080", "an agent in another cannot resolve it"),
        ("http://someone:secret@tower.example.com", "it has a login"),
    ],
)
def test_address_that_no_agent_could_dial_is_refused(
    controller: Controller, alone: Fleet, host: Cluster, address: str, reason: str
) -> None:
    audit = Audit([host])
    for playbook in ("preflight", "install", "proxy"):
        run = controller.playbook(playbook, alone.with_host(kubesphere_proxy_address=address), "--limit", "host")
        assert run.status == 2, (playbook, run.output)
        assert reason in run.failures["host"], playbook
        assert "someone:secret" not in run.failures["host"]
    assert audit.writes() == {}


class _NotTower(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>a router's page</html>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def test_address_that_is_not_tower_is_told_from_one_that_does_not_answer(controller: Controller, alone: Fleet) -> None:
    """From where the play runs, so it is a warning only."""
    server = http.server.HTTPServer(("0.0.0.0", 0), _NotTower)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://{machine()}:{server.server_address[1]}"
    wanted = {"kubesphere_proxy_address": address, "kubesphere_proxy_store": "config_map"}
    try:
        _run, result = proxy(controller, alone, **wanted)
    finally:
        server.shutdown()
        server.server_close()
    assert result["reached"] is False
    assert 'answers, but is not tower: /health gives "<html>a router\'s page</html>"' in result["reached_detail"]
    assert "The members may reach it all the same" in " ".join(result["warnings"])
    _run, result = proxy(controller, alone, **wanted)
    assert result["reached"] is False
    assert f"{address} does not answer: Connection refused" in result["reached_detail"]


def machine() -> str:
    """An address of this machine that is not the loopback."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])


def test_direct_members_are_imported_where_agents_have_nobody_to_call(
    controller: Controller, alone: Fleet, fleet: Fleet, host: Cluster
) -> None:
    assert alone.members.keys() == {"member-1"}
    wanted = fleet.with_member("member-1", kubesphere_connection="agent").with_all(kubesphere_proxy_timeout=3)
    run = controller.playbook("site", wanted)
    assert run.status == 2
    assert run.failures.keys() == {"host", "member-1"}, run.output
    assert "its EXTERNAL-IP is pending" in run.failures["host"]
    assert "host has failed (proxy), so this was not begun" in run.failures["member-1"]
    assert names(host) == ["host", "member-2"]
