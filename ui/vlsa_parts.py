"""What the two views of tab 2 share: the image they are about, files to take away."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipelines.errors import BadImage
from pipelines.vlsa.types import View

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
