# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the goals of one fan-out have in common (private to the collection)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ..kube.once import Once
from ..kube.pace import Pace
from ..kube.reads import Reads
from ..kube.resources import CONFIG_MAP, SERVICE
from ..kubesphere.names import CLUSTER, CLUSTER_CONFIGURATION, CONFIG, INSTALLER, NAMESPACE, TOWER
from .goal import Context, Options, session

if TYPE_CHECKING:
    from ..kube.session import Session

_OF_THE_HOST = (
    CONFIG_MAP.path(CONFIG, NAMESPACE),
    CLUSTER_CONFIGURATION.path(INSTALLER, NAMESPACE),
    SERVICE.path(TOWER, NAMESPACE),
)
"""What every member's import reads of the host, and changes nothing of."""


class Shared:
    """The way to the host, for many members at once.

    There is one connection pool for all of them, and what concerns the host alone is read once; its Clusters are
    followed by one watch. Threads share it.
    """

    def __init__(self, in_flight: int, writes_per_second: float | None) -> None:
        """Reach nothing yet.

        Args:
            in_flight: how many members are worked on at a time.
            writes_per_second: how many writes a host gets; None bounds nothing.
        """
        self.in_flight = in_flight
        self._writes_per_second = writes_per_second
        self._hosts: Once[Session] = Once()

    def host_session(self, host: Options, context: Context) -> Session:
        """A session to the host for one member; all of them go by the connections of the first.

        Args:
            host: the authentication options, and the ``name`` that messages call the host.
            context: where the member's goal runs; of several, the first is warned.

        Raises:
            KubeError: the options lead nowhere.
        """
        return self._hosts.get(_question(host, context), lambda: self._reached(host, context)).sibling()

    def close(self) -> None:
        """End what still runs, and the connections."""
        for host in self._hosts.known():
            if host.reads is not None:
                host.reads.close()
            host.close()

    def _reached(self, host: Options, context: Context) -> Session:
        # One connection more for the watch.
        connections, pace = self.in_flight + 1, Pace(self._writes_per_second)
        base = session(host, str(host["name"]), context, connections=connections, pace=pace)
        base.reads = Reads(base, followed=(CLUSTER,), once=_OF_THE_HOST)
        return base


def _question(host: Options, context: Context) -> str:
    """What tells hosts apart, without their secrets."""
    text = json.dumps([context.check_mode, host], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
