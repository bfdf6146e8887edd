"""What the handlers of both tabs share: how an event is wired, what an output skips, how an error is told."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import gradio as gr

from pipelines.errors import UserError
from ui.backend import GENERAL

log = logging.getLogger(__name__)
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
MAX_RANDOM = 10**6  # a seed that is short enough to write down

Values = tuple[Any, ...]


def session_of(request: gr.Request | None) -> str:
    """Whose request it is; "" outside a server."""
    return (request.session_hash or "") if request is not None else ""


def skips(n: int) -> Values:
    """n outputs left as they are."""
    return tuple(gr.skip() for _ in range(n))


def seed_for(seed: Any, randomise: bool) -> int:
    """The seed to use: a fresh random one, or the one in the field (0 when it is empty)."""
    return secrets.randbelow(MAX_RANDOM) if randomise else int(seed or 0)


def warn(error: Exception) -> str:
    """Tell the visitor in one sentence, log what is unexpected, and return the sentence."""
    if not isinstance(error, UserError):
        log.error("unexpected error in a handler", exc_info=error)
    sentence = str(error) if isinstance(error, UserError) else GENERAL
    gr.Warning(sentence, title="Please check")
    return sentence
