"""Safety as a browser sees it: markup stays words wherever it is typed, and the content policy breaks nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .test_browser import Visit
from .test_vlsa_browser import Look

pytestmark = pytest.mark.browser
ATTACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
MORE = "\"><svg onload='window.hacked=1'></svg>${window.hacked=1}{{window.hacked=1}}[a](javascript:window.hacked=1)"


def unharmed(visit: Visit) -> None:
    """Nothing that was typed became an element or ran."""
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("window.hacked === undefined")
    made = "img[src='x'], [onerror], svg[onload], a[href^='javascript:']"
    assert visit.page.locator(made).count() == 0
    assert not [w for w in visit.wrong if "413" not in w], visit.wrong


@pytest.fixture()
def visit(browser: Any, empty_url: str) -> Iterator[Visit]:
    """The app without weights; a dialog is as bad as an error."""
    visit = Visit(browser, empty_url)
    visit.page.set_default_timeout(60_000)
    visit.page.on("dialog", lambda d: (visit.wrong.append(f"dialog {d.message}"), d.dismiss()))
    yield visit
    visit.context.close()


def test_markup_in_elements_and_file_names_stays_words(visit: Visit, tmp_path: Path) -> None:
    elements = [
        {"kind": "background", "box": [0, 0, 1, 1], "colour": "#182658"},
        {"kind": "text", "text": ATTACK, "box": [0.1, 0.1, 0.9, 0.3], "colour": "#ffffff"},
        {"kind": "object", "text": ATTACK, "box": [0.1, 0.4, 0.9, 0.6], "colour": "#ffffff"},
        {"kind": "text", "text": MORE, "box": [0.1, 0.7, 0.9, 0.9], "colour": "#ffffff"},
    ]
    path = tmp_path / "<img src=x onerror=window.hacked=1>.json"
    path.write_text(json.dumps({"prompt": f'A sign that says "{ATTACK}"', "elements": elements}), "utf-8")
    visit.page.locator("#import input[type=file], input[type=file]").first.set_input_files(path)
    visit.page.wait_for_selector("#plan g.box[data-i='3']")
    assert "onerror" in visit.page.locator("#table").inner_text()
    visit.page.locator("#plan g.box[data-i='1']").click()
    unharmed(visit)
    path = tmp_path / "<svg onload=window.hacked=1>.json"
    path.write_text('{"elements": [{"kind": "<img src=x onerror=window.hacked=1>"}]}', "utf-8")
    visit.page.locator("#import input[type=file], input[type=file]").first.set_input_files(path)
    assert visit.toasts()
    unharmed(visit)


def test_markup_in_prompts_stays_words(visit: Visit) -> None:
    for words in (ATTACK, MORE):
        visit.page.locator("#prompt textarea").fill(f'A "{words}" {words} sign')
        visit.page.get_by_text("window.hacked").first.wait_for()
        visit.page.locator("#plan-only").click()
        assert visit.toasts()
        unharmed(visit)


def test_markup_in_questions_and_names_of_images_stays_words(browser: Any, looking_url: str, tmp_path: Path) -> None:
    look = Look(browser, looking_url)
    look.page.set_default_timeout(60_000)
    path = tmp_path / "<img src=x onerror=window.hacked=1>.png"
    Image.new("RGB", (60, 40), "navy").save(path)
    look.show(path, "scaled up")
    look.ask(f"What is {ATTACK}?", 2)
    look.ask(MORE, 4)
    assert "onerror" in look.page.locator("#chat").inner_text()
    unharmed(look.visit)
    look.visit.context.close()


@pytest.fixture()
def photo(browser: Any, empty_url: str) -> Iterator[Look]:
    """Tab 2 without weights, where the camera and the clipboard may be used."""
    look = Look(browser, empty_url)
    look.page.set_default_timeout(60_000)
    look.visit.context.grant_permissions(["camera", "clipboard-read", "clipboard-write"])
    yield look
    # Gradio asks for the progress of an upload that it has not begun, and logs that there is none
    assert not [w for w in look.visit.wrong if "404" not in w and w != "Response"]
    look.visit.context.close()


def test_the_camera_works_under_the_policy(photo: Look) -> None:
    photo.page.get_by_label("Capture from camera").click()
    photo.page.get_by_text("Click to Access Webcam").click()
    photo.page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0")
    photo.page.wait_for_timeout(500)  # until the first picture of the camera
    photo.page.get_by_label("capture photo").click()
    photo.page.locator("#photo-notes").get_by_text("Looked at in").wait_for()


def test_the_clipboard_works_under_the_policy(photo: Look) -> None:
    photo.page.evaluate(
        """async () => {
          const canvas = document.createElement("canvas"); canvas.width = 50; canvas.height = 40;
          const blob = await new Promise((done) => canvas.toBlob(done));
          await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }"""
    )
    photo.page.get_by_label("Paste from clipboard").click()
    photo.page.locator("#photo-notes").get_by_text("50 × 40").wait_for()


def test_other_sites_cannot_frame_the_page(browser: Any, empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(f"<iframe src='{empty_url}'></iframe>", "utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/")  # another port is another site
    page.wait_for_timeout(1000)
    assert [f.url for f in page.frames[1:]] == ["chrome-error://chromewebdata/"]
    own = f"{empty_url}frame"
    page.route(own, lambda r: r.fulfill(path=tmp_path / "index.html", content_type="text/html"))
    page.goto(own)
    page.frame_locator("iframe").locator("#prompt").wait_for()
    page.close()
    server.shutdown()
