# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many clusters have come how far on a road, for who shows progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .progress_channel import is_heard, tell


class Phases(Protocol):
    """What is to be known of a road."""

    phases: list[dict[str, str]]

    def concerns(self, name: str, phase: int) -> bool:
        """Whether a phase may be for a cluster."""


class Tally:
    """Counts; phases of the same name are one."""

    def __init__(self, road: Phases, names: Sequence[str]) -> None:
        """Tell how many clusters each phase may be for.

        Args:
            road: its phases.
            names: the clusters.
        """
        self._road = road
        self._names = [each["phase"] for each in road.phases]
        self._number = len(names)
        self._done, self._failed, self._of = ([0] * len(self._names) for _count in range(3))
        for phase in range(len(self._names)):
            self._of[phase] = sum(1 for name in names if road.concerns(name, phase))
        self._tell()

    def skip(self, name: str, phase: int) -> None:
        """A phase is not for a cluster; that is told with what happens next."""
        self._of[phase] -= self._road.concerns(name, phase)

    def done(self, name: str, phase: int, *, failed: bool) -> None:
        """A cluster is past a phase, or has failed in it and goes no further."""
        if failed:
            self._failed[phase] += 1
            for later in range(phase + 1, len(self._names)):
                self.skip(name, later)
        else:
            self._done[phase] += 1
        self._tell()

    def close(self) -> None:
        """All have come to their ends."""
        tell("over")

    def _tell(self) -> None:
        if not is_heard():
            return
        counts = {name: [0, 0, 0] for name in self._names}
        for name, *count in zip(self._names, self._done, self._failed, self._of):
            done, bad, of = (sum(pair) for pair in zip(counts[name], count))
            counts[name] = [done, bad, max(done + bad, min(of, self._number))]  # hardly any cluster goes through both
        tell("counts", counts=counts)
