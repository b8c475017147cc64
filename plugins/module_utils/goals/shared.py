# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the goals of one fan-out have in common (private to the collection)."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

from ..kube.once import Once
from ..kube.pace import Pace
from ..kube.reads import Reads
from ..kube.resources import CONFIG_MAP, SERVICE
from ..kubesphere.names import CLUSTER, CLUSTER_CONFIGURATION, CONFIG, INSTALLER, NAMESPACE, TOWER
from .authentication import AUTHENTICATION
from .goal import Context, Options, new_session

if TYPE_CHECKING:
    from ..kube.session import Session

_OF_THE_HOST = (
    CONFIG_MAP.path(CONFIG, NAMESPACE),
    CLUSTER_CONFIGURATION.path(INSTALLER, NAMESPACE),
    SERVICE.path(TOWER, NAMESPACE),
)
"""What every member's import reads of the host, and changes nothing of."""


class Shared:
    """The ways to clusters. Threads share it.

    All members have one connection pool to the host; what concerns the host alone is read once, and its Clusters are
    followed by one watch. And a cluster keeps its connections from one phase to the next.
    """

    def __init__(self, in_flight: int, writes_per_second: float | None) -> None:
        """Reach nothing yet.

        Args:
            in_flight: how many members are worked on at a time.
            writes_per_second: how many writes a host gets; None bounds nothing.
        """
        _allow_connections()
        self.in_flight = in_flight
        self._writes_per_second = writes_per_second
        self._hosts: Once[Session] = Once()
        self._sessions: dict[str, Once[Session]] = {}

    def host_session(self, host: Options, context: Context) -> Session:
        """A session to the host for one member; all of them go by the connections of the first.

        Args:
            host: the authentication options, and the ``name`` that messages call the host.
            context: where the member's goal runs; of several, the first is warned.

        Raises:
            KubeError: the options lead nowhere.
        """
        return self._hosts.get(_question(host, context), lambda: self._reached(host, context)).sibling()

    def session(self, options: Options, cluster: str, context: Context) -> Session:
        """A session to the cluster that a goal is for; its later phases go by the same connections.

        Args:
            options: the authentication options.
            cluster: what messages call it.
            context: where its goal runs; of several, the first is warned.

        Raises:
            KubeError: the options lead nowhere.
        """
        own = self._sessions.setdefault(context.cluster, Once())
        asked = {name: options.get(name) for name in AUTHENTICATION}
        return own.get(_question(asked, context), lambda: new_session(options, cluster, context)).sibling(cluster)

    def refresh(self) -> None:
        """What concerns the host alone may be something else from now on."""
        for host in self._hosts.known():
            if host.reads is not None:
                host.reads.refresh()

    def leave(self, cluster: str) -> None:
        """End the connections to a cluster; its last goal has ended."""
        own = self._sessions.pop(cluster, None)
        for each in own.known() if own else ():
            each.close()

    def close(self) -> None:
        """End what still runs, and the connections."""
        for cluster in list(self._sessions):
            self.leave(cluster)
        for host in self._hosts.known():
            if host.reads is not None:
                host.reads.close()
            host.close()

    def _reached(self, host: Options, context: Context) -> Session:
        # One connection more for the watch.
        connections, pace = self.in_flight + 1, Pace(self._writes_per_second)
        base = new_session(host, str(host["name"]), context, connections=connections, pace=pace)
        base.reads = Reads(base, followed=(CLUSTER,), once=_OF_THE_HOST)
        return base


def _allow_connections() -> None:
    """Take as many open files as this process may have: each cluster of a large fleet keeps a connection."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _question(options: Options, context: Context) -> str:
    """What tells the ways to clusters apart, without their secrets."""
    text = json.dumps([context.check_mode, options], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
