"""Tab "Ask" in a real browser: an image, the chat about it, and the two views beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from .test_browser import Visit

pytestmark = pytest.mark.browser
STATUS = "document.querySelector('#chat-status').innerText"
TEXTS = "[...document.querySelectorAll('#chat .message')].filter((m) => m.innerText.trim())"
SHOTS = os.environ.get("VLSA_SCREENSHOTS")  # a folder to keep what the page looks like


def picture(path: Path, colour: str, size: tuple[int, int]) -> Path:
    """A picture with a disc."""
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).ellipse((20, 20, 80, 80), fill="white")
    image.save(path)
    return path


class Look:
    """A visit to tab 2."""

    def __init__(self, browser: Any, url: str, width: int = 1440, dark: bool = False) -> None:
        self.visit = Visit(browser, url, width, dark)
        self.page = self.visit.page
        self.page.get_by_role("tab", name="Ask about an image").click()
        self.page.wait_for_selector("#chat")

    def show(self, path: Path, note: str) -> None:
        """Upload an image in the place of the one that is there."""
        if self.page.get_by_role("button", name="Remove Image").count():
            self.page.get_by_role("button", name="Remove Image").click()
            self.page.locator("#photo img").wait_for(state="detached")
        self.page.locator("#photo input[type=file]").set_input_files(path)
        self.page.locator("#photo-notes").get_by_text(note).wait_for()

    def ask(self, question: str, count: int) -> None:
        """Ask with the keyboard and wait until `count` messages are there, the last of them complete."""
        box = self.page.locator("#question").locator("textarea, input")
        box.fill(question)
        box.press("Enter")
        self.answered(count)

    def answered(self, count: int) -> None:
        """Wait until `count` messages are there, images left out, and the last of them is a complete answer."""
        self.page.wait_for_function(
            f"{TEXTS}.length === {count} && /Answered/.test({STATUS}) && !document.querySelector('#ask').disabled"
        )

    def words(self) -> list[str]:
        """The messages of the chat, images left out."""
        return [t for m in self.page.locator("#chat .message").all() if (t := m.inner_text().strip())]

    def shot(self, name: str) -> None:
        """Keep what the page looks like, where that is wanted."""
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)

    def download(self, button: str, path: Path) -> Path:
        """What a download button gives."""
        with self.page.expect_download() as download:
            self.page.locator(button).click()
        download.value.save_as(path)
        return path


@pytest.fixture()
def look(browser: Any, looking_url: str, tmp_path: Path) -> Iterator[Look]:
    """Tab 2 on the embedded weights, with a first image."""
    look = Look(browser, looking_url)
    look.show(picture(tmp_path / "navy.png", "navy", (700, 500)), "scaled down")
    yield look
    assert not look.visit.wrong
    look.visit.context.close()


@pytest.mark.parametrize(("width", "dark"), [(1440, True), (800, False), (360, True)])
def test_the_tab_opens_without_weights_and_nothing_sticks_out(
    browser: Any, empty_url: str, width: int, dark: bool, tmp_path: Path
) -> None:
    look = Look(browser, empty_url, width, dark)
    look.show(picture(tmp_path / "small.png", "orange", (60, 40)), "scaled up")
    assert look.page.evaluate("document.documentElement.scrollWidth") <= width
    look.page.locator("#question").locator("textarea, input").fill("What is it?")
    look.page.locator("#ask").click()
    assert "image chat" in look.visit.toasts()
    look.page.wait_for_function("document.querySelector('#question textarea, #question input').value === 'What is it?'")
    for tab in ("Reconstruction", "Tokens"):
        look.page.get_by_role("tab", name=tab).click()
        look.page.wait_for_timeout(400)
        assert look.page.evaluate("document.documentElement.scrollWidth") <= width
    look.shot(f"ask-{width}-{'dark' if dark else 'light'}")
    assert not look.visit.wrong
    look.visit.context.close()


def test_a_file_that_is_no_image_is_explained(browser: Any, empty_url: str, tmp_path: Path) -> None:
    look, bad = Look(browser, empty_url), tmp_path / "bad.png"
    bad.write_bytes(b"%PDF-1.7 not an image")
    look.page.locator("#photo input[type=file]").set_input_files(bad)
    assert "PDF" in look.visit.toasts()
    look.page.locator("#photo img").wait_for(state="detached")
    look.page.locator("#from-drawing").click()
    look.page.get_by_text("Nothing was drawn yet").wait_for()
    look.visit.context.close()


def test_the_drawn_picture_is_taken_over(browser: Any, url: str) -> None:
    visit = Visit(browser, url)
    page = visit.page
    page.locator("#ask-about").click()
    assert "Nothing was drawn yet" in visit.toasts()
    page.locator("#go").click()
    page.wait_for_selector("#stage a.save")
    page.locator("#ask-about").click()
    page.locator("#photo-notes").get_by_text("256 × 256 pixels").wait_for()
    page.wait_for_function("document.querySelector('#photo img')?.naturalWidth > 0")
    with page.expect_response(lambda r: "queue/join" in r.url):
        page.get_by_role("button", name="Remove Image").click()
    page.wait_for_function("!document.querySelector('#photo img')")
    page.wait_for_function("!document.querySelector('#photo-notes').innerText.includes('256 × 256')")
    assert not page.locator("#photo img").count()  # nor does it come back with what the removal brought
    page.locator("#from-drawing").click()
    page.locator("#photo img").wait_for()
    assert not visit.wrong
    visit.context.close()


# -- on the embedded weights -------------------------------------------------------------------------------------------


def test_a_conversation(look: Look, tmp_path: Path) -> None:
    page = look.page
    for k, question in enumerate(
        ("What does the picture show?", "What colour is the background?", "Is it <b>big</b>?")
    ):
        look.ask(question, 2 * k + 2)
    assert look.words()[-2].replace("\u2060", "") == "Is it <b>big</b>?" and len(look.words()) == 6
    assert "first token after" in page.locator("#chat-status").inner_text()
    look.shot("chat")

    page.get_by_role("button", name="Retry", exact=True).click()
    page.get_by_text("temperature 0 gives the same answer").wait_for()
    assert len(look.words()) == 6

    page.get_by_role("button", name="Edit", exact=True).nth(1).click()
    page.locator("#chat textarea").first.fill("What shape is in the picture?")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_function("!/Is it/.test(document.querySelector('#chat').innerText)")
    look.answered(4)
    assert look.words()[2] == "What shape is in the picture?" and len(look.words()) == 4

    look.show(picture(tmp_path / "orange.png", "orange", (120, 90)), "scaled up")
    page.get_by_text("From here on I look at image 2.").wait_for()
    look.ask("And what is this?", 7)
    chat = page.locator("#chat")
    assert chat.get_by_label("Image 2").or_(chat.get_by_alt_text("Image 2")).count() == 1
    assert len(look.words()) == 7

    page.get_by_role("button", name="Like", exact=True).first.click()
    page.get_by_role("button", name="Liked", exact=True).wait_for()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.wait_for_function(
        "document.querySelector('#question textarea, #question input').value === 'And what is this?'"
    )
    page.wait_for_function(f"{TEXTS}.length === 5")  # the second image waits for its first question
    assert page.get_by_role("button", name="Liked", exact=True).count() == 1

    data = json.loads(look.download("#transcript-json", tmp_path / "talk.json").read_text("utf-8"))
    assert [t["question"] for t in data["turns"]] == ["What does the picture show?", "What shape is in the picture?"]
    assert "You: What shape" in look.download("#transcript-text", tmp_path / "talk.txt").read_text("utf-8")
    page.get_by_role("button", name="Clear", exact=True).first.click()
    page.wait_for_function(f"/Cleared/.test({STATUS})")
    assert look.words() == [] and page.locator("#photo img").count() == 1


def test_stop_ends_an_answer(look: Look) -> None:
    page = look.page
    page.locator("#chat-advanced button").click()
    page.get_by_label("number input for Temperature").fill("2")
    page.get_by_label("number input for Length").fill("256")
    page.get_by_label("number input for Length").press("Tab")
    page.wait_for_timeout(500)
    for _ in range(4):  # an answer may be short enough to end before Stop reaches it
        page.locator("#questions button").last.click()
        page.wait_for_function("!document.querySelector('#ask-stop').disabled")
        page.locator("#ask-stop").click()
        page.wait_for_function(f"/Stopped|Answered/.test({STATUS}) && !document.querySelector('#ask').disabled")
        if "Stopped" in page.locator("#chat-status").inner_text():
            break
    said = look.words()
    page.wait_for_timeout(3000)
    assert look.words() == said and "Stopped" in page.locator("#chat-status").inner_text()


def test_a_very_long_question_stays_in_the_box(look: Look) -> None:
    box, text = look.page.locator("#question").locator("textarea, input"), "word " * 5000
    box.fill(text)
    look.page.locator("#ask").click()
    assert "2,000" in look.visit.toasts()
    look.page.wait_for_function(
        f"document.querySelector('#question textarea, #question input').value.length === {len(text)}"
    )
    look.ask("What does the picture show?", 2)


def test_reconstruction_is_compared_in_a_slider(look: Look, tmp_path: Path) -> None:
    page = look.page
    page.get_by_role("tab", name="Reconstruction").click()
    page.locator("#rebuild").click()
    page.wait_for_selector("#rebuilt-png:not([disabled])")
    assert "PSNR" in page.locator("#rebuilt-results").inner_text()
    handle = page.get_by_test_id("slider").first
    before, where = handle.get_attribute("style"), handle.bounding_box()
    page.mouse.move(where["x"] + where["width"] / 2, where["y"] + where["height"] / 2)
    page.mouse.down()
    page.mouse.move(where["x"] - 120, where["y"] + where["height"] / 2, steps=4)
    page.mouse.up()
    assert handle.get_attribute("style") != before
    look.shot("reconstruction")
    with Image.open(look.download("#rebuilt-png", tmp_path / "rebuilt.png")) as image:
        assert image.width >= 256


def test_tokens_are_shown_clicked_and_exported(look: Look, tmp_path: Path) -> None:
    page = look.page
    page.get_by_role("tab", name="Tokens").click()
    page.locator("#tokens-show").click()
    page.wait_for_selector("#tokens [role=gridcell]")
    page.locator("#tokens [role=gridcell]").nth(40).click()
    page.wait_for_function("!/^–$/.test(document.querySelector('#tokens dd[data-f]').innerText)")
    look.shot("tokens")
    page.wait_for_selector("#tokens-json:not([disabled])")
    data = json.loads(look.download("#tokens-json", tmp_path / "tokens.json").read_text("utf-8"))
    assert data
    with Image.open(look.download("#tokens-png", tmp_path / "tokens.png")) as image:
        assert image.width >= 256
    views = {}
    for name in ("true", "attention"):  # by keyboard: what is seen is what is saved
        page.locator(f"#tokens input[value={name}]").check()
        with page.expect_download() as download:
            page.locator("#tokens .vt-save").press("Enter")
        assert download.value.suggested_filename == f"tokens-{name}.png"
        download.value.save_as(tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as image:
            views[name] = image.convert("RGB").tobytes()
            assert image.size == (1024, 1024)
    assert views["true"] != views["attention"] and len(set(views["attention"])) > 100
