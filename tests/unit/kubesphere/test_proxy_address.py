# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of finding and setting the proxy address, on an API server in a dictionary."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import Invalid, KubeError, WaitTimeout
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    NODE,
    POD,
    SERVICE,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import (
    ks_apiserver,
    kubesphere_config,
    reachability,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.configuration import (
    cluster_configuration,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installer import installer_objects
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CHANGED_AT,
    CLUSTER,
    CLUSTER_CONFIGURATION,
    CONFIG,
    HOST_LABEL,
    INSTALLER,
    NAMESPACE,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.proxy_address import (
    BadAddress,
    InForce,
    Wanted,
    ensure,
    in_force,
    look,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import find
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.fakes import Clock, FakeSession, fail, item

SECRET = "A" * 32
ADDRESS = "http://203.0.113.7:8080"
BEFORE, NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"
HIDDEN = "ldapManagerPassword"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


class World:
    """What is seen from here, and what ks-apiserver gives out."""

    def __init__(self) -> None:
        self.reached = True
        self.tried: list[str] = []
        self.given_out: str | KubeError = ""
        self.asked = 0


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    def here(address: str, _timeout: float = 5) -> reachability.Evidence:
        made.tried.append(address)
        return reachability.Evidence(made.reached, "where the play runs", "what came back", weak=True)

    def manifest(*_arguments: Any) -> str:
        made.asked += 1
        if isinstance(made.given_out, KubeError):
            fail(made.given_out)
        command = ["/agent", "--name=m1", "--token=t", f"--proxy-server={made.given_out}"]
        pod = {"containers": [{"name": "agent", "image": "tower", "command": command}]}
        deployment = item(DEPLOYMENT, "cluster-agent", NAMESPACE, spec={"template": {"spec": pod}})
        return "---\n" + json.dumps(deployment)

    monkeypatch.setattr(reachability, "tower_from_here", here)
    monkeypatch.setattr(ks_apiserver, "agent_manifest", manifest)
    return made


def tower(kind: str = "LoadBalancer", *ingress: dict[str, str], node_port: int | None = 31234, **spec: Any) -> Object:
    port = {"port": 8080, "targetPort": 8080, "protocol": "TCP", **({"nodePort": node_port} if node_port else {})}
    made = item(SERVICE, "tower", NAMESPACE, spec={"type": kind, "ports": [port], "selector": {"app": "tower"}, **spec})
    made["status"] = {"loadBalancer": {"ingress": list(ingress)} if ingress else {}}
    made["metadata"]["creationTimestamp"] = BEFORE
    return made


def node(name: str, *addresses: tuple[str, str], ready: bool = True) -> Object:
    told = [{"type": kind, "address": address} for kind, address in addresses]
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return item(NODE, name, status={"addresses": told, "conditions": conditions})


def text_of(address: str = "", role: str = "host") -> str:
    line = f"  proxyPublishAddress: {address}\n" if address else ""
    return (
        f'authentication:\n  jwtSecret: "{SECRET}"\nldap:\n  managerPassword: {HIDDEN}  # by hand\n'
        f"multicluster:\n{line}  clusterRole: {role}\n  enable: true\nunknown: {{kept: [1,  2]}}\n"
    )


def config_map(address: str = "", role: str = "host") -> Object:
    return item(CONFIG_MAP, CONFIG, NAMESPACE, data={"kubesphere.yaml": text_of(address, role)})


def deployment(name: str, namespace: str = NAMESPACE) -> Object:
    status = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1}
    return item(
        DEPLOYMENT,
        name,
        namespace,
        spec={"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {}}},
        status=status,
    )


def standing(tag: str = "v3.4.1", address: str = "", **annotations: str) -> Object:
    values = {"multicluster": {"proxyPublishAddress": address}} if address else {}
    made = cluster_configuration(find(tag), "host", SECRET, values)
    done = {"status": "enabled", "version": tag, "enabledTime": BEFORE}
    made["status"] = {"core": done, "monitoring": {"status": "enabled"}, "multicluster": {"status": "enabled"}}
    made["metadata"]["annotations"] = annotations
    return made


def agent_cluster(initialized: str = "True") -> Object:
    spec = {"connection": {"type": "proxy", "token": "t"}}
    return item(CLUSTER, "m1", spec=spec, status={"conditions": [{"type": "Initialized", "status": initialized}]})


def host(
    *items: Object, service: Object | None = None, tag: str = "v3.4.1", address: str = "", planning: bool = False
) -> FakeSession:
    """An installed host whose ks-installer does its work."""
    own = item(CLUSTER, "host", status={"conditions": [{"type": "Ready", "status": "True"}]})
    own["metadata"]["labels"] = {HOST_LABEL: ""}
    names = ("ks-apiserver", "ks-console", "ks-controller-manager", "tower")
    federation = ("kubefed-controller-manager", "kubefed-admission-webhook")
    session = FakeSession(
        "one",
        *installer_objects(find(tag)),
        *map(deployment, names),
        *(deployment(name, "kube-federation-system") for name in federation),
        own,
        config_map(address),
        standing(tag, address),
        service or tower(),
        node("b", ("InternalIP", "10.0.0.2")),
        node("a", ("InternalIP", "10.0.0.1"), ("ExternalIP", "198.51.100.1")),
        node("c", ("ExternalIP", "198.51.100.3"), ready=False),
        *items,
        planning=planning,
    )
    session.server_time = NOW
    pod = item(POD, "ks-installer-1", NAMESPACE, status={"phase": "Running"})
    pod["metadata"]["labels"] = {
        "app": session.at(DEPLOYMENT, INSTALLER, NAMESPACE)["spec"]["selector"]["matchLabels"]["app"]
    }
    session.put(pod)
    session.logs[f"{POD.path('ks-installer-1', NAMESPACE)}/log"] = "PLAY [localhost] ***\nWelcome to KubeSphere!\n"

    def on_write(method: str, each: Object) -> None:
        if each["kind"] == "ClusterConfiguration" and method == "PATCH":
            core = each["status"]["core"]
            session.put({**each, "status": {**each["status"], "core": {**core, "enabledTime": LATER}}})
            session.put(config_map(each["spec"]["multicluster"].get("proxyPublishAddress", "")))

    session.on_write = on_write
    session.requests.clear()
    return session


def run(session: FakeSession, timeout: float = 60, **wanted: Any) -> Result:
    return ensure(session, Wanted(**wanted), wait_timeout=timeout)


def published(session: FakeSession) -> str:
    config = kubesphere_config.read(session)
    assert config
    return config.proxy_publish_address


class TestInForce:
    """What ks-apiserver gives out."""

    @pytest.mark.parametrize(
        ("ingress", "address"),
        [
            ([{"ip": "203.0.113.1"}], "http://203.0.113.1:8080"),
            ([{"hostname": "lb.example.com"}], "http://lb.example.com:8080"),
            ([{"ip": "203.0.113.1", "hostname": "lb.example.com"}], "http://203.0.113.1:8080"),
            ([{"ip": "203.0.113.1"}, {"hostname": "lb.example.com"}], "http://lb.example.com:8080"),
            ([{"ip": "203.0.113.1"}, {}], "http://203.0.113.1:8080"),
            ([{"ip": "fd00::7"}], "http://fd00::7:8080"),
        ],
    )
    def test_ingress(self, ingress: list[dict[str, str]], address: str) -> None:
        session = host(service=tower("LoadBalancer", *ingress))
        config = kubesphere_config.read(session)
        assert config
        assert in_force(session, config) == InForce(address, "ingress")

    def test_proxy_publish_address_goes_before(self) -> None:
        session = host(service=tower("LoadBalancer", {"ip": "203.0.113.1"}), address=ADDRESS)
        config = kubesphere_config.read(session)
        assert config
        session.requests.clear()
        assert in_force(session, config) == InForce(ADDRESS, "proxyPublishAddress")
        assert session.requests == []

    @pytest.mark.parametrize("service", [tower(), tower("NodePort")])
    def test_none(self, service: Object) -> None:
        session = host(service=service)
        config = kubesphere_config.read(session)
        assert config
        assert in_force(session, config) == InForce("", "none")
        del session.objects[SERVICE.path("tower", NAMESPACE)]
        assert in_force(session, config) == InForce("", "none")


class TestOffer:
    """What the Service offers."""

    def test_everything(self) -> None:
        service = tower("LoadBalancer", {"ip": "203.0.113.1"}, {"ip": "fd00::7"}, externalIPs=["192.0.2.1"])
        offer = look(host(service=service))
        assert (offer.service_type, offer.port, offer.node_port, offer.pending) == ("LoadBalancer", 8080, 31234, False)
        assert offer.ingress == ("203.0.113.1", "fd00::7")
        assert offer.external_ips == ("192.0.2.1",)
        assert offer.node_addresses == ("198.51.100.1", "10.0.0.1", "10.0.0.2")
        assert [(each.address, each.source) for each in offer.candidates] == [
            ("http://[fd00::7]:8080", "ingress"),
            ("http://203.0.113.1:8080", "ingress"),
            ("http://192.0.2.1:8080", "external_ip"),
            ("http://198.51.100.1:31234", "node_port"),
            ("http://10.0.0.1:31234", "node_port"),
            ("http://10.0.0.2:31234", "node_port"),
        ]

    def test_local_traffic_policy_leaves_the_nodes_with_tower(self) -> None:
        pod = item(POD, "tower-1", NAMESPACE, spec={"nodeName": "b"})
        pod["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
        pod["metadata"]["labels"] = {"app": "tower"}
        offer = look(host(pod, service=tower("NodePort", externalTrafficPolicy="Local")))
        assert offer.node_addresses == ("10.0.0.2",)

    def test_service_that_is_not_there_is_told(self) -> None:
        session = host()
        del session.objects[SERVICE.path("tower", NAMESPACE)]
        with pytest.raises(Refused, match="Service kubesphere-system/tower does not exist"):
            look(session)


class TestLoadBalancer:
    """An address that is in force by itself."""

    @pytest.mark.parametrize("source", ["auto", "ingress"])
    def test_nothing_is_written(self, source: str, world: World) -> None:
        session = host(service=tower("LoadBalancer", {"ip": "203.0.113.1"}))
        found = run(session, source=source)
        assert not found.changed
        assert session.writes == []
        assert found.data["address"] == "http://203.0.113.1:8080"
        assert (found.data["source"], found.data["published"]) == ("ingress", False)
        assert (found.data["pending"], found.data["restarted"], found.data["reached"]) == (False, False, True)
        assert found.warnings == []
        assert world.tried == ["http://203.0.113.1:8080"]

    def test_ipv6_is_published_in_brackets(self) -> None:
        session = host(service=tower("LoadBalancer", {"ip": "fd00::7"}))
        found = run(session)
        assert found.data["address"] == published(session) == "http://[fd00::7]:8080"
        session.journal.clear()
        assert not run(session).changed

    def test_late_address_is_waited_for(self, clock: Clock) -> None:
        session = host()
        clock.on_sleep = lambda: clock.now > 20 and session.put(tower("LoadBalancer", {"ip": "203.0.113.1"}))
        found = run(session)
        assert (found.data["address"], found.data["published"]) == ("http://203.0.113.1:8080", False)
        assert 20 < clock.now < 40
        assert session.writes == []

    def test_pending_for_ever_ends_with_the_events(self, clock: Clock) -> None:
        event = item(EVENT, "e", NAMESPACE, reason="SyncLoadBalancerFailed", message="no address is free.")
        event |= {"involvedObject": {"uid": "uid-of-tower"}, "lastTimestamp": NOW}
        session = host(event)
        with pytest.raises(WaitTimeout) as refused:
            run(session)
        assert "its EXTERNAL-IP is pending; SyncLoadBalancerFailed: no address is free" in str(refused.value)
        assert "kubesphere_proxy_source to node_port" in str(refused.value)
        assert 60 <= clock.now < 70
        assert session.writes == []

    def test_pending_in_silence_says_that_nobody_said_anything(self) -> None:
        with pytest.raises(WaitTimeout, match="is there a load balancer controller"):
            run(host())

    def test_plan_does_not_wait(self, clock: Clock) -> None:
        found = run(host(planning=True))
        assert (found.data["address"], found.data["pending"], found.changed) == (None, True, False)
        assert "waits for its load balancer" in found.warnings[0]
        assert clock.now == 0

    def test_what_is_not_required_is_waited_for_once(self, clock: Clock) -> None:
        session = host()
        found = run(session, required=False, timeout=5400)
        assert found.data["address"] is None
        assert "pending" in found.warnings[0]
        assert clock.now == pytest.approx(1800, abs=10)  # the Service is an hour old
        clock.now = 0
        run(session, required=False, timeout=600)
        assert clock.now == 0

    def test_service_of_another_type_is_refused_at_once(self, clock: Clock) -> None:
        with pytest.raises(Refused, match="is of type NodePort, so no load balancer") as refused:
            run(host(service=tower("NodePort")))
        assert "kubesphere_proxy_address" in refused.value.hint
        assert clock.now == 0


class TestPublishing:
    """An address that has to be set."""

    def test_given_one_is_set_where_it_lasts(self) -> None:
        session = host()
        found = run(session, address="http://203.0.113.7")
        assert found.actions == [
            "patch ClusterConfiguration kubesphere-system/ks-installer on one: change multicluster.proxyPublishAddress"
        ]
        assert (found.data["address"], found.data["source"]) == ("http://203.0.113.7:80", "given")
        assert found.data["published"] is True
        assert published(session) == "http://203.0.113.7:80"

    def test_second_run_writes_nothing(self) -> None:
        session = host()
        run(session, address=ADDRESS)
        session.journal.clear()
        session.requests.clear()
        again = run(session, address=f"{ADDRESS}/")
        assert not again.changed
        assert session.writes == []

    def test_plan_foretells_the_run(self) -> None:
        planned = run(host(planning=True), address=ADDRESS)
        done = run(host(), address=ADDRESS)
        assert (planned.actions, planned.diff) == (done.actions, done.diff)
        assert planned.data["reached"] is None

    def test_what_means_the_same_stays_as_it_is_written(self) -> None:
        session = host(address="http://tower.example.com/")
        found = run(session, address="http://tower.example.com:80")
        assert not found.changed
        assert found.data["address"] == "http://tower.example.com:80"

    def test_one_that_would_be_lost_is_made_to_last(self) -> None:
        session = host()
        session.put(config_map(ADDRESS))
        kept = run(session)
        assert not kept.changed
        assert "not set in the ClusterConfiguration" in kept.warnings[0]
        found = run(session, address=ADDRESS)
        assert found.changed
        assert (
            session.at(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)["spec"]["multicluster"]["proxyPublishAddress"]
            == ADDRESS
        )

    def test_run_of_the_installer_is_not_disturbed(self, clock: Clock) -> None:
        session = host()
        busy = standing()
        busy["metadata"]["annotations"] = {"kubesphere.multicluster/core-enabled-before": BEFORE}
        session.put(busy)
        log = f"{POD.path('ks-installer-1', NAMESPACE)}/log"
        ended, session.logs[log] = session.logs[log], "PLAY [localhost] ***\nTASK [common] ***\n"

        def end() -> None:
            if clock.now > 20 and not session.writes:
                done = standing()
                done["status"]["core"]["enabledTime"] = NOW
                done["metadata"]["annotations"] = busy["metadata"]["annotations"]
                session.put(done)
                session.logs[log] = ended

        clock.on_sleep = end
        assert run(session, address=ADDRESS).changed
        assert clock.now > 20

    def test_without_an_installer_it_is_refused(self) -> None:
        session = host()
        del session.objects[DEPLOYMENT.path(INSTALLER, NAMESPACE)]
        with pytest.raises(Refused, match="no Deployment ks-installer") as refused:
            run(session, address=ADDRESS)
        assert "kubesphere_proxy_store to config_map" in refused.value.hint
        assert session.writes == []

    @pytest.mark.parametrize("address", ["10.0.0.1:8080", "http://localhost", "ws://tower", "http://u:p@tower"])
    def test_one_that_no_agent_could_dial_is_refused_first(self, address: str) -> None:
        session = host()
        with pytest.raises(BadAddress, match="an agent cannot call"):
            run(session, address=address)
        assert session.requests == []

    def test_one_in_force_that_no_agent_could_dial_is_told(self) -> None:
        session = host()
        session.put(config_map("http://tower.kubesphere-system.svc:8080"))
        with pytest.raises(BadAddress, match="that is in force"):
            run(session)

    def test_member_is_refused(self) -> None:
        session = host()
        session.put(config_map(role="member"))
        with pytest.raises(Refused, match="runs here as member"):
            run(session)

    def test_nothing_installed(self) -> None:
        with pytest.raises(Refused, match="not installed"):
            run(FakeSession())
        planned = run(FakeSession(planning=True), address="http://203.0.113.7")
        assert planned.data["address"] == "http://203.0.113.7:80"
        assert (planned.changed, planned.data["service_type"]) == (False, None)

    def test_unreached_from_here_is_a_warning(self, world: World) -> None:
        world.reached = False
        found = run(host(), address=ADDRESS)
        assert (found.data["reached"], found.data["reached_detail"]) == (False, "what came back")
        assert "The members may reach it all the same." in found.warnings[0]


class TestNodePort:
    """Addresses of nodes."""

    def test_external_address_is_taken_first(self) -> None:
        session = host()
        found = run(session, source="node_port")
        assert found.data["address"] == published(session) == "http://198.51.100.1:31234"
        assert (found.data["source"], found.data["pending"]) == ("node_port", True)

    def test_one_in_force_is_kept_while_it_leads_there(self) -> None:
        session = host(address="http://10.0.0.2:31234")
        assert not run(session, source="node_port").changed
        session.put(node("b", ("InternalIP", "10.0.0.2"), ready=False))
        assert run(session, source="node_port").data["address"] == "http://198.51.100.1:31234"

    def test_service_without_one(self) -> None:
        with pytest.raises(Refused, match="no node port: it is of type ClusterIP"):
            run(host(service=tower("ClusterIP", node_port=None)), source="node_port")

    def test_no_node_is_ready(self) -> None:
        session = host()
        for name in ("a", "b"):
            session.put(node(name, ("InternalIP", "10.0.0.1"), ready=False))
        with pytest.raises(Refused, match="no node that is Ready"):
            run(session, source="node_port")

    def test_fixed_one_is_asserted_again_and_the_type_stays(self) -> None:
        session = host(service=tower("LoadBalancer", {"ip": "203.0.113.1"}))
        found = run(session, node_port=30881)
        assert found.actions == ["patch Service kubesphere-system/tower on one: its node port is to be 30881"]
        service = session.at(SERVICE, "tower", NAMESPACE)
        assert service["spec"]["type"] == "LoadBalancer"
        assert service["spec"]["ports"] == [{"port": 8080, "targetPort": 8080, "protocol": "TCP", "nodePort": 30881}]
        session.journal.clear()
        session.requests.clear()
        assert not run(session, node_port=30881).changed
        assert session.writes == []

    def test_fixed_one_makes_the_service_a_node_port_service(self) -> None:
        session = host(service=tower("ClusterIP", node_port=None))
        found = run(session, source="node_port", node_port=30881)
        assert session.at(SERVICE, "tower", NAMESPACE)["spec"]["type"] == "NodePort"
        assert found.data["address"] == "http://198.51.100.1:30881"
        planned = host(service=tower("ClusterIP", node_port=None), planning=True)
        assert run(planned, source="node_port", node_port=30881).actions == found.actions

    def test_one_of_another_service_is_refused_by_name(self) -> None:
        other = item(SERVICE, "ks-console", NAMESPACE, spec={"ports": [{"port": 80, "nodePort": 30880}]})
        session = host(other)
        with pytest.raises(Refused, match="30880 is taken by Service kubesphere-system/ks-console"):
            run(session, source="node_port", node_port=30880)
        assert session.writes == []

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (
                "provided port is not in the valid range. The range of valid ports is 30000-32767",
                "outside of the range",
            ),
            ("Invalid value: 80: provided port is already allocated", "is taken already"),
            ("something else", "something else"),
        ],
    )
    def test_refusal_of_the_api_server(self, said: str, told: str) -> None:
        session = host()

        def patched(live: Object, changes: Object, reason: str = "", *, guarded: bool = False) -> Object:  # noqa: ARG001
            assert guarded
            raise Invalid(said, "one", status=422)

        session.patch = patched  # type: ignore[method-assign]
        with pytest.raises(KubeError, match=told):
            run(session, node_port=80)

    @pytest.mark.parametrize("port", [0, -1, 65536])
    def test_what_is_no_port(self, port: int) -> None:
        with pytest.raises(Refused, match="is no port"):
            run(host(), node_port=port)

    def test_external_ip(self) -> None:
        session = host(service=tower("NodePort", externalIPs=["192.0.2.1", "192.0.2.2"]))
        assert run(session, source="external_ip").data["address"] == "http://192.0.2.1:8080"
        with pytest.raises(Refused, match="has no external IP"):
            run(host(), source="external_ip")


class TestConfigMap:
    """The way without ks-installer."""

    def test_one_line_changes(self) -> None:
        session = host()
        found = run(session, address=ADDRESS, store="config_map")
        [action] = found.actions
        assert action.startswith("patch ConfigMap kubesphere-system/kubesphere-config on one")
        written = session.at(CONFIG_MAP, CONFIG, NAMESPACE)
        text = written["data"]["kubesphere.yaml"]
        assert text.splitlines() == [
            *text_of().splitlines()[:5],
            f'  proxyPublishAddress: "{ADDRESS}"',
            *text_of().splitlines()[5:],
        ]
        assert yaml.safe_load(text)["multicluster"]["proxyPublishAddress"] == ADDRESS
        assert written["metadata"]["annotations"] == {CHANGED_AT: NOW}
        assert "ks-installer will carry over it" in found.warnings[0]
        shown = json.dumps(found.diff)
        assert SECRET not in shown
        assert HIDDEN not in shown

    def test_second_run_writes_nothing(self) -> None:
        session = host()
        run(session, address=ADDRESS, store="config_map")
        session.journal.clear()
        assert not run(session, address=ADDRESS, store="config_map").changed

    def test_plan_foretells_the_run(self) -> None:
        wanted: dict[str, Any] = {"address": ADDRESS, "store": "config_map"}
        planned, done = run(host(planning=True), **wanted), run(host(), **wanted)
        assert (planned.actions, planned.diff) == (done.actions, done.diff)

    def test_somebody_quicker_is_heeded(self) -> None:
        session = host()
        original = session.patch

        def quicker(live: Object, changes: Object, reason: str = "", *, guarded: bool = False) -> Object:
            session.patch = original  # type: ignore[method-assign]
            theirs = config_map()
            theirs["data"]["kubesphere.yaml"] += "theirs: 1\n"
            session.put(theirs)
            return original(live, changes, reason, guarded=guarded)

        session.patch = quicker  # type: ignore[method-assign]
        run(session, address=ADDRESS, store="config_map")
        assert session.at(CONFIG_MAP, CONFIG, NAMESPACE)["data"]["kubesphere.yaml"].endswith("theirs: 1\n")
        assert published(session) == ADDRESS

    def test_form_that_cannot_be_edited_is_refused(self) -> None:
        session = host()
        text = f"authentication: {{jwtSecret: {SECRET}}}\nx: &x {{clusterRole: host}}\nmulticluster: *x\n"
        session.put(item(CONFIG_MAP, CONFIG, NAMESPACE, data={"kubesphere.yaml": text}))
        with pytest.raises(KubeError, match="cannot be set in ConfigMap"):
            run(session, address=ADDRESS, store="config_map")
        assert session.writes == []

    def test_old_release_is_restarted_for_it(self) -> None:
        session = host(tag="v3.2.1")
        pod = item(POD, "ks-apiserver-1", NAMESPACE)
        pod["metadata"]["labels"] = {"app": "ks-apiserver"}
        pod["status"] = {"containerStatuses": [{"name": "ks", "state": {"running": {"startedAt": BEFORE}}}]}
        session.put(pod)
        planned = run(host(pod, tag="v3.2.1", planning=True), address=ADDRESS, store="config_map")
        found = run(session, address=ADDRESS, store="config_map")
        assert found.data["restarted"] is True
        assert [each.split(":")[0] for each in found.actions] == [each.split(":")[0] for each in planned.actions]
        pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = LATER
        session.put(pod)
        session.journal.clear()
        assert not run(session, address=ADDRESS, store="config_map").changed


class TestLoaded:
    """ks-apiserver gives out what it has loaded."""

    def test_right_one_needs_no_restart(self, world: World) -> None:
        world.given_out = ADDRESS
        found = run(host(agent_cluster(), address=ADDRESS))
        assert (found.changed, found.data["restarted"], world.asked) == (False, False, 1)

    def test_stale_one_is_restarted_once(self, world: World) -> None:
        world.given_out = "http://203.0.113.6:8080"
        session = host(agent_cluster(), address=ADDRESS)
        found = run(session)
        assert found.data["restarted"] is True
        assert found.actions == [
            "patch Deployment kubesphere-system/ks-apiserver on one: "
            f"it gives out http://203.0.113.6:8080, not {ADDRESS}"
        ]
        planned = run(host(agent_cluster(), address=ADDRESS, planning=True))
        assert planned.actions == found.actions

    def test_address_of_a_load_balancer_that_changed(self, world: World) -> None:
        world.given_out = "http://203.0.113.6:8080"
        session = host(agent_cluster(), service=tower("LoadBalancer", {"ip": "203.0.113.1"}))
        assert run(session).data["restarted"] is True

    def test_it_may_take_it_up_by_itself(self, world: World, clock: Clock) -> None:
        world.given_out = "http://203.0.113.6:8080"

        def reload() -> None:
            world.given_out = ADDRESS

        clock.on_sleep = reload
        found = run(host(agent_cluster()), address=ADDRESS)
        assert (found.data["restarted"], len(found.actions)) == (False, 1)

    def test_it_does_not_know_of_it_yet(self, world: World) -> None:
        error = KubeError(
            "because tower.kubesphere-system.svc service has no public address, please", "one", status=404
        )
        world.given_out = error
        assert run(host(agent_cluster(), address=ADDRESS)).data["restarted"] is True

    def test_it_does_not_say(self, world: World) -> None:
        world.given_out = KubeError("Failed: 501", "one", status=501)
        found = run(host(agent_cluster(), address=ADDRESS))
        assert (found.changed, found.data["restarted"]) == (False, False)
        assert "does not say which proxy address it gives out" in found.warnings[0]

    @pytest.mark.parametrize("clusters", [[], [agent_cluster("False")]])
    def test_nobody_to_ask_for(self, world: World, clusters: list[Object]) -> None:
        found = run(host(*clusters, address=ADDRESS))
        assert (found.changed, world.asked) == (False, 0)


class TestOfOthers:
    """An address that another run sets."""

    def test_the_one_in_force_is_told_and_nothing_is_written(self) -> None:
        session = host(address=ADDRESS)
        found = run(session, managed=False, address="http://192.0.2.9:80", node_port=30000, network_policy=False)
        assert (found.data["address"], found.data["published"]) == (ADDRESS, True)
        assert session.writes == []

    def test_it_is_waited_for_until_somebody_has_set_it(self, clock: Clock) -> None:
        session = host(service=tower("ClusterIP"))
        clock.on_sleep = lambda: clock.now >= 20 and session.put(config_map(ADDRESS))
        assert run(session, managed=False).data["address"] == ADDRESS
        assert session.writes == []

    def test_in_vain(self) -> None:
        with pytest.raises(WaitTimeout, match="neither a load balancer nor the run that has the host"):
            run(host(service=tower("ClusterIP")), managed=False)

    def test_none_is_needed(self) -> None:
        found = run(host(service=tower("ClusterIP")), managed=False, required=False)
        assert (found.data["address"], found.data["source"]) == (None, "auto")

    def test_a_plan_does_not_wait(self) -> None:
        assert run(host(service=tower("ClusterIP"), planning=True), managed=False).data["address"] is None

    def test_one_that_no_agent_could_call_is_refused(self) -> None:
        session = host()
        session.put(config_map("ftp://nowhere"))
        with pytest.raises(BadAddress, match="the address that is in force"):
            run(session, managed=False)
