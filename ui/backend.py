"""What the page needs from the pipelines, typed by protocols, and its loading in the background.

Nothing here imports torch: the pipeline is built by a callable in a thread of its own, so the page opens at once and
says what it is waiting for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol

from PIL import Image

from pipelines.errors import CheckpointMissing, UserError
from pipelines.types import Element, Layout, Progress
from pipelines.vlad.canvas import draw_canvas, legibility_warnings
from pipelines.vlad.fonts import FontBook, default_fonts
from pipelines.vlad.prompt import Understanding, understand

log = logging.getLogger(__name__)
WAIT_S = 120.0  # longest that a handler waits for the weights
LOADING = "The weights are still being loaded; wait a few seconds and try again."
FAILED = "The model could not be loaded; the server log has the cause, restart the app when it is mended."
GENERAL = "Something went wrong on the server and nothing was changed; try again, and see the server log if it stays."


class Pipeline(Protocol):
    """The part of `pipelines.vlad.pipeline.VladPipeline` that the page uses."""

    cache: Any

    def plan(
        self, prompt: str, *, seed: int = 0, variety: float = 0.5, locked: Sequence[Element] = (), use_ccm: bool = True
    ) -> Layout: ...

    def draft(self, layout: Layout) -> Image.Image: ...

    def stream(
        self,
        layout: Layout,
        *,
        seed: int = 0,
        images: int = 1,
        steps: int | None = None,
        guidance: float | None = None,
        start: float | None = None,
        use_ccm: bool = True,
        hierarchical_guidance: bool = True,
        previews: bool = True,
    ) -> Iterator[Progress]: ...


class Backend:
    """The pipeline of one process, loaded once, and the parts of `pipelines` that work without weights.

    Args:
        load: builds the pipeline; may raise UserError (for example CheckpointMissing).
        gpu: wraps the function that draws; `spaces.GPU` on a ZeroGPU Space, else nothing.
        device: -> the device in words with its reason; asked only when the pipeline is there.
    """

    def __init__(
        self,
        load: Callable[[], Any],
        gpu: Callable[[Any], Any] | None = None,
        device: Callable[[], str] = lambda: "unknown device",
    ) -> None:
        self.device = device
        self._load, self._done, self._started = load, threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._pipeline: Any = None
        self.error: str | None = None
        self.stream: Callable[..., Generator[Progress, None, None]] = gpu(self._stream) if gpu else self._stream

    @property
    def ready(self) -> bool:
        """Whether the weights are there."""
        return self._pipeline is not None

    def start(self) -> None:
        """Begin to load in the background; later calls do nothing."""
        with self._started:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="load-pipeline", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            self._pipeline = self._load()
        except UserError as e:
            log.warning("pipeline not loaded: %s", e)
            self.error = str(e)
        except Exception:
            log.exception("pipeline not loaded")
            self.error = FAILED
        finally:
            self._done.set()

    def pipeline(self, timeout: float = WAIT_S) -> Pipeline:
        """The loaded pipeline; waits for it at most `timeout` seconds.

        Raises:
            CheckpointMissing: it could not be loaded, or is not there in time.
        """
        self.start()
        if not self._done.wait(timeout):
            raise CheckpointMissing(LOADING)
        if self.error is not None:
            raise CheckpointMissing(self.error)
        return self._pipeline

    def _stream(self, layout: Layout, settings: dict[str, Any]) -> Generator[Progress, None, None]:
        """Reports of `Pipeline.stream`; closing this generator closes that one."""
        yield from self.pipeline().stream(layout, **settings)

    def understand(self, prompt: str) -> Understanding:
        """Rule-based reading of the prompt; works without weights.

        Raises:
            BadPrompt: see `pipelines.vlad.prompt.understand`.
        """
        return understand(prompt)

    def warnings(self, layout: Layout) -> tuple[str, ...]:
        """Sentences about a layout that may come out badly; works without weights."""
        return tuple(legibility_warnings(layout))

    def canvas(self, layout: Layout) -> Image.Image:
        """Planned colours, shapes and letters, 512x512 px, with plain patches for objects; works without weights."""
        return draw_canvas(layout, {}, None, size=512)

    def fonts(self) -> FontBook:
        """The fonts that a text may be set in."""
        return default_fonts()
