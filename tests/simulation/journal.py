"""What was asked, in the shape of an API server's audit log, so that tests.sandbox.audit reads both."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path

from tests.simulation.http import Request


class Journal:
    """One log for all members; each event says whose it is."""

    def __init__(self, path: Path) -> None:
        """Begin to write a file, or go on with it."""
        self._file = path.open("ab", buffering=1 << 20)
        self._count = 0

    def number(self) -> str:
        """An ID for a request."""
        self._count += 1
        return f"00000000-0000-4000-8000-{self._count:012x}"

    @property
    def count(self) -> int:
        """Number of requests so far."""
        return self._count

    def write(self, cluster: str, request: Request, number: str, status: int, stage: str = "ResponseComplete") -> None:
        """Note a request that was answered; of a watch that its answer has begun, too."""
        event = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": number,
            "stage": stage,
            "requestURI": request.uri,
            "verb": request.verb,
            "sourceIPs": [request.source],
            "userAgent": request.agent,
            "responseStatus": {"metadata": {}, "code": status},
            "stageTimestamp": _now(),
            "cluster": cluster,
        }
        target = request.target
        if target is not None:
            reference = {"resource": target.resource, "namespace": target.namespace, "name": target.name}
            reference |= {"apiGroup": target.group, "subresource": target.subresource}
            event["objectRef"] = {name: value for name, value in reference.items() if value}
        self._file.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")

    def flush(self) -> None:
        """Have everything in the file."""
        self._file.flush()


def _now() -> str:
    return datetime.datetime.fromtimestamp(time.time(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
