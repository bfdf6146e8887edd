"""The fonts: catalogue, licences, coverage and replacement."""

import json

import pytest

from pipelines.vlad.fonts import FONT_CATEGORIES, FONTS_DIR, FontBook, default_fonts

TYPICAL = "ABCXYZ abcxyz 0123456789 !?&'\"%$£€#@+-:.,/() “”‘’–— éüñçßåæø"


@pytest.fixture(scope="module")
def fonts() -> FontBook:
    return default_fonts()


def test_every_category_has_a_choice(fonts: FontBook) -> None:
    assert all(len(fonts.of(c)) >= 3 for c in FONT_CATEGORIES)
    assert sum(len(fonts.of(c)) for c in FONT_CATEGORIES) == len(fonts.ids)
    assert fonts.of("gothic") == ()


def test_every_font_file_has_a_catalogue_line_and_a_licence() -> None:
    rows = json.loads((FONTS_DIR / "fonts.json").read_text("utf-8"))
    assert {r["id"] for r in rows} == {f.stem for f in FONTS_DIR.glob("*.ttf")}
    for row in rows:
        assert row["licence"] in ("OFL-1.1", "Apache-2.0")
        package = row["package"].removeprefix("@fontsource/")
        text = (FONTS_DIR / "LICENCES" / f"{package}.txt").read_text("utf-8")
        assert "SIL OPEN FONT LICENSE" in text.upper() or "APACHE LICENSE" in text.upper()
    assert sum(f.stat().st_size for f in FONTS_DIR.rglob("*") if f.is_file()) < 4_000_000


def test_typical_characters_are_covered_everywhere(fonts: FontBook) -> None:
    assert {i: fonts.missing(i, TYPICAL) for i in fonts.ids if not fonts.covers(i, TYPICAL)} == {}


@pytest.mark.parametrize(
    ("font", "text", "expected"),
    [
        ("lora-700", "Hello", "lora-700"),
        ("lobster-400", "Ωραία Привет", "noto-sans-700"),
        ("lora-700", "Ωραία", "noto-serif-700"),
        ("lora-700", "日本", None),
        ("no-such-font", "Hello", "montserrat-700"),
    ],
)
def test_fallback(fonts: FontBook, font: str, text: str, expected: str | None) -> None:
    assert fonts.fallback(font, text) == expected


def test_fallback_stays_in_the_category_where_it_can(fonts: FontBook) -> None:
    found = fonts.fallback("carter-one-400", "Łódź")
    assert found is not None and found != "carter-one-400"
    assert fonts.category(found) == "display" and fonts.covers(found, "Łódź")


def test_missing_lists_each_character_once(fonts: FontBook) -> None:
    assert fonts.missing("lora-700", "日 a 日本\u200b") == "日本"


def test_load_keeps_sizes_and_survives_unknown_ids(fonts: FontBook) -> None:
    assert fonts.load("lora-700", 30) is fonts.load("lora-700", 30)
    assert fonts.load("no-such-font", 0).size == 4


def test_measure_agrees_with_the_font(fonts: FontBook) -> None:
    extent = fonts.measure("montserrat-700", "Hxg")
    ink = fonts.load("montserrat-700", 100).getbbox("Hxg", anchor="ls")
    assert extent.top == pytest.approx(ink[1] / 100, abs=0.02)
    assert extent.bottom == pytest.approx(ink[3] / 100, abs=0.02)


def test_the_first_folder_counts_and_an_empty_one_is_refused(tmp_path) -> None:
    (tmp_path / "fonts.json").write_text('[{"id": "lora-700", "category": "typewriter", "family": "Other"}]')
    (tmp_path / "lora-700.ttf").write_bytes((FONTS_DIR / "lora-700.ttf").read_bytes())
    assert FontBook([FONTS_DIR, tmp_path]).family("lora-700") == "Lora"
    assert FontBook([tmp_path, FONTS_DIR]).category("lora-700") == "monospace"
    with pytest.raises(FileNotFoundError):
        FontBook([tmp_path / "none"])
