"""The public functions as tools of the MCP server: how images come in, and how results go out.

Gradio would download an image that a client names by its address, and would upload to itself any file of this machine
that an argument names. Here an image comes as a data URI or has been uploaded before, and nothing else passes for a
file. Of several results Gradio would write the Python value as text; here pictures go out as pictures, the rest as
JSON.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from anyio.to_thread import run_sync
from gradio import processing_utils
from gradio.utils import get_upload_folder
from gradio_client.utils import is_file_obj_with_meta

from pipelines.errors import BadImage
from ui.sealing import NOT_FETCHED

NOT_SENT = (
    "The image must be a data URI, data:image/png;base64,..., or what an upload to /gradio_api/upload returned;"
    " send the image itself."
)
NOT_BASE64 = "The data URI of the image cannot be decoded; send data:image/png;base64,... with base64 after the comma."
NO_FILES = "Files cannot be named in the arguments of a tool; send an image as a data URI."
HOW_TO_SEND = (
    " Give an image as a data URI, data:image/png;base64,..., of at most 3 MB; larger ones are uploaded to"
    " /gradio_api/upload first, and the path it returns is given. Web addresses are not fetched."
)
FORM = "an image as a data URI, data:image/png;base64,..., or the path that an upload returned"
FILE = "/gradio_api/file="
_DATA = re.compile(r"data:image/([a-z0-9.+-]{1,20});base64,([A-Za-z0-9+/=\s]*)", re.IGNORECASE)
_ENDINGS = {"jpeg": "jpg", "x-ms-bmp": "bmp", "svg+xml": "svg"}


def prepare() -> None:
    """Have Gradio's MCP server work as said above; calling it again changes nothing."""
    from gradio import mcp

    server: Any = mcp.GradioMCPServer
    if server._file_data_tool_description == HOW_TO_SEND:
        return
    server._file_data_tool_description = HOW_TO_SEND
    server.simplify_filedata_schema = _schema(server.simplify_filedata_schema)
    server.postprocess_output_data = _answer(server.postprocess_output_data)
    server.convert_strings_to_filedata = arguments
    server._execute_tool_without_progress = _results
    mcp.Client = functools.partial(mcp.Client, token=False)  # it asks this very server: no token of the hub is needed


# -- in ----------------------------------------------------------------------------------------------------------------


def _schema(simplified: Any) -> Any:
    """Gradio's schema of a tool, with images as they are taken here, and JSON values as the objects that they are."""

    def schema(self: Any, full: dict[str, Any]) -> tuple[dict[str, Any], list[list[str | int]]]:
        simple, places = simplified(self, full)
        for value in simple["properties"].values():
            if not isinstance(value.get("type"), (str, list)):
                value["type"] = "object"
        for place in places:
            node: Any = simple["properties"]
            for key in place:
                node = node[key]
            node["format"] = FORM
        return simple, places

    return schema


def arguments(_: Any, given: dict[str, Any], places: list[list[str | int]]) -> dict[str, Any]:
    """The arguments of a tool with its images as uploaded files, and nothing else that passes for a file.

    Args:
        given: what the client sent.
        places: where images are, as paths into `given`.

    Raises:
        BadImage: an image that was not sent, or an argument that poses as a file.
    """
    _refuse_files(given)
    images = {place[0] for place in places if len(place) == 1}
    return {
        name: _as_file(sent_image(value)) if name in images and value is not None else value
        for name, value in given.items()
    }


def _refuse_files(value: Any) -> None:
    if isinstance(value, dict):
        if "path" in value and "meta" in value:
            raise BadImage(NO_FILES)
        for v in value.values():
            _refuse_files(v)
    elif isinstance(value, list):
        for v in value:
            _refuse_files(v)


def _as_file(path: Path) -> dict[str, Any]:
    """A file as Gradio's client takes it."""
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def sent_image(text: object) -> Path:
    """The file of an image that a client sent: the contents of a data URI, or a file that was uploaded before.

    Raises:
        BadImage: an address, a path that was not uploaded, or a data URI that cannot be decoded.
    """
    if not isinstance(text, str):
        raise BadImage(NOT_SENT)
    text = text.strip()
    if text[:5].lower() == "data:":
        return _decoded(text)
    address = "://" in text
    path = unquote(urlsplit(text).path.partition(FILE)[2]) if address else text
    return _uploaded(path, BadImage(NOT_FETCHED if address else NOT_SENT))


def _uploaded(path: str, otherwise: BadImage) -> Path:
    try:
        file = Path(path).resolve()
        if file.is_relative_to(Path(get_upload_folder()).resolve()) and file.is_file():
            return file
    except (OSError, ValueError, RuntimeError):  # a null character, a loop of links
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


# -- out ---------------------------------------------------------------------------------------------------------------


async def _results(_: Any, job: Any) -> list[Any]:
    """The results of a tool, one item each."""
    result = await run_sync(job.result)
    return list(result) if isinstance(result, tuple) else [result]


def _answer(postprocess: Any) -> Any:
    """Gradio's answer of a tool, with every picture of a gallery as a picture and other values as JSON."""

    def answer(self: Any, data: Any, root_url: str) -> Any:
        return postprocess(self, [part for value in data for part in _parts(value)], root_url)

    return answer


def _parts(value: Any) -> list[Any]:
    """A result as files and texts."""
    if isinstance(value, str) or is_file_obj_with_meta(value):
        return [value]
    if isinstance(value, list) and value and all(isinstance(v, dict) and "image" in v for v in value):
        return [v["image"] for v in value]
    return [json.dumps(value, ensure_ascii=False)]
