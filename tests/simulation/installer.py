"""What plays ks-installer in a member: it takes its time over a changed ClusterConfiguration, and says so.

Imitates what the sandbox's stand-in leaves of a run over an installation that stands already (ks-installer v3.4.1
controller/installRunner.py): ``status.core.enabledTime`` when ks-core is through, and the end in the log alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from tests.simulation.http import Answer, Request, Watch
from tests.simulation.store import Collection, Store, Stored

CONFIGURATIONS = "clusterconfigurations"

_FOLLOWED = 3600.0  # seconds for which a log can be followed
_UNTIL_CORE = 0.45  # of a run's duration: the stand-in's shares of preinstall, metrics-server, common and ks-core

Later = Callable[[float, Callable[[], None]], Any]


class Installer:
    """ks-installer of one member.

    Attributes:
        duration: seconds that a run takes; 0 where runs are not played, and a ClusterConfiguration cannot be written.
    """

    def __init__(self, store: Store, later: Later, duration: float) -> None:
        """Begin without a run."""
        self.duration = duration
        self._store, self._later = store, later
        self._runs, self._generation = 0, 0
        self._log = ""
        self._followers: set[Callable[[str], None]] = set()

    def written(self, collection: Collection, stored: Stored) -> None:
        """Begin a run if the spec is another one; a run that goes on begins anew."""
        generation = int(stored.metadata.get("generation", 0))
        if collection.name != CONFIGURATIONS or generation == self._generation:
            return
        self._generation = generation
        self._runs += 1
        run = self._runs
        self._log = ""
        self._say("PLAY [localhost] ****\n")
        self._later(self.duration * _UNTIL_CORE, lambda: self._install_core(collection, stored, run))
        self._later(self.duration, lambda: self._end(run))

    def answer(self, request: Request) -> Answer | Watch | None:
        """The log of its pod, once there has been a run; None if that is not what is asked."""
        target = request.target
        if target is None or (target.resource, target.subresource) != ("pods", "log") or not self._log:
            return None
        if not target.name.startswith("ks-installer-"):
            return None
        if request.query.get("follow") == "true":  # what is older than a second is not asked for
            return Watch(self._followers, [], str.encode, _FOLLOWED, "text/plain")
        return Answer(200, self._log.encode(), "text/plain")

    def _say(self, text: str) -> None:
        self._log += text
        for follower in list(self._followers):
            follower(text)

    def _install_core(self, collection: Collection, stored: Stored, run: int) -> None:
        metadata = stored.metadata
        found = self._store.find((collection.path, metadata["namespace"], metadata["name"]))
        if run != self._runs or found is None:
            return
        status = dict(found.item.get("status") or {})
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fUTC")
        status["core"] = {**status.get("core", {}), "status": "enabled", "enabledTime": now}
        self._store.put(collection, {**found.item, "status": status})

    def _end(self, run: int) -> None:
        if run == self._runs:
            self._say("###              Welcome to KubeSphere!           ###\n")
