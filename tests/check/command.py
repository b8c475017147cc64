"""Run a tool with an environment of our own, a deadline, and its output in a result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.check.results import Outcome, Result
from tests.prepare import COLLECTION_PATH, MAIN, ROOT, Environment

BUILD = ROOT / "build"

_FOREIGN = ("ANSIBLE_", "GIT_", "K8S_AUTH_", "KUBECONFIG", "MOLECULE_")
"""Beginnings of variables that would steer Ansible, name the user's own clusters, or (set in a git hook) the wrong
repository."""


def tool(name: str, venv: Environment = MAIN) -> Path:
    """Path of a program of a virtual environment."""
    return venv.path / "bin" / name


def environment(extra: Mapping[str, str] | None = None, venv: Environment = MAIN) -> dict[str, str]:
    """Environment of a tool: the user's without the foreign variables, and with this project's settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
    return {
        **inherited,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION_PATH),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(BUILD / "ansible"),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{venv.path / 'bin'}{os.pathsep}{inherited.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        **(extra or {}),
    }


def run(
    name: str,
    argv: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    venv: Environment = MAIN,
    live: bool = False,
) -> Result:
    """Run one tool.

    Args:
        name: what the result is called.
        argv: the program and its arguments.
        timeout: seconds after which it is ended, together with everything that it started.
        cwd: folder to run in.
        env: variables on top of ``environment()``.
        venv: the virtual environment whose programs come first.
        live: show the output while it comes, instead of keeping it for the result.

    Returns:
        Passed where the exit status is 0, failed otherwise; in both cases with the output, unless it was shown live.
    """
    started = time.monotonic()
    sys.stdout.flush()
    try:
        process = subprocess.Popen(
            [str(part) for part in argv],
            cwd=cwd,
            env=environment(env, venv),
            stdin=subprocess.DEVNULL,
            stdout=None if live else subprocess.PIPE,
            stderr=None if live else subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # so that the deadline and Ctrl-C end its children, too
        )
    except OSError as error:
        return Result(name, Outcome.FAILED, f"{argv[0]} does not start: {error}. Run: make prepare")
    try:
        output = process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        output = _end(process) + f"\nstill running after {timeout:.0f} s: ended"
    except BaseException:
        _end(process)
        raise
    seconds = time.monotonic() - started
    if process.returncode == 0:
        return Result(name, Outcome.PASSED, output or "", seconds)
    detail = f"{output or ''}\n{Path(str(argv[0])).name}: exit status {process.returncode}".strip()
    return Result(name, Outcome.FAILED, detail, seconds)


def _end(process: subprocess.Popen[str]) -> str:
    """End a process and everything that it started; return what it had printed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            return process.communicate(timeout=15)[0] or ""
        except subprocess.TimeoutExpired:
            continue
    return ""
