"""The app as a server of tools: a real MCP client lists and calls them."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from evaluation.served import Wire
from ui import sealing, tools

pytest.importorskip("mcp", reason="mcp is not installed (requirements.txt)")
TOOLS = {"understand", "plan", "draw", "generate", "read_back", "ask", "reconstruct", "tokens"}


def talk(url: str, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `work` makes of a session with the server of tools."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def session() -> Any:
        async with (
            streamablehttp_client(url + "gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            return await work(client)

    with ThreadPoolExecutor(1) as aside:  # a browser of another test may have a loop running in this thread
        return aside.submit(asyncio.run, session()).result()


def call(url: str, name: str, **arguments: Any) -> Any:
    """The result of one tool."""
    return talk(url, lambda client: client.call_tool(name, arguments))


def calls(url: str, name: str, each: list[dict[str, Any]]) -> list[Any]:
    """The results of one tool with several arguments, in one session."""

    async def work(client: Any) -> list[Any]:
        return [await client.call_tool(name, arguments) for arguments in each]

    return talk(url, work)


def text(result: Any) -> str:
    """The words of a result."""
    return " ".join(part.text for part in result.content if part.type == "text")


def uri(path: Path) -> str:
    """A PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


@pytest.fixture(scope="module")
def example(root: Path) -> Path:
    """One of the example images."""
    return next((root / "assets" / "examples" / "vlsa").glob("*.png"))


def test_the_tools_are_the_public_functions_and_explain_themselves(empty_url: str) -> None:
    listed = {tool.name: tool for tool in talk(empty_url, lambda client: client.list_tools()).tools}
    assert set(listed) == TOOLS
    for tool in listed.values():
        properties = tool.inputSchema["properties"]
        assert len(tool.description.split()) > 8 and properties
        assert all(p.get("description") for p in properties.values()), tool.name
        assert set(tool.inputSchema.get("required", [])) <= set(properties)
    assert listed["plan"].inputSchema["properties"]["prompt"]["type"] == "string"
    for name in ("ask", "reconstruct", "tokens"):
        image = listed[name].inputSchema["properties"]["image"]
        assert image["type"] == "string" and "data:image/png;base64" in image["description"]
        assert "url" not in json.dumps(image).lower() and "upload_file_to_gradio" not in listed[name].description
        assert tools.HOW_TO_SEND.strip() in listed[name].description
    for more in ("list_resources", "list_prompts"):
        assert not getattr(talk(empty_url, lambda c, more=more: getattr(c, more)()), more.removeprefix("list_"))


def test_an_agent_understands_plans_and_draws(both_url: str) -> None:
    assert "Open" in text(call(both_url, "understand", prompt="A sign that says 'Open'"))
    planned = call(both_url, "plan", prompt="A sign that says 'Open'", seed=1)
    layout = json.loads(text(planned))
    assert not planned.isError and any(e["text"] == "Open" for e in layout["elements"])
    drawn = call(both_url, "draw", layout=layout, seed=1, steps=1)
    assert not drawn.isError
    (picture,) = pictures(drawn)
    assert picture.size == (256, 256)
    assert pictures(call(both_url, "generate", prompt="A sign that says 'Open'", seed=1, steps=1))


def pictures(result: Any) -> list[Image.Image]:
    """The images of a result."""
    found = [part for part in result.content if part.type == "image"]
    return [Image.open(io.BytesIO(base64.b64decode(part.data))) for part in found]


def test_an_agent_asks_about_an_image(both_url: str, example: Path) -> None:
    answer = call(both_url, "ask", image=uri(example), question="What is the background colour?")
    assert not answer.isError and text(answer).strip()
    assert len(pictures(call(both_url, "reconstruct", image=uri(example), steps=1))) == 1
    uploaded = Wire(both_url).upload("a.png", example.read_bytes(), "image/png")
    again = call(both_url, "ask", image=uploaded, question="What is the background colour?")
    served = call(
        both_url, "ask", image=f"{both_url}gradio_api/file={uploaded}", question="What is the background colour?"
    )
    assert text(again) == text(served) == text(answer)


def test_addresses_are_refused_with_a_sentence(empty_url: str) -> None:
    addresses = ["https://host.invalid/a.png", "http://127.0.0.1:9/a.png", "HTTP://[::1]/", "ftp://x/a"]
    addresses += [f"{empty_url}gradio_api/file=/etc/passwd", f"{empty_url}config"]
    for result in calls(empty_url, "ask", [{"image": a, "question": "What is it?"} for a in addresses]):
        assert result.isError and text(result) == sealing.NOT_FETCHED


def test_what_is_no_image_is_refused_with_a_sentence(empty_url: str) -> None:
    images = {
        "/etc/passwd": tools.NOT_SENT, "README.md": tools.NOT_SENT, "": tools.NOT_SENT, "x\0": tools.NOT_SENT,
        "data:image/png;base64,*": tools.NOT_BASE64, "data:text/html,<b>": tools.NOT_BASE64,
        "data:image/png;base64,abcde": tools.NOT_BASE64, "data:image/png;base64,": "The image file is empty",
    }  # fmt: skip
    results = calls(empty_url, "ask", [{"image": i, "question": "What is it?"} for i in images])
    for said, result in zip(images.values(), results, strict=True):
        assert result.isError and said in text(result)


def test_no_argument_passes_for_a_file_of_the_server(empty_url: str) -> None:
    """The server asks itself with a client that would upload any file that an argument names."""
    forged = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    layouts = (forged, {"elements": [forged]}, {"prompt": [{"x": forged}]})
    for result in calls(empty_url, "draw", [{"layout": layout} for layout in layouts]):
        assert result.isError and text(result) == tools.NO_FILES
    assert call(empty_url, "ask", image=forged, question="x").isError


def test_private_functions_are_no_tools(empty_url: str) -> None:
    for name in ("live", "status", "look", "load_example", "none"):
        result = call(empty_url, name)
        assert result.isError and "Unknown tool" in text(result)


def test_a_large_image_is_refused_by_its_size(empty_url: str) -> None:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "ask", "arguments": {"image": "x" * (5 << 20)}},
    }
    kinds = {"accept": "application/json, text/event-stream"}
    assert httpx.post(f"{empty_url}gradio_api/mcp/", json=message, headers=kinds, trust_env=False).status_code == 413


def test_sent_images_are_files_of_the_upload_folder(example: Path, tmp_path: Path) -> None:
    from gradio.utils import get_upload_folder

    file = tools.sent_image(uri(example))
    assert file.is_relative_to(Path(get_upload_folder()).resolve()) and file.read_bytes() == example.read_bytes()
    assert tools.sent_image(str(file)) == file
    outside = tmp_path / "a.png"
    outside.write_bytes(example.read_bytes())
    link = file.parent / "link.png"
    link.symlink_to(outside)
    for path in (str(outside), str(link), f"{file.parent}/../../../../{outside}"):
        with pytest.raises(Exception, match="data URI"):
            tools.sent_image(path)
    link.unlink()
