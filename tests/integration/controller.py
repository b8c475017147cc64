"""The machine that a user runs Ansible on: an inventory, a home of its own, and runs with everything that they said."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.check.command import environment, tool
from tests.integration.window import Window
from tests.plugin_docs import task_problems
from tests.prepare import MAIN, Environment

Variables = dict[str, Any]

_PLUGINS = Path(__file__).with_name("plugins")


@dataclass
class Fleet:
    """What stands in an inventory.

    Attributes:
        hosts: group kubesphere_host, variables by name.
        members: group kubesphere_members, variables by name.
        everyone: variables of all.
    """

    hosts: dict[str, Variables] = field(default_factory=dict)
    members: dict[str, Variables] = field(default_factory=dict)
    everyone: Variables = field(default_factory=dict)

    def with_host(self, **variables: Any) -> Fleet:
        """The same fleet with more variables of its host."""
        return Fleet({name: {**given, **variables} for name, given in self.hosts.items()}, self.members, self.everyone)

    def with_member(self, name: str, **variables: Any) -> Fleet:
        """The same fleet with more variables of one member, which may be new."""
        given = self.members.get(name, {})
        return Fleet(self.hosts, {**self.members, name: {**given, **variables}}, self.everyone)

    def with_all(self, **variables: Any) -> Fleet:
        """The same fleet with more variables of all."""
        return Fleet(self.hosts, self.members, {**self.everyone, **variables})

    def without(self, *names: str) -> Fleet:
        """The same fleet less some members."""
        return Fleet(self.hosts, {name: v for name, v in self.members.items() if name not in names}, self.everyone)

    def document(self) -> dict[str, Any]:
        """The inventory as Ansible's plugin ``yaml`` reads it."""
        return {
            "all": {"vars": self.everyone},
            "kubesphere_host": {"hosts": self.hosts},
            "kubesphere_members": {"hosts": self.members},
        }


@dataclass(frozen=True)
class Task:
    """The result of one task on one inventory host."""

    status: str
    host: str
    action: str
    task: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A run that has ended.

    Attributes:
        status: exit status.
        output: standard output and standard error.
        tasks: results in the order in which they came.
        stats: counts by inventory host.
        seconds: how long it took.
    """

    status: int
    output: str
    tasks: list[Task]
    stats: dict[str, dict[str, int]]
    seconds: float

    @property
    def changed(self) -> dict[str, int]:
        """Number of changed tasks by inventory host."""
        return {host: counts["changed"] for host, counts in self.stats.items()}

    @property
    def failures(self) -> dict[str, str]:
        """The message of the failed task by inventory host."""
        return {task.host: str(task.result.get("msg")) for task in self.tasks if task.status == "failed"}

    @property
    def actions(self) -> list[str]:
        """What the run wrote, or in check mode would have written, in words; without the order between hosts."""
        found = [
            each for task in self.tasks for each in task.result.get("results") or [task.result]
        ]  # a loop has several
        return sorted(action for each in found if isinstance(each, dict) for action in each.get("actions") or [])

    @property
    def diffs(self) -> list[dict[str, Any]]:
        """Before and after of what was written; without the order between hosts."""
        found = [diff for task in self.tasks for diff in task.result.get("diff") or [] if isinstance(diff, dict)]
        return sorted(found, key=lambda diff: str(diff["after_header"]))

    def of(self, action: str, host: str | None = None) -> list[dict[str, Any]]:
        """Results of one of the collection's modules, on one inventory host or on all."""
        name = f"kubesphere.multicluster.{action}"
        return [task.result for task in self.tasks if task.action == name and host in (None, task.host)]

    @property
    def table(self) -> list[str]:
        """The lines that the role report shows."""
        shows = (task.result for task in self.tasks if task.task.endswith("Show what stands"))
        shown = [result["msg"] for result in shows if "msg" in result]  # a member of the play skips it
        assert shown, f"no table was shown:\n{self.output}"
        return [str(line) for line in shown[-1]]


class Started:
    """A run that goes on."""

    def __init__(self, process: subprocess.Popen[str], record: Path, output: Path) -> None:
        self.process = process
        self._record = record
        self._output = output
        self._started = time.monotonic()

    @property
    def output(self) -> str:
        """What it has said so far."""
        return self._output.read_text(errors="replace")

    def kill(self) -> None:
        """End it and its workers at once, without a chance to clean up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # Ansible's workers lead sessions of their own. None is forked any more, but one may just have been.
        while workers := _processes_with("RECORD_FILE", str(self._record)):
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def end(self, timeout: float = 180) -> Run:
        """Wait for its end.

        Raises:
            AssertionError: it does not end within so many seconds, it shows a traceback, or a module returned
                something else than it documents.
        """
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout:g} s:\n{self.output}") from None
        output = self.output
        assert "Traceback" not in output, output
        tasks: list[Task] = []
        stats: dict[str, dict[str, int]] = {}
        problems: list[str] = []
        for line in self._record.read_text().splitlines() if self._record.exists() else []:
            record = json.loads(line)
            if "stats" in record:
                stats = record["stats"]
            else:
                failed = record["status"] in ("failed", "ignored")
                problems += task_problems(record["action"], record["result"], failed=failed)
                tasks += _unfolded(Task(**record))
        assert not problems, f"what was returned is not what is documented: {sorted(set(problems))}"
        return Run(status, output, tasks, stats, time.monotonic() - self._started)


class Controller:
    """A folder that Ansible is run in, with an ANSIBLE_HOME of its own."""

    def __init__(self, folder: Path, venv: Environment = MAIN) -> None:
        self.folder = folder
        self._venv = venv
        self.home = folder / "home"
        self._count = 0

    def playbook(
        self,
        name: str | Path,
        fleet: Fleet,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        timeout: float = 180,
    ) -> Run:
        """Run a playbook of the collection by its name, or one by its path, and wait for its end."""
        return self.start(name, fleet, *arguments, env=env).end(timeout)

    def start(self, name: str | Path, fleet: Fleet, *arguments: str, env: Mapping[str, str] | None = None) -> Started:
        """Start a playbook."""
        return self._start(self._playbook(name, *arguments), fleet, env)

    def module(
        self, name: str, pattern: str, fleet: Fleet, arguments: Mapping[str, Any], *more: str, timeout: float = 60
    ) -> Run:
        """Run a module of the collection ad hoc, and wait for its end."""
        module = ["-m", f"kubesphere.multicluster.{name}", "-a", json.dumps(arguments)]
        return self._start([str(tool("ansible", self._venv)), pattern, *module, *more], fleet, None).end(timeout)

    def inventory(self, source: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """What ansible-inventory says of a source, all of it.

        Raises:
            AssertionError: it fails, or shows a traceback.
        """
        settings = {"ANSIBLE_HOME": str(self.home), "ANSIBLE_NOCOLOR": "1", **(env or {})}
        ended = subprocess.run(
            [str(tool("ansible-inventory", self._venv)), "-i", str(source), *arguments],
            env=environment(settings, self._venv),
            cwd=source.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        assert "Traceback" not in ended.stdout, ended.stdout
        return ended.stdout

    def window(
        self,
        name: str | Path,
        fleet: Fleet,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        columns: int = 100,
        lines: int = 30,
    ) -> Window:
        """Start a playbook in a window of a terminal."""
        command, folder, environ = self._prepared(self._playbook(name, *arguments), fleet, env)
        return Window(command, folder, {**environ, "TERM": "xterm-256color", "CI": ""}, columns, lines)

    def _playbook(self, name: str | Path, *arguments: str) -> list[str]:
        playbook = str(name) if isinstance(name, Path) else f"kubesphere.multicluster.{name}"
        return [str(tool("ansible-playbook", self._venv)), playbook, *arguments]

    def _start(self, command: Sequence[str], fleet: Fleet, env: Mapping[str, str] | None) -> Started:
        command, folder, environ = self._prepared(command, fleet, env)
        output = folder / "output"
        with output.open("w") as file:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        return Started(process, folder / "record", output)

    def _prepared(
        self, command: Sequence[str], fleet: Fleet, env: Mapping[str, str] | None
    ) -> tuple[list[str], Path, dict[str, str]]:
        """The whole command, the folder to run it in, and its environment."""
        self._count += 1
        folder = self.folder / f"run-{self._count}"
        folder.mkdir(parents=True)
        inventory = folder / "inventory.json"
        inventory.write_text(json.dumps(fleet.document()))
        settings = {
            "ANSIBLE_HOME": str(self.home),
            "ANSIBLE_ACTION_PLUGINS": str(_PLUGINS / "action"),
            "ANSIBLE_CALLBACK_PLUGINS": str(_PLUGINS / "callback"),
            "ANSIBLE_CONNECTION_PLUGINS": str(_PLUGINS / "connection"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "RECORD_FILE": str(folder / "record"),
            **(env or {}),
        }
        return [*command, "-i", str(inventory)], folder, environment(settings, self._venv)


def _unfolded(task: Task) -> list[Task]:
    """A task, and those that it stands for: what the module fleet did with each cluster."""
    if task.action == "kubesphere.multicluster.outcome":  # tells again what a fleet did
        told_again = {key: value for key, value in task.result.items() if key not in ("actions", "diff")}
        return [replace(task, result=told_again)]
    if task.action != "kubesphere.multicluster.fleet" or "clusters" not in task.result:
        return [task]
    own = {key: value for key, value in task.result.items() if key not in ("actions", "diff")}
    found = [replace(task, result=own)]
    phases = (task.result.get("registers") or {"": task.result}).values()
    for host, result in (pair for phase in phases for pair in phase["clusters"].items()):
        status = "failed" if result.get("failed") else "ok"
        found.append(Task(status, host, f"kubesphere.multicluster.{result['module']}", task.task, result))
    return found


def _processes_with(variable: str, value: str) -> list[int]:
    """Processes that live and have an environment variable of this value."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{variable}={value}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def files_below(*folders: Path) -> Iterable[Path]:
    """Every file in some folders; what vanishes meanwhile is left out."""
    for folder in folders:
        for path in folder.rglob("*") if folder.exists() else []:
            if path.is_file() and not path.is_symlink():
                yield path
