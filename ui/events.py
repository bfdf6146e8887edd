"""What the handlers of all tabs share: how events are queued, outputs left as they are, and what a visitor is told."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr

from pipelines.errors import UserError
from ui.backend import GENERAL

log = logging.getLogger(__name__)
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

Values = tuple[Any, ...]


def session_of(request: gr.Request | None) -> str:
    """Whose request it is; "" outside a server."""
    return (request.session_hash or "") if request is not None else ""


def skips(n: int) -> Values:
    """n outputs left as they are."""
    return tuple(gr.skip() for _ in range(n))


def sentence_of(error: Exception) -> str:
    """What a visitor is told of an error, in one sentence; what is unexpected is logged."""
    if isinstance(error, UserError):
        return str(error)
    log.error("unexpected error in a handler", exc_info=error)
    return GENERAL


def warn(error: Exception) -> str:
    """Tell the visitor in one sentence, log what is unexpected, and return the sentence."""
    sentence = sentence_of(error)
    gr.Warning(sentence, title="Please check")
    return sentence
