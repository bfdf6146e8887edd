"""Backends and a served page for the tests of the app."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.errors import CheckpointMissing
from ui.backend import Backend
from ui.vlad_tab import Handlers

MISSING = "The checkpoint checkpoints/none is missing; train it as training/README.md says."
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
END_S = 60.0  # longest wait for work in progress at the end
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)  # fmt: skip


def refuse() -> Any:
    """Loads nothing, as where no weights were trained."""
    raise CheckpointMissing(MISSING)


@pytest.fixture()
def empty() -> Handlers:
    """Handlers of an app whose checkpoint is missing; what needs no weights works."""
    return Handlers(Backend(refuse))


@pytest.fixture(scope="session")
def handlers(vlad: Any) -> Handlers:
    """Handlers on the embedded weights; skips where there are none."""
    return Handlers(Backend(lambda: vlad, device=lambda: "cpu, float32: no GPU was found."))


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def serve(backend: Backend, **more: Any) -> Iterator[str]:
    """The page on a free port, launched with `more`; yields its address and closes it."""
    from ui.demo import build, launch

    demo, port = build(backend), free_port()
    launch(demo, "127.0.0.1", port, quiet=True, **more)
    backend.start()
    yield f"http://127.0.0.1:{port}/"
    end = time.monotonic() + END_S
    while (
        backend.lane.gauges().working and time.monotonic() < end
    ):  # a thread in the middle of a step may not outlive us
        time.sleep(0.05)
    demo.close()


@pytest.fixture(scope="session")
def url(handlers: Handlers) -> Iterator[str]:
    """Address of the app on the embedded weights; skips where there are none."""
    yield from serve(handlers.backend)


@pytest.fixture(scope="session")
def looking(vlsa: Any) -> Backend:
    """A backend of the image chat alone on the embedded weights; skips where there are none."""
    backend = Backend(refuse, device=lambda: "cpu, float32: no GPU was found.", load_vlsa=lambda: vlsa)
    backend.vlsa()
    return backend


@pytest.fixture(scope="session")
def looking_url(looking: Backend) -> Iterator[str]:
    """Address of the app on the embedded weights of the image chat; skips where there are none."""
    yield from serve(looking)


@pytest.fixture(scope="session")
def both_url(vlad: Any, vlsa: Any) -> Iterator[str]:
    """Address of the app on all embedded weights; skips where some are missing."""
    yield from serve(Backend(lambda: vlad, device=lambda: "cpu, float32: no GPU was found.", load_vlsa=lambda: vlsa))


@pytest.fixture(scope="session")
def empty_url() -> Iterator[str]:
    """Address of the app without a checkpoint."""
    yield from serve(Backend(refuse))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium; skips with the reason where none can be started."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-test.txt)")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    with api.sync_playwright() as play:
        try:
            started = play.chromium.launch(executable_path=path, args=list(FLAGS))
        except api.Error as e:
            first = str(e).strip().splitlines()[0]
            pytest.skip(f"no browser could be started ({first}); run: playwright install chromium")
        yield started
        started.close()
