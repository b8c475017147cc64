"""An artefact of ansible-galaxy, made the same byte for byte wherever and whenever it is built.

ansible-galaxy writes files in the order in which the file system happens to list them, each with the time at which it
was checked out, and the time of the build into both manifests and gzip's header. None of that tells of the release.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

MANIFEST, FILES = "MANIFEST.json", "FILES.json"

_LEVEL = 9  # of compression


def repack(archive: Path, moment: int) -> None:
    """Sort what an artefact holds, and give everything in it one time.

    Args:
        archive: the artefact; it is replaced.
        moment: the time, in seconds since 1970.
    """
    entries = _read(archive)
    _sort_manifests(entries)
    fresh = archive.with_suffix(".new")
    with (
        fresh.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=raw, mtime=moment) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name in (MANIFEST, FILES, *sorted(entries.keys() - {MANIFEST, FILES})):
            entry, content = entries[name]
            entry.mtime, entry.size, entry.pax_headers = moment, len(content), {}  # which have times, too
            tar.addfile(entry, io.BytesIO(content))
    fresh.replace(archive)


def _read(archive: Path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(archive) as opened:
        files = {entry.name: opened.extractfile(entry) if entry.isreg() else None for entry in opened}
        return {name: (opened.getmember(name), file.read() if file else b"") for name, file in files.items()}


def _sort_manifests(entries: dict[str, tuple[tarfile.TarInfo, bytes]]) -> None:
    """List the files in order, without folders that are empty; those are not in git and so not everywhere."""
    listing = json.loads(entries[FILES][1])
    kept = [each for each in listing["files"] if each["ftype"] != "dir" or _is_used(each["name"], entries)]
    for name in {each["name"] for each in listing["files"]} - {each["name"] for each in kept}:
        del entries[name]
    listing["files"] = sorted(kept, key=lambda each: str(each["name"]))
    manifest = json.loads(entries[MANIFEST][1])
    text = _json(listing)
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(text).hexdigest()
    entries[FILES] = (entries[FILES][0], text)
    entries[MANIFEST] = (entries[MANIFEST][0], _json(manifest))


def _is_used(folder: str, entries: dict[str, tuple[tarfile.TarInfo, bytes]]) -> bool:
    return folder == "." or any(name.startswith(f"{folder}/") and not entries[name][0].isdir() for name in entries)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()
