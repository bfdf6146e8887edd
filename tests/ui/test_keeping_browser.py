"""A visitor's work survives: a page that is loaded again, a link, a picture dropped back, a server that was killed."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .conftest import free_port
from .test_app import READY_S, _up
from .test_browser import Visit

pytestmark = pytest.mark.browser
DROP = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const carried = new DataTransfer(), place = document.querySelector('#step-2');
  carried.items.add(new File([bytes], 'picture.png', { type: 'image/png' }));
  for (const name of ['dragover', 'drop'])
    place.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: carried }));
}"""


def boxes(page: Any) -> list[str]:
    return [g.get_attribute("data-box") for g in page.locator("#plan g.box").all()]


def draw(page: Any, seed: int | None, path: Path) -> bytes:
    """Draw the prompt, or the plan as it is, and download the picture: its pixels."""
    if seed is not None:
        page.locator("#randomise input").uncheck()
        page.locator("#seed input").fill(str(seed))
        page.locator("#seed input").press("Tab")
        page.locator("#go").click()
    else:
        page.locator("#draw").click()
    page.wait_for_selector("#stage a.save")
    page.wait_for_function("document.querySelector('#status').innerText.includes('Done')")
    with page.expect_download() as download:
        page.locator("#stage a.save").first.click()
    download.value.save_as(path)
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


@pytest.fixture(scope="module")
def drawn(browser: Any, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visit, bytes, Path]]:
    """A visit with a picture, its pixels, and its file."""
    visit, path = Visit(browser, url), tmp_path_factory.mktemp("drawn") / "picture.png"
    pixels = draw(visit.page, 77, path)
    visit.page.wait_for_selector("#link a")
    yield visit, pixels, path
    visit.context.close()


def test_a_link_brings_the_same_picture(
    drawn: tuple[Visit, bytes, Path], browser: Any, url: str, tmp_path: Path
) -> None:
    first, pixels, _ = drawn
    other = Visit(browser, url, query=first.page.locator("#link a").get_attribute("href"))
    other.page.wait_for_selector("#kept li")
    assert "link" in other.page.locator("#kept").inner_text() and boxes(other.page) == boxes(first.page)
    assert draw(other.page, None, tmp_path / "other.png") == pixels and not other.wrong
    other.context.close()


def test_a_picture_dropped_back_brings_the_same_picture(
    drawn: tuple[Visit, bytes, Path], browser: Any, url: str, tmp_path: Path
) -> None:
    first, pixels, path = drawn
    other = Visit(browser, url)
    other.page.evaluate(DROP, base64.b64encode(path.read_bytes()).decode())
    other.page.wait_for_selector("#kept li")
    assert boxes(other.page) == boxes(first.page) and other.page.locator("#seed input").input_value() == "77"
    assert draw(other.page, None, tmp_path / "other.png") == pixels and not other.wrong
    other.context.close()


def test_a_page_that_is_loaded_again_has_the_plan(drawn: tuple[Visit, bytes, Path]) -> None:
    visit, _, _ = drawn
    before = boxes(visit.page)
    visit.page.reload(wait_until="domcontentloaded")
    visit.page.wait_for_selector("#kept li")
    assert boxes(visit.page) == before and not visit.wrong


def started(root: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    """The app in a process of its own, answering."""
    with log.open("ab") as out:
        command = [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, cwd=root, stdout=out, stderr=out)
    began = time.monotonic()
    while not _up(port):
        assert server.poll() is None and time.monotonic() - began < READY_S, log.read_text()
        time.sleep(0.3)
    return server


@pytest.mark.slow
def test_a_server_killed_while_it_draws_and_started_again(vlad: Any, browser: Any, root: Path, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    server = started(root, port, log)
    try:
        visit = Visit(browser, f"http://127.0.0.1:{port}/")
        page = visit.page
        pixels = draw(page, 77, tmp_path / "before.png")
        page.wait_for_selector("#link a")
        before = boxes(page)
        page.get_by_text("Advanced", exact=True).first.click()
        page.get_by_label("number input for Steps").fill("50")
        page.get_by_label("number input for Steps").press("Tab")
        page.wait_for_timeout(800)
        page.locator("#draw").click()
        page.wait_for_function("/of 50/.test(document.querySelector('#status').innerText)")
        server.kill()
        server.wait()
        server = started(root, port, log)
        page.wait_for_selector("#kept li")
        assert boxes(page) == before and page.locator("#seed input").input_value() == "77"
        page.get_by_text("Advanced", exact=True).first.click()
        assert page.get_by_label("number input for Steps").input_value() == "50"
        page.get_by_label("number input for Steps").fill("3")
        page.get_by_label("number input for Steps").press("Tab")
        page.wait_for_timeout(800)
        assert draw(page, None, tmp_path / "after.png") == pixels
        visit.context.close()
    finally:
        server.kill()
        server.wait()
