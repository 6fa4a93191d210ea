"""A tab of a real browser, which clicks, types and looks like a person (by the protocol of Chromium's own tools)."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.web.axe_core import violations

PATIENCE_SECONDS = 60.0

_FAULTS = Path(__file__).with_name("faults.js").read_text()


class BrowserError(Exception):
    """The browser refused something, or a script in its page failed."""


class Tab:
    """The tab. Everything waits until it has happened."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, writing: int) -> None:
        self._process = process
        self._reading, self._writing = os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        """What the browser wrote to its console: refused by the policy, not found, failed."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._writing.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = self._reading.read(65536)
            if not part:
                raise BrowserError("the browser is gone")
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Log.entryAdded":
            entry = message["params"]["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(message["params"]["exceptionDetails"])[:500])
        return message

    def look_like(self, width: int, is_dark: bool) -> None:
        """Makes the window this wide, and has the person like dark or light pages."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, url: str) -> None:
        """Opens a page."""
        self.run("document.documentElement.dataset.old = 'yes'")
        self.call("Page.navigate", url=url)
        self.wait_for_a_page()

    def wait_for_a_page(self) -> None:
        """Waits until another document than the one before is there as a whole."""
        self.wait_for("document.readyState === 'complete' && !document.documentElement.dataset.old")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, a promise's when it has one."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{script[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Waits until an expression is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if self.run(condition):
                    return
            except BrowserError:
                # Asked just when one page made way for another.
                self._process.poll()
            if time.monotonic() > deadline:
                raise AssertionError(f"never: {condition}; there is: {self.text()[:2000]}; {self.complaints}")
            time.sleep(0.05)

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.run("document.body.innerText"))

    def click(self, selector: str) -> None:
        """Clicks what a CSS selector finds first, and waits for the page that this leads to."""
        self.run("document.documentElement.dataset.old = 'yes'")
        found = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e && e.click(); return !!e; }})()"
        )
        assert found, f"nothing is {selector}: {self.text()[:2000]}"
        self.wait_for_a_page()

    def type(self, text: str) -> None:
        """Types a text where the focus is."""
        self.call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Presses a key: `Tab`, `Enter`, `Escape`."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27}[key]
        for kind in ("rawKeyDown", "char", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "char" else {}
            if kind != "char" or text:
                self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def faults(self) -> list[str]:
        """What is wrong with the page for whoever is on a phone, or does not see, or not well.

        By axe-core, which knows the common rules, and by `faults.js`, which has those that it lacks.
        """
        found: list[str] = self.run(_FAULTS)
        return [*dict.fromkeys(found), *violations(self.run)]

    def picture(self, path: Path) -> None:
        """Draws the whole page into a file."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def opened(program: str, profile: Path) -> Iterator[Tab]:
    """A browser with one tab, which is closed at the end. `profile`: a folder of its own."""
    reading, browser_writes = os.pipe()
    browser_reads, writing = os.pipe()
    command = [
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--no-first-run",
        f"--user-data-dir={profile}",
        "--remote-debugging-pipe",
    ]
    # The browser talks by the files 3 and 4.
    shell = f'exec "$@" 3<&{browser_reads} 4>&{browser_writes}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", *command],
        pass_fds=(browser_reads, browser_writes),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(browser_reads)
    os.close(browser_writes)
    try:
        tab = Tab(process, reading, writing)
        yield tab
        tab._session = None
        tab.call("Browser.close")
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
