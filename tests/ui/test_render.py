"""HTML and SVG of the page."""

from __future__ import annotations

import base64
import io
import json
from xml.etree import ElementTree

import pytest
from PIL import Image

from pipelines.types import FULL, Box, Element, Layout, Progress
from pipelines.vlad.prompt import understand
from ui import render

EVIL = "<img src=x onerror=alert(1)> {{7*7}} ${1+1} `\\"
LAYOUT = Layout(
    prompt=EVIL,
    elements=(
        Element("background", FULL, colour="#fdf5de"),
        Element("text", Box(0.1, 0.1, 0.9, 0.3), EVIL, colour="#111111"),
        Element("object", Box(0.3, 0.4, 0.7, 0.8), "star", locked=True),
    ),
)
PICTURE = Image.new("RGB", (256, 256), "#336699")


def test_everything_written_by_people_is_escaped() -> None:
    read = understand(f'A poster that says "{EVIL}"')
    for page in (render.plan(LAYOUT, PICTURE), render.understanding(read), render.notes([EVIL])):
        assert "<img src=x" not in page and "{{" not in page and "${" not in page and "`" not in page


def test_the_plan_is_well_formed_and_numbers_every_element() -> None:
    svg = render.plan(LAYOUT, PICTURE, selected=1)
    root = ElementTree.fromstring(svg[svg.index("<svg") : svg.index("</svg>") + 6])
    boxes = {g.get("data-i"): g for g in root.iter("g") if g.get("data-i")}
    assert sorted(boxes) == ["0", "1", "2"]
    assert boxes["1"].get("data-box") == "0.1000,0.1000,0.9000,0.3000" and " on" in str(boxes["1"].get("class"))
    assert "fixed" in str(boxes["2"].get("class")) and "locked" in str(boxes["2"].get("aria-label"))
    assert all(g.get("tabindex") == "0" and g.get("aria-label") for g in boxes.values())


def test_the_understood_prompt_marks_its_parts() -> None:
    page = render.understanding(
        understand('A card with three balloons that says "Happy Birthday" on a mint background')
    )
    assert "Happy Birthday" in page and "3 ×" in page and "mint" in page
    assert 'class="k-text"' in page and 'class="k-object"' in page and 'class="k-background"' in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (float("nan"), ""), (-1, ""), (0.4, "less than a second"), (12.2, "13 s"), (600, "10 min")],
)
def test_time_left(seconds: float | None, words: str) -> None:
    assert words in render.eta(seconds)


def test_progress_names_stage_step_and_time() -> None:
    page = render.progress(Progress("denoise", 2, 4, 3.0))
    assert "Drawing" in page and "step 2 of 4" in page and "about 3 s left" in page and "width:50%" in page


def test_finished_pictures_are_png_files_with_their_settings() -> None:
    uri = render.data_uri(PICTURE, "png", {"seed": 7, "layout": LAYOUT.to_dict()})
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert image.format == "PNG" and json.loads(image.text["vlad"])["seed"] == 7
    page = render.stage(uris=[uri, uri], alt=EVIL, seed=7)
    assert 'download="vlad-7.png"' in page and 'download="vlad-8.png"' in page and "<img src=x" not in page
    assert "image/jpeg" in render.stage([PICTURE]) and "download=" not in render.stage([PICTURE])
