"""The process that all simulated members are in: ``python -m tests.simulation <plan>``; see `fleet.py`."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from tests.simulation.journal import Journal
from tests.simulation.member import Identity, Member
from tests.simulation.server import Behaviour, Endpoint
from tests.simulation.snapshot import Snapshot
from tests.simulation.store import Seed


class Process:
    """All members, and the socket by which they are steered: a JSON object per line, and one in answer."""

    def __init__(self, plan: dict[str, Any]) -> None:
        """Make the members.

        Args:
            plan: what `tests.simulation.fleet.SimulatedFleet` has written.
        """
        self._plan = plan
        self._journal = Journal(Path(plan["log"]))
        self._endpoints: dict[str, Endpoint] = {}
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stopped.set)
        seed, clients = Seed(Snapshot.read(Path(self._plan["snapshot"]))), Path(self._plan["clients"])
        for each in self._plan["members"]:
            member = Member(Identity(**each), seed, loop.call_later)
            endpoint = Endpoint(member, self._plan["address"], self._journal, clients)
            self._endpoints[member.identity.name] = endpoint
            await endpoint.behave(Behaviour())
        # What is there now stays: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        control = await asyncio.start_unix_server(self._control, self._plan["control"])
        await self._stopped.wait()
        control.close()
        self._journal.flush()

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            answer = await self._obey(json.loads(line))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        named = order.get("members") or list(self._endpoints)
        if order["do"] == "behave":
            for name in named:
                await self._endpoints[name].behave(Behaviour(**order["behaviour"]))
        elif order["do"] == "install":
            for name in named:
                self._endpoints[name].member.install(order["seconds"])
        elif order["do"] == "reset":
            for name in named:
                self._endpoints[name].member.reset()
        self._journal.flush()
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "requests": self._journal.count,
            "cpu": used.ru_utime + used.ru_stime,
            "memory": _peak_memory(),
            "connections": sum(len(each.connections) for each in self._endpoints.values()),
        }


def _peak_memory() -> int:
    """Of this program, bytes; the kernel's ru_maxrss begins with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    """Run the process."""
    _dummy, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(Process(json.loads(Path(sys.argv[1]).read_text())).run())


if __name__ == "__main__":
    main()
