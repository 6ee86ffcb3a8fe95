"""A headless Chromium, driven over its DevTools protocol with the WebSocket client that we have anyway.

Nothing outside this machine can be reached from it: names do not resolve, and every request is on record.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: After which something counts as never happening; long, for a machine that has much else to do.
WAIT_SECONDS = 60
#: What DevTools say of an expression whose document another one takes the place of, and how often in a row that may be.
_NAVIGATED = "Inspected target navigated or closed"
_MAX_NAVIGATIONS = 5

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


class Page:
    """One tab; ``problems`` is what a developer would see in red, ``requested`` every address asked for."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._last_id = 0
        self.problems: list[str] = []
        self.requested: list[str] = []
        self.frames_sent: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result; what happens meanwhile goes on record."""
        self._last_id += 1
        self._connection.send(json.dumps({"id": self._last_id, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(timeout=WAIT_SECONDS + 10))
            if message.get("id") != self._last_id:
                self._record(message)
            elif "error" in message:
                raise AssertionError(f"{method}: {message['error']['message']}")
            else:
                return dict(message["result"])

    def open(self, url: str) -> None:
        """Load *url* and wait until its scripts have run."""
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if details := result.get("exceptionDetails"):
            raise AssertionError(
                f"{expression}: {details.get('exception', {}).get('description', details['text'])}"
            )
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true; that it throws, of what is not there yet, is not."""
        waiting = f"""new Promise((resolve, reject) => {{
            const until = Date.now() + {WAIT_SECONDS * 1000};
            const look = () => {{
                let [met, problem] = [false, null];
                try {{ met = ({condition}); }} catch (error) {{ problem = error; }}
                if (met) return resolve(true);
                if (Date.now() < until) return setTimeout(look, 20);
                return problem ? reject(problem) : resolve(false);
            }};
            look();
        }})"""
        if not self._evaluate_here(waiting):
            raise AssertionError(f"never true: {condition}\n{self.text()}")

    def _evaluate_here(self, expression: str) -> Any:
        """Evaluate in the document that is there by now: another one may come at any moment, and ends what goes on."""
        for _ in range(_MAX_NAVIGATIONS):
            try:
                return self.evaluate(expression)
            except AssertionError as error:
                if _NAVIGATED not in str(error):
                    raise
        raise AssertionError("the page never stays")

    def click(self, selector: str) -> None:
        """Click the first element of a CSS selector, as a person would: with the mouse, in its middle."""
        # Where it will be hit: in view, at rest for two looks, and with nothing above it.
        self.evaluate(f"globalThis.target = {{ find: () => document.querySelector({json.dumps(selector)}) }}")
        self.wait_for("""(() => {
            const element = target.find();
            element?.scrollIntoView({ block: "nearest", behavior: "instant" });
            const box = element?.getBoundingClientRect();
            if (!box?.width) return false;
            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const rested = target.x === x && target.y === y;
            Object.assign(target, { x, y });
            return rested && element.contains(document.elementFromPoint(x, y));
        })()""")
        point = self.evaluate("({ x: target.x, y: target.y })")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **point)

    def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def text(self) -> str:
        """Return the visible text of the page."""
        return str(self.evaluate("document.body?.innerText ?? ''"))

    def screenshot(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def outside(self, origin: str) -> list[str]:
        """Return the requested addresses that are not below *origin*."""
        host = urlsplit(origin).netloc
        return [
            url
            for url in self.requested
            if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc != host
        ]

    def _record(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.problems.append(str([a.get("value", a.get("description")) for a in params["args"]]))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requested.append(params["url"])
            case "Network.webSocketFrameSent":
                self.frames_sent.append(params["response"]["payloadData"])


class Browser:
    """A running Chromium."""

    def __init__(self, address: str, connection: ClientConnection) -> None:
        self._origin = "ws://" + urlsplit(address).netloc
        self._connection = connection
        self._last_id = 0

    @contextmanager
    def page(self) -> Iterator[Page]:
        """Yield a page that shares no stored data with any other."""
        with self.pages(1) as (page,):
            yield page

    @contextmanager
    def pages(self, number: int) -> Iterator[list[Page]]:
        """Yield pages that share what is stored with each other, as the windows of one person do."""
        context = self._call("Target.createBrowserContext")
        with ExitStack() as stack:
            stack.callback(self._call, "Target.disposeBrowserContext", **context)
            yield [Page(stack.enter_context(self._target(context))) for _ in range(number)]

    def _target(self, context: dict[str, Any]) -> ClientConnection:
        window = {"url": "about:blank", "newWindow": True, "width": 1400, "height": 900}
        target = self._call("Target.createTarget", **window, **context)
        address = f"{self._origin}/devtools/page/{target['targetId']}"
        return connect(address, max_size=None, open_timeout=WAIT_SECONDS)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._last_id += 1
        self._connection.send(json.dumps({"id": self._last_id, "method": method, "params": params}))
        while (answer := json.loads(self._connection.recv(timeout=WAIT_SECONDS))).get("id") != self._last_id:
            pass
        return dict(answer["result"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser with an empty profile, and leave nothing behind."""
    assert EXECUTABLE
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [EXECUTABLE, *_FLAGS, f"--user-data-dir={profile}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr
                addresses = (re.search(r"DevTools listening on (ws://\S+)", line) for line in process.stderr)
                found = next(filter(None, addresses), None)
                assert found, "Chromium did not start"
                with connect(found[1], open_timeout=WAIT_SECONDS) as connection:
                    yield Browser(found[1], connection)
            finally:
                process.terminate()
