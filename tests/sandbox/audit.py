"""Read an API server's audit log: which requests a client made."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

Event = dict[str, Any]

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/readyz*", "/livez*", "/healthz*"]
- level: Metadata
"""
"""Every request with who, what and the answer's status, but no bodies; health checks would only fill the disk."""

_WRITES = {"create", "update", "patch", "delete", "deletecollection"}

_QUESTIONS = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews", "tokenreviews"}
"""Resources that are created to ask something: nothing is stored."""

_ASKING = "/kapis/cluster.kubesphere.io/v1alpha1/clusters/validation"
"""The end of the path of a question to ks-apiserver, which is asked by POST as well."""

_LONGEST_LINE = 1 << 20  # bytes


def read(log: Path, since: int = 0) -> list[Event]:
    """Events from a position in the log on.

    Args:
        log: the log file; none is an empty log.
        since: position in bytes, as ``size`` gave it.
    """
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(since)
        lines = file.read().split(b"\n")
    # What follows the last newline is a line that is still being written.
    return [json.loads(line) for line in lines[:-1] if line]


def size(log: Path) -> int:
    """The log's end, a position for ``read``: behind the last line that is written whole."""
    if not log.exists():
        return 0
    with log.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        start = max(0, end - _LONGEST_LINE)
        file.seek(start)
        return start + file.read().rfind(b"\n") + 1


def select(events: Iterable[Event], user_agent_prefix: str | None = None) -> list[Event]:
    """One event per finished request, of all clients or of those whose User-Agent begins with a prefix."""
    return [
        event
        for event in events
        if event["stage"] in ("ResponseComplete", "Panic")
        and (user_agent_prefix is None or event.get("userAgent", "").startswith(user_agent_prefix))
    ]


def target(event: Event) -> str:
    """The resource that a request was about (``deployments/status``), or the path where it was none."""
    reference = event.get("objectRef")
    if not reference:
        return str(event["requestURI"].partition("?")[0])
    subresource = reference.get("subresource")
    return f"{reference['resource']}/{subresource}" if subresource else str(reference["resource"])


def moment(event: Event, stamp: str = "stageTimestamp") -> float:
    """When a request was answered, or with ``requestReceivedTimestamp`` asked, in seconds since the epoch."""
    return datetime.fromisoformat(event[stamp]).timestamp()


def requests(events: Iterable[Event]) -> Counter[tuple[str, str]]:
    """Number of requests by verb and resource."""
    return Counter((event["verb"], target(event)) for event in events)


def writes(events: Iterable[Event]) -> Counter[tuple[str, str]]:
    """Number of requests that write, by verb and resource; refused ones count too, dry runs and questions do not."""
    return requests(event for event in events if event["verb"] in _WRITES and not _is_question(event))


def _is_question(event: Event) -> bool:
    path, _mark, query = event["requestURI"].partition("?")
    return target(event) in _QUESTIONS or path.endswith(_ASKING) or "dryRun=All" in query
