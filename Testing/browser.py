"""A real browser, Chromium without a window, driven by its own protocol over two pipes: no package is needed for it."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
"""What it is called on Debian, elsewhere, and by Google."""

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip
LONGEST = 30.0
"""s that an answer may take."""


class Browser:
    """A browser with one page. events: everything that it told, in order."""

    def __init__(self, program: str) -> None:
        self.profile = tempfile.TemporaryDirectory(prefix="qsm-browser-", ignore_cleanup_errors=True)
        (self.reads, self.writes), (self.answers, tells) = os.pipe(), os.pipe()
        program_line = [program, *OPTIONS, f"--user-data-dir={self.profile.name}", "about:blank"]
        # The protocol is spoken on descriptors 3 and 4: a shell puts the pipes there, whatever their numbers are.
        shell = f'exec 3<&{self.reads} 4>&{tells}; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *program_line],
            pass_fds=(self.reads, tells),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(self.reads)
        os.close(tells)
        self.rest, self.count, self.session, self.events = b"", 0, None, []
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters):
        """Return the answer to a command of the protocol; fail where it is refused."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self.count:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]
            self.events.append(told)

    def open(self, page: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Open a page of this machine, wait until it is complete, and forget what was told before."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.command("Emulation.setEmulatedMedia", features=scheme)
        self.events.clear()
        self.command("Page.navigate", url=page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, expression: str):
        """Return the value of an expression of JavaScript in the page."""
        told = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def complaints(self) -> list[str]:
        """Return the errors and warnings that the page caused since it was opened."""
        self.value("0")
        found = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"]))
            elif event.get("method") == "Log.entryAdded":
                found.append(event["params"]["entry"]["text"])
            elif event.get("method") == "Runtime.consoleAPICalled":
                found.append(str(event["params"]["args"]))
        return found

    def requests(self) -> list[str]:
        """Return what was asked for since the page was opened, but for addresses that hold their content."""
        asked = [event["params"]["request"]["url"] for event in self.events if _is_request(event)]
        return [url for url in asked if not url.startswith("data:")]

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        told = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def printed(self, path: Path) -> None:
        """Write the page as it is printed, as PDF."""
        path.write_bytes(base64.b64decode(self.command("Page.printToPDF", printBackground=False)["data"]))

    def close(self) -> None:
        """End the browser."""
        self.process.terminate()
        self.process.wait(LONGEST)
        os.close(self.writes)
        os.close(self.answers)
        self.profile.cleanup()

    def _next(self) -> dict:
        end = time.monotonic() + LONGEST
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.answers], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self.answers, 1 << 20)
            assert more, "the browser has ended"
            self.rest += more
        told, self.rest = self.rest.split(b"\0", 1)
        return json.loads(told)


def program() -> str | None:
    """Return the browser of this machine, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser():
    """Return a browser; skip, and say so, where there is none."""
    found = program()
    if found is None:
        pytest.skip("there is no Chromium here to open the pages in: install the package chromium")
    opened = Browser(found)
    yield opened
    opened.close()


def _is_request(event: dict) -> bool:
    return event.get("method") == "Network.requestWillBeSent"
