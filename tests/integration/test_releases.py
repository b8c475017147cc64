"""Releases: older ones are installed and imported, and upgraded step by step, the host first."""

from __future__ import annotations

import pytest

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import (
    DEPLOYMENTS,
    USER_AGENT,
    Audit,
    configuration,
    jwt_secret,
    names,
    settings,
    side_by_side,
    steer,
    whole_list,
    wipe,
)
from tests.sandbox import audit
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

# Real programs are of one release.
pytestmark = pytest.mark.stand_in("ks-apiserver", "controller-manager")


@pytest.fixture(scope="module")
def pair(fleet: Fleet) -> Fleet:
    """The inventory of the host and one member."""
    return fleet.without("member-2").with_all(kubesphere_install_timeout=30)


@pytest.fixture(scope="module")
def two(clusters: Clusters) -> Clusters:
    """The clusters of that inventory."""
    return {name: clusters[name] for name in ("host", "member-1")}


def site(controller: Controller, pair: Fleet, release: str) -> Run:
    """A run that comes through, and a second one that does nothing."""
    wanted = pair.with_all(kubesphere_release=release)
    run = controller.playbook("site", wanted)
    assert run.status == 0, run.output
    again = controller.playbook("site", wanted)
    assert again.status == 0, again.output
    assert not any(again.changed.values()), again.output
    return run


def stands(two: Clusters, release: str, label: str) -> None:
    """Every cluster has the release, an installer of the right label, and one jwtSecret with the others."""
    for cluster in two.values():
        found = configuration(cluster)
        assert found["metadata"]["labels"]["version"] == release
        # 3.1.0 does not write it yet.
        assert found["status"]["core"].get("version") == (None if release == "v3.1.0" else release)
        installer = cluster.api.get(f"{DEPLOYMENTS}/ks-installer")
        assert installer["spec"]["selector"]["matchLabels"]["app"] == label
        image = installer["spec"]["template"]["spec"]["containers"][0]["image"]
        assert image == f"kubesphere/ks-installer:{release}"
    assert jwt_secret(two["host"]) == jwt_secret(two["member-1"])
    assert names(two["host"]) == ["host", "member-1"]


def row(run: Run, name: str) -> list[str]:
    """A line of the table that a run ends with."""
    return next(line.split() for line in run.table if line.startswith(name))


def test_older_release_is_installed_and_imported(controller: Controller, pair: Fleet, two: Clusters) -> None:
    run = site(controller, pair, "v3.2.1")
    stands(two, "v3.2.1", "ks-install")
    assert row(run, "member-1") == ["member-1", "member", "direct", "v1.20.2", "v3.2.1", "1", "works"]
    # This release does not say its role there.
    assert "clusterRole" not in settings(two["member-1"]).get("multicluster", {})


def test_release_is_not_skipped(controller: Controller, pair: Fleet, two: Clusters) -> None:
    record = Audit(two.values())
    run = controller.playbook("site", pair.with_all(kubesphere_release="v3.4.1"))
    assert run.status == 2, run.output
    text = (
        "KubeSphere v3.2.1 cannot be upgraded to v3.4.1 in one step. "
        "Upgrade to v3.3.2 first; the whole way is v3.3.2 → v3.4.1."
    )
    assert run.failures == whole_list({name: [text] for name in two})
    # Also where nobody looks before.
    run = controller.playbook("install", pair.with_all(kubesphere_release="v3.4.1"))
    assert run.failures["host"] == f"host: {text}"
    assert record.writes() == {}


def test_member_is_not_upgraded_before_its_host(controller: Controller, pair: Fleet, two: Clusters) -> None:
    record = Audit(two.values())
    wanted = pair.with_all(kubesphere_release="v3.3.2")
    run = controller.playbook("install", wanted, "--limit", "member-1")
    assert run.failures == {
        "member-1": "member-1: a member is not upgraded to v3.3.2 before its host, which is at v3.2.1. "
        "Upgrade the host first."
    }
    assert record.writes() == {}


def upgraded_in_order(run: Run, two: Clusters, marks: dict[str, int]) -> None:
    """The member was written only when the host's upgrade had come to its end."""
    first = {}
    for name, cluster in two.items():
        events = cluster.audit_events(marks[name])
        ours = [event for event in events if event["userAgent"].startswith(USER_AGENT) and audit.writes([event])]
        writes = [event["requestReceivedTimestamp"] for event in ours]
        installers = [
            e["requestReceivedTimestamp"]
            for e in events
            if e["userAgent"].startswith("standin-ks-installer") and e["verb"] in ("create", "patch")
        ]
        first[name] = (min(writes), max(installers))
    assert first["member-1"][0] > first["host"][1], (first, run.output)


@pytest.mark.parametrize(("before", "after"), [("v3.2.1", "v3.3.2"), ("v3.3.2", "v3.4.1")])
def test_upgrade(controller: Controller, pair: Fleet, two: Clusters, before: str, after: str) -> None:
    """From 3.2 to 3.3 the installer's label changes, which a Deployment's selector does not take."""
    assert configuration(two["host"])["status"]["core"]["version"] == before
    secret = jwt_secret(two["host"])
    wanted = pair.with_all(kubesphere_release=after)
    marks = {name: cluster.audit_mark() for name, cluster in two.items()}
    foretold = controller.playbook("site", wanted, "--check")
    assert foretold.status == 0, foretold.output
    run = controller.playbook("site", wanted)
    assert run.status == 0, run.output
    assert foretold.actions == run.actions
    upgraded_in_order(run, two, marks)
    stands(two, after, "ks-installer")
    assert jwt_secret(two["host"]) == secret
    assert [result["upgraded_from"] for result in run.of("cluster_configuration") if result.get("upgraded_from")] == [
        before,
        before,
    ]
    # The release in that line is the Cluster's, which KubeSphere renews at its next resync.
    assert row(run, "member-1")[-1] == "works"
    again = controller.playbook("site", wanted)
    assert not any(again.changed.values()), again.output


@pytest.mark.parametrize(
    ("release", "connection"),
    [
        ("v3.1.0", "agent"),
        ("v3.1.1", "direct"),
        ("v3.2.0", "agent"),
        ("v3.3.0", "direct"),
        ("v3.3.1", "agent"),
        ("v3.3.2", "direct"),
        ("v3.4.0", "agent"),
    ],
)
def test_release_from_nothing(
    controller: Controller, pair: Fleet, two: Clusters, release: str, connection: str
) -> None:
    side_by_side(wipe, two.values())
    # 3.3 tries a join again at the next resync only, also one that lost a race for the member's service account.
    steer(two["host"], controller={"resync": 5}, cloud={"address": "auto"})
    run = site(controller, pair.with_member("member-1", kubesphere_connection=connection), release)
    stands(two, release, "ks-install" if release < "v3.3" else "ks-installer")
    assert row(run, "member-1")[2] == connection
    assert row(run, "member-1")[-3:] == [release, "1", "works"]
