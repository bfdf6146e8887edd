"""What the page needs from the pipelines, typed by protocols, and its loading in the background.

Nothing here imports torch: the pipelines are built by callables in a thread of their own, so the page opens at once and
says what it is waiting for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL import Image

from pipelines.errors import CheckpointMissing, UserError
from pipelines.types import Element, Layout, Progress
from pipelines.vlad.canvas import draw_canvas, legibility_warnings
from pipelines.vlad.fonts import FontBook, default_fonts
from pipelines.vlad.negative import negative_warnings
from pipelines.vlad.prompt import Understanding, understand
from pipelines.vlad.readback import ReadBack
from pipelines.vlad.settings import MINI, Drawing
from pipelines.vlsa import tiling
from pipelines.vlsa.settings import TOGETHER
from pipelines.vlsa.types import TILE, Message, Pixels, Predicted, Rebuilt, Reply, Tokens, View
from ui.lane import Lane
from ui.presence import present

log = logging.getLogger(__name__)
WAIT_S = 120.0  # longest that a handler waits for the weights
COMPUTING = ("plan", "draft", "stream", "chat", "reconstruct", "predict", "tokens", "pixels", "decode", "read_back")
LOADING = "The weights are still being loaded; wait a few seconds and try again."
FAILED = "The model could not be loaded; the server log has the cause, restart the app when it is mended."
NO_CHAT = "This server was started without the weights of the image chat; start app.py with a preset that has them."
GENERAL = "Something went wrong on the server and nothing was changed; try again, and see the server log if it stays."

Settings = dict[str, Any]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Refused:
    """A refusal on its way out of a lent function, of which only values come through as they are."""

    error: UserError


class Pipeline(Protocol):
    """The part of `pipelines.vlad.pipeline.VladPipeline` that the page uses."""

    cache: Any

    def plan(
        self,
        prompt: str,
        *,
        seed: int = 0,
        variety: float = 0.5,
        locked: Sequence[Element] = (),
        use_ccm: bool = True,
        negative_prompt: str = "",
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
        size: int | None = None,
        use_ccm: bool = True,
        hierarchical_guidance: bool = True,
        previews: bool = True,
    ) -> Iterator[Progress]: ...

    def read_back(self, layout: Layout, images: Sequence[Image.Image]) -> tuple[ReadBack, ...]: ...


class ChatPipeline(Protocol):
    """The part of `pipelines.vlsa.pipeline.VlsaPipeline` that the page uses; closing an iterator stops the work."""

    cache: Any

    def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 96,
        temperature: float = 0.0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
    ) -> Iterator[Reply]: ...

    def reconstruct(
        self,
        view: View,
        *,
        steps: int | None = None,
        seed: int = 0,
        guidance: float | None = None,
        perceiver: bool = True,
    ) -> Iterator[Rebuilt]: ...

    def tokens(self, view: View) -> Tokens: ...

    def predict(self, view: View) -> Iterator[Predicted]: ...

    def pixels(self, view: View, vertex: tuple[int, int] = (0, 0)) -> Pixels: ...

    def decode(self, index: np.ndarray) -> Image.Image: ...


class Slot:
    """One pipeline, loaded once: not asked for yet, there, or failed with a sentence.

    Args:
        load: builds the pipeline; may raise UserError (for example CheckpointMissing). None: there is nothing to load.
    """

    def __init__(self, load: Callable[[], Any] | None) -> None:
        self._load, self._done = load, threading.Event()
        self._pipeline: Any = None
        self.error: str | None = NO_CHAT if load is None else None
        if load is None:
            self._done.set()

    @property
    def ready(self) -> bool:
        """Whether the weights are there."""
        return self._pipeline is not None

    @property
    def pending(self) -> bool:
        """Whether the weights may still come."""
        return not self._done.is_set()

    def run(self) -> None:
        """Load, in the thread of the caller."""
        if self._load is None:
            return
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

    def get(self, timeout: float) -> Any:
        """The pipeline; waits for it at most `timeout` seconds.

        Raises:
            CheckpointMissing: it could not be loaded, or is not there in time.
        """
        if not self._done.wait(timeout):
            raise CheckpointMissing(LOADING)
        if self.error is not None:
            raise CheckpointMissing(self.error)
        return self._pipeline


class Backend:
    """The two pipelines of one process, loaded once, and the parts of `pipelines` that work without weights.

    Drawing loads first, then the image chat; either may fail with its own sentence while the other works. What
    computes on the device goes through the methods here, so that a lent GPU is asked for in one place, and one request
    computes at a time, or some answers of the chat together: none of them may be called while a generator of another is
    at work in the same thread.

    Args:
        load: builds the pipeline of tab 1; may raise UserError (for example CheckpointMissing).
        gpu: wraps the functions that compute; `spaces.GPU` on a ZeroGPU Space, else nothing.
        device: -> the device in words with its reason; asked only when a pipeline is there.
        load_vlsa: builds the pipeline of tab 2, likewise; None where there is none.
        lane: lets one request compute at a time, and answers together.
        how: settings of drawing and their limits.
        says: what visitors should know of the weights, in sentences.
        tile: pixels along one side of what the image chat's vision tower takes.
        replicas: how many of each pipeline there are, where they are not in this process; 0 = they are.

    Attributes:
        answers: how many answers of the chat are computed at once. at_once: how many other requests are.
    """

    def __init__(
        self,
        load: Callable[[], Any],
        gpu: Callable[[Any], Any] | None = None,
        device: Callable[[], str] = lambda: "unknown device",
        load_vlsa: Callable[[], Any] | None = None,
        lane: Lane | None = None,
        how: Drawing = MINI,
        says: Sequence[str] = (),
        tile: int = TILE,
        replicas: int = 0,
    ) -> None:
        self.at_once, self.tile = max(replicas, 1), tile
        if replicas and lane is None:
            lane = Lane(together=replicas * (1 + TOGETHER), open=True)
        self.device, self.lane, self.how, self.says = device, lane or Lane(), how, says
        # a GPU is lent to one call, in a forked worker of its own, where no answer meets another one
        together = replicas * TOGETHER if replicas else self.lane.together
        self.answers = together if gpu is None else 1
        self.drawing, self.chatting = Slot(load), Slot(load_vlsa)
        self._started = threading.Lock()
        self._thread: threading.Thread | None = None
        lend: Callable[[Any], Any] = gpu or (lambda task: task)
        self._lent = {name: lend(getattr(self, f"_{name}")) for name in COMPUTING}

    @property
    def ready(self) -> bool:
        """Whether the weights of tab 1 are there."""
        return self.drawing.ready

    @property
    def error(self) -> str | None:
        """Why tab 1 has no weights, or None."""
        return self.drawing.error

    def start(self) -> None:
        """Begin to load in the background; later calls do nothing."""
        with self._started:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="load-pipelines", daemon=True)
                self._thread.start()

    def load(self) -> None:
        """Load now, in the thread of the caller; later calls do nothing."""
        with self._started:
            if self._thread is None:
                self._thread = threading.current_thread()
                self._run()

    def _run(self) -> None:
        for slot in (self.drawing, self.chatting):
            slot.run()

    def pipeline(self, timeout: float = WAIT_S) -> Pipeline:
        """The loaded pipeline of tab 1; waits for it at most `timeout` seconds.

        Raises:
            CheckpointMissing: it could not be loaded, or is not there in time.
        """
        self.start()
        return self.drawing.get(timeout)

    def vlsa(self, timeout: float = WAIT_S) -> ChatPipeline:
        """The loaded pipeline of tab 2; waits for it at most `timeout` seconds.

        Raises:
            CheckpointMissing: it could not be loaded, or is not there in time.
        """
        self.start()
        return self.chatting.get(timeout)

    def cache(self) -> Any:
        """The model cache that the pipelines share, or None while there is no pipeline."""
        slot = next((s for s in (self.drawing, self.chatting) if s.ready), None)
        return slot.get(0).cache if slot else None

    # -- what computes: waits for the weights, then in the lane while somebody is there for it ------------------------

    def plan(self, prompt: str, **settings: Any) -> Layout:
        """`Pipeline.plan` in the lane."""
        self.pipeline()
        return self.lane.result(lambda: told(self._lent["plan"](prompt, settings)), present)

    def draft(self, layout: Layout) -> Image.Image:
        """`Pipeline.draft`: outside the lane, for it is quick and shows what a visitor does with the pointer."""
        self.pipeline()
        return told(self._lent["draft"](layout))

    def read_back(self, layout: Layout, images: Sequence[Image.Image]) -> tuple[ReadBack, ...]:
        """`Pipeline.read_back` in the lane."""
        self.pipeline()
        return self.lane.result(lambda: told(self._lent["read_back"](layout, images)), present)

    def stream(self, layout: Layout, settings: Settings) -> Generator[Progress, None, None]:
        """Reports of `Pipeline.stream` in the lane; closing this generator closes that one and frees the lane."""
        self.pipeline()
        yield from self._reports("stream", lambda report: report.stage == "done", layout, settings)

    def chat(
        self, messages: Sequence[Message], settings: Settings, wanted: Callable[[], bool] = present
    ) -> Generator[Reply, None, None]:
        """Replies of `ChatPipeline.chat`, likewise; up to `answers` requests of several threads are computed together.

        Args:
            wanted: asked while the request waits for the lane; False ends it with `ui.lane.TakenBack`.
        """
        self.vlsa()
        yield from self._reports("chat", lambda reply: reply.done, messages, settings, kind=self._kind, wanted=wanted)

    @property
    def chat_waits(self) -> bool:
        """Whether an answer that is asked for now would have to wait for the lane."""
        return self.lane.full(self._kind)

    @property
    def _kind(self) -> str:
        return "chat" if self.answers > 1 else ""

    def reconstruct(self, view: View, settings: Settings) -> Generator[Rebuilt, None, None]:
        """Reports of `ChatPipeline.reconstruct`, likewise."""
        self.vlsa()
        yield from self._reports("reconstruct", lambda report: report.stage == "done", view, settings)

    def predict(self, view: View) -> Generator[Predicted, None, None]:
        """Reports of `ChatPipeline.predict`, likewise."""
        self.vlsa()
        yield from self._reports("predict", lambda report: report.done, view)

    def tokens(self, view: View) -> Tokens:
        """`ChatPipeline.tokens` in the lane."""
        self.vlsa()
        return self.lane.result(lambda: told(self._lent["tokens"](view)), present)

    def pixels(self, view: View, vertex: tuple[int, int]) -> Pixels:
        """`ChatPipeline.pixels` in the lane."""
        self.vlsa()
        return self.lane.result(lambda: told(self._lent["pixels"](view, vertex)), present)

    def decode(self, index: np.ndarray) -> Image.Image:
        """`ChatPipeline.decode` in the lane."""
        self.vlsa()
        return self.lane.result(lambda: told(self._lent["decode"](index)), present)

    def _reports(self, name: str, last: Callable[[Any], bool], *inputs: Any, **how: Any) -> Generator[Any, None, None]:
        how.setdefault("wanted", present)
        with closing(self.lane.reports(lambda: self._lent[name](*inputs), last=_or_refused(last), **how)) as reports:
            for report in reports:
                yield told(report)

    # -- the same without the lane; `gpu` wraps these, and may run them in a process of their own ---------------------

    def _plan(self, prompt: str, settings: Settings) -> Layout | Refused:
        return _refusing(lambda: self.pipeline().plan(prompt, **settings))

    def _draft(self, layout: Layout) -> Image.Image | Refused:
        return _refusing(lambda: self.pipeline().draft(layout))

    def _stream(self, layout: Layout, settings: Settings) -> Generator[Progress | Refused, None, None]:
        yield from _refusing_reports(lambda: self.pipeline().stream(layout, **settings))

    def _chat(self, messages: Sequence[Message], settings: Settings) -> Generator[Reply | Refused, None, None]:
        yield from _refusing_reports(lambda: self.vlsa().chat(messages, **settings))

    def _reconstruct(self, view: View, settings: Settings) -> Generator[Rebuilt | Refused, None, None]:
        yield from _refusing_reports(lambda: self.vlsa().reconstruct(view, **settings))

    def _predict(self, view: View) -> Generator[Predicted | Refused, None, None]:
        yield from _refusing_reports(lambda: self.vlsa().predict(view))

    def _tokens(self, view: View) -> Tokens | Refused:
        return _refusing(lambda: self.vlsa().tokens(view))

    def _pixels(self, view: View, vertex: tuple[int, int]) -> Pixels | Refused:
        return _refusing(lambda: self.vlsa().pixels(view, vertex))

    def _read_back(self, layout: Layout, images: Sequence[Image.Image]) -> tuple[ReadBack, ...] | Refused:
        return _refusing(lambda: self.pipeline().read_back(layout, images))

    def _decode(self, index: np.ndarray) -> Image.Image | Refused:
        return _refusing(lambda: self.vlsa().decode(index))

    # -- what works without weights -----------------------------------------------------------------------------------

    def view(self, image: Any) -> View:
        """An image (a picture, the path of a file, its bytes) as the model sees it.

        Raises:
            BadImage: it cannot be read or used.
        """
        return tiling.view(image, self.tile)

    def understand(self, prompt: str) -> Understanding:
        """Rule-based reading of the prompt.

        Raises:
            BadPrompt: see `pipelines.vlad.prompt.understand`.
        """
        return understand(prompt)

    def warnings(self, layout: Layout) -> tuple[str, ...]:
        """Sentences about a layout that may come out badly."""
        return (*negative_warnings(layout), *legibility_warnings(layout))

    def canvas(self, layout: Layout) -> Image.Image:
        """Planned colours, shapes and letters, 512x512 px, with plain patches for objects."""
        return draw_canvas(layout, {}, None, size=512)

    def fonts(self) -> FontBook:
        """The fonts that a text may be set in."""
        return default_fonts()


def told(result: Result | Refused) -> Result:
    """The result of a lent function.

    Raises:
        UserError: it was refused.
    """
    if isinstance(result, Refused):
        raise result.error
    return result


def _refusing(work: Callable[[], Result]) -> Result | Refused:
    try:
        return work()
    except UserError as e:
        return Refused(e)


def _refusing_reports(work: Callable[[], Iterator[Result]]) -> Generator[Result | Refused, None, None]:
    try:
        yield from work()
    except UserError as e:
        yield Refused(e)


def _or_refused(last: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda report: isinstance(report, Refused) or last(report)
