"""What the handlers of all tabs share: how events are queued, outputs left as they are, and what a visitor is told."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import gradio as gr

from pipelines.errors import UserError
from ui.backend import GENERAL, Backend

log = logging.getLogger(__name__)
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
ANSWERS = "answers"  # concurrency_id of what asks the chat model and nothing else
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
LINE = "in-line"  # class of a status that tells the place in the line (static/waiting.js)
CAN_STOP = '() => ({__type__: "update", interactive: true})'  # the Stop button, while the work waits in the line
NO_STOP = CAN_STOP.replace("true", "false")  # and when it did not begin, for the line is full, or was taken out of it
MAX_RANDOM = 10**6  # a seed that is short enough to write down

Values = tuple[Any, ...]


def serve_at_once(backend: Backend) -> None:
    """Have as many events that compute served at once as the backend has pipelines; before the page is built."""
    MODEL["concurrency_limit"] = backend.at_once


def answers(backend: Backend) -> dict[str, Any]:
    """How many events that ask the chat model are served at once: as many as it answers together."""
    return {"concurrency_id": ANSWERS, "concurrency_limit": backend.answers}


def in_line(status: Any, served: dict[str, Any] = MODEL) -> dict[str, Any]:
    """How an event of the page that computes is served: one at a time unless `served` says otherwise, its place in the
    line told on `status`.
    """
    return {**PRIVATE, **served, "show_progress": "minimal", "show_progress_on": status}


def session_of(request: gr.Request | None) -> str:
    """Whose request it is; "" outside a server."""
    return (request.session_hash or "") if request is not None else ""


def skips(n: int) -> Values:
    """n outputs left as they are."""
    return tuple(gr.skip() for _ in range(n))


def seed_for(seed: Any, randomise: bool) -> int:
    """The seed to use: a fresh random one, or the one in the field (0 when it is empty)."""
    return secrets.randbelow(MAX_RANDOM) if randomise else int(seed or 0)


def sentence_of(error: Exception) -> str:
    """What a visitor is told of an error, in one sentence; what is unexpected is logged.

    A `gr.Error` comes from the lender of the GPU, for example that the quota is spent.
    """
    if isinstance(error, gr.Error):
        return str(error.message)
    if isinstance(error, UserError):
        return str(error)
    log.error("unexpected error in a handler", exc_info=error)
    return GENERAL


def warn(error: Exception) -> str:
    """Tell the visitor in one sentence, log what is unexpected, and return the sentence."""
    sentence = sentence_of(error)
    gr.Warning(sentence, title="Please check")
    return sentence
