"""The VLSA pipeline and its script on the embedded weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.errors import BadImage, BadPrompt, BadSetting
from pipelines.types import FULL, Box, Element, Layout
from pipelines.vlad.canvas import draw_canvas
from pipelines.vlsa.decoding import Decoder
from pipelines.vlsa.types import CODES, Message


@pytest.fixture(scope="module")
def poster() -> Image.Image:
    layout = Layout(
        "A poster",
        (
            Element("background", FULL, colour="#1f3a93"),
            Element("text", Box(0.1, 0.35, 0.9, 0.65), text="SALE", colour="#ffffff", font="montserrat-700"),
        ),
    )
    return draw_canvas(layout, {}, None)


def answer(vlsa: Any, image: Image.Image | None, question: str, **settings: Any) -> Any:
    return list(vlsa.chat([Message("user", question, image)], **settings))[-1]


def test_answers_are_streamed_and_repeatable(vlsa: Any, poster: Image.Image) -> None:
    replies = list(vlsa.chat([Message("user", "What does the text say?", poster)], max_tokens=24))
    assert replies[-1].done and replies[-1].finish in ("stop", "length") and not any(r.done for r in replies[:-1])
    assert all(a.tokens <= b.tokens for a, b in zip(replies, replies[1:], strict=False))
    assert replies[-1].text and replies[-1].first_token_ms > 0
    assert answer(vlsa, poster, "What does the text say?", max_tokens=24).text == replies[-1].text


def test_the_image_reaches_the_language_model(vlsa: Any) -> None:
    """The same question about two plain images does not give the same scores for the first word."""
    scores = []
    for colour in ("#c81e1e", "#ffffff"):
        encoded = vlsa.encode(vlsa.view(Image.new("RGB", (256, 256), colour)))
        with vlsa.cache.use("language_tokenizer", "vlsa.vlm") as (tokenizer, vlm), torch.inference_mode():
            ids = torch.tensor([vlsa.speller(tokenizer).turn("What colour is the background?")])
            scores.append(Decoder(vlm, vlm.prompt(encoded.v, ids)).logits)
    assert float((scores[0] - scores[1]).abs().max()) > 0.1


def test_the_image_decides_the_answer(vlsa: Any) -> None:
    """The same question about plain images is not answered alike."""
    texts = {
        answer(vlsa, Image.new("RGB", (256, 256), c), "What colour is the background?").text
        for c in ("#c81e1e", "#1e8c3c", "#ffffff", "#000000")
    }
    assert len(texts) >= 2


def test_length_is_kept(vlsa: Any, poster: Image.Image) -> None:
    last = answer(vlsa, poster, "Describe the image.", max_tokens=3)
    assert last.finish == "length" and last.tokens == 3


def test_sampling_follows_the_seed(vlsa: Any, poster: Image.Image) -> None:
    def sample(seed: int) -> str:
        return answer(vlsa, poster, "Describe the image.", temperature=2.0, seed=seed, max_tokens=12).text

    assert sample(1) == sample(1)
    assert len({sample(seed) for seed in range(4)}) > 1


def test_stopping_ends_the_computation(vlsa: Any, poster: Image.Image) -> None:
    """After the generator is closed the decoder is not called again."""
    with vlsa.cache.use("vlsa.vlm") as (vlm,):
        calls = []
        handle = vlm.decoder.register_forward_hook(lambda *_: calls.append(1))
        try:
            replies = vlsa.chat([Message("user", "Describe the image.", poster)], max_tokens=60)
            next(replies), next(replies)
            replies.close()
            assert len(calls) == 2
        finally:
            handle.remove()


def test_conversation_goes_on_about_the_latest_image(vlsa: Any, poster: Image.Image) -> None:
    red = Image.new("RGB", (256, 256), "#c81e1e")
    alone = answer(vlsa, red, "What colour is the background?").text
    messages = [
        Message("user", "What does it say?", poster),
        Message("assistant", '"SALE"'),
        Message("user", "What colour is the background?", red),
    ]
    assert list(vlsa.chat(messages))[-1].text == alone
    more = [*messages, Message("assistant", alone), Message("user", "Is there any text?")]
    assert list(vlsa.chat(more))[-1].done


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([], BadPrompt),
        ([Message("user", "Hello?")], BadImage),
        ([Message("user", "  ", Image.new("RGB", (9, 9)))], BadPrompt),
        ([Message("user", "why " * 5000, Image.new("RGB", (9, 9)))], BadPrompt),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(vlsa: Any, messages: list[Message], error: type) -> None:
    with pytest.raises(error) as caught:
        next(iter(vlsa.chat(messages)))
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 200


@pytest.mark.parametrize("setting", [{"temperature": -1.0}, {"top_p": 0.0}, {"max_tokens": 0}, {"seed": 1.5}])
def test_settings_have_limits(vlsa: Any, poster: Image.Image, setting: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        answer(vlsa, poster, "What is it?", **setting)


@pytest.mark.parametrize("size", [(1, 1), (12000, 40), (300, 700), (512, 512)])
def test_any_size_has_64_embeddings(vlsa: Any, size: tuple[int, int]) -> None:
    view = vlsa.view(Image.new("RGB", size, "#336699"))
    encoded = vlsa.encode(view)
    assert encoded.v.shape[1] == 64 and encoded.weights.shape == (65, 64 * view.count)
    assert answer(vlsa, view.image, "What is it?", max_tokens=2).tokens <= 2


def test_reconstruction_shows_preview_steps_and_result(vlsa: Any, poster: Image.Image) -> None:
    view = vlsa.view(poster)
    seen = list(vlsa.reconstruct(view, steps=3, seed=1))
    assert [r.stage for r in seen] == ["preview", "denoise", "denoise", "done"]
    assert [r.step for r in seen] == [0, 1, 2, 3]
    assert seen[-1].image.size == (256, 256) and seen[-1].psnr > 12 and 0 < seen[-1].ssim <= 1
    again = list(vlsa.reconstruct(view, steps=3, seed=1))[-1]
    assert np.array_equal(np.asarray(again.image), np.asarray(seen[-1].image))
    alone = list(vlsa.reconstruct(view, steps=3, seed=1, perceiver=False))[-1]
    assert not np.array_equal(np.asarray(alone.image), np.asarray(seen[-1].image))


def test_tokens_and_their_decoding(vlsa: Any, poster: Image.Image) -> None:
    view = vlsa.view(poster)
    tokens = vlsa.tokens(view)
    assert tokens.true.shape == (32, 32) and tokens.true.min() >= 0 and tokens.true.max() < CODES
    assert tokens.counts.sum() == 1024 and 0 < tokens.usage <= 1 and tokens.perplexity >= 1
    decoded = np.asarray(vlsa.decode(tokens.true), int)
    assert np.abs(decoded - np.asarray(tokens.decoded, int)).max() <= 1
    assert tokens.attention.shape == (64, view.count, 64)
    assert np.allclose(tokens.attention.sum((1, 2)), 1, atol=1e-3)


def test_prediction_comes_in_rounds_and_can_be_stopped(vlsa: Any, poster: Image.Image) -> None:
    view = vlsa.view(poster)
    rounds = vlsa.predict(view)
    first = next(rounds)
    rounds.close()
    assert not first.done and 0 < (first.index >= 0).sum() < 1024 and 0 <= first.accuracy <= 1


def test_pixels(vlsa: Any, poster: Image.Image) -> None:
    view = vlsa.view(poster)
    seen = vlsa.pixels(view, (0, 4))
    assert seen.true.shape == seen.predicted.shape == (4, 4, 3) and 0 <= seen.error <= 255
    with pytest.raises(BadSetting):
        vlsa.pixels(view, (5, 0))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.vlsa", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})


def test_script_prints_a_line_for_each_result(vlsa: Any, tmp_path: Path, poster: Image.Image) -> None:
    poster.save(tmp_path / "poster.png")
    done = run(
        "--image", str(tmp_path / "poster.png"), "--ask", "What does it say?", "--ask", "Is there a cat?",
        "--max-tokens", "8", "--reconstruct", str(tmp_path / "out" / "rebuilt.png"), "--steps", "2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    a, b, c = (json.loads(line) for line in done.stdout.splitlines())
    assert (
        set(a) == {"question", "text", "tokens", "first_token_ms", "tokens_per_s"}
        and b["question"] == "Is there a cat?"
    )
    assert {"psnr", "ssim", "perceptual"} <= set(c) and Image.open(c["file"]).size == (256, 256)


def test_script_says_what_is_wrong(vlsa_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"not an image")
    for arguments in (["--ask", "Hm?"], []):
        done = run("--image", str(tmp_path / "no.png"), *arguments)
        assert done.returncode == 1 and done.stderr.strip().endswith(".") and "Traceback" not in done.stderr
