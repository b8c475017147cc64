"""Containers' logs: written with a time before every line, as container runtimes do, and read as kubectl wants."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

LONGEST_LINE = 16 * 1024
"""Bytes after which a line is written in parts, as in the container runtime interface."""

LARGEST_LOG = 10 * 1024 * 1024
"""Bytes after which a log is started anew, kubelet's containerLogMaxSize."""

FOLLOW_CHECK = 1.0
"""Seconds after which someone who follows a silent log is looked at again: gone, or container ended."""


def timestamp() -> str:
    """The present time, with nine digits of a second as in RFC3339Nano."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


class LogWriter:
    """Turns what a container writes into lines of its log file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = threading.Condition()
        self._rest = b""
        self._file = path.open("ab", buffering=0)

    def feed(self, data: bytes) -> None:
        """Take some output; what is no whole line yet is kept."""
        now = timestamp().encode()
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        entries = [b"%s stdout F %s\n" % (now, line) for line in lines]
        while len(self._rest) >= LONGEST_LINE:
            entries.append(b"%s stdout P %s\n" % (now, self._rest[:LONGEST_LINE]))
            self._rest = self._rest[LONGEST_LINE:]
        if entries:
            self._write(b"".join(entries))

    def close(self) -> None:
        """Write the last line, though nothing ended it."""
        if self._rest:
            self._write(b"%s stdout P %s\n" % (timestamp().encode(), self._rest))
            self._rest = b""
        self._file.close()
        with self.written:
            self.written.notify_all()

    def _write(self, entries: bytes) -> None:
        if self._file.tell() > LARGEST_LOG:
            self._file.close()
            self.path.replace(self.path.with_suffix(".old"))
            self._file = self.path.open("ab", buffering=0)
        self._file.write(entries)
        with self.written:
            self.written.notify_all()


@dataclass(frozen=True)
class LogQuery:
    """What of a log is wanted, the fields of PodLogOptions."""

    tail: int | None = None
    since: str = ""
    """RFC 3339 in UTC: lines before it are left out."""
    timestamps: bool = False
    limit_bytes: int | None = None
    follow: bool = False


def read_log(
    path: Path, query: LogQuery, written: threading.Condition | None = None, ended: Callable[[], bool] = lambda: True
) -> Iterator[bytes]:
    """Give a log's output piece by piece.

    Args:
        path: the log file.
        query: what of it.
        written: notified at every line, needed to follow.
        ended: whether nothing more will come. An empty piece is given while there is nothing new, so that the caller
            can see whether anybody still listens.
    """
    left = query.limit_bytes if query.limit_bytes is not None else float("inf")
    with path.open("rb") as file:
        entries = file.readlines()
        if query.since:
            entries = [entry for entry in entries if _time(entry) >= query.since]
        if query.tail is not None:
            entries = entries[len(entries) - query.tail :] if query.tail else []
        while True:
            for entry in entries:
                piece = _shown(entry, query.timestamps)[: int(min(left, len(entry)))]
                left -= len(piece)
                if piece:
                    yield piece
                if left <= 0:
                    return
            if not query.follow:
                return
            # Asked before the last look at the file: what comes in between is not lost.
            last = ended()
            entries = file.readlines()
            if entries:
                continue
            if last:
                return
            yield b""
            entries = _wait_for_lines(file.fileno(), file.readlines, written)


def _wait_for_lines(
    descriptor: int, readlines: Callable[[], list[bytes]], written: threading.Condition | None
) -> list[bytes]:
    if written is not None:
        with written:
            if os.lseek(descriptor, 0, os.SEEK_CUR) == os.fstat(descriptor).st_size:
                written.wait(FOLLOW_CHECK)
    return readlines()


def _time(entry: bytes) -> str:
    return entry.partition(b" ")[0].decode()


def _shown(entry: bytes, timestamps: bool) -> bytes:
    time, _dummy, rest = entry.partition(b" ")
    _dummy, part, text = rest.split(b" ", 2)
    if part == b"P":
        text = text[:-1]
    return time + b" " + text if timestamps else text


def tail_of(path: Path, lines: int, size: int) -> str:
    """The last lines of a log, at most so many bytes; for a termination message that is taken from the log."""
    text = b"".join(read_log(path, LogQuery(tail=lines)))
    return text[-size:].decode(errors="replace")
