"""The runs that are killed."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.controller import Fleet
from tests.torture.ground import MEMBER, Ground
from tests.torture.killed import Scenario

_DIRECT = {"kubesphere_connection": "direct"}
_AGENT = {"kubesphere_connection": "agent"}


def _with(**variables: object) -> Callable[[Ground], Fleet]:
    """The inventory with these variables of its member."""
    return lambda ground: ground.fleet.with_member(MEMBER, **variables)


SCENARIOS = (
    Scenario("site, agent", "site", _with(**_AGENT), Ground.bare, Ground.bare, at_random=6, sampled=2),
    Scenario("site, direct", "site", _with(**_DIRECT), Ground.bare, Ground.bare, thorough=False),
    Scenario("import, direct", "import", _with(**_DIRECT), Ground.install, Ground.forget, at_random=14, sampled=4),
    Scenario("import, agent", "import", _with(**_AGENT), Ground.install, Ground.forget, at_random=24, sampled=6),
)
