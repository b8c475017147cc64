"""A headless Chromium, spoken to over a pipe by its DevTools protocol: no driver, no port."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.prepare import browser

_FLAGS = (
    "--headless",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_PATIENCE = 60


class Page:
    """One tab.

    Attributes:
        requested: addresses that the page has asked for.
        complaints: errors, and what the page's policy has stopped.
    """

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        context = pipe.call("Target.createBrowserContext")["browserContextId"]  # it keeps nothing for the next page
        target = pipe.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self._session = pipe.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.requested: list[str] = []
        self.complaints: list[str] = []
        pipe.listeners[self._session] = self._heard
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """One call of the protocol."""
        return self._pipe.call(method, session=self._session, **parameters)

    def show(
        self, file: Path, width: int = 1280, height: int = 900, scheme: str = "light", scripts: bool = True
    ) -> None:
        """Load a file, in a window of this size, for somebody who likes it light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Page.navigate", url=file.resolve().as_uri())
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        """The value of an expression."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self.run(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def press(self, key: str, code: int) -> None:
        """Press a key."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def picture(self, file: Path, whole: bool = True) -> None:
        """Keep what is seen as a PNG."""
        shot = self.call(
            "Page.captureScreenshot", captureBeyondViewport=whole, **({"clip": self._whole()} if whole else {})
        )
        file.write_bytes(base64.b64decode(shot["data"]))

    def printed(self) -> bytes:
        """The page on paper, as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])

    def _whole(self) -> dict[str, float]:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    def _heard(self, method: str, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])


class Pipe:
    """The protocol: a message ends with a NUL."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)
        self._left = b""
        self._number = 0
        self.listeners: dict[str, Any] = {}

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """Call a method, and wait for its answer; what happens meanwhile is told to the listeners."""
        self._number += 1
        call = {
            "id": self._number,
            "method": method,
            "params": parameters,
            **({"sessionId": session} if session else {}),
        }
        self._writing.write(json.dumps(call).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]
            if "method" in told and told.get("sessionId") in self.listeners:
                self.listeners[told["sessionId"]](told["method"], told["params"])

    def close(self) -> None:
        """Let go of it; the browser ends."""
        self._reading.close()
        self._writing.close()

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            more = self._reading.read(1 << 16)
            assert more, "the browser has ended"
            self._left += more
        message, _end, self._left = self._left.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def started(profile: Path) -> Iterator[Pipe]:
    """A browser with a profile of its own, until it is no longer needed."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()

    def give() -> None:
        # Copied out of the way first, so that neither is overwritten before its turn.
        given = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (theirs_in, theirs_out)]
        for number, descriptor in zip((3, 4), given):
            os.dup2(descriptor, number)

    command = [str(browser()), *_FLAGS, f"--user-data-dir={profile}"]
    with (profile.parent / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            command, preexec_fn=give, close_fds=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    os.close(theirs_in)
    os.close(theirs_out)
    pipe = Pipe(ours_in, ours_out)
    try:
        yield pipe
    finally:
        pipe.call("Browser.close")
        pipe.close()
        process.wait(_PATIENCE)
        shutil.rmtree(profile, ignore_errors=True)
