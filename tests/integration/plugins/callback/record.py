"""Writes every result of a run as a line of JSON, so that tests need not read what is meant for people."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: aggregate
short_description: Write results as JSON lines
description: One line for each result, to the file that E(RECORD_FILE) names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """The callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        summaries = {host: stats.summarize(host) for host in sorted(stats.processed)}
        self._append({"stats": summaries})

    def _write(self, status: str, result: Any) -> None:
        self._append(
            {
                "status": status,
                "host": result._host.get_name(),
                "action": result._task.action,
                "task": result._task.get_name(),
                "result": self._clean(result._result),
            }
        )

    @staticmethod
    def _clean(result: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in result.items() if not key.startswith("_ansible_")}

    @staticmethod
    def _append(record: dict[str, Any]) -> None:
        with Path(os.environ["RECORD_FILE"]).open("a") as file:
            file.write(json.dumps(record, cls=AnsibleJSONEncoder) + "\n")
