"""How long each join took, and how much of it was KubeSphere's part: from the host's audit log and one watch.

A join begins when the Cluster is written, and ends with the last request that used the member through the host. What
KubeSphere takes of it ends when its controllers have written the conditions that an import waits for. When that was,
no audit log tells, for it has no bodies: a watch of ours sees those conditions, and the last write of KubeSphere's to
that Cluster that had been asked for by then is the one that made them. So a watch that is told late makes no tool look
better.

It takes longer where the member cannot be used even then: its ks-apiserver is away for most of a second after its
kubesphere-config was changed, which the host's controller does with each member that joins (kubesphere v3.4.1
pkg/controller/cluster/cluster_controller.go L548-575). So what was answered with an error of the server was asked too
early, and KubeSphere was not ready yet; what passes from that answer on is the tool's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tests.sandbox import audit
from tests.sandbox.audit import Event

_REFUSED, _BROKEN = 300, 500  # from which status on a request was not answered well, and not for the asker's sake
_WRITES = ("create", "update", "patch")
_USED = re.compile(r"/clusters/([^/]+)/v1/")
"""In the path of a request that uses a member through the host's dispatcher."""


@dataclass(frozen=True)
class Join:
    """One member's import; all times are seconds since the epoch.

    Attributes:
        member: its name.
        written: when the API server was asked to create its Cluster.
        settled: when KubeSphere's controllers had written all conditions that an import waits for, or the member was
            last refused to the tool.
        used: when the last request that used the member through the host was asked.
        verified: when it was answered.
    """

    member: str
    written: float
    settled: float
    used: float
    verified: float

    @property
    def seconds(self) -> float:
        """From the Cluster's write until the import was verified."""
        return self.verified - self.written

    @property
    def asking(self) -> float:
        """What the tool took until it asked for that which was answered well."""
        return self.used - self.settled

    @property
    def answering(self) -> float:
        """What KubeSphere took to answer the last request, through the host and the member."""
        return self.verified - self.used

    @property
    def beyond(self) -> float:
        """What the tool took beyond KubeSphere's part, verification included."""
        return self.verified - self.settled


def joins(events: Iterable[Event], seen: Mapping[str, float], ours: Callable[[Event], bool]) -> list[Join]:
    """The joins of one run.

    Args:
        events: of the host's audit log, since before the run.
        seen: when each member's Cluster was seen with its conditions, as a ``Watcher`` has it.
        ours: whether an event is a request of the measured tool.

    Returns:
        One for each member that has been seen, written and used.
    """
    written, settled, used, verified = _Times(min), _Times(max), _Times(max), _Times(max)
    for event in events:
        if event["stage"] != "ResponseComplete":
            continue
        status = event["responseStatus"]["code"]
        asked, answered = audit.moment(event, "requestReceivedTimestamp"), audit.moment(event)
        if status >= _BROKEN and ours(event) and used_member(event):
            settled.add(used_member(event), answered)
        if status >= _REFUSED:
            continue
        written_to = _cluster_written_to(event)
        if ours(event):
            if member := used_member(event):
                used.add(member, asked)
                verified.add(member, answered)
            elif event["verb"] == "create" and written_to:
                written.add(written_to, asked)
        elif asked <= seen.get(written_to, 0):
            settled.add(written_to, min(answered, seen[written_to]))
    return [
        Join(member, written[member], settled[member], used[member], verified[member])
        for member in seen
        if member in written and member in settled and member in verified
    ]


def used_member(event: Event) -> str:
    """Name of the member that a request used through the host; empty if it used none."""
    found = _USED.search(event["requestURI"])
    return found[1] if found else ""


class _Times(dict[str, float]):
    """The first or the last time for each member."""

    def __init__(self, choose: Callable[[float, float], float]) -> None:
        self._choose = choose

    def add(self, member: str, when: float) -> None:
        self[member] = self._choose(self.get(member, when), when)


def _cluster_written_to(event: Event) -> str:
    """Name of the Cluster that a request wrote; empty if it wrote none."""
    reference = event.get("objectRef") or {}
    wrote = event["verb"] in _WRITES and reference.get("resource") == "clusters"
    return str(reference.get("name") or "") if wrote else ""
