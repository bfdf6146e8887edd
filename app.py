"""Start the app: `python app.py [--preset mini] [--host 127.0.0.1] [--port 7860]`.

The server is ready first; the weights load in the background, and the page says so until they are there.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

# Where to listen and where files go may be chosen from outside; sharing, live editing and the like may not.
KEPT = ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS", "GRADIO_ROOT_PATH", "GRADIO_TEMP_DIR")
for _name in [n for n in os.environ if n.startswith("GRADIO_") and n not in KEPT]:
    del os.environ[_name]
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
if os.environ.get("SPACE_ID"):  # a Space's proxy has a private address and says whose request it passes on
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
for _name in ("NO_PROXY", "no_proxy"):  # the server asks itself whether it is up; a proxy must not be in between
    os.environ[_name] = ",".join(filter(None, (os.environ.get(_name), "127.0.0.1", "localhost")))
with suppress(ImportError):
    import spaces  # type: ignore[import-not-found]  # noqa: F401  (on ZeroGPU: before torch)

from pipelines.config import get_preset  # noqa: E402
from pipelines.errors import UserError  # noqa: E402
from pipelines.vlad.settings import DRAWING  # noqa: E402
from ui.backend import Backend  # noqa: E402
from ui.demo import build, launch  # noqa: E402

M_ARENA_MAX = -8  # of mallopt


def loaders(preset: str, language_bits: int = 16) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """What loads drawing and what loads the image chat of a preset, each with every weight, on one shared cache."""

    @functools.cache
    def both() -> tuple[Any, Any]:
        import pipelines

        return pipelines.load_both(preset, language_bits=language_bits)

    def load(which: int) -> Any:
        pipeline = both()[which]
        pipeline.preload(run=not lent())
        if which == 1 and lent():  # the last one: what a worker was given stays where it is
            pipeline.cache.preload(freeze=True)
        return pipeline

    return lambda: load(0), lambda: load(1)


def device() -> str:
    """The device in words, with its reason."""
    from pipelines.runtime import detect

    return detect().describe()


def lent() -> bool:
    """Whether a GPU is lent for each call (ZeroGPU)."""
    from pipelines.runtime import on_zero_gpu

    return on_zero_gpu()


def backend(preset: str, language_bits: int = 16) -> Backend:
    """The backend of a preset; on ZeroGPU what computes borrows a GPU."""
    drawing, chatting = loaders(preset, language_bits)
    chosen = get_preset(preset)
    shown: dict[str, Any] = {"how": DRAWING[preset], "says": chosen.says, "tile": chosen.tile}
    if not os.environ.get("SPACES_ZERO_GPU"):
        return Backend(drawing, device=device, load_vlsa=chatting, **shown)
    from pipelines.runtime import gpu_task

    return Backend(drawing, gpu=gpu_task(60), device=device, load_vlsa=chatting, **shown)


def remote(preset: str, address: str) -> Backend:
    """A backend whose pipelines are replicas of that preset behind Ray Serve; see `pipelines.serve`.

    Raises:
        NotServed: there is no such cluster, or nothing is served there.
    """
    from pipelines import serve

    serve.begin(address)
    drawing, chatting = serve.Remote(0), serve.Remote(1)
    count, chosen = serve.replicas(), get_preset(preset)
    return Backend(
        lambda: drawing, device=lambda: f"{count} replicas of each pipeline behind Ray Serve.",
        load_vlsa=lambda: chatting, how=DRAWING[preset], says=chosen.says, tile=chosen.tile, replicas=count,
    )  # fmt: skip


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; host and port default to GRADIO_SERVER_NAME and GRADIO_SERVER_PORT."""
    parser = argparse.ArgumentParser(
        description="Prompt to layout to picture, and chat about an image, in the browser."
    )
    parser.add_argument("--preset", default=os.environ.get("VLAD_PRESET", "mini"), help="which weights (default: mini)")
    parser.add_argument("--host", default=None, help="address to listen on (default: GRADIO_SERVER_NAME or 127.0.0.1)")
    parser.add_argument("--port", type=int, default=None, help="default: GRADIO_SERVER_PORT or a free one")
    parser.add_argument(
        "--language-bits",
        type=int,
        choices=(16, 4),
        default=16,
        help="of the language model of full; 4 needs bitsandbytes",
    )
    parser.add_argument(
        "--replicas-at",
        default=os.environ.get("RAY_ADDRESS"),
        help="the Ray cluster whose replicas do the work, auto or HOST:PORT (default: RAY_ADDRESS; without it, here)",
    )
    args = parser.parse_args(argv)
    try:
        get_preset(args.preset)
    except UserError as e:
        parser.error(str(e))
    return args


def own_folder() -> tempfile.TemporaryDirectory[str] | None:
    """A folder for uploads and results that no other user can read, removed at the end; None where one was chosen."""
    if os.environ.get("GRADIO_TEMP_DIR"):
        return None
    folder = tempfile.TemporaryDirectory(prefix="vlad-files-", ignore_cleanup_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = folder.name
    return folder


def few_arenas() -> None:
    """Have glibc keep what threads free in two places and not in eight for each core, so that memory stays flat."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until interrupted."""
    few_arenas()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    args = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folders below are removed
    folder = own_folder()
    try:
        here = backend(args.preset, args.language_bits) if not args.replicas_at else None
        models = here or remote(args.preset, args.replicas_at)
    except UserError as e:
        raise SystemExit(str(e)) from e
    demo = build(models)
    if os.environ.get("SPACES_ZERO_GPU"):  # the weights are packed by the launch, and only this thread can place them
        models.load()
    try:
        launch(demo, args.host, args.port)
    except UserError as e:
        raise SystemExit(str(e)) from e
    except OSError as e:
        raise SystemExit(
            f"The server could not start ({e}); choose another address or port with --host and --port."
        ) from e
    models.start()
    with folder or nullcontext():
        demo.block_thread()


if __name__ == "__main__":
    main()
