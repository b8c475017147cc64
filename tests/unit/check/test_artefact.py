"""What looks at the artefact finds what it is for."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.check import importer
from tests.check.artefact import foreign
from tests.check.repack import repack
from tests.check.results import Outcome, Result

CONTENT: Mapping[str, bytes] = MappingProxyType(
    {"plugins/modules/b.py": b"b", "plugins/modules/a.py": b"a", "README.md": b"read me"}
)


def archive(file: Path, names: list[str], moment: int, content: Mapping[str, bytes] = CONTENT) -> Path:
    """An artefact as ansible-galaxy makes it: in the order in which files were found, with times of then."""
    folders = [".", "plugins", "plugins/modules", "empty"]
    listed = [{"name": name, "ftype": "dir"} for name in folders]
    listed += [
        {"name": name, "ftype": "file", "chksum_sha256": hashlib.sha256(content[name]).hexdigest()} for name in names
    ]
    files = json.dumps({"files": listed, "format": 1}, indent=True).encode()
    manifest = {"collection_info": {"name": "x"}, "file_manifest_file": {"chksum_sha256": "of files in this order"}}
    with tarfile.open(file, "w:gz") as tar:
        for name, text in (("MANIFEST.json", json.dumps(manifest).encode()), ("FILES.json", files)):
            _add(tar, name, text, moment)
        for name in folders[1:]:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mtime = tarfile.DIRTYPE, moment
            tar.addfile(folder)
        for name in names:
            _add(tar, name, content[name], moment)
        link = tarfile.TarInfo("LICENSES/x.txt")
        link.type, link.linkname, link.mtime = tarfile.SYMTYPE, "../LICENSE", moment
        tar.addfile(link)
    return file


def _add(tar: tarfile.TarFile, name: str, text: bytes, moment: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(text), moment + 0.25  # as file systems have it
    tar.addfile(entry, io.BytesIO(text))


def test_the_same_files_give_the_same_artefact(tmp_path: Path) -> None:
    one = archive(tmp_path / "one.tar.gz", list(CONTENT), 1_700_000_000)
    other = archive(tmp_path / "other.tar.gz", sorted(CONTENT), 1_800_000_000)
    assert one.read_bytes() != other.read_bytes()
    for each in (one, other):
        repack(each, 1_600_000_000)
    assert one.read_bytes() == other.read_bytes()


def test_other_files_give_another_artefact(tmp_path: Path) -> None:
    one = archive(tmp_path / "one.tar.gz", list(CONTENT), 0)
    other = archive(tmp_path / "other.tar.gz", list(CONTENT), 0, {**CONTENT, "README.md": b"other"})
    for each in (one, other):
        repack(each, 0)
    assert one.read_bytes() != other.read_bytes()


def test_nothing_is_lost_but_empty_folders(tmp_path: Path) -> None:
    file = archive(tmp_path / "one.tar.gz", list(CONTENT), 5)
    repack(file, 7)
    with tarfile.open(file) as opened:
        held = {entry.name: opened.extractfile(entry) for entry in opened if entry.isreg()}
        read = {name: found.read() for name, found in held.items() if found}
        assert {entry.mtime for entry in opened} == {7}
        assert opened.getmember("LICENSES/x.txt").linkname == "../LICENSE"
        assert "empty" not in opened.getnames() and "plugins/modules" in opened.getnames()
    manifest, files = json.loads(read.pop("MANIFEST.json")), read.pop("FILES.json")
    assert read == CONTENT
    assert manifest["file_manifest_file"]["chksum_sha256"] == hashlib.sha256(files).hexdigest()
    listed = [each["name"] for each in json.loads(files)["files"]]
    assert listed == [".", "README.md", "plugins", "plugins/modules", "plugins/modules/a.py", "plugins/modules/b.py"]


def test_what_has_no_place_in_an_artefact(tmp_path: Path) -> None:
    names = ["tests/x.py", "plugins/modules/a.pyc", "plugins/modules/a.py", "notes.txt", "README.md"]
    file = archive(tmp_path / "one.tar.gz", names, 0, dict.fromkeys(names, b""))
    found = [problem.partition(" ")[0] for problem in foreign(file)]
    assert found == ["tests/x.py", "plugins/modules/a.pyc", "notes.txt"]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("Loading role import\nImporter processing completed successfully", Outcome.PASSED),
        ("WARNING: No role description found in role metadata\nprocessing completed", Outcome.FAILED),
        ("Loading role x\nERROR: Error running ansible-doc", Outcome.FAILED),
    ],
)
def test_a_warning_of_the_importer_fails(
    said: str, outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BUILD", tmp_path)
    monkeypatch.setattr(importer, "run", lambda name, *_arguments, **_options: Result(name, Outcome.PASSED, said))
    assert importer.import_as_galaxy_does(tmp_path / "x.tar.gz").outcome is outcome
