"""Stand-ins for the pipeline and the OCR engine: they draw flat pictures and read what the picture says it shows."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import BadPrompt
from pipelines.types import Box, Element, Generation, Layout
from pipelines.vlad.ocr import Word

QUOTED = re.compile(r"'([^']+)'")


def words_of(prompt: str) -> list[str]:
    return [w for span in QUOTED.findall(prompt) for w in span.split()]


def part(kind: str, text: str, span=None, **fields):
    """A part of an understanding, with the fields that scores look at."""
    return SimpleNamespace(
        **{"count": 1, "colour": None, "place": None, "style": None, "kind": kind, "text": text, "span": span} | fields
    )


class FakePipe:
    """Plans quoted spans as rows of text over the named colour; refuses prompts that hold "nothing"."""

    def __init__(self) -> None:
        self.calls: list[dict] = []

    def understand(self, prompt):
        parts = [part("text", m.group(1), m.span(1)) for m in QUOTED.finditer(prompt)]
        if "red" in prompt:
            parts.append(part("background", "", colour="#cf282d"))
        return SimpleNamespace(prompt=prompt, parts=tuple(parts), relations=(), warnings=())

    def plan(self, prompt, *, seed=0, use_ccm=True):
        if "nothing" in prompt:
            raise BadPrompt("The prompt asks for nothing; name something to draw.")
        parts = [p for p in self.understand(prompt).parts if p.kind == "text"]
        height = 0.8 / max(1, len(parts))
        rows = [Box(0.1, 0.1 + i * height, 0.9, 0.08 + (i + 1) * height) for i in range(len(parts))]
        texts = [Element("text", b, p.text, span=p.span) for p, b in zip(parts, rows, strict=True)]
        background = Element("background", Box(0, 0, 1, 1), colour="#cf282d")
        return Layout(prompt, (background, *texts), seed=seed)

    def generate(self, layout, *, seed=0, images=1, use_ccm=True, hierarchical_guidance=True, **settings):
        self.calls.append({"seed": seed, "images": images, "ccm": use_ccm, "guided": hierarchical_guidance, **settings})
        pictures = []
        for _ in range(images):
            image = Image.new("RGB", (64, 64), layout.background.colour)
            image.info["texts"] = [(e.text, e.box) for e in layout.texts] if hierarchical_guidance else []
            pictures.append(image)
        return Generation(tuple(pictures), layout, seed, {}, {"canvas": 1.0, "denoise": 2.0, "decode": 3.0})

    def draft(self, layout):
        return self.generate(layout).images[0]

    def similarity(self, prompts, images, letters=True):
        return np.eye(len(prompts), len(images)) if letters else np.zeros((len(prompts), len(images)))


class FakeReader:
    """Reads the texts that FakePipe hung on the picture."""

    name = "fake reader"

    def __init__(self) -> None:
        self.read_count = 0

    def read(self, image):
        self.read_count += 1
        return [Word(w, box) for text, box in image.info["texts"] for w in text.split()]


@pytest.fixture(autouse=True)
def no_artwork(monkeypatch, tmp_path_factory):
    """Scores that need the synthesiser's artwork are not taken here, whether or not it is on this machine."""
    monkeypatch.setenv("POSTER_ASSETS", str(tmp_path_factory.mktemp("no-assets")))


@pytest.fixture
def pipe() -> FakePipe:
    return FakePipe()


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader()


@pytest.fixture
def make_part():
    return part


@pytest.fixture
def find_words():
    return words_of
