"""No request makes the page open a file that was not uploaded."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder

from ui.components import unopened


def test_only_uploaded_files_are_opened(tmp_path: Path) -> None:
    image = unopened(gr.Image())
    folder = Path(get_upload_folder())
    assert image.preprocess(ImageData(path=str(folder / "abc" / "a.png"))) == str((folder / "abc" / "a.png").resolve())
    assert image.preprocess(None) is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "README.md", ""])
def test_other_paths_are_no_image(path: str) -> None:
    image = unopened(gr.Image())
    assert image.preprocess(ImageData(path=path)) is None
    assert image.preprocess(ImageData(path=str(Path(get_upload_folder()) / ".." / ".." / path))) is None
