"""Does as a module of the collection does while it works: tells who shows progress, prints, and takes its time."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils import progress_channel
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.local_goal import native, show

display = Display()


class ActionModule(ActionBase):  # type: ignore[misc]
    """Takes a list of steps, each a mapping with one of its methods and what that takes."""

    _requires_connection = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        heard = [getattr(self, f"_{name}")(what) for step in self._task.args["steps"] for name, what in step.items()]
        return {**result, "heard": [each for each in heard if each is not None]}

    def _tell(self, message: dict[str, Any]) -> bool:
        message = native(message)
        heard = progress_channel.tell(**message)
        if not heard and "text" in message:
            show(message["text"])
        return heard

    def _many(self, number: int) -> None:
        for each in range(number):
            progress_channel.tell("begun", cluster=f"cluster-{each}", phase="wait")
            progress_channel.tell("waits", cluster=f"cluster-{each}", phase="wait", text=f"waiting until {each % 7}")

    def _say(self, text: str) -> None:
        display.display(text)

    def _warn(self, text: str) -> None:
        display.warning(text)

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)
