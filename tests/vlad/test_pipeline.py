"""The pipeline and its script on the embedded weights."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from pipelines.colours import contrast, to_rgb
from pipelines.errors import BadPrompt, BadSetting, CheckpointMissing
from pipelines.types import Box, Layout
from pipelines.vlad.loaders import load_part

PROMPT = "A poster that says 'Blue Whale' with a whale on a yellow background"


@pytest.fixture(scope="module")
def layout(vlad) -> Layout:
    return vlad.plan(PROMPT, seed=3)


def same(a: Image.Image, b: Image.Image) -> bool:
    return ImageChops.difference(a, b).getbbox() is None


def distance(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference, of 255."""
    return float(np.abs(np.asarray(a, float) - np.asarray(b, float)).mean())


def test_a_plan_has_every_element_of_the_prompt(layout: Layout) -> None:
    assert [e.text for e in layout.texts] == ["Blue Whale"]
    assert "whale" in [e.text for e in layout.elements if e.kind == "object"]
    assert layout.background is not None and layout.background.colour == "#fcd03a"


@pytest.mark.parametrize("seed", [0, 1])
def test_colours_that_the_prompt_asks_for_are_planned_whatever_their_contrast(vlad, seed: int) -> None:
    plan = vlad.plan('please put the text "HIRING" in white on a solid coral background', seed=seed)
    assert plan.background is not None
    assert [plan.background.colour, plan.texts[0].colour] == ["#fa7862", "#ffffff"]
    free = vlad.plan('the text "HIRING" on a solid coral background', seed=seed)
    assert contrast(to_rgb(free.texts[0].colour or ""), to_rgb("#fa7862")) >= 4.5


def test_same_seed_same_layout_and_same_image(vlad, layout: Layout) -> None:
    assert vlad.plan(PROMPT, seed=3) == layout
    a, b = (vlad.generate(layout, seed=5).images[0] for _ in range(2))
    assert same(a, b)
    assert not same(a, vlad.generate(layout, seed=6).images[0])


def test_an_image_does_not_depend_on_its_batch(vlad, layout: Layout) -> None:
    pair = vlad.generate(layout, seed=5, images=2).images
    alone = vlad.generate(layout, seed=6).images[0]
    difference = np.abs(np.asarray(pair[1], int) - np.asarray(alone, int))
    assert difference.max() <= 2  # sums in another order, nothing more


def test_moving_a_text_moves_its_letters(vlad, layout: Layout) -> None:
    i = next(i for i, e in enumerate(layout.elements) if e.kind == "text")

    def drawn(box: Box) -> np.ndarray:
        parts = list(layout.elements)
        parts[i] = dataclasses.replace(parts[i], box=box, colour="#161a1a")
        parts = [e for e in parts if e.kind in ("background", "text")]
        image = vlad.generate(dataclasses.replace(layout, elements=tuple(parts)), seed=1).images[0]
        return np.asarray(image.convert("L"), float)

    top, bottom = drawn(Box(0.1, 0.05, 0.9, 0.3)), drawn(Box(0.1, 0.7, 0.9, 0.95))
    assert top[:90].min() + 60 < bottom[:90].min()
    assert bottom[166:].min() + 60 < top[166:].min()


def test_locked_elements_stay_when_planning_again(vlad, layout: Layout) -> None:
    fixed = dataclasses.replace(layout.texts[0], box=Box(0.1, 0.6, 0.6, 0.9), locked=True)
    again = vlad.plan(PROMPT, seed=9, locked=[fixed])
    assert fixed in again.elements


def test_closing_the_stream_stops_the_computation(vlad, layout: Layout) -> None:
    calls = []

    def count(*_: object) -> None:
        calls.append(1)

    with vlad.cache.use("vlad.vfe") as (vfe,):
        handle = vfe.register_forward_pre_hook(count)
    stream = vlad.stream(layout, steps=20)
    stages = [next(stream).stage for _ in range(4)]
    stream.close()
    handle.remove()
    assert stages[:2] == ["canvas", "canvas"] and stages[2] == "denoise"
    assert len(calls) == 2


def test_progress_reports_every_step_and_ends_with_the_images(vlad, layout: Layout) -> None:
    seen = []
    made = vlad.generate(layout, steps=3, on_step=seen.append)
    assert [p.step for p in seen if p.stage == "denoise"] == [1, 2, 3]
    assert seen[-1].stage == "done" and seen[-1].images == made.images
    assert {"canvas", "denoise", "decode"} <= set(made.timings_ms)


@pytest.mark.parametrize("size", [384, 512])
def test_a_larger_picture_shows_the_same_with_more_detail(vlad, layout: Layout, size: int) -> None:
    made = vlad.generate(layout, seed=1, size=size)
    small, large = vlad.generate(layout, seed=1).images[0], made.images[0]
    assert large.size == (size, size) and made.settings["size"] == size
    assert distance(large.resize(small.size, Image.Resampling.BOX), small) < 6
    draft, x = vlad.draft(layout, size=size), layout.texts[0].box
    place = tuple(round(size * v) for v in (x.x0, x.y0, x.x1, x.y1))
    enlarged = small.resize(large.size, Image.Resampling.BICUBIC)
    assert distance(large.crop(place), draft.crop(place)) < 0.9 * distance(enlarged.crop(place), draft.crop(place))
    assert [r.right for r in vlad.read_back(layout, [large])[0].texts] == [True]


def test_ablations_change_the_result(vlad, layout: Layout) -> None:
    full = vlad.generate(layout, seed=1).images[0]
    assert not same(full, vlad.generate(layout, seed=1, use_ccm=False).images[0])
    noise = vlad.generate(layout, seed=1, hierarchical_guidance=False)
    assert noise.settings["start"] == 1.0 and not same(full, noise.images[0])


def test_the_aligned_space_prefers_the_right_prompt(vlad) -> None:
    prompts = ["A poster that says 'Hello' on a red background", "A poster that says 'Hello' on a sky blue background"]
    images = [vlad.generate(vlad.plan(p, seed=1), seed=1).images[0] for p in prompts]
    scores = vlad.similarity(prompts, images)
    assert scores.shape == (2, 2)
    assert np.trace(scores) > scores[0, 1] + scores[1, 0]


def test_the_aligned_space_tells_texts_apart(vlad) -> None:
    prompts = [f"A poster with a fox that says '{word}' on a teal background" for word in ("Pizza", "Tacos", "Salad")]
    images = [vlad.generate(vlad.plan(p, seed=1), seed=1).images[0] for p in prompts]
    larger = images[0].resize((512, 512), Image.Resampling.LANCZOS)
    scores = vlad.similarity(prompts, [*images, larger])
    assert list(scores.argmax(0)) == [0, 1, 2, 0] and list(scores[:, :3].argmax(1)) == [0, 1, 2]
    assert scores[0, 0] - max(scores[1, 0], scores[2, 0]) > 0.05  # by more than chance
    alone = vlad.similarity(prompts, images, letters=False)
    assert np.ptp(alone[:, 0]) < np.ptp(scores[:, 0])  # the tower sees the same poster three times


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("images", 5),
        ("guidance", float("nan")),
        ("start", 0),
        ("seed", -1),
        ("steps", 2.5),
        ("size", 300),
        ("size", 1024),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(vlad, layout: Layout, name: str, value: float) -> None:
    with pytest.raises(BadSetting, match=name):
        vlad.generate(layout, **{name: value})


@pytest.mark.parametrize("prompt", ["", "   ", "a" * 10_000])
def test_bad_prompts_are_refused(vlad, prompt: str) -> None:
    with pytest.raises(BadPrompt):
        vlad.plan(prompt)


@pytest.mark.parametrize(
    "prompt",
    ["🎂🎈", "'all' \"quotes\" 'here'", "a sign that says 'unclosed", "שלום עולם", "'Привет мир'", "'Γειά σου'"],
)
def test_odd_prompts_are_drawn(vlad, prompt: str) -> None:
    layout = vlad.plan(prompt)
    assert vlad.generate(layout, steps=1).images[0].size == (256, 256)


def test_a_truncated_or_absent_checkpoint_says_which_file(mini_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(mini_folder / "tlg", tmp_path / "tlg")
    weights = tmp_path / "tlg" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(CheckpointMissing, match="model.safetensors"):
        load_part("tlg", tmp_path)
    weights.unlink()
    with pytest.raises(CheckpointMissing, match="missing"):
        load_part("tlg", tmp_path)


def script(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pipelines.vlad", *args], capture_output=True, text=True, timeout=300)


def test_script_writes_images_and_one_line_of_json(mini_folder: Path, minilm_folder: Path, tmp_path: Path) -> None:
    run = script("--prompt", "A sign with 'Open Late'", "--seed", "4", "--images", "2", "--out", str(tmp_path))
    assert run.returncode == 0, run.stderr
    facts = json.loads(run.stdout.strip().splitlines()[-1])
    assert facts["seed"] == 4 and [Path(f).name for f in facts["files"]] == ["image-0.png", "image-1.png"]
    assert "Open Late" in [e["text"] for e in facts["elements"] if e["kind"] == "text"]
    assert {"layout", "denoise", "decode"} <= set(facts["timings_ms"]) and facts["peak_rss_mb"] > 0
    again = script(
        "--layout", str(tmp_path / "layout.json"), "--seed", "4", "--images", "2", "--out", str(tmp_path / "again")
    )
    assert again.returncode == 0, again.stderr
    assert same(Image.open(tmp_path / "image-0.png"), Image.open(tmp_path / "again" / "image-0.png"))


@pytest.mark.parametrize(
    "box", ["[NaN, 0, 1, 1]", "[0.9, 0.1, 0.1, 0.5]", "[-0.1, 0, 1, 1]", "[0, 0, 1, 7]", "[0, 0, 1]", '"all"']
)
def test_script_refuses_bad_layout_files_in_one_sentence(tmp_path: Path, box: str) -> None:
    (tmp_path / "l.json").write_text(f'{{"prompt": "", "elements": [{{"kind": "text", "text": "Hi", "box": {box}}}]}}')
    run = script("--layout", str(tmp_path / "l.json"), "--out", str(tmp_path / "o"))
    assert run.returncode != 0 and run.stdout == ""
    lines = run.stderr.strip().splitlines()
    assert len(lines) == 1 and "ox" in lines[0] and "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "args", [["--prompt", ""], ["--prompt", "x", "--preset", "huge"], ["--prompt", "x 'y'", "--steps", "0"]]
)
def test_script_says_in_one_sentence_what_is_wrong(tmp_path: Path, args: list[str]) -> None:
    run = script(*args, "--out", str(tmp_path))
    assert run.returncode != 0
    assert len(run.stderr.strip().splitlines()) == 1
