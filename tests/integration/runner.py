"""Jobs as AWX runs them: by ansible-runner, in a folder of their own, with an inventory that may be a slice."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

from tests.check.command import environment
from tests.integration.controller import Fleet
from tests.plugin_docs import task_problems

PLAYBOOKS = ("site", "import", "renew", "report", "status", "unbind", "upgrade")
HOST, MEMBERS = "kubesphere_host", "kubesphere_members"

_SETTINGS = {"suppress_ansible_output": True, "pexpect_timeout": 0.2}


def inventory(
    fleet: Fleet, number: int = 1, count: int = 1, of_host: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An inventory as AWX gives it to the jobs of a sliced template: every n-th host by name, all variables of groups.

    Args:
        fleet: the whole inventory.
        number: the slice, from 1 on.
        count: number of slices.
        of_host: variables of the group kubesphere_host.
    """
    everything = {**fleet.hosts, **fleet.members}
    mine = sorted(everything)[number - 1 :: count]
    found: dict[str, Any] = {
        "_meta": {"hostvars": {name: {**everything[name], "remote_tower_enabled": "true"} for name in mine}},
        "all": {"vars": fleet.everyone, "hosts": [], "children": [HOST, MEMBERS]},
    }
    for group, names, variables in ((HOST, fleet.hosts, of_host or {}), (MEMBERS, fleet.members, {})):
        hosts = [name for name in mine if name in names]
        content = {**({"hosts": hosts} if hosts else {}), **({"vars": dict(variables)} if variables else {})}
        found |= {group: content} if content else {}
    return found


@dataclass(frozen=True)
class Ended:
    """A job that has ended.

    Attributes:
        status: ``successful``, ``failed`` or ``canceled``.
        rc: exit status.
        output: what was printed.
        events: what runner tells of it, in order.
    """

    status: str
    rc: int
    output: str
    events: list[dict[str, Any]]

    @property
    def artifacts(self) -> dict[str, Any]:
        """What was handed on by ``set_stats``."""
        found = [event["event_data"].get("artifact_data") for event in self.of("playbook_on_stats")]
        return dict(found[-1] or {}) if found else {}

    @property
    def changed(self) -> dict[str, int]:
        """Number of changed tasks by inventory host; those without any are left out."""
        [event] = self.of("playbook_on_stats")
        return dict(event["event_data"]["changed"])

    @property
    def failures(self) -> dict[str, str]:
        """The message of the failed task by inventory host."""
        found = [event["event_data"] for event in self.of("runner_on_failed")]
        return {str(data["host"]): str(data["res"]["msg"]) for data in found if not data.get("ignore_errors")}

    def of(self, name: str) -> list[dict[str, Any]]:
        """The events of one name."""
        return [event for event in self.events if event["event"] == name]


@dataclass
class Job:
    """A job and its folder, as AWX prepares it.

    Attributes:
        folder: ``private_data_dir``.
        inventory: as :func:`inventory` makes it.
        extra: extra variables.
        env: environment variables, as a credential injects them.
        arguments: more of the command line.
        artifacts: folder in which the last run left what it has to tell.
    """

    folder: Path
    inventory: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    artifacts: Path = Path("/nonexistent")

    def __post_init__(self) -> None:
        """Write the project and the inventory: a program that prints JSON."""
        for playbook in PLAYBOOKS:
            text = f"- import_playbook: kubesphere.multicluster.{playbook}\n"
            self.put(f"project/{playbook}.yml", text)
        self.put("inventory/hosts", f"#!/usr/bin/env python3\nprint({json.dumps(self.inventory)!r})\n", 0o700)

    def put(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file of the job's folder, for its owner only."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def start(self, playbook: str, cancel: Callable[[], bool] | None = None) -> Callable[[], Ended]:
        """Start a playbook; what is returned waits for its end."""
        ident = str(len(list(self.folder.glob("artifacts/*"))) + 1)
        self.artifacts = self.folder / "artifacts" / ident
        settings = {"ANSIBLE_HOME": str(self.folder / "home"), "ANSIBLE_FORCE_COLOR": "0", **self.env}
        thread, runner = ansible_runner.run_async(
            private_data_dir=str(self.folder),
            playbook=f"{playbook}.yml",
            ident=ident,
            inventory=str(self.folder / "inventory" / "hosts"),
            extravars=self.extra,
            cmdline=" ".join(self.arguments) or None,
            envvars=environment(settings),
            settings=_SETTINGS,
            suppress_env_files=True,
            fact_cache_type="jsonfile",
            cancel_callback=cancel,
            quiet=True,
        )

        def end() -> Ended:
            thread.join(240)
            assert not thread.is_alive(), f"{playbook} still runs:\n{runner.stdout.read()}"
            output = runner.stdout.read()
            assert "Traceback" not in output, output
            ended = Ended(str(runner.status), int(runner.rc), output, list(runner.events))
            for name in ("ok", "failed"):
                for told in (each["event_data"] for each in ended.of(f"runner_on_{name}")):
                    problems = task_problems(told["task_action"], told["res"], failed=name == "failed")
                    assert not problems, f"what was returned is not what is documented: {problems}"
            return ended

        return end

    def run(self, playbook: str) -> Ended:
        """Run a playbook to its end."""
        return self.start(playbook)()


def side_by_side(jobs: Sequence[Job], playbook: str) -> list[Ended]:
    """Run a playbook in several jobs at the same time."""
    return [end() for end in [job.start(playbook) for job in jobs]]


class Cancel:
    """A button that cancels a job."""

    def __init__(self) -> None:
        self._pressed = threading.Event()

    def press(self) -> None:
        """Cancel it."""
        self._pressed.set()

    def __call__(self) -> bool:
        return self._pressed.is_set()


def processes_of(folder: Path) -> dict[int, str]:
    """Command lines of the processes that know a job's folder by an environment variable, by id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name != str(os.getpid()) and str(folder).encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found
