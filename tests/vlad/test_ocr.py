"""Reading words from pictures."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipelines.vlad import ocr


def test_a_line_is_shared_among_its_words_by_position():
    quad = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], float)
    words = ocr._words_of_line("ab cdefg", quad, (), (100, 100))
    assert [w.text for w in words] == ["ab", "cdefg"]
    assert words[0].box.x1 == pytest.approx(0.25)
    assert words[1].box.as_list() == pytest.approx([0.375, 0, 1, 0.2])


def test_only_latin_letters_and_common_symbols_are_read():
    assert ocr.readable("Café £5 – “ok”")
    assert not ocr.readable("口")


def test_rapidocr_reads_large_words_with_their_boxes():
    pytest.importorskip("rapidocr")
    image = Image.new("RGB", (256, 256), (250, 240, 210))
    draw = ImageDraw.Draw(image)
    draw.text((40, 40), "Night Flight", (20, 20, 60), ImageFont.load_default(36))
    draw.text((60, 170), "GATE 12", (20, 20, 60), ImageFont.load_default(40))
    reader = ocr.RapidReader()
    words = reader.read(image)
    assert sorted(w.text.lower() for w in words) == ["12", "flight", "gate", "night"]
    assert all((w.box.centre[1] < 0.5) == (w.text.lower() in ("night", "flight")) for w in words)
    assert reader.read(Image.new("RGB", (256, 256), "white")) == []
    assert reader.name.startswith("rapidocr ")


def test_text_recognition_is_loaded_by_the_first_reader_and_not_before(root):
    code = (
        "import sys, pipelines, pipelines.vlad.pipeline, ui.demo;"
        "sys.exit(any(m in sys.modules for m in ('rapidocr', 'onnxruntime')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
