"""A Chromium that is told what to do over a pipe (the DevTools protocol), with nothing to install.

For the tests of the page: real times, real widths, and every request that the page makes.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


class Browser:
    """One tab. Use as a context manager."""

    def __init__(self, folder: Path, width: int = 1280, height: int = 900) -> None:
        self.folder, self.size = folder, (width, height)
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._rest = b""

    def __enter__(self) -> Browser:
        from_us, to_browser = os.pipe()
        from_browser, to_us = os.pipe()
        # The browser reads the file descriptor 3 and writes 4; only bash takes numbers above 9.
        script = f'exec 3<&{from_us} 4>&{to_us}; exec "$@"'
        command = ["bash", "-c", script, "bash", PROGRAM, "--headless=new", "--no-sandbox",
                   "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
                   f"--user-data-dir={self.folder / 'profile'}", "about:blank"]  # fmt: skip
        self.process = subprocess.Popen(
            command, pass_fds=(from_us, to_us), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(from_us)
        os.close(to_us)
        self._write, self._read = to_browser, from_browser
        self.session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(*self.size)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command and its answer; events that come in between are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser has gone"
            self._rest += more
        one, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(one))

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """The size of the window, and the reader's choice of colours."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        """Go to a page and wait until it is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=address)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._next())

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is awaited."""
        told = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, condition: str) -> float:
        """Wait until an expression holds; how many milliseconds it took in the page's own time."""
        return float(self.run(
            f"(async () => {{ const start = performance.now(); while (!({condition})) {{"
            "if (performance.now() - start > 20000) throw new Error('never'); "
            "await new Promise((go) => setTimeout(go, 2)); } return performance.now() - start; })()"
        ))  # fmt: skip

    @property
    def requested(self) -> list[str]:
        """Every address that the page asked for."""
        return [e["params"]["request"]["url"] for e in self.events
                if e.get("method") == "Network.requestWillBeSent"]  # fmt: skip

    @property
    def complaints(self) -> list[str]:
        """What went wrong in the page: exceptions, and what its policy forbade."""
        thrown = [str(e["params"]["exceptionDetails"]) for e in self.events
                  if e.get("method") == "Runtime.exceptionThrown"]  # fmt: skip
        return thrown + [e["params"]["entry"]["text"] for e in self.events
                         if e.get("method") == "Log.entryAdded"]  # fmt: skip

    def picture(self, file: Path, *, whole: bool = False) -> None:
        """A screenshot."""
        told = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(told["data"]))
