"""Screenshots of the app as visitors meet it: `python -m evaluation.screenshots [--out FOLDER] [--url URL]`.

Starts the app unless an address is given; both tabs and their views, wide and narrow, light and dark, each after a
fixed seed, so that a picture changes only when the app or its weights do. Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
WIDTHS = {"wide": (1440, 1000), "narrow": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLOURS = 192  # of a saved picture: small files, and nobody sees the difference
WAIT = 120_000  # ms
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def served(url: str | None) -> Iterator[str]:
    """The address of the app: the given one, or that of an app started for the purpose.

    Raises:
        SystemExit: the app did not start.
    """
    if url:
        yield url
        return
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/"
        while not _answers(address):
            if server.poll() is not None:
                raise SystemExit("The app did not start; run python app.py to see why.")
            time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def says(page: Any, place: str, word: str) -> None:
    """Wait until a place of the page holds a word."""
    page.wait_for_function("([p, w]) => document.querySelector(p)?.innerText.includes(w)", arg=[place, word])


def draw(page: Any) -> None:
    """The first tab with a plan, a chosen element and a picture."""
    page.locator("#randomise input").uncheck()
    page.locator("#seed input").fill("3")
    page.locator("#seed input").press("Tab")
    page.locator("#go").click()
    page.wait_for_selector("#stage a.save")
    says(page, "#status", "Done")
    page.wait_for_selector("#read-panel table")
    page.locator("#plan g.box.k-text").first.press("Enter")


def chat(page: Any) -> None:
    """The second tab with an example image and three answers."""
    page.get_by_role("tab", name="Ask about an image").click()
    page.locator("#photo-examples button").nth(1).click()
    page.wait_for_selector("#photo img")
    for question in ("What does the text say?", "What colour is the background?", "Describe the picture briefly."):
        page.locator("#question textarea, #question input").first.fill(question)
        page.keyboard.press("Enter")
        says(page, "#chat", question)
        says(page, "#chat-status", "Answered")


def rebuild(page: Any) -> None:
    """The reconstruction, beside that of the snapshot alone."""
    page.get_by_role("tab", name="Reconstruction").click()
    page.locator("#rebuild-randomise input").uncheck()
    page.locator("#rebuild-compare input").check()
    page.locator("#rebuild").click()
    says(page, "#rebuild-status", "Done")


def tokens(page: Any) -> None:
    """The codes, with one cell pinned."""
    page.get_by_role("tab", name="Tokens").click()
    page.locator("#tokens-show").click()
    page.locator("#tokens [role=gridcell]").nth(500).click()


VIEWS: dict[str, Callable[[Any], None]] = {"draw": draw, "chat": chat, "reconstruction": rebuild, "tokens": tokens}


def save(page: Any, path: Path) -> None:
    """The whole page in COLOURS colours."""
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(800)  # an animation ends
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    picture.quantize(COLOURS, Image.Quantize.MEDIANCUT).save(path, optimize=True)


def take(address: str, out: Path) -> list[Path]:
    """Every view, width and scheme: the files that were written."""
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    made = []
    with sync_playwright() as play:
        path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        for width, (w, h) in WIDTHS.items():
            for scheme in SCHEMES:
                context = browser.new_context(viewport={"width": w, "height": h}, color_scheme=scheme)
                page = context.new_page()
                page.set_default_timeout(WAIT)
                page.goto(address, wait_until="domcontentloaded")
                page.wait_for_selector("#understood .marked")
                page.wait_for_function("!document.querySelector('#banner li')")
                for name, visit in VIEWS.items():
                    visit(page)
                    made.append(out / f"{name}-{width}-{scheme}.png")
                    save(page, made[-1])
                context.close()
        browser.close()
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "screenshots")
    parser.add_argument("--url", help="an app that runs already")
    args = parser.parse_args(argv)
    with served(args.url) as address:
        for path in take(address, args.out):
            print(path)


if __name__ == "__main__":
    main()
