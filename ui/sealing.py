"""Gradio's ways of fetching what a request names, closed: the server asks no address that a visitor chose.

A value of an image may name the address of a file, which Gradio would download: `seal` replaces what downloads by a
refusal with one sentence.
"""

from __future__ import annotations

from typing import Any, NoReturn

import gradio as gr
import safehttpx
from gradio import processing_utils, routes
from starlette.exceptions import HTTPException

NOT_FETCHED = "Images are not fetched from web addresses; upload the image, or send it as a data URI."


def refuse_address(*_: Any, **__: Any) -> NoReturn:
    """Stands where Gradio would download a file for the visitor."""
    raise gr.Error(NOT_FETCHED, print_exception=False)


async def refuse_address_later(*_: Any, **__: Any) -> NoReturn:
    """`refuse_address` where Gradio awaits the download."""
    refuse_address()


async def refuse_route(*_: Any, **__: Any) -> NoReturn:
    """Stands where Gradio would pass on a file of another server."""
    raise HTTPException(403, NOT_FETCHED)


def seal() -> None:
    """Close Gradio's ways of fetching in this process; calling it again changes nothing."""
    processing_utils.async_ssrf_protected_get = refuse_address_later
    processing_utils.async_ssrf_protected_download = refuse_address_later
    processing_utils.ssrf_protected_download = refuse_address
    processing_utils.save_url_to_cache = refuse_address
    processing_utils.unsafe_download = refuse_address
    safehttpx.get = refuse_address_later
    routes.secure_url_stream_response = refuse_route
