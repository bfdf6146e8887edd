"""Negative prompts: what they name, what a plan leaves out, what it avoids, and what people are told."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageChops

from pipelines.colours import COLOURS, name_of, to_rgb
from pipelines.errors import BadLayout, BadPrompt
from pipelines.types import FULL, KINDS, MAX_PROMPT, STYLES, Box, Element, Layout
from pipelines.vlad.backgrounds import background_tones
from pipelines.vlad.choices import ANY
from pipelines.vlad.fonts import FONT_CATEGORIES
from pipelines.vlad.negative import negative_warnings, read_negative, without
from pipelines.vlad.prompt import understand

SEEDS = range(20)
OPEN = (
    "A poster that says 'Summer Fair' and 'Saturday at noon' with a tent",
    "a badge that says 'WINNER'",
    "Happy birthday card for Mia",
)


def kept(prompt: str, negative: str) -> list[str]:
    parts = without(understand(prompt), read_negative(negative)).parts
    return [p.text for p in parts if p.kind != "background" or p.text]


def told(prompt: str, negative: str) -> list[str]:
    return negative_warnings(Layout(prompt, (Element("background", FULL),), negative_prompt=negative))


def colours_of(layout: Layout) -> set[str]:
    """Names of the planned colours, and of the second one that the background derives from its own."""
    planned = {name_of(to_rgb(c)) for e in layout.elements for c in (e.colour, e.accent) if c}
    ground = layout.background
    if ground is None or ground.style in ("plain", "photo", "texture"):
        return planned
    return planned | {name_of(background_tones(ground)[1])}


# ---- reading


@pytest.mark.parametrize(
    ("phrase", "names"),
    [
        ("red", {"red", "maroon"}),
        ("no blue", {"blue", "navy blue", "sky blue", "light blue"}),
        ("dark blue", {"navy blue"}),
        ("without any grey", {"gray", "light gray", "charcoal"}),
        ("(gold:1.3)", {"gold"}),
        ("black and white", {"black", "charcoal", "white", "cream"}),
    ],
)
def test_colours_cover_their_shades(phrase: str, names: set[str]) -> None:
    assert read_negative(phrase).colours("text") == read_negative(phrase).colours("background") == names


def test_a_colour_belongs_to_the_noun_behind_it() -> None:
    avoided = read_negative("red text, green background")
    assert avoided.colours("text") == {"red", "maroon"} and "green" in avoided.colours("background")
    assert not avoided.colours("panel")


@pytest.mark.parametrize(
    ("phrase", "fonts"),
    [
        ("serif", {"serif", "slab serif"}),
        ("sans-serif fonts", {"sans-serif", "heavy sans-serif", "condensed sans-serif"}),
        ("handwritten letters", {"handwritten"}),
        ("cursive", {"script"}),
    ],
)
def test_fonts(phrase: str, fonts: set[str]) -> None:
    assert read_negative(phrase).fonts == fonts


@pytest.mark.parametrize(
    ("phrase", "kind", "styles"),
    [
        ("stripes", "background", {"stripes"}),
        ("photos", "background", {"photo"}),
        ("texture", "background", {"texture"}),
        ("polka dots", "background", {"dots"}),
        ("no frame", "background", {"border"}),
        ("outline", "text", {"outline"}),
        ("neon", "text", {"glow"}),
        ("3d render", "object", {"3d"}),
    ],
)
def test_styles(phrase: str, kind: str, styles: set[str]) -> None:
    assert read_negative(phrase).styles(kind) == styles  # type: ignore[arg-type]


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    avoided = read_negative(text)
    choices = avoided.choices
    assert all(choices.colours[k] and choices.styles[k] for k in KINDS) and choices.fonts
    layout = Layout("A dog that says 'Hi'", (Element("background", FULL),), negative_prompt=avoided.text)
    assert all(s.endswith(".") for s in negative_warnings(layout))
    assert Layout.from_json(json.dumps(layout.to_dict())) == layout


@given(
    st.lists(st.sampled_from([*COLOURS, *FONT_CATEGORIES, *STYLES["background"], "dog", "and", "text"]), max_size=60)
)
def test_choices_never_run_out(words: list[str]) -> None:
    choices = read_negative(", ".join(words)).choices
    assert all(choices.colours[k] and choices.styles[k] for k in KINDS) and choices.fonts


def test_bad_negative_prompts_are_one_sentence() -> None:
    with pytest.raises(BadPrompt, match=r"2,001 characters.*\.$"):
        read_negative("a" * (MAX_PROMPT + 1))
    with pytest.raises(BadPrompt, match=r"text.*\.$"):
        read_negative(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "  ", ",;", "no", "blurry, ugly"])
def test_what_names_nothing_leaves_every_choice(text: str) -> None:
    assert read_negative(text).choices is ANY


# ---- leaving out


@pytest.mark.parametrize(
    ("prompt", "negative", "left"),
    [
        ("a dog and a cat with 'PETS'", "dogs", ["cat", "PETS"]),
        ("a dog and a cat with 'PETS'", "animals", ["PETS"]),
        ("a birthday cake and a balloon", "cake", ["balloon"]),
        ("a hot dog and a dog", "dog", ["hot dog"]),
        ("a red balloon and a blue balloon", "red balloon", ["blue balloon"]),
        ("a narwhal with a top hat", "narwhals", ["top hat"]),
        ("a stop sign that says 'STOP'", "sign", ["STOP"]),
        ("a storefront that says 'OPEN'", "signs", ["OPEN"]),
        ("a badge that says 'WINNER'", "panels", ["WINNER"]),
        ("a tulip and 'HELLO' in a forest", "woods", ["tulip", "HELLO"]),
        ("a poster that says 'Red dog'", "text, words, dog", ["Red dog"]),
        ("a cat", "cats", []),
    ],
)
def test_things_that_are_avoided_are_left_out_and_texts_stay(prompt: str, negative: str, left: list[str]) -> None:
    assert kept(prompt, negative) == left


def test_relations_follow_what_is_left() -> None:
    prompt = "a dog and a tree to the left of a house"
    whole, left = understand(prompt), without(understand(prompt), read_negative("dog"))
    named = [[(r.parts[a].text, word, r.parts[b].text) for a, word, b in r.relations] for r in (whole, left)]
    assert named[0] == named[1] == [("tree", "left of", "house")]


# ---- planning


@pytest.mark.slow
@pytest.mark.parametrize("colour", ["red", "blue", "white", "green"])
@pytest.mark.parametrize("prompt", OPEN)
def test_no_colour_of_an_avoided_family_is_planned(vlad, prompt: str, colour: str) -> None:
    family = read_negative(colour).colours("text")
    asked = {name_of(to_rgb(c)) for p in understand(prompt).parts for c in (p.colour, p.accent) if c}
    for seed in SEEDS:
        assert not colours_of(vlad.plan(prompt, seed=seed, negative_prompt=colour)) & (family - asked)


@pytest.mark.slow
def test_no_avoided_font_and_style_is_planned(vlad) -> None:
    negative = "sans-serif, display, rounded, gradient, plain, texture"
    avoided = read_negative(negative)
    for seed in SEEDS:
        layout = vlad.plan(OPEN[0], seed=seed, negative_prompt=negative)
        assert not {vlad.fonts.category(e.font) for e in layout.texts} & avoided.fonts
        assert layout.background is not None and layout.background.style not in avoided.styles("background")


def test_an_avoided_object_is_not_planned_and_texts_are(vlad) -> None:
    prompt = "A poster that says 'PETS' with a dog and a cat"
    for seed in range(3):
        layout = vlad.plan(prompt, seed=seed, negative_prompt="dog")
        assert [e.text for e in layout.elements if e.kind == "object"] == ["cat"]
        assert [e.text for e in layout.texts] == ["PETS"]


def test_a_plan_of_which_all_is_left_out_is_its_background(vlad) -> None:
    layout = vlad.plan("a cat", negative_prompt="cat")
    assert [e.kind for e in layout.elements] == ["background"]
    assert any("only the background" in w for w in layout.warnings)


def test_what_the_prompt_asks_for_wins_and_is_told(vlad) -> None:
    for seed in range(3):
        layout = vlad.plan("a red guitar and the words 'Rock Night'", seed=seed, negative_prompt="red")
        guitar = next(e for e in layout.elements if e.kind == "object")
        rest = dataclasses.replace(layout, elements=tuple(e for e in layout.elements if e is not guitar))
        assert name_of(to_rgb(guitar.colour)) == "red" and not colours_of(rest) & {"red", "maroon"}
        assert any("red guitar" in w and '"red"' in w for w in layout.warnings)


def test_locked_elements_are_never_changed(vlad) -> None:
    locked = (
        Element("object", Box(0.1, 0.5, 0.4, 0.9), text="dog", colour="#cf282d", style="mono", locked=True),
        Element("text", Box(0.1, 0.1, 0.9, 0.3), text="PETS", colour="#cf282d", font="montserrat-700", locked=True),
    )
    layout = vlad.plan("A poster that says 'PETS' with a dog", locked=locked, negative_prompt="red, dog, sans-serif")
    assert set(locked) <= set(layout.elements)


@pytest.mark.parametrize("prompt", OPEN)
def test_nothing_to_avoid_changes_nothing(vlad, prompt: str) -> None:
    plain = vlad.plan(prompt, seed=4)
    assert vlad.plan(prompt, seed=4, negative_prompt="") == plain == vlad.plan(prompt, seed=4, negative_prompt="  ")
    assert vlad.plan(prompt, seed=4, negative_prompt="blurry").elements == plain.elements


def test_an_undisturbed_plan_stays_as_it_is(vlad) -> None:
    plain = vlad.plan(OPEN[0], seed=2)
    absent = next(n for n in ("turquoise", "olive", "lime green") if n not in colours_of(plain))
    assert vlad.plan(OPEN[0], seed=2, negative_prompt=absent).elements == plain.elements


def test_a_heart_is_not_red_where_red_is_avoided(vlad) -> None:
    heart = next(e for e in vlad.plan("a heart", negative_prompt="red").elements if e.kind == "object")
    assert heart.colour is not None and name_of(to_rgb(heart.colour)) not in {"red", "maroon", "hot pink"}


@pytest.mark.parametrize("negative", ["dark colours", "light colours", "black, white"])
def test_letters_read_with_the_colours_that_are_left(vlad, negative: str) -> None:
    for seed in range(4):
        layout = vlad.plan("'HELLO' on a striped background", seed=seed, negative_prompt=negative)
        assert not any("hardly stands out" in w for w in layout.warnings)


def test_a_seed_gives_one_plan(vlad) -> None:
    first, second = (vlad.plan(OPEN[0], seed=5, negative_prompt="white, serif") for _ in range(2))
    assert first == second and first.negative_prompt == "white, serif"


@pytest.mark.parametrize("negative", ["a" * (MAX_PROMPT + 1), None])
def test_plans_refuse_bad_negative_prompts(vlad, negative: str) -> None:
    with pytest.raises(BadPrompt, match="negative prompt"):
        vlad.plan(OPEN[0], negative_prompt=negative)


# ---- sentences


def test_unknown_words_are_told_in_one_sentence() -> None:
    (said,) = told("a dog that says 'Hi'", "blurry, low quality, red")
    assert '"blurry"' in said and '"low quality"' in said and '"red"' not in said


@pytest.mark.parametrize(
    ("prompt", "negative", "words"),
    [
        ("'HELLO' in red letters", "red", "red letters"),
        ("an orange sign that says 'HELLO'", "orange", "an orange sign"),
        ("three red balloons", "red", "red balloons"),
        ("'HELLO' in serif letters", "serif font", "serif letters"),
        ("'HELLO' on a striped background", "stripes", "stripes"),
        ("'HELLO' on a navy blue background", "blue", "navy blue in the background"),
        ("a neon sign that reads 'OPEN'", "neon", "glowing letters"),
        ("'HELLO'", "text", "always written"),
    ],
)
def test_contradictions_are_told(prompt: str, negative: str, words: str) -> None:
    (said,) = told(prompt, negative)
    assert words in said and f'"{negative}"' in said and said.endswith(".")


@pytest.mark.parametrize(
    ("prompt", "negative"),
    [
        ("a red guitar and 'Rock'", "blue"),
        ("a red guitar and 'Rock'", "red text"),
        ("a cat and a dog", "dog"),
        ("a narwhal and a dog", "narwhal"),
        ("'HELLO' on a brick wall", "gray"),
    ],
)
def test_what_is_heeded_is_not_told(prompt: str, negative: str) -> None:
    assert told(prompt, negative) == []


# ---- the layout that carries it, and the denoiser


def test_the_negative_prompt_survives_json_and_old_files_load() -> None:
    plain = Layout("a cat", (Element("background", FULL),))
    assert "negative_prompt" not in plain.to_dict() and Layout.from_dict(plain.to_dict()) == plain
    layout = dataclasses.replace(plain, negative_prompt="red, dogs")
    assert Layout.from_json(json.dumps(layout.to_dict())) == layout


@pytest.mark.parametrize("value", [3, None, ["red"], "a" * (MAX_PROMPT + 1)])
def test_bad_negative_prompts_of_files_are_one_sentence(value: object) -> None:
    data = {**Layout("a cat", (Element("background", FULL),)).to_dict(), "negative_prompt": value}
    with pytest.raises(BadLayout, match=r"negative prompt .*\.$"):
        Layout.from_dict(data)


def test_the_denoiser_is_guided_away_from_it_above_a_guidance_of_one(vlad) -> None:
    layout = vlad.plan(OPEN[0], seed=1)
    negative = dataclasses.replace(layout, negative_prompt="blurry, dark")

    def same(guidance: float) -> bool:
        a, b = (vlad.generate(x, seed=1, steps=1, guidance=guidance).images[0] for x in (layout, negative))
        return ImageChops.difference(a, b).getbbox() is None

    assert same(1.0) and not same(3.0)
