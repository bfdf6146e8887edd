"""Run by test_zero_gpu.py in a process of its own: the app as on ZeroGPU, with `spaces` and a scheduler of its own.

`build`: spaces' emulation of CUDA; weights are placed in the main thread and packed by the launch, no GPU is touched.
    What a worker does next, moving the packed weights to the GPU, needs a GPU.
`work`: `spaces` without its CUDA part (it is imported while torch is out of sight), so that its forked workers run the
pipelines on the CPU; everything between the page and the worker is the real thing.

Prints one JSON object as its last line.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ASKED: Counter[str] = Counter()
UUID = "GPU-00000000-0000-0000-0000-000000000000"


class Scheduler(BaseHTTPRequestHandler):
    """Lends GPU 0 to whoever asks."""

    def do_POST(self) -> None:
        path = self.path.split("?")[0]
        ASKED[path] += 1
        answer = {"idle": ASKED[path] > 1, "nvidiaIndex": 0, "nvidiaUUID": UUID, "allowToken": "token"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def main(what: str) -> dict[str, Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scheduler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {
        "SPACES_ZERO_GPU": "true", "SYSTEM": "spaces", "SPACE_ID": "someone/space",
        "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{server.server_address[1]}",
        "OMP_NUM_THREADS": "1",  # threads of OpenMP do not survive a fork
    }  # fmt: skip
    sys.path.insert(0, str(Path(__file__).parents[2]))
    return {"build": build, "work": work}[what]()


def build() -> dict[str, Any]:
    import torch

    if torch.version.cuda is None:  # spaces' emulation replaces these, which a torch that was built for the CPU lacks
        torch.version.cuda = "12.8"
        torch._C._cuda_init = None
        torch.cuda._is_in_bad_fork = bool
    import app
    from ui import demo

    models = app.backend("mini")
    page = demo.build(models)
    models.load()
    port = free_port()
    demo.launch(page, "127.0.0.1", port, quiet=True)
    import httpx

    answer = httpx.get(f"http://127.0.0.1:{port}/").status_code
    cache = models.cache()
    return {
        "decorated": [hasattr(f, "zerogpu") for f in models._lent.values()],
        "page": answer,
        "ready": [models.drawing.ready, models.chatting.ready],
        "errors": [models.drawing.error, models.chatting.error],
        "device": models.device(),
        "frozen": cache._frozen,
        "places": sorted({row.place for row in cache.stats()}),
        "asked": ASKED,
    }


def work() -> dict[str, Any]:
    sys.modules["torch"] = None  # type: ignore[assignment]
    import spaces  # noqa: F401

    del sys.modules["torch"]
    import app
    from pipelines.errors import UserError
    from pipelines.vlsa.types import Message

    models = app.backend("mini")
    models.load()
    layout = models.plan("A poster that says 'Hi'", seed=1)
    reports = list(models.stream(layout, {"seed": 1, "steps": 2}))
    view = models.view(reports[-1].images[0])
    said = list(models.chat([Message("user", "What does the text say?", view)], {}))[-1]
    stopped = models.stream(layout, {"seed": 1, "steps": 50, "images": 4})
    next(stopped)
    working = models.lane.gauges().working
    stopped.close()
    try:
        list(models.chat([Message("user", "", view)], {}))
        refusal = ""
    except UserError as e:
        refusal = f"{type(e).__name__}: {e}"
    again = list(models.stream(layout, {"seed": 1, "steps": 2}))[-1]
    rebuilt = list(models.reconstruct(view, {"steps": 2}))[-1]
    predicted = next(models.predict(view))
    return {
        "draft": models.draft(layout).size,
        "texts": [t.text for t in layout.texts],
        "stages": [r.stage for r in reports],
        "said": said.done,
        "working": working,
        "free": models.lane.gauges().working == 0,
        "refusal": refusal,
        "same": again.images[0].tobytes() == reports[-1].images[0].tobytes(),
        "rebuilt": rebuilt.stage,
        "predicted": int((predicted.index >= 0).sum()),
        "tokens": models.tokens(view).true.shape,
        "colours": models.pixels(view, (0, 0)) is not None,
        "asked": ASKED,
    }


def free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1]), default=str), flush=True)
    for worker in multiprocessing.active_children():
        worker.kill()
    os._exit(0)  # the threads of the scheduler and of the page need no farewell
