"""Everything that is done to runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from tests.integration.controller import Fleet
from tests.integration.kubesphere import eventually
from tests.torture.ground import MEMBER, Ground
from tests.torture.killed import Say, Scenario, Torture
from tests.torture.network import Network
from tests.torture.results import Case
from tests.torture.together import Together

_DIRECT: dict[str, Any] = {"kubesphere_connection": "direct"}
_AGENT: dict[str, Any] = {"kubesphere_connection": "agent"}
_NAMESPACES = "/api/v1/namespaces"
_WORKSPACES = "/apis/tenant.kubesphere.io/v1alpha1/workspaces"


class Part(Protocol):
    """One thing that is done, in several cases."""

    def cases(self) -> Mapping[str, Callable[[], Case | None]]:
        """All cases by their names, not yet tried."""


def _with(**variables: object) -> Callable[[Ground], Fleet]:
    """The inventory with these variables of its member."""
    return lambda ground: ground.fleet.with_member(MEMBER, **variables)


def _imported(ground: Ground, **variables: object) -> None:
    """The member is imported; with a workspace of the host's on it, and a namespace in that."""
    ground.host.mend(ground.member)
    ground.must("import", _with(**variables)(ground))
    api = ground.member.api
    if api.find(f"{_NAMESPACES}/team-project"):
        api.delete(f"{_NAMESPACES}/team-project")
        eventually(lambda: not api.find(f"{_NAMESPACES}/team-project"), "the namespace to be gone")
    labels = {"kubefed.io/managed": "true"}
    team = api.find(f"{_WORKSPACES}/team") or api.create(
        _WORKSPACES,
        {
            "apiVersion": "tenant.kubesphere.io/v1alpha1",
            "kind": "Workspace",
            "metadata": {"name": "team", "labels": labels},
            "spec": {},
        },
    )
    owner = {
        **{key: team[key] for key in ("apiVersion", "kind")},
        **{key: team["metadata"][key] for key in ("name", "uid")},
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {"name": "team-project", "labels": {**labels, "kubesphere.io/workspace": "team"}}
    api.create(_NAMESPACES, {"metadata": {**metadata, "ownerReferences": [owner]}})


def _dead(ground: Ground) -> None:
    """The member is imported, and then cut off: the host's webhook lets nobody update its Cluster any more."""
    _imported(ground, **_DIRECT)
    ground.host.cut(ground.member)


def _install_and(begin: Callable[[Ground], None]) -> Callable[[Ground], None]:
    def prepare(ground: Ground) -> None:
        ground.install()
        begin(ground)

    return prepare


def _unbind(name: str, begin: Callable[[Ground], None], sampled: int = 0, **variables: object) -> Scenario:
    fleet = _with(kubesphere_member_state="absent", **variables)
    return Scenario(
        f"unbind, {name}", "unbind", fleet, _install_and(begin), begin, "after", at_random=8, sampled=sampled
    )


def _renew(kind: str, sampled: int = 0) -> Scenario:
    minted = {**_DIRECT, "kubesphere_credential": kind}
    begin = partial(_import_only, **minted)
    fleet = _with(kubesphere_renew=True, **minted)
    return Scenario(f"renew, {kind}", "renew", fleet, _install_and(begin), begin, at_random=18, sampled=sampled)


def _import_only(ground: Ground, **variables: object) -> None:
    ground.must("import", _with(**variables)(ground))


SCENARIOS = (
    # The direct one makes the same writes as the other, but for the last.
    Scenario("site, agent", "site", _with(**_AGENT), Ground.bare, Ground.bare, "before", at_random=6, sampled=1),
    Scenario("site, direct", "site", _with(**_DIRECT), Ground.bare, Ground.bare, "after"),
    Scenario("import, direct", "import", _with(**_DIRECT), Ground.install, Ground.forget, at_random=28, sampled=5),
    Scenario("import, agent", "import", _with(**_AGENT), Ground.install, Ground.forget, at_random=32, sampled=5),
    _renew("token", sampled=5),
    _renew("certificate"),
    _unbind("direct", partial(_imported, kubesphere_credential="token"), **_DIRECT),
    _unbind("agent", partial(_imported, **_AGENT), sampled=2, **_AGENT),
    _unbind("dead", _dead, kubesphere_reachable=False, kubesphere_force=True),
)
"""The runs that are killed."""


def _torture(scenario: Scenario) -> Callable[[Ground, int, Say], Part]:
    return lambda ground, seed, say: Torture(ground, scenario, seed, say)


def _network(playbook: str, **variables: object) -> Callable[[Ground, int, Say], Part]:
    return lambda ground, _seed, say: Network(ground, say, playbook, **variables)


PARTS: dict[str, Callable[[Ground, int, Say], Part]] = {
    **{scenario.name: _torture(scenario) for scenario in SCENARIOS},
    "network, site": _network("site", **_AGENT),
    "network, status": _network("status", **_DIRECT),
    "together": lambda ground, _seed, say: Together(ground, say),
}
"""Everything, by name; each brings the clusters to where it begins."""
