# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clusters of a run are doing, as the callback ``progress`` hears it from workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..module_utils.goals.outcome import told

NAME = "<name>"
"""Stands in a text for the name of the cluster, so that clusters which wait for the same can be told of together."""


@dataclass
class AtWork:
    """A cluster in a phase.

    Attributes:
        cluster: its inventory name.
        phase: what is done with it.
        since: when that began.
        text: what it waits for, with NAME in place of its own; empty if it does not wait.
    """

    cluster: str
    phase: str
    since: float
    text: str = ""


@dataclass(frozen=True)
class Count:
    """How far a phase is.

    Attributes:
        done: number of clusters that are past it.
        failed: number of those that have failed in it.
        of: number of all that it is for, as far as is known.
    """

    done: int
    failed: int
    of: int


class State:
    """What goes on. Times are those of one clock, in seconds."""

    def __init__(self) -> None:
        self.at_work: dict[tuple[str, str], AtWork] = {}
        self.counts: dict[str, Count] = {}
        self.since = 0.0
        self.seconds: dict[str, dict[str, float]] = {}
        """How long it took, by cluster and phase."""

    @property
    def is_busy(self) -> bool:
        """Whether anything goes on."""
        return bool(self.at_work or self.counts)

    def hear(self, message: Mapping[str, Any], now: float) -> str:
        """Take up a message.

        Args:
            message: ``kind`` is begun, waits, ended (with ``cluster`` and ``phase``, where it waits with ``text``),
                counts (with ``counts``: done, failed and of by phase), over, or line (with ``text``).
            now: the time.

        Returns:
            What a log says of it, on one line; empty if nothing.
        """
        cluster, phase, text = (_harmless(message.get(each, "")) for each in ("cluster", "phase", "text"))
        kind, key = message.get("kind"), (cluster, phase)
        if not self.is_busy:
            self.since = now
        if kind == "begun":
            self.at_work[key] = AtWork(cluster, phase, now)
        elif kind == "waits" and key in self.at_work:
            self.at_work[key].text = _common(cluster, text)
        elif kind == "ended" and key in self.at_work:
            took = self.seconds.setdefault(cluster, {})
            took[phase] = took.get(phase, 0.0) + now - self.at_work.pop(key).since
        elif kind == "counts":
            self.counts = {_harmless(name): Count(*map(int, count)) for name, count in message["counts"].items()}
        elif kind == "over":
            self.at_work, self.counts = {}, {}
        return text


def _harmless(text: Any) -> str:
    """A text that a terminal has nothing to obey in; workers have seen to that, too."""
    line = str(text)
    return line if line.isprintable() else told(line, set())


def _common(cluster: str, text: str) -> str:
    """A line as the wait loop says it, without what stands beside it already."""
    shorter = text.removeprefix(f"{cluster}: ").removeprefix("waiting ")
    return f"{shorter} ".replace(f" {cluster} ", f" {NAME} ").rstrip()
