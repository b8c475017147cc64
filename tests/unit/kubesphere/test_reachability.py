# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of who reaches whom, and of how that is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import jobs, probe
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import reachability
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.reachability import Evidence

from tests.unit.fakes import FakeSession, fail

ADDRESS = "http://10.0.0.1:8080"
IMAGE = "kubesphere/tower:v0.2.1"


class Cluster:
    """What the Job in a cluster says, and the page as it is seen from here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: jobs.Ended | Exception = jobs.Ended(True, 0, "OK\n")
        self.page = probe.Answer(200, "OK\n")
        self.jobs: list[dict[str, Any]] = []
        self.asked: list[tuple[str, bool]] = []
        monkeypatch.setattr(jobs, "run_to_end", self._run)
        monkeypatch.setattr(probe, "get", self._get)

    def _run(self, _session: Any, **arguments: Any) -> jobs.Ended:
        self.jobs.append(arguments)
        if isinstance(self.said, Exception):
            fail(self.said)
        return self.said

    def _get(self, url: str, _timeout: float, *, verify: bool = True) -> probe.Answer:
        self.asked.append((url, verify))
        return self.page


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def failed(output: str) -> jobs.Ended:
    return jobs.Ended(False, 1, output)


def from_member(planning: bool = False) -> Evidence:
    return reachability.tower_from_member(FakeSession("m1", planning=planning), ADDRESS, IMAGE, timeout=9)


def test_tower_is_asked_from_a_pod_with_the_agents_image(cluster: Cluster) -> None:
    assert from_member() == Evidence(True, "a pod in m1", f"{ADDRESS} answers, and is tower")
    [job] = cluster.jobs
    [container] = job["pod_spec"]["containers"]
    assert container["image"] == IMAGE
    assert container["command"] == ["wget", "-q", "-T", "5", "-O", "-", f"{ADDRESS}/health"]
    assert job["namespace"] == "kubesphere-system"
    assert cluster.asked == []


def test_the_pod_is_like_the_agents(cluster: Cluster) -> None:
    environment = [{"name": "HTTPS_PROXY", "value": "http://192.0.2.9:3128"}, {"name": "A", "value": "b"}]
    placed = {"nodeSelector": {"a": "b"}, "tolerations": [{"key": "c"}], "imagePullSecrets": [{"name": "d"}]}
    like = {**placed, "serviceAccountName": "kubesphere", "containers": [{"name": "agent", "env": environment}]}
    cluster.said = failed("wget: can't connect to remote host: Connection refused")
    seen = reachability.tower_from_member(FakeSession("m1"), ADDRESS, IMAGE, like=like, timeout=9)
    [job] = cluster.jobs
    pod = job["pod_spec"]
    assert {key: pod[key] for key in placed} == placed
    assert "serviceAccountName" not in pod
    # wget knows the names in small letters.
    small = {"name": "https_proxy", "value": "http://192.0.2.9:3128"}
    assert pod["containers"][0]["env"] == [*environment, small]
    # An agent behind a proxy may come through where wget does not.
    assert (seen.reached, seen.weak) == (False, True)


def test_the_pod_is_let_in_where_the_strictest_rules_hold(cluster: Cluster) -> None:
    """The restricted Pod Security Standard, and quotas that want requests and limits; it may ask nothing of the API."""
    from_member()
    [job] = cluster.jobs
    assert job["labels"] == {"app.kubernetes.io/component": "reachability"}
    assert job["pod_spec"]["automountServiceAccountToken"] is False
    [container] = job["pod_spec"]["containers"]
    assert container["name"] == "wget"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["resources"] == {
        "requests": {"cpu": "10m", "memory": "16Mi"},
        "limits": {"cpu": "100m", "memory": "64Mi"},
    }


def test_the_api_server_is_asked_from_a_pod(cluster: Cluster) -> None:
    reachability.api_server_from_host(FakeSession("host"), "https://10.0.0.2:6443/", IMAGE)
    [container] = cluster.jobs[0]["pod_spec"]["containers"]
    url = "https://10.0.0.2:6443/version"
    assert container["command"] == ["wget", "-q", "-T", "5", "--no-check-certificate", "-O", "-", url]


@pytest.mark.parametrize(("letters", "shown"), [(160, "x" * 160), (161, "x" * 160 + "…")])
def test_what_a_program_says_at_length_is_cut(cluster: Cluster, letters: int, shown: str) -> None:
    cluster.said = failed("x" * letters)
    assert from_member().detail == f"{ADDRESS} does not answer: {shown}"


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        (jobs.Ended(True, 0, "<html>hello</html>\n"), "answers, but is not tower: /health gives '<html>hello</html>'"),
        (jobs.Ended(True, 0, ""), "answers, but is not tower: /health gives an empty page"),
        (
            failed("wget: server returned error: HTTP/1.1 404 Not Found\n"),
            "answers, but is not tower: /health gives HTTP/1.1 404 Not Found",
        ),
        (
            failed("wget: can't connect to remote host (10.0.0.1): Connection refused\n"),
            "does not answer: can't connect to remote host (10.0.0.1): Connection refused",
        ),
        (failed("wget: bad address 'tower.example.com'\n"), "does not answer: bad address 'tower.example.com'"),
        (failed("wget: download timed out\n"), "does not answer: download timed out"),
        (failed(""), "does not answer: wget ended with status 1"),
        (jobs.Ended(False, 4, ""), "does not answer: network failure"),
        (jobs.Ended(False, 5, ""), "is not trusted: certificate verify failed"),
        (jobs.Ended(False, 8, ""), "answers, but is not tower: /health gives HTTP/1.1 with another status"),
        (
            failed(
                "ssl_client: tower.example.com: certificate verification failed: self signed certificate\n"
                "wget: error getting response: Connection reset by peer\n"
            ),
            "is not trusted: tower.example.com: certificate verification failed: self signed certificate; "
            "error getting response: Connection reset by peer",
        ),
        (
            failed(
                "140:error:1416F086:SSL routines:tls_process_server_certificate:certificate verify failed:ssl/x.c:1:\n"
                "ssl_client: SSL_connect\nwget: error getting response: Connection reset by peer\n"
            ),
            "is not trusted: 140:error:1416F086",
        ),
    ],
)
def test_three_ways_to_fail_are_told_apart(cluster: Cluster, said: jobs.Ended, detail: str) -> None:
    cluster.said = said
    evidence = from_member()
    assert (evidence.reached, evidence.weak) == (False, False)
    assert detail in evidence.detail


def test_without_a_pod_the_evidence_is_weak(cluster: Cluster) -> None:
    cluster.said = Forbidden("exceeded quota", "m1")
    evidence = from_member()
    assert evidence == Evidence(
        True,
        "where the play runs",
        f"{ADDRESS} answers, and is tower (a pod in m1 could not try: exceeded quota)",
        weak=True,
    )


def test_plan_makes_no_pod(cluster: Cluster) -> None:
    evidence = from_member(planning=True)
    assert (evidence.reached, evidence.weak) == (True, True)
    assert "check mode makes no pod" in evidence.detail
    assert cluster.jobs == []


def test_bad_address_is_not_tried(cluster: Cluster) -> None:
    evidence = reachability.tower_from_member(FakeSession("m1"), "http://localhost:8080", IMAGE)
    assert not evidence.reached
    assert "loopback" in evidence.detail
    assert (cluster.jobs, cluster.asked) == ([], [])
    assert not reachability.tower_from_here("10.0.0.1:8080").reached


@pytest.mark.parametrize(
    ("page", "reached", "detail"),
    [
        (probe.Answer(200, "OK\n"), True, "answers, and is tower"),
        (probe.Answer(200, "hello"), False, "answers, but is not tower: /health gives 'hello'"),
        (probe.Answer(503, "no backend"), False, "answers, but is not tower: /health gives HTTP/1.1 503"),
        (probe.Answer(302, ""), False, "answers, but is not tower: /health gives HTTP/1.1 302"),
        (probe.Answer(problem="Connection refused"), False, "does not answer: Connection refused"),
        (probe.Answer(problem="self-signed certificate", untrusted=True), False, "is not trusted"),
    ],
)
def test_from_here(cluster: Cluster, page: probe.Answer, reached: bool, detail: str) -> None:
    cluster.page = page
    evidence = reachability.tower_from_here("http://10.0.0.1", 3)
    assert (evidence.reached, evidence.weak) == (reached, True)
    assert detail in evidence.detail
    assert cluster.asked == [("http://10.0.0.1:80/health", True)]


@pytest.mark.parametrize(
    ("said", "reached"),
    [
        (jobs.Ended(True, 0, '{"major": "1"}'), True),
        (failed("wget: server returned error: HTTP/1.1 401 Unauthorized"), True),
        (failed("wget: server returned error: HTTP/1.1 403 Forbidden"), True),
        (failed("wget: can't connect to remote host (10.0.0.2): No route to host"), False),
        (jobs.Ended(False, 8, ""), True),
        (jobs.Ended(False, 4, ""), False),
        (failed(""), False),
    ],
)
def test_any_answer_of_an_api_server_will_do(cluster: Cluster, said: jobs.Ended, reached: bool) -> None:
    cluster.said = said
    evidence = reachability.api_server_from_host(FakeSession("host"), "https://10.0.0.2:6443/", IMAGE)
    assert (evidence.reached, evidence.place, evidence.weak) == (reached, "a pod in host", False)
    [job] = cluster.jobs
    command = job["pod_spec"]["containers"][0]["command"]
    assert "--no-check-certificate" in command
    assert command[-1] == "https://10.0.0.2:6443/version"


def test_api_server_is_looked_at_from_here_where_no_pod_can_be_had(cluster: Cluster) -> None:
    cluster.said = Forbidden("no", "host")
    cluster.page = probe.Answer(401)
    evidence = reachability.api_server_from_host(FakeSession("host"), "https://10.0.0.2:6443/", IMAGE)
    assert (evidence.reached, evidence.weak) == (True, True)
    assert evidence.detail.endswith(" (a pod in host could not try: no)")
    assert cluster.asked == [("https://10.0.0.2:6443/version", False)]
    planned = reachability.api_server_from_host(FakeSession("host", planning=True), "https://10.0.0.2:6443", IMAGE)
    assert (planned.reached, planned.weak) == (True, True)


def test_members_looked_at_side_by_side_have_jobs_of_their_own(cluster: Cluster) -> None:
    for number in (2, 3):
        reachability.api_server_from_host(FakeSession("host"), f"https://10.0.0.{number}:6443", IMAGE)
    assert len({job["name"] for job in cluster.jobs}) == 2


def test_refusal_of_a_pod_is_not_the_reason_that_the_look_from_here_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: Any, **_more: Any) -> jobs.Ended:
        raise Forbidden("exceeded quota", "host")

    monkeypatch.setattr(jobs, "run_to_end", refused)
    evidence = reachability.api_server_from_host(FakeSession("host"), "https://127.0.0.1:9", IMAGE)
    assert evidence.detail == (
        "https://127.0.0.1:9 does not answer: Connection refused (a pod in host could not try: exceeded quota)"
    )
