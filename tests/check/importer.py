"""What Galaxy and Automation Hub say of an artefact when somebody uploads it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

from tests.check.command import BUILD, run
from tests.check.results import Outcome, Result
from tests.prepare import RELEASE

CONFIGURATION = Path(__file__).with_name("galaxy-importer.cfg")

_COMPLAINT = re.compile(r"^(?:CRITICAL|ERROR|WARNING):? .*", re.MULTILINE)


def import_as_galaxy_does(archive: Path) -> Result:
    """Run galaxy-importer; a warning fails as an error does."""
    folder = BUILD / "importer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result = run(
        "galaxy-importer",
        [RELEASE.python, "-m", "galaxy_importer.main", archive],
        cwd=folder,  # it writes its result there
        env={
            "ANSIBLE_HOME": str(folder / "home"),
            "GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP": str(folder / "tmp"),
            "GALAXY_IMPORTER_CONFIG": str(CONFIGURATION),
        },
        venv=RELEASE,
        timeout=300,
    )
    complaints = _COMPLAINT.findall(result.detail)
    return replace(result, outcome=Outcome.FAILED) if complaints else result
