"""What the two views of tab 2 share: Stop per session, the image they are about, files to take away."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Generator, Mapping
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipelines.errors import BadImage
from pipelines.vlsa.types import View
from ui import render
from ui.events import session_of
from ui.vlad_tab import LATE_S

MAX_SESSIONS = 1000  # sessions whose last Stop is remembered
WAITING = f"() => {json.dumps(render.message('Waiting', 'for the model; others may be before you'))}"
NO_IMAGE = "There is no image yet; add one in the chat first."

Values = tuple[Any, ...]


def need(view: View | None) -> View:
    """The image the views are about.

    Raises:
        BadImage: there is none.
    """
    if not isinstance(view, View):
        raise BadImage(NO_IMAGE)
    return view


class Stops:
    """When the work of each session was ended last, in seconds of `time.perf_counter`, and whether that is told.

    Args:
        again: which button starts the work again, in words.
    """

    def __init__(self, again: str) -> None:
        self.said = render.message("Stopped", f"press {again} to start again")
        self._pressed: dict[str, tuple[float, bool]] = {}
        self._begun: dict[str, float] = {}

    def press(self, session: str, quiet: bool = False) -> None:
        """Remember that the work ends now; `quiet` when another image came and not a press of Stop."""
        _remember(self._pressed, session, (time.perf_counter(), quiet))

    def begin(self, session: str) -> float:
        """New work begins, so an earlier Stop says no more: the time for `since`."""
        now = time.perf_counter()
        _remember(self._begun, session, now)
        return now

    def since(self, session: str, began: float) -> bool:
        """Whether the work that began at `began` was ended."""
        return self._pressed.get(session, (float("-inf"), False))[0] > began

    def replaced(self, session: str) -> bool:
        """Whether the work was ended last by another image."""
        return self._pressed.get(session, (0.0, False))[1]

    def stopped(self, request: gr.Request) -> Generator[Values, None, None]:
        """What the status says after Stop; said again as reports that were on their way may have arrived."""
        session = session_of(request)
        self.press(session)
        pressed = time.perf_counter()
        yield self.said, gr.Button(interactive=False)
        for pause in LATE_S:
            time.sleep(pause)
            if self._begun.get(session, pressed) > pressed:
                return
            yield self.said, gr.skip()


def _remember(where: dict[str, Any], session: str, value: Any) -> None:
    """Keep the value of the MAX_SESSIONS sessions that came last."""
    where.pop(session, None)
    where[session] = value
    while len(where) > MAX_SESSIONS:
        del where[next(iter(where))]


def download(data: bytes, name: str) -> Any:
    """A download button with a file in Gradio's temporary folder, which empties itself."""
    return gr.DownloadButton(value=save_bytes_to_cache(data, name, get_upload_folder()), interactive=True)


def nothing_to_download() -> Any:
    """A download button that waits."""
    return gr.DownloadButton(value=None, interactive=False)


def png(image: Image.Image, info: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a PNG file with `info` as JSON in its text "vlsa"."""
    buffer, text = io.BytesIO(), PngInfo()
    text.add_itxt("vlsa", json.dumps(dict(info or {}), ensure_ascii=False))
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()
