"""The process of simulated members, held by a test or a benchmark: starts it, steers it, reads what it was asked."""

from __future__ import annotations

import hashlib
import json
import secrets
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.sandbox import audit
from tests.sandbox.certificates import Authority, kubeconfig, write_kubeconfig, write_private
from tests.simulation.member import Identity
from tests.simulation.server import Behaviour
from tests.simulation.snapshot import Snapshot

FIRST_PORT = 20001

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 120.0
_ADMINISTRATOR, _GROUPS = "kubernetes-admin", ["system:masters"]


class SimulationError(Exception):
    """The process did not start, or has ended; the message has what it said."""


@dataclass(frozen=True)
class Usage:
    """What the process has taken since its start.

    Attributes:
        requests: number of requests.
        cpu: processor time, seconds.
        memory: peak resident memory, bytes.
        connections: number of connections that are open.
    """

    requests: int
    cpu: float
    memory: int
    connections: int


class Members:
    """Simulated members, all in one process; as a context manager they run inside and are gone afterwards.

    Attributes:
        names: their names.
        log: their requests, as `tests.sandbox.audit` reads them; each event has ``cluster`` besides.
    """

    def __init__(
        self, folder: Path, snapshot: Snapshot, names: Sequence[str], address: str = "127.0.0.1", port: int = FIRST_PORT
    ) -> None:
        """Make their certificates and kubeconfigs; nothing runs yet.

        Every member has an authority of its own, so that who takes one for another fails as in life. Administrators are
        signed for by one authority, for else TLS would refuse another member's before it could be answered with 401.

        Args:
            folder: for their files.
            snapshot: what each begins with.
            names: their names.
            address: where all of them listen.
            port: the first one's; the others have those that follow.
        """
        self.names = list(names)
        self.log = folder / "requests.log"
        self._folder, self._address = folder, address
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        for part in ("pki", "kubeconfigs"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        clients = Authority(folder / "pki" / "clients")
        self.identities = {name: self._identity(name, port + number, clients) for number, name in enumerate(names)}
        snapshot.write(folder / "snapshot.json")
        plan = {
            "address": address,
            "snapshot": str(folder / "snapshot.json"),
            "clients": str(clients.certificate_file),
            "log": str(self.log),
            "control": str(folder / "control"),
            "members": [asdict(each) for each in self.identities.values()],
        }
        write_private(folder / "plan.json", json.dumps(plan).encode())

    def __enter__(self) -> Members:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def kubeconfig(self, name: str) -> Path:
        """Kubeconfig of a member's administrator, with a client certificate."""
        return self._folder / "kubeconfigs" / f"{name}.kubeconfig"

    def token_kubeconfig(self, name: str, token: str = "") -> Path:
        """Kubeconfig with a member's token, or with another one."""
        identity = self.identities[name]
        return self._write_kubeconfig(identity, token or identity.token, f"{name}-{secrets.token_hex(4)}")

    # Life

    def start(self) -> None:
        """Start the process and wait until all members listen.

        Raises:
            SimulationError: they do not.
        """
        output = self._folder / "process.log"
        with output.open("wb") as file:
            command = [sys.executable, "-m", "tests.simulation", str(self._folder / "plan.json")]
            self._process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        deadline = time.monotonic() + _START_SECONDS
        while self._control is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise SimulationError(f"the simulated members did not start:\n{output.read_text()}")
            time.sleep(0.02)
            self._connect()

    def _connect(self) -> None:
        control = socket.socket(socket.AF_UNIX)
        try:
            control.connect(str(self._folder / "control"))
        except OSError:
            control.close()
        else:
            self._control = control

    def close(self) -> None:
        """End the process."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
        (self._folder / "control").unlink(missing_ok=True)

    # Steering

    def behave(self, behaviour: Behaviour, *names: str) -> None:
        """Change how the network of some members is, or of all where none is named."""
        self._order(do="behave", members=names, behaviour=asdict(behaviour))

    def install(self, seconds: float, *names: str) -> None:
        """Reset members, and let a changed ClusterConfiguration take so long from now on; 0: it cannot be changed."""
        self._order(do="install", members=names, seconds=seconds)

    def reset(self, *names: str) -> None:
        """Let members forget all that was written there."""
        self._order(do="reset", members=names)

    @property
    def usage(self) -> Usage:
        """What the process has taken so far."""
        return self._order(do="tell")

    def _order(self, **order: object) -> Usage:
        if self._control is None:
            raise SimulationError("the simulated members do not run")
        self._control.sendall(json.dumps(order).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = self._control.recv(65536)
            if not part:
                raise SimulationError(
                    f"the simulated members have ended:\n{(self._folder / 'process.log').read_text()}"
                )
            answer += part
        return Usage(**json.loads(answer))

    # Requests

    def mark(self) -> int:
        """The log's end now: a position for what follows."""
        self._order(do="flush")
        return audit.size(self.log)

    def events(self, since: int = 0, name: str | None = None) -> list[audit.Event]:
        """One event per request since a mark, of all members or one."""
        self._order(do="flush")
        events = audit.select(audit.read(self.log, since))
        return [event for event in events if name in (None, event["cluster"])]

    def counts(self, since: int = 0) -> dict[str, Counter[tuple[str, str]]]:
        """Number of requests since a mark by member, verb and resource; of whom nothing was asked, none."""
        return {name: audit.requests(events) for name, events in _by_member(self.events(since)).items()}

    def writes(self, since: int = 0) -> dict[str, Counter[tuple[str, str]]]:
        """The same of requests that write; members without any are left out."""
        found = {name: audit.writes(events) for name, events in _by_member(self.events(since)).items()}
        return {name: writes for name, writes in found.items() if writes}

    def defects(self, since: int = 0) -> list[str]:
        """Requests that the simulation does not play."""
        asked = [event for event in self.events(since) if event["responseStatus"]["code"] == 501]
        return sorted({f"{event['verb']} {event['requestURI']}" for event in asked})

    # Files

    def _identity(self, name: str, port: int, clients: Authority) -> Identity:
        folder = self._folder / "pki" / name
        folder.mkdir(exist_ok=True)
        authority = Authority(folder / "ca")
        authority.server("kube-apiserver", ["kubernetes"], [self._address]).write(folder / "server")
        pair = clients.client(_ADMINISTRATOR, _GROUPS)
        certificate = x509.load_pem_x509_certificate(pair.certificate).public_bytes(serialization.Encoding.DER)
        identity = Identity(
            name=name,
            port=port,
            uid=str(uuid.uuid4()),
            folder=str(folder),
            fingerprint=hashlib.sha256(certificate).hexdigest(),
            token=secrets.token_urlsafe(24),
        )
        content = kubeconfig(name, self._server(identity), authority.certificate, _ADMINISTRATOR, pair)
        write_kubeconfig(self.kubeconfig(name), content)
        return identity

    def _server(self, identity: Identity) -> str:
        return f"https://{self._address}:{identity.port}"

    def _write_kubeconfig(self, identity: Identity, token: str, file: str) -> Path:
        content = kubeconfig(identity.name, self._server(identity), identity.authority, _ADMINISTRATOR, token)
        return write_kubeconfig(self.kubeconfig(file), content)


def _by_member(events: Iterable[audit.Event]) -> dict[str, list[audit.Event]]:
    found: dict[str, list[audit.Event]] = {}
    for event in events:
        found.setdefault(event["cluster"], []).append(event)
    return found
