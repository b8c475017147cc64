"""Become a container's process: build the root that the pod wants, then exec its program.

Run by the shim (see container.py) as the first process of fresh mount, PID and UTS namespaces, so everything that is
mounted here ends with the container and the machine never sees it. The root is an overlay of the machine's own files
with a tmpfs on top: mount paths that the machine does not have can be made, and what the program writes is its own, as
in a container. Standard library only, and few modules: this is paid for at every container start.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384

OWN_MOUNTS = ("/proc", "/sys", "/dev", "/run", "/tmp")
"""Folders that every container gets anew: the machine's are live file systems, where a mount path must not be made."""

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

START_ERROR = 128
"""Exit status of a container whose program could not be started, as containerd reports it."""

PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount something, by the system call of that name.

    Raises:
        OSError: it failed; the file name is the target.
    """
    if _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind or 'bind'} {source}: {os.strerror(number)}", target)


def bind(source: str, target: str, read_only: bool = False) -> None:
    """Show a file or a folder at a second place, which is made where it is missing."""
    place = Path(target)
    if Path(source).is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        if place.is_symlink():  # to a place that only the machine has, as /etc/resolv.conf may be
            place.unlink()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(0o644)
    mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        mount("", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


def build_root(work: str) -> str:
    """Mount a private copy of the machine's file system under ``work`` and return its path.

    Args:
        work: an empty folder; a tmpfs is mounted on it.
    """
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    below = [line.split()[4].replace("\\040", " ") for line in mounts]
    mount("tmpfs", work, "tmpfs", data="mode=0755")
    root = work + "/root"
    Path(root).mkdir()
    _overlay("/", root, work, 0)
    inherited = [path for path in below if path != "/" and not path.startswith(OWN_MOUNTS) and path != work]
    for number, path in enumerate(inherited, 1):
        _inherit(path, root, work, number)
    mount("proc", root + "/proc", "proc")
    mount("/sys", root + "/sys", flags=MS_BIND | MS_REC)
    _devices(root + "/dev")
    for folder, mode in (("/run", "0755"), ("/tmp", "1777")):
        mount("tmpfs", root + folder, "tmpfs", data=f"mode={mode}")
    return root


def _overlay(lower: str, target: str, work: str, number: int) -> None:
    upper, scratch = f"{work}/upper{number}", f"{work}/work{number}"
    Path(upper).mkdir()
    Path(scratch).mkdir()
    mount("overlay", target, "overlay", data=f"lowerdir={lower},upperdir={upper},workdir={scratch}")


def _inherit(path: str, root: str, work: str, number: int) -> None:
    """Carry over a file system that is mounted below ``/``: an overlay shows only its own lower one."""
    if not Path(root + path).exists():
        return
    try:
        if Path(path).is_dir():
            _overlay(path, root + path, work, number)
        else:
            mount(path, root + path, flags=MS_BIND)
    except OSError:
        # Not every file system can lie under an overlay. Read-only then: nothing may be left on the machine.
        bind(path, root + path, read_only=True)


def _devices(target: str) -> None:
    """The few devices that a container has."""
    mount("tmpfs", target, "tmpfs", data="mode=0755")
    for name in DEVICES:
        bind("/dev/" + name, f"{target}/{name}")
    for name in ("shm", "mqueue"):
        Path(target, name).mkdir(0o1777)
    for name, destination in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        Path(target, name).symlink_to("/proc/self/fd" + destination)


def identity() -> str:
    """Give "pid starttime" of this process as the machine numbers it, while /proc is still the machine's."""
    pid = Path("/proc/self").readlink()
    started = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[19]
    return f"{pid} {started}\n"


def enter(run: dict[str, Any]) -> None:
    """Prepare everything and exec; comes back only by an exception.

    Raises:
        OSError: a mount failed, or the program is not there.
    """
    own_identity = identity()
    # Sources are opened before the root changes, targets looked up after it: /var/run leads to /run, and that must be
    # the container's own.
    sources = [os.open(entry["source"], os.O_PATH | os.O_CLOEXEC) for entry in run["mounts"]]
    os.chroot(build_root(run["work"]))
    for source, entry in zip(sources, run["mounts"]):
        bind(f"/proc/self/fd/{source}", entry["target"], entry["readOnly"])
    socket.sethostname(run["hostname"])
    Path(run["cwd"]).mkdir(parents=True, exist_ok=True)
    os.chdir(run["cwd"])
    # Only now, when all that is left to do is exec: this file tells the node that the container runs.
    record = Path(run["pid"] + ".new")
    record.write_text(own_identity)
    record.rename(run["pid"])
    os.execvpe(run["argv"][0], run["argv"], run["env"])


def main() -> None:
    """Read the run's description (a JSON file), and turn into its program."""
    run = json.loads(Path(sys.argv[1]).read_text())
    os.setsid()
    # A shim that is killed cannot report its container's end: the container ends with it.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    error_file = os.open(run["error"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        enter(run)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and error.filename == run["argv"][0]
        text = f'exec: "{run["argv"][0]}": executable file not found in $PATH' if missing else str(error)
        os.write(error_file, text.encode())
        sys.exit(START_ERROR)


if __name__ == "__main__":
    main()
