"""A fleet whose host is a real cluster, and whose members are simulated by one process (``tests/simulation``)."""

from __future__ import annotations

from tests.benchmarks.fleet import DIRECT, Fleet
from tests.benchmarks.joins import used_member
from tests.sandbox import audit
from tests.simulation.fleet import SimulatedFleet, write_knobs
from tests.simulation.server import Behaviour

_MEMBERS = "members"


class Simulated(Fleet):
    """Such a fleet, as the benchmark takes one."""

    simulated = True

    def __init__(self, fleet: SimulatedFleet) -> None:
        """Describe a fleet that is up."""
        kubeconfigs = {name: fleet.members.kubeconfig(name) for name in fleet.names}
        super().__init__(fleet.host, kubeconfigs, DIRECT, fleet.inventory)
        self._fleet = fleet

    def reset(self) -> None:
        """Take the members out of the host, and let them forget that they were in it."""
        self._fleet.reset()

    def marks(self) -> dict[str, int]:
        """One for the host, and one for all members."""
        return {self.host.name: self.host.audit_mark(), _MEMBERS: self._fleet.members.mark()}

    def member_events(self, since: dict[str, int]) -> list[audit.Event]:
        """Those of the members' common log; ``cluster`` says whose each is."""
        return self._from_machine(self._fleet.members.events(since[_MEMBERS]))

    def behave(self, behaviour: Behaviour, *names: str) -> None:
        """Change how the network of some members is."""
        self._fleet.members.behave(behaviour, *names)

    def install(self, seconds: float) -> None:
        """Let ks-installer take so long over a change from now on; the host's is quicker, for it is not in question."""
        self._fleet.members.install(seconds)
        write_knobs(self.host, installer={"duration": seconds / 2, "retry": 0.5})

    def finished(self, since: dict[str, int], left_out: str) -> float:
        """When the last request that concerned a member was answered, but for those of one; seconds since the epoch."""
        at_members = [(event["cluster"], audit.moment(event)) for event in self.member_events(since)]
        at_host = [(used_member(event), audit.moment(event)) for event in self.host_events(since)]
        return max(when for member, when in at_members + at_host if member not in ("", left_out))
