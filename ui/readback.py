"""Reading finished pictures back, in tab "Draw": handlers as plain functions, the part of the page, and its wiring.

What is read is the pictures in the stage, each against the layout inside its own PNG file: the plan may have been
changed since.
"""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
from PIL import Image

from pipelines.errors import BadImage
from pipelines.types import Layout
from pipelines.vlad import readback
from pipelines.vlad.readback import ReadBack
from pipelines.vlsa.types import Message
from ui import components, editing, render, theme
from ui import readback_render as html
from ui.backend import Backend
from ui.handling import MODEL, PRIVATE, Values, sentence_of, skips, warn

QUESTION = "What does the text say?"
MOST = 4  # pictures of one stage
SIDE = 1024  # longest side of a picture, in pixels
FOREIGN = "The picture in the stage is not one that was drawn here; draw it again to have it read back."
SHOWN = 6  # outputs of Readings.read: state, verdict, panel, stage, choice, button


@dataclass(frozen=True)
class Drawn:
    """Finished pictures with what they were drawn from.

    Attributes:
        files: PNG files, at most MOST. layout: of all of them. seed: of the first; picture k has seed + k.
    """

    files: tuple[bytes, ...]
    layout: Layout
    seed: int

    def picture(self, k: int) -> Image.Image:
        return _opened(self.files[k])

    @property
    def uris(self) -> list[str]:
        """The files as data URIs, byte for byte."""
        return [render.png_uri(f) for f in self.files]


@dataclass(frozen=True)
class Reading:
    """What is known of the pictures in the stage.

    Attributes:
        drawn: the pictures. readings: one each. best, chosen: indices of pictures.
        answers: picture -> what the chat model says that it reads.
    """

    drawn: Drawn
    readings: tuple[ReadBack, ...]
    best: int
    chosen: int
    answers: Mapping[int, str] = field(default_factory=dict)


def drawn(stage: str | None, fonts: Any) -> Drawn | None:
    """The finished pictures of a stage; None where it shows none (nothing, or a preview).

    Args:
        stage: what `ui.render.stage` made, as it comes back from the browser. fonts: those a layout may name.

    Raises:
        BadImage: a file that was not drawn here. BadLayout: its layout is none.
    """
    files, _ = render.pictures(stage)
    if not files or not files[0].startswith(b"\x89PNG"):
        return None
    if len(files) > MOST:
        raise BadImage(FOREIGN)
    try:
        info = json.loads(getattr(_opened(files[0]), "text", {})["vlad"])
        layout, seed = Layout.from_dict(info["layout"]), int(info["seed"])
    except (KeyError, TypeError, ValueError) as e:
        raise BadImage(FOREIGN) from e
    return Drawn(tuple(files), editing.checked(layout, fonts), seed)


def _opened(data: bytes) -> Image.Image:
    """The picture of a PNG file.

    Raises:
        BadImage: it cannot be read, or is larger than any that is drawn here.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as file:
            if max(file.size) > SIDE:
                raise BadImage(FOREIGN)
            file.load()
            return file
    except (OSError, ValueError, SyntaxError) as e:
        raise BadImage(FOREIGN) from e


class Readings:
    """What happens when pictures are finished, one of them is chosen, or the chat model is asked.

    Args:
        backend: the pipelines and the parts that work without weights.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def read(self, wanted: bool, stage: str | None) -> Generator[Values, None, None]:
        """Read the finished pictures in the stage. Yields state, verdict, panel, stage, choice and the chat model's
        button.
        """
        try:
            found = drawn(stage, self.backend.fonts()) if wanted else None
            if found is None:
                yield nothing()
                return
            yield gr.skip(), render.message("Reading the picture back"), *skips(SHOWN - 2)
            pictures = [found.picture(k) for k in range(len(found.files))]
            readings = self.backend.read_back(found.layout, pictures)
            best = readback.best(readings)
            yield self.shown(Reading(found, readings, best, best))
        except Exception as e:
            yield nothing(render.notes([sentence_of(e)], "bad"))

    def shown(self, reading: Reading) -> Values:
        """The outputs of `read` for what is known; one picture alone stays in the stage as it is."""
        several = len(reading.readings) > 1
        choices = [(html.label(k, r, k == reading.best), k) for k, r in enumerate(reading.readings)]
        return (
            reading,
            verdict(reading),
            panel(reading),
            stage_of(reading) if several else gr.skip(),
            gr.Radio(choices=choices, value=reading.chosen, visible=several),
            gr.Button(visible=bool(reading.drawn.layout.texts)),
        )

    def choose(self, k: Any, reading: Reading | None) -> Values:
        """Choose another picture. Gives state, verdict, panel and stage."""
        if reading is None or isinstance(k, bool) or not isinstance(k, int) or not 0 <= k < len(reading.readings):
            return skips(4)
        reading = replace(reading, chosen=k)
        return reading, verdict(reading), panel(reading), stage_of(reading)

    def pick(self, reading: Reading | None, event: gr.EventData) -> Values:
        """As `choose`, by a click on a picture in the stage; gives the choice too."""
        values = self.choose(getattr(event, "index", None), reading)
        return *values, gr.skip() if values[0] == gr.skip() else values[0].chosen

    def hear(self, reading: Reading | None) -> Generator[Values, None, None]:
        """Ask the chat model what the chosen picture says. Yields state, panel and its button."""
        if reading is None:
            yield skips(3)
            return
        yield *skips(2), gr.Button("The chat model reads …", interactive=False)
        button = gr.Button(ASK, interactive=True)
        try:
            view = self.backend.view(reading.drawn.files[reading.chosen])
            (reply,) = deque(self.backend.chat([Message("user", QUESTION, view)], {}), maxlen=1)
            reading = replace(reading, answers={**reading.answers, reading.chosen: reply.text.strip()})
            yield reading, panel(reading), button
        except Exception as e:
            warn(e)
            yield *skips(2), button


def nothing(verdict: str = "") -> Values:
    """The outputs of `Readings.read` when there is nothing to show but perhaps a sentence."""
    return None, verdict, "", gr.skip(), gr.Radio(visible=False), gr.Button(visible=False)


def verdict(reading: Reading) -> str:
    """The HTML of one sentence about the chosen picture, and of one about the best of several."""
    return html.verdict(reading.readings, reading.chosen, reading.best)


def panel(reading: Reading) -> str:
    """The HTML of what is known of the chosen picture."""
    k, layout = reading.chosen, reading.drawn.layout
    answer = reading.answers.get(k)
    heard = None if answer is None else readback.said(layout, answer)
    picture = reading.drawn.picture(k)
    return html.panel(layout, picture, reading.readings[k], heard, answer or "")


def stage_of(reading: Reading) -> str:
    """The stage with the pictures tagged, and the chosen one framed."""
    made = reading.drawn
    tags = [html.tag(r, k == reading.best) for k, r in enumerate(reading.readings)]
    return render.stage(uris=made.uris, alt=render.alt(made.layout), seed=made.seed, tags=tags, chosen=reading.chosen)


# -- the page ----------------------------------------------------------------------------------------------------------

ASK = "Let the chat model read it"


@dataclass(frozen=True)
class Part:
    """The components of the read-back: the first three below the stage, the others in a card of their own."""

    wanted: gr.Checkbox
    choice: gr.Radio
    verdict: gr.HTML
    panel: gr.HTML
    ask: gr.Button
    state: gr.State


def summary() -> dict[str, Any]:
    """What stands below the stage: whether to read, which picture, and what came of it in a sentence."""
    with gr.Column(elem_id="readback"):
        wanted = gr.Checkbox(True, label="Read the picture back", elem_id="read-back", container=False)
        verdict = gr.HTML("", js_on_load=None, elem_id="read-verdict")
        choice = gr.Radio([], label="Chosen picture", visible=False, elem_id="chosen", elem_classes="segments")
    return {"wanted": wanted, "verdict": verdict, "choice": choice}


def card() -> dict[str, Any]:
    """The details, in a card that is hidden as long as there are none."""
    components.heading(4, "Read back", "what the finished picture says and shows")
    panel = gr.HTML("", js_on_load=None, elem_id="read-panel")
    ask = gr.Button(ASK, size="sm", visible=False, elem_id="chat-reads")
    return {"panel": panel, "ask": ask}


def stage() -> gr.HTML:
    """The stage, whose pictures can be chosen by a click; it triggers `select` with the index."""
    return gr.HTML(render.stage(), js_on_load=theme.script("picker.js"), elem_id="stage")


def wire(part: Part, stage: gr.HTML, do: Readings, finished: Sequence[Any]) -> None:
    """Read after each of the `finished` events, and when the visitor wishes it."""
    for listen in (part.wanted.input, *(event.then for event in finished)):
        after(part, stage, do, listen)
    chosen = [part.state, part.verdict, part.panel, stage]
    part.choice.input(do.choose, [part.choice, part.state], chosen, **PRIVATE)
    stage.select(do.pick, part.state, [*chosen, part.choice], **PRIVATE)
    part.ask.click(do.hear, part.state, [part.state, part.panel, part.ask], **PRIVATE, **MODEL)


def after(part: Part, stage: gr.HTML, do: Readings, listen: Any) -> None:
    """Read when something happens: `listen` is for example the `then` of an event that draws."""
    outputs = [part.state, part.verdict, part.panel, stage, part.choice, part.ask]
    listen(do.read, [part.wanted, stage], outputs, **PRIVATE, **MODEL)
