"""The app in a process of its own, and its protocol spoken by hand: what the page and gradio_client send, or anything.

    with Served(log, preset="full") as served:
        message = served.wire.join(fn_index, data, event_data={"index": 3})
        served.strangers()  # files and addresses that are none of the app's business

An audit hook in that process writes down every file it opens, every address it looks up or connects to and every
process it starts, so that more can be said about a request than what its answer shows.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from pipelines.config import ROOT

READY_S, ANSWER_S = 120.0, 120.0
# The server closes a connection that was idle for 5 s; httpx's pool gives it up after 5 s as well, so that a request at
# that moment may be sent into a connection that is just being closed.
KEPT = httpx.Limits(keepalive_expiry=2.0)
LOOPBACK = ("127.0.0.1", "::1", "localhost", "0.0.0.0")
ALWAYS = ("/proc/", "/sys/", "/dev/null", "/dev/urandom", "/dev/shm/", "/etc/localtime", "/usr/share/zoneinfo/")
# argv: the log, then the command line of app.py. What is logged goes out by os.write, which is not audited itself.
CHILD = """
import json, os, runpy, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def hook(event, args):
    if event == "open":
        what = args[0]
    elif event in ("socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        what = args[0]
    elif event == "socket.connect":
        what = args[1]
    else:
        return
    if isinstance(what, bytes):
        what = os.fsdecode(what)
    if isinstance(what, tuple):
        what = what[0]
    if not isinstance(what, int):
        os.write(log, (json.dumps([event, str(what)]) + "\\n").encode())
sys.addaudithook(hook)
sys.argv = ["app.py", *sys.argv[2:]]
sys.path.insert(0, os.getcwd())
runpy.run_path("app.py", run_name="__main__")
"""


class Wire:
    """Requests to a served app, and what a visitor would see of the answers.

    Args:
        url: address of the page.
    """

    def __init__(self, url: str, timeout: float = ANSWER_S) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=timeout, limits=KEPT, trust_env=False)
        self.config: dict[str, Any] = self.http.get("config").json()
        self.components = {c["id"]: c for c in self.config.get("components", ())}
        self.dependencies: list[dict[str, Any]] = self.config.get("dependencies", [])

    def find(self, elem_id: str, event: str) -> dict[str, Any]:
        """The dependency that an event of a component sets off; the one with a function where there are several."""
        ids = {i for i, c in self.components.items() if c["props"].get("elem_id") == elem_id}
        found = [d for d in self.dependencies if any(t[0] in ids and t[1] == event for t in d["targets"])]
        return next(d for d in found if d["backend_fn"])

    def named(self, api_name: str) -> dict[str, Any]:
        """The dependency of a public function."""
        return next(d for d in self.dependencies if d["api_name"] == api_name)

    def call(self, api_name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Have a public function run, as `join`.

        Args:
            given: values by the label of the input in lower case; the others have the defaults of the page.
        """
        function = self.named(api_name)
        props = [self.components[i]["props"] for i in function["inputs"]]
        return self.join(function["id"], [given.get(str(p.get("label") or "").lower(), p.get("value")) for p in props])

    def post(self, fn_index: int, data: Any, session: str, **more: Any) -> httpx.Response:
        """Join the queue, without waiting for what comes of it."""
        body = {"fn_index": fn_index, "data": data, "session_hash": session, **more}
        content = json.dumps(body).encode("utf-8", "surrogatepass")
        return self.http.post("gradio_api/queue/join", content=content, headers={"content-type": "application/json"})

    def messages(self, session: str) -> Iterator[dict[str, Any]]:
        """Everything that the queue says to a session, until it closes."""
        with self.http.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    yield message
                    if message["msg"] in ("close_stream", "unexpected_error"):
                        return

    def join(self, fn_index: int, data: Any, session: str = "", **more: Any) -> dict[str, Any]:
        """Have a function run; its last message, or {"status", "detail"} where it was refused at once."""
        session = session or secrets.token_hex(6)
        answer = self.post(fn_index, data, session, **more)
        if answer.status_code != 200:
            return {"status": answer.status_code, "detail": answer.text}
        done = [m for m in self.messages(session) if m["msg"] in ("process_completed", "unexpected_error")]
        return done[-1] if done else {}

    def upload(self, name: str, content: bytes, kind: str = "application/octet-stream", **headers: str) -> Any:
        """Upload a file: the path that the server gives it, or the answer where it was refused."""
        answer = self.http.post("gradio_api/upload", files={"files": (name, content, kind)}, headers=headers)
        return answer.json()[0] if answer.status_code == 200 else answer


class Served:
    """app.py in a process of its own, watched; a context manager.

    Args:
        log: file that the audit hook writes.
        preset: which weights; those of "full" are not here and nothing is fetched: it starts quickly, and everything
            but the models works.
        environment: variables on top of the present ones.
    """

    def __init__(self, log: Path, preset: str = "mini", environment: dict[str, str] | None = None) -> None:
        self.log, self.preset = log, preset
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1", **(environment or {})}
        self.output = log.with_suffix(".out")
        self._seen = 0

    def __enter__(self) -> Served:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = int(s.getsockname()[1])
        command = [sys.executable, "-c", CHILD, str(self.log), "--preset", self.preset, "--port", str(port)]
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, "--host", "127.0.0.1"], cwd=ROOT, env=self.environment, stdout=out, stderr=out
            )
        self.url = f"http://127.0.0.1:{port}/"
        try:
            self._wait()
            self.wire = Wire(self.url)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait(self) -> None:
        end = time.monotonic() + READY_S
        while time.monotonic() < end and self.alive:
            try:
                httpx.get(self.url, timeout=5, trust_env=False).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.3)
        raise RuntimeError(f"the app did not start:\n{self.said()[-2000:]}")

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def said(self) -> str:
        """What the process wrote to its output and error streams."""
        return self.output.read_text("utf-8", "replace")

    def peak_mb(self) -> float:
        """The most memory that the process has had, in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def events(self) -> list[tuple[str, str]]:
        """(event, what) of the audit hook since this was asked last."""
        with self.log.open("rb") as file:
            file.seek(self._seen)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._seen += len(whole)
        return [tuple(json.loads(line)) for line in whole.splitlines()]  # type: ignore[misc]

    def strangers(self) -> list[str]:
        """Of `events`, what is none of the app's business: files outside its folders, other addresses, processes."""
        events = set(self.events())
        own = folders() if events else []
        return sorted(f"{event} {what}" for event, what in events if not _own(event, what, own))


def _own(event: str, what: str, own: list[Path]) -> bool:
    if event in ("socket.getaddrinfo", "socket.connect"):
        return what in LOOPBACK or what == "None"
    if event != "open":
        return False
    return what.startswith(ALWAYS) or any(Path(os.path.abspath(ROOT / what)).is_relative_to(f) for f in own)


def folders() -> list[Path]:
    """Where the app may open files: the project, Python with its packages, its own temporary folders, its cache."""
    temporary = Path(tempfile.gettempdir())
    python = [sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()]
    cache = os.environ.get("VLAD_CACHE") or Path.home() / ".cache" / "vlad"
    own = [p for prefix in ("vlad-", "vlsa-", "gradio") for p in temporary.glob(f"{prefix}*")]
    return [ROOT, *map(Path, python), Path(cache), *own]
