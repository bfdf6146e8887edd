"""A visitor's work in a link, a PNG, a JSON file and the browser, and back again."""

from __future__ import annotations

import base64
import json
import zlib
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipelines.errors import BadLayout, UserError
from pipelines.types import FULL, Box, Element, Layout
from ui import keeping
from ui.editing import Desk
from ui.keeping import NUMBERS, SWITCHES, Keeper, Work, pack, unpack
from ui.vlad_tab import VIEW, Handlers

LAYOUT = Layout(
    prompt="A sign that says 'Grüße <b>'",
    caption="a sign",
    elements=(
        Element("background", FULL, colour="#fdf5de", style="dots", accent="#ff0000"),
        Element(
            "text", Box(0.1, 0.1, 0.9, 0.4), "Grüße <b>", "#182658", font="montserrat-700", locked=True, span=(18, 27)
        ),
        Element("object", Box(0.3, 0.5, 0.6, 0.8), "star", style="flat", variant=3),
    ),
    seed=12,
)
TOLD = {"seed": 77, "steps": 5, "start": 0.5, "size": 512, "without_ccm": True}
WORK = Work("A sign that says 'Grüße <b>'!", LAYOUT, TOLD, "balloons, <i>")


@pytest.fixture()
def keeper(empty: Handlers) -> Keeper:
    return Keeper(empty.editor)


def asked(**query: str) -> Any:
    """What a handler is told of the page's address."""
    return SimpleNamespace(query_params=query)


def unchanged(values: tuple[Any, ...]) -> bool:
    """Whether the RESTORED outputs leave everything as it is."""
    return len(values) == keeping.RESTORED and all(v == gr.skip() for v in values)


def named(values: tuple[Any, ...]) -> dict[str, Any]:
    """The settings among the RESTORED outputs."""
    return dict(zip((*NUMBERS, *SWITCHES, "randomise"), values[VIEW + 2 : -1], strict=True))


def test_a_work_survives_the_link() -> None:
    packed = pack(WORK)
    assert unpack(packed) == WORK and len(packed) < 700
    assert unpack(pack(Work("just words"))) == Work("just words")


@given(st.text(max_size=200), st.integers(0, 2**31 - 1), st.floats(0.05, 1), st.booleans())
def test_any_work_survives_the_link(prompt: str, seed: int, start: float, switch: bool) -> None:
    work = Work(prompt, LAYOUT, {"seed": seed, "start": start, "without_guidance": switch})
    assert unpack(pack(work)) == work


def packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(data)).decode().rstrip("=")


@pytest.mark.parametrize(
    "bad",
    [
        "", "x", "<script>", "a" * 20_000, pack(WORK)[:-9], pack(WORK)[5:], packed(b"[1, 2]"), packed(b"{"),
        packed(b"[" * 90_000), packed(b'{"prompt": 5}'), packed(b'{"settings": {"steps": 5000}}'),
        packed(b'{"settings": {"path": "/etc/passwd"}}'), packed(b'{"more": 1}'), packed(b" " * (2 << 20)),
        packed(b'{"layout": {"elements": [{"kind": "text", "text": "a", "box": [0.9, 0.1, 0.1, 0.2]}]}}'),
    ],
)  # fmt: skip
def test_a_bad_link_is_one_sentence(bad: str, keeper: Keeper) -> None:
    with pytest.raises(UserError) as told:
        unpack(bad)
    assert str(told.value).endswith(".") and "\n" not in str(told.value)
    with pytest.warns(UserWarning):
        values = keeper.arrived(None, False, asked(work=bad))
    assert unchanged(values)


def test_the_page_opens_with_the_work_of_the_link_or_of_the_browser(keeper: Keeper) -> None:
    for values in (keeper.arrived(None, True, asked(work=pack(WORK))), keeper.arrived(WORK.to_dict(), True, asked())):
        assert len(values) == keeping.RESTORED
        assert values[0].layout.elements == LAYOUT.elements and values[VIEW : VIEW + 2] == (
            WORK.prompt,
            WORK.negative_prompt,
        )
        told = named(values)
        assert told["seed"] == 77 and told["steps"] == 5 and told["without_ccm"] is True and told["guidance"] == 1.0
        assert told["randomise"] is False and "press Draw" in values[-1] or "browser" in values[-1]
    for nothing in (None, {}, {"prompt": "x"}, {"layout": {"elements": [{}]}}, "text", {"layout": 5}):
        assert unchanged(keeper.arrived(nothing, True, asked()))


def test_what_the_browser_keeps_is_what_comes_back(keeper: Keeper) -> None:
    values = (77, 1, 5, 1.0, 0.5, 512, 0.8, True, False)  # in the order of NUMBERS and SWITCHES
    kept, html = keeper.keep(WORK.prompt, WORK.negative_prompt, Desk(LAYOUT), *values)
    assert Work.from_dict(json.loads(json.dumps(kept))) == WORK
    assert f"?{keeping.PARAMETER}={pack(WORK)}" in html
    assert keeper.keep("words", "", Desk(), *values)[1] == ""
    assert keeper.keep("words", "", Desk(LAYOUT), 77, 9, 5, 1.0, 0.5, 512, 0.8, True, False) == (gr.skip(), gr.skip())


def png(info: Any, key: str = "vlad", size: int = 8) -> bytes:
    text, buffer = PngInfo(), BytesIO()
    text.add_itxt(key, json.dumps(info))
    Image.new("RGB", (size, size)).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


INFO = {
    "seed": 9,
    "settings": {"steps": 3, "guidance": 1.0, "start": 1.0, "use_ccm": True, "hierarchical_guidance": False},
    "layout": LAYOUT.to_dict(),
}


def test_a_picture_brings_back_plan_and_settings(keeper: Keeper, tmp_path: Path) -> None:
    file = tmp_path / "picture.json"  # by content, not by name
    file.write_bytes(png(INFO))
    values = keeper.opened(str(file), Desk(), False)
    assert values[0].layout.elements == LAYOUT.elements and values[VIEW] == LAYOUT.prompt
    told = named(values)
    assert told["seed"] == 9 and told["images"] == 1 and told["without_guidance"] is True and not told["without_ccm"]


def test_a_layout_brings_back_the_plan_alone(keeper: Keeper, tmp_path: Path) -> None:
    file = tmp_path / "layout.json"
    file.write_text(json.dumps(LAYOUT.to_dict()), "utf-8")
    before = Desk(Layout("old", (Element("background", FULL),)))
    values = keeper.opened(str(file), before, False)
    assert values[0].layout.elements == LAYOUT.elements and values[0].undo().layout == before.layout
    assert all(not isinstance(v, (int, float)) for v in named(values).values())  # settings stay


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe\x00", b"{", b"[]", b"null", png({}), png(INFO, key="other"), png({**INFO, "seed": "x"}),
        png({**INFO, "settings": {"steps": 10**9}}), png({**INFO, "layout": None}), png(INFO)[:60],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    ],
)  # fmt: skip
def test_a_bad_file_changes_nothing(data: bytes, keeper: Keeper, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.warns(UserWarning) as told:
        values = keeper.opened(str(file), Desk(LAYOUT), False)
    said = [str(w.message) for w in told if w.category is UserWarning]  # other servers may warn meanwhile
    assert said and all(s.endswith(".") and "Something went wrong" not in s for s in said)
    assert unchanged(values)


def test_a_file_that_is_too_large_is_not_read(keeper: Keeper, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(keeping.SIGNATURE + b" " * keeping.MAX_PNG)
    with pytest.raises(BadLayout, match="larger than 8 MB"):
        keeping.of_picture(str(file))
