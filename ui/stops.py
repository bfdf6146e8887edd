"""The Stop button: when the work of each session was ended last."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any

import gradio as gr

from ui import render
from ui.handling import Values, session_of

LATE_S = (0.7, 1.3, 2.0)  # seconds between sayings of "Stopped": a report on its way may arrive late on a busy machine
MAX_SESSIONS = 1000  # sessions whose last Stop is remembered


class Stops:
    """When the work of each session was ended last, in seconds of `time.monotonic`, and whether that is told.

    Args:
        again: which button starts the work again, in words.
    """

    def __init__(self, again: str) -> None:
        self.said = render.message("Stopped", f"press {again} to start again")
        self._pressed: dict[str, tuple[float, bool]] = {}
        self._begun: dict[str, float] = {}
        self._lock = threading.Lock()

    def press(self, session: str, quiet: bool = False) -> None:
        """Remember that the work ends now; `quiet` when another image came and not a press of Stop."""
        self._remember(self._pressed, session, (time.monotonic(), quiet))

    def begin(self, session: str) -> float:
        """New work begins, so an earlier Stop says no more: the time for `since`."""
        now = time.monotonic()
        self._remember(self._begun, session, now)
        return now

    def since(self, session: str, began: float) -> bool:
        """Whether the work that began at `began` was ended."""
        return self._pressed.get(session, (float("-inf"), False))[0] > began

    def replaced(self, session: str) -> bool:
        """Whether the work was ended last by another image."""
        return self._pressed.get(session, (0.0, False))[1]

    async def stopped(self, request: gr.Request) -> AsyncGenerator[Values, None]:
        """What the status says after Stop; said again as reports that were on their way may have arrived."""
        session = session_of(request)
        self.press(session)
        pressed = time.monotonic()
        yield self.said, gr.Button(interactive=False)
        for pause in LATE_S:
            await asyncio.sleep(pause)
            if self._begun.get(session, pressed) > pressed:
                return
            yield self.said, gr.skip()

    def _remember(self, where: dict[str, Any], session: str, value: Any) -> None:
        """Keep the value of the MAX_SESSIONS sessions that came last."""
        with self._lock:
            where.pop(session, None)
            where[session] = value
            while len(where) > MAX_SESSIONS:
                del where[next(iter(where))]
