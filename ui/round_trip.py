"""From an image to words to a picture: what the chat model says of an image becomes the prompt of the first tab."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr

from pipelines.errors import BadImage, BadPrompt
from pipelines.vlsa.types import Message, View
from ui import readback, render, vlad_tab, vlsa_tab
from ui.backend import Backend
from ui.editing import Desk
from ui.handling import CAN_STOP, NO_STOP, PRIVATE, Values, in_line, skips, warn
from ui.vlsa_chat import NO_IMAGE, Conversation

QUESTION = "Describe the picture briefly."
NO_WORDS = "The model found no words for this image; write a prompt in the first tab yourself."
DESCRIBING = "Describing the image"
FIRST = 3  # outputs before those of drawing: status of the chat, prompt, tabs


class RoundTrip:
    """Describing an image and drawing the description; nothing here keeps state of a visitor.

    Args:
        backend: the pipelines of the process.
        draw: plans a prompt and draws the plan, as `Handlers.plan_and_draw`.
        outputs: how many outputs `draw` has.
    """

    def __init__(self, backend: Backend, draw: Callable[..., Generator[Values, None, None]], outputs: int) -> None:
        self.backend, self.draw, self.outputs = backend, draw, outputs

    def again(
        self, conversation: Conversation, view: View | None, prompt: str, negative: str, seed: Any, randomise: bool,
        variety: float, without_ccm: bool, desk: Desk, *how: Any, request: gr.Request | None = None,
    ) -> Generator[Values, None, None]:  # fmt: skip
        """Describe the image, open the first tab with the words as its prompt, plan and draw.

        Locked boxes belong to the plan of before, so they do not stay. Yields status of the chat, prompt, tabs, and
        the outputs of drawing; closing it stops the pipelines.
        """
        try:
            yield render.message(DESCRIBING), *skips(FIRST - 1 + self.outputs)
            words = self.describe(view or conversation.latest)
        except Exception as e:
            yield render.message("Not described", warn(e)), *skips(FIRST - 1 + self.outputs)
            return
        yield render.message("Described", words), words, gr.Tabs(selected="draw"), *skips(self.outputs)
        inputs = (words, negative, seed, randomise, variety, without_ccm, unlocked(desk), *how)
        with closing(self.draw(*inputs, request=request)) as drawing:
            for values in drawing:
                yield *skips(FIRST), *values

    def describe(self, view: View | None) -> str:
        """What the chat model says of an image in a few words.

        Raises:
            BadImage: there is none.
            BadPrompt: it says nothing.
        """
        if view is None:
            raise BadImage(NO_IMAGE)
        asked: Sequence[Message] = [Message("user", QUESTION, view)]
        words = ""
        for reply in self.backend.chat(asked, {}):
            words = reply.text.strip()
        if not words:
            raise BadPrompt(NO_WORDS)
        return words


def unlocked(desk: Desk) -> Desk:
    """The desk, whose plan has no locked elements; undo leads to the plan as it was."""
    if desk.layout is None or not any(e.locked for e in desk.layout.elements):
        return desk
    return desk.put(replace(desk.layout, elements=tuple(replace(e, locked=False) for e in desk.layout.elements)))


def wire(first: vlad_tab.Page, second: vlsa_tab.Page, tabs: gr.Tabs, do: vlad_tab.Handlers) -> None:
    """Connect the second tab's button with the first tab; Stop there ends the drawing, wherever it was begun."""
    outputs = first.planned
    trip = RoundTrip(do.backend, do.plan_and_draw, len(outputs))
    second.again.click(None, None, first.stop, js=CAN_STOP, **PRIVATE)
    drawing = second.again.click(
        trip.again,
        [second.conversation, second.view, *first.planning],
        [second.status, first.prompt, tabs, *outputs],
        **in_line(second.status),
    )
    drawing.failure(None, None, first.stop, js=NO_STOP, **PRIVATE)
    first.stop.click(None, None, None, cancels=[drawing], **PRIVATE)
    readback.after(first.read, first.stage, readback.Readings(do.backend), drawing.then)
