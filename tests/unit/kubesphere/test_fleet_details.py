# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the close look at a fleet."""

from __future__ import annotations

import base64
import calendar
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Forbidden,
    KubeError,
    NotFound,
    ServerError,
    Unauthorized,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import agent, credentials
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.fleet_details import look
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    CLUSTER_CONFIGURATION,
    HOST_LABEL,
    NAMESPACE,
)

from tests.unit.fakes import FakeSession, item
from tests.unit.kubesphere.test_installation import SECRET

PROXY = f"/api/v1/namespaces/{NAMESPACE}/services/:ks-apiserver:80/proxy"
NOW, RECENTLY, LONG_AGO = "2026-11-22T12:00:00Z", "2026-11-22T11:59:00Z", "2026-11-22T11:00:00Z"
ADDRESS = "http://192.0.2.1:8080"
SERVER = "https://one:6443"


def token(expires: str) -> str:
    """A JWT that expires at noon on a day."""
    moment = calendar.timegm(time.strptime(expires, "%Y-%m-%d")) + 12 * 3600
    payload = base64.urlsafe_b64encode(json.dumps({"exp": moment}).encode()).decode().rstrip("=")
    return f"e30.{payload}.signature"


def kubeconfig(server: str = SERVER, **user: str) -> str:
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "never-ending"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    return credentials.encode(config)


def cluster(
    name: str, kind: str = "direct", *, updated: str = RECENTLY, ready: str = "True", **connection: Any
) -> Object:
    conditions = [{"type": "Initialized", "status": "True", "lastUpdateTime": LONG_AGO}] if kind == "proxy" else []
    conditions.append({"type": "Ready", "status": ready, "reason": "Because", "lastUpdateTime": updated})
    status = {"conditions": conditions, "kubernetesVersion": "v1.22.1", "kubeSphereVersion": "v3.4.1", "nodeCount": 1}
    connection = {"type": kind, "kubeconfig": kubeconfig(), **connection}
    return item(CLUSTER, name, spec={"connection": connection}, status=status)


def config_map(secret: str = SECRET, **multicluster: Any) -> Object:
    content = {"authentication": {"jwtSecret": secret}, "multicluster": multicluster}
    return item(CONFIG_MAP, "kubesphere-config", NAMESPACE, data={"kubesphere.yaml": json.dumps(content)})


def configuration(release: str = "v3.4.1", secret: str = "", **status: Any) -> Object:
    done = {"status": "enabled"}
    found: dict[str, Any] = {"core": {**done, "version": release}, "monitoring": done, "multicluster": done, **status}
    spec = {"authentication": {"jwtSecret": secret}, "multicluster": {"clusterRole": "member"}}
    made = item(CLUSTER_CONFIGURATION, "ks-installer", NAMESPACE, spec=spec, status=found)
    made["metadata"]["labels"] = {"version": release}
    return made


class Host(FakeSession):
    """A host with Clusters, through which members answer what they are made of."""

    def __init__(self, *clusters: Object, address: str = ADDRESS, resync: str = "2m0s") -> None:
        own = cluster("host")
        own["metadata"]["labels"] = {HOST_LABEL: ""}
        config = config_map(proxyPublishAddress=address, clusterControllerResyncPeriod=resync)
        super().__init__("h", config, configuration(), own, *clusters)
        self.server_time = NOW
        for each in ("host", *(one["metadata"]["name"] for one in clusters)):
            self.tell(each, config_map(), configuration())

    def tell(self, member: str, *objects: Object) -> None:
        """Let a member answer with these objects."""
        self.answers[f"{PROXY}/api/clusters/{member}/v1/nodes"] = lambda: {"items": [{}]}
        kinds = {kind.kind: kind for kind in (CONFIG_MAP, CLUSTER_CONFIGURATION, DEPLOYMENT)}
        for each in objects:
            path = kinds[each["kind"]].path(each["metadata"]["name"], NAMESPACE)
            self.answers[self.path(member, path)] = partial(dict, each)

    def fail(self, member: str, path: str, error: KubeError) -> None:
        """Let a request to a member fail."""

        def answer() -> Any:
            raise error

        self.answers[self.path(member, path)] = answer

    @staticmethod
    def path(member: str, path: str) -> str:
        root, rest = path[1:].split("/", 1)
        return f"{PROXY}/{root}/clusters/{member}/{rest}"


def one(host: Host, name: str = "one", **options: Any) -> dict[str, Any]:
    [found] = look(host, [name], **options)["members"]
    return dict(found)


def test_a_member_by_direct_connection() -> None:
    host = Host(cluster("one"))
    found = one(host)
    assert found["problems"] == []
    assert found["problem"] == ""
    assert (found["works"], found["jwt_secret_agrees"], found["proxy_address"]) == (True, True, None)
    assert found["conditions"] == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Because",
            "message": "",
            "updated": RECENTLY,
            "age": 60,
            "fresh": True,
        }
    ]
    assert (found["kubernetes_skew"], found["kubesphere_skew"], found["server"]) == (0, "same", SERVER)
    assert found["credential"] == {"kind": "token", "expires": None, "days": None, "due": False}
    assert (found["ports"], found["ports_shared_with"], found["deleted"]) == ([], [], None)
    assert found["components"] == {"core": "enabled", "monitoring": "enabled", "multicluster": "enabled"}
    assert host.writes == []


def test_all_of_them_with_what_is_left_of_others() -> None:
    found = look(Host(cluster("one")))
    assert found["looked_at"] == NOW
    assert [each["name"] for each in found["members"]] == ["host", "one"]
    assert found["leftovers"] == []
    host = found["members"][0]
    assert (host["cluster_role"], host["works"], host["problems"]) == ("host", True, [])


def test_leftovers_that_may_not_be_read_are_a_problem_of_the_host() -> None:
    def refuse() -> Any:
        raise Forbidden("Failed to list secrets of kube-federation-system: 403", "h", status=403)

    nobody = FakeSession("h")  # no Cluster has the label of the host, or it was not asked for
    for host in (Host(), nobody):
        host.answers["/api/v1/namespaces/kube-federation-system/secrets"] = refuse
        found = look(host)
        assert found["leftovers"] is None
        [problem] = found["problems"]
        assert problem.startswith("what is left of former members is not known: Failed to list secrets")
        assert not any(each["problems"] for each in found["members"])


def test_one_that_the_host_does_not_know() -> None:
    found = one(Host(), "stranger")
    assert (found["known"], found["problems"]) == (False, [found["problem"]])


def test_a_host_without_kubesphere() -> None:
    found = look(FakeSession("h"))
    assert found.pop("looked_at").endswith("Z")
    assert found == {"members": [], "leftovers": [], "problems": []}


# Through an agent


def agent_of(name: str, address: str) -> Object:
    return agent.manifest(name, Secret("t" * 64), address, "tower", agent.Settings())


def test_a_member_by_agent() -> None:
    ports: dict[str, Any] = {"kubernetesAPIServerPort": 6100, "kubesphereAPIServerPort": 16100}
    host = Host(cluster("one", "proxy", **ports), cluster("two", "proxy", **ports), cluster("three", "proxy"))
    host.tell("one", config_map(), configuration(), agent_of("one", "http://192.0.2.1:8080/"))
    found = one(host)
    assert found["conditions"][0]["fresh"] is None  # tower writes it once
    assert found["proxy_address"] == {"in_force": ADDRESS, "used": "http://192.0.2.1:8080/", "same": True}
    assert (found["ports"], found["ports_shared_with"]) == ([6100, 16100], ["two"])
    assert found["problems"] == ["tower has drawn the same ports for two: import it again"]
    assert one(host, "three")["problems"] == []


def test_an_agent_that_calls_another_address_is_no_problem_by_itself() -> None:
    host = Host(cluster("one", "proxy"))
    host.tell("one", config_map(), configuration(), agent_of("one", "http://192.0.2.9:1"))
    found = one(host)
    assert (found["proxy_address"]["same"], found["problems"]) == (False, [])


def test_an_agent_that_cannot_be_found() -> None:
    host = Host(cluster("one", "proxy"))
    host.fail("one", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/cluster-agent", NotFound("no", "h", status=404))
    assert one(host)["proxy_address"] == {"in_force": ADDRESS, "used": None, "same": None}


# What does not work


def test_a_dead_member_that_says_ready() -> None:
    host = Host(cluster("one", updated=LONG_AGO))
    host.fail("one", "/api/v1/nodes", ServerError("Failed to use one: 500", "h", status=500))
    found = one(host)
    assert (found["ready"], found["works"], found["conditions"][0]["fresh"]) == (True, False, False)
    assert found["problems"] == [
        "Failed to use one: 500.",
        f"Cluster one says Ready since {LONG_AGO}, and KubeSphere should have looked every 120 s: "
        "it may be gone for long",
    ]
    unread = ("jwt_secret_agrees", "components")
    assert [found[name] for name in unread] == [None, None]


def test_one_that_works_and_is_not_looked_at() -> None:
    found = one(Host(cluster("one", updated=LONG_AGO)))
    assert found["works"] is True
    assert found["problems"][0].endswith("it works, so look at ks-controller-manager on the host")


def test_an_age_is_judged_by_the_host_s_own_period() -> None:
    assert one(Host(cluster("one", updated=LONG_AGO), resync="1h"))["problems"] == []


def test_one_that_is_not_ready_is_not_used() -> None:
    host = Host(cluster("one", ready="False"))
    found = one(host)
    assert (found["works"], found["problems"]) == (False, ["Cluster one is not Ready: Because"])
    assert not [path for _method, path in host.requests if "/clusters/one/" in path]


@pytest.mark.parametrize(
    ("words", "agrees"), [("Unauthorized: signature is invalid", False), ('user "admin" not found', None)]
)
def test_a_member_with_another_jwt_secret_lets_nobody_in(words: str, agrees: bool | None) -> None:
    host = Host(cluster("one"))
    host.fail("one", "/api/v1/nodes", Unauthorized(f"Failed to use one: 401: {words}", "h", status=401))
    found = one(host)
    assert found["jwt_secret_agrees"] is agrees
    assert len(found["problems"]) == 1
    assert "Give the member the host's jwtSecret" in found["problems"][0]


@pytest.mark.parametrize(
    "objects",
    [
        (config_map("another-secret-of-theirs"), configuration()),
        (config_map(), configuration(secret="not-yet-in-force")),
    ],
    ids=["kubesphere-config", "ClusterConfiguration"],
)
def test_a_jwt_secret_that_differs_is_told_and_not_shown(objects: tuple[Object, ...]) -> None:
    host = Host(cluster("one"))
    host.tell("one", *objects)
    found = one(host)
    assert found["jwt_secret_agrees"] is False
    assert found["problems"] == [
        "its jwtSecret differs from the host's: playbook kubesphere.multicluster.install sets it"
    ]
    assert not any(secret in json.dumps(found) for secret in (SECRET, "another-secret-of-theirs", "not-yet-in-force"))


def test_what_cannot_be_read_in_a_member_that_works() -> None:
    host = Host(cluster("one"))
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/kubesphere-config"
    host.fail("one", path, Forbidden("Failed to use one: 403", "h", status=403))
    found = one(host)
    assert (found["works"], found["problem"], found["jwt_secret_agrees"]) == (True, "", None)
    assert found["problems"][0].startswith("Failed to use one: 403.")


# What will not work for long, or is not as it should be


@pytest.mark.parametrize(
    ("end", "days", "words"),
    [
        ("2027-11-22", 365, None),
        ("2026-12-02", 10, "the token in its kubeconfig expires on 2026-12-02T12:00:00Z"),
        ("2026-11-21", -1, "the token in its kubeconfig expired on 2026-11-21T12:00:00Z"),
    ],
)
def test_credentials_that_expire(end: str, days: int, words: str | None) -> None:
    host = Host(cluster("one", kubeconfig=kubeconfig(token=token(end))))
    found = one(host)
    assert (found["credential"]["kind"], found["credential"]["days"]) == ("token", days)
    assert [text.startswith(words or "nothing") for text in found["problems"]] == ([True] if words else [])
    assert one(host, before_days=-2)["problems"] == []


def test_the_host_s_own_credential_is_never_due() -> None:
    host = Host()
    host.at(CLUSTER, "host")["spec"]["connection"]["kubeconfig"] = kubeconfig(token=token("2026-11-21"))
    found = one(host, "host")
    assert (found["credential"]["days"], found["credential"]["due"], found["problems"]) == (-1, False, [])


def test_the_hint_for_an_agent_is_another() -> None:
    found = one(Host(cluster("one", "proxy", kubeconfig=kubeconfig(token=token("2026-12-02")))))
    assert found["problems"][0].endswith(
        "restart its Deployment kubesphere-system/cluster-agent, and tower makes a new one"
    )


def test_a_kubeconfig_that_cannot_be_read() -> None:
    found = one(Host(cluster("one", kubeconfig="bm90aGluZw==")))
    assert (found["credential"]["kind"], found["server"]) == ("none", None)


@pytest.mark.parametrize(("endpoint", "problems"), [("https://one:6443/", 0), ("https://old:6443", 1)])
def test_an_endpoint_that_did_not_follow_the_kubeconfig(endpoint: str, problems: int) -> None:
    assert len(one(Host(cluster("one", kubernetesAPIEndpoint=endpoint)))["problems"]) == problems


def change(name: str, **fields: Any) -> Callable[[Object], None]:
    def apply(item: Object) -> None:
        item[name].update(fields)

    return apply


@pytest.mark.parametrize(
    ("change", "release", "words"),
    [
        (change("status", kubernetesVersion="v1.99.0"), "v3.4.1", "Kubernetes v1.99.0 is not supported"),
        (change("metadata", deletionTimestamp=LONG_AGO), "v3.4.1", f"is being deleted since {LONG_AGO}"),
        (change("metadata", labels={HOST_LABEL: ""}), "v3.4.1", "labelled as the host, and so is host"),
    ],
)
def test_other_problems(change: Callable[[Object], None], release: str, words: str) -> None:
    made = cluster("one")
    change(made)
    host = Host(made)
    host.tell("one", config_map(), configuration(release))
    [problem] = one(host)["problems"]
    assert words in problem


@pytest.mark.parametrize(("release", "skew", "problems"), [("v3.3.2", "newer", 1), ("v3.4.1", "same", 0)])
def test_skew_of_releases(release: str, skew: str, problems: int) -> None:
    host = Host(cluster("one"))
    host.put(configuration(release))
    found = one(host)
    assert (found["kubesphere_skew"], found["kubesphere_version"]) == (skew, "v3.4.1")
    assert [text for text in found["problems"] if "is newer than the host's v3.3.2" in text] == found["problems"]
    assert len(found["problems"]) == problems


def test_skew_of_kubernetes_is_no_problem() -> None:
    made = cluster("one")
    made["status"]["kubernetesVersion"] = "v1.20.9"
    found = one(Host(made))
    assert (found["kubernetes_skew"], found["problems"]) == (-2, [])


def test_an_installation_that_is_not_finished() -> None:
    host = Host(cluster("one"))
    host.tell("one", config_map(), configuration(monitoring={"status": "none"}))
    found = one(host)
    assert found["components"]["monitoring"] == "none"
    assert found["problems"] == ["its installation is not finished: component monitoring is not enabled yet"]


def test_no_secret_leaves() -> None:
    made = cluster("one", "proxy", kubeconfig=kubeconfig(token="tokenOfAMember"), token="tokenOfAnAgent")
    made["status"]["conditions"][1]["message"] = "tokenOfAMember is not tokenOfAnAgent"
    host = Host(made)
    host.tell("one", config_map(), configuration(), agent_of("one", "http://user:passw0rd@192.0.2.1:8080"))
    told = json.dumps(look(host))
    assert "*** is not ***" in told
    for secret in ("tokenOfAMember", "tokenOfAnAgent", "passw0rd", SECRET, made["spec"]["connection"]["kubeconfig"]):
        assert secret not in told
