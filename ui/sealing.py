"""Gradio's ways of fetching what a request names, closed: no address is asked, no file read that was not uploaded.

A value of an image may name the address of a file, which Gradio would download. A client of the MCP server may hand
over an image only as text: as an address, which Gradio would download too, or as a data URI. `seal` replaces what
downloads by a refusal with one sentence, and lets data URIs and uploaded files through after checking them.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import gradio as gr
import safehttpx
from gradio import processing_utils, routes
from gradio.utils import get_upload_folder
from starlette.exceptions import HTTPException

from pipelines.errors import BadImage

NOT_FETCHED = "Images are not fetched from web addresses; upload the image, or send it as a data URI."
NOT_SENT = (
    "The image must be a data URI, data:image/png;base64,..., or what an upload to /gradio_api/upload returned;"
    " send the image itself."
)
NOT_BASE64 = "The data URI of the image cannot be decoded; send data:image/png;base64,... with base64 after the comma."
HOW_TO_SEND = (
    " Give an image as a data URI, data:image/png;base64,..., of at most 3 MB; larger ones are uploaded to"
    " /gradio_api/upload first, and the path it returns is given. Web addresses are not fetched."
)
FORM = "an image as a data URI, data:image/png;base64,..., or the path that an upload returned"
FILE = "/gradio_api/file="
_DATA = re.compile(r"data:image/([a-z0-9.+-]{1,20});base64,([A-Za-z0-9+/=\s]*)", re.IGNORECASE)
_ENDINGS = {"jpeg": "jpg", "x-ms-bmp": "bmp", "svg+xml": "svg"}


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
    _seal_mcp()


def _seal_mcp() -> None:
    """Tools take images as `sent_image` says; their descriptions say so."""
    try:
        from gradio import mcp
    except ImportError:  # no MCP server without its package
        return
    GradioMCPServer: Any = mcp.GradioMCPServer
    if GradioMCPServer._file_data_tool_description == HOW_TO_SEND:
        return
    mcp.Client = functools.partial(mcp.Client, token=False)  # it asks this very server: no token of the hub is needed
    simplified = GradioMCPServer.simplify_filedata_schema
    GradioMCPServer._file_data_tool_description = HOW_TO_SEND
    GradioMCPServer.simplify_filedata_schema = _described(simplified)
    GradioMCPServer.convert_strings_to_filedata = _converted


def _described(simplified: Callable[..., Any]) -> Callable[..., Any]:
    """Gradio's schema of a tool, with images as they are taken here."""

    def schema(self: Any, full: dict[str, Any]) -> tuple[dict[str, Any], list[list[str | int]]]:
        simple, places = simplified(self, full)
        for place in places:
            node: Any = simple["properties"]
            for key in place:
                node = node[key]
            node["format"] = FORM
        return simple, places

    return schema


def _converted(_: Any, arguments: dict[str, Any], places: list[list[str | int]]) -> dict[str, Any]:
    """The arguments of a tool with its images as uploaded files. Nothing else in them may pass for a file: the server
    would read the path that it names.

    Raises:
        BadImage: an image that was not sent, or an argument that poses as a file.
    """
    _refuse_files(arguments)
    images = {place[0] for place in places if len(place) == 1}
    return {
        name: as_file(sent_image(value)) if name in images and value is not None else value
        for name, value in arguments.items()
    }


def _refuse_files(value: Any) -> None:
    if isinstance(value, dict):
        if "path" in value and "meta" in value:
            raise BadImage("Files cannot be named in the arguments of a tool; send an image as a data URI.")
        for v in value.values():
            _refuse_files(v)
    elif isinstance(value, list):
        for v in value:
            _refuse_files(v)


def as_file(path: Path) -> dict[str, Any]:
    """A file as Gradio's client takes it."""
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def sent_image(text: object) -> Path:
    """The file of an image that an MCP client sent: the contents of a data URI, or a file uploaded before.

    Raises:
        BadImage: an address, a path that was not uploaded, or a data URI that cannot be decoded.
    """
    if not isinstance(text, str):
        raise BadImage(NOT_SENT)
    text = text.strip()
    if text[:5].lower() == "data:":
        return _decoded(text)
    path = unquote(urlsplit(text).path.partition(FILE)[2]) if FILE in text else text
    if "://" in path or not path:
        raise BadImage(NOT_FETCHED)
    return _uploaded(path, BadImage(NOT_FETCHED if "://" in text else NOT_SENT))


def _uploaded(path: str, otherwise: BadImage) -> Path:
    try:
        file = Path(path).resolve()
        if file.is_relative_to(Path(get_upload_folder()).resolve()) and file.is_file():
            return file
    except (OSError, ValueError, RuntimeError):
        pass
    raise otherwise


def _decoded(text: str) -> Path:
    """The file with the contents of a data URI, in the folder of uploads."""
    found = _DATA.fullmatch(text)
    if found is None:
        raise BadImage(NOT_BASE64)
    try:
        data = base64.b64decode(re.sub(r"\s", "", found[2]), validate=True)
    except (binascii.Error, ValueError) as e:
        raise BadImage(NOT_BASE64) from e
    kind = found[1].lower()
    name = f"image.{_ENDINGS.get(kind, re.sub('[^a-z0-9]', '', kind))}"
    return Path(processing_utils.save_bytes_to_cache(data, name, get_upload_folder()))
