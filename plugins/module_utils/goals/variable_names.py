# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of variables that look like the collection's, and are not (private to the collection)."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from ..kubesphere.words import some

PREFIX = "kubesphere_"

_OPEN = ("kubesphere_configuration_", "kubesphere_seen_")
"""Beginnings of names that users and the dynamic inventory go on as they like."""

_LEFT = frozenset({"kubesphere_plan", "kubesphere_run", "kubesphere_result", "kubesphere_status"})
"""What the role report leaves for later jobs, by set_stats; AWX gives them to those as variables."""


class VariableNames:
    """Names among the variables of many clusters that nobody reads.

    Most clusters have the same names; each is looked at once, and no value is.
    """

    def __init__(self, options: Collection[str], others: Collection[str]) -> None:
        """Look at nothing yet.

        Args:
            options: the variables that users may set.
            others: names that are in order, too: those that roles bring along.
        """
        self._options = {name.removeprefix(PREFIX): name for name in options if name.startswith(PREFIX)}
        self._in_order = {*options, *others, *_LEFT}
        self._unknown: dict[str, set[str]] = {}
        self._told: set[str] = set()

    def note(self, cluster: str, names: Collection[str]) -> None:
        """Look at the names of a cluster's variables."""
        for name in set(names) - self._in_order:
            if name.startswith(PREFIX) and not name.startswith(_OPEN):
                self._unknown.setdefault(name, set()).add(cluster)
            else:
                self._in_order.add(name)

    def warnings(self) -> list[str]:
        """What is to be said of them; of each once."""
        new = sorted(self._unknown.keys() - self._told)
        self._told.update(new)
        return [f"{some(sorted(self._unknown[name]))}: {self._warning(name)}" for name in new]

    def _warning(self, name: str) -> str:
        near = get_close_matches(name.removeprefix(PREFIX), self._options, n=1)
        if near:
            return f"{name} is no variable of this collection: is it {self._options[near[0]]}?"
        role = "kubesphere.multicluster.kubesphere"
        return f"{name} is no variable of this collection. All of them: ansible-doc -t role {role}"
