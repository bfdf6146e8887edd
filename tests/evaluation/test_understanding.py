"""Prompts taken apart against their truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.understanding import main, read, summary, taken

PROMPTS = Path(__file__).resolve().parents[2] / "evaluation" / "prompts"


def test_texts_and_objects_that_are_found_count_and_others_do_not() -> None:
    right = taken({"prompt": "A sign that says 'Open!' and two cats", "texts": ["open"], "objects": [["cat", 2]]})
    assert right.texts and right.missing == () and right.wanted == 1
    panel = taken({"prompt": "A sign that says 'Open'", "texts": ["Open"], "objects": [["wooden sign", 1]]})
    assert panel.missing == ()
    wrong = taken({"prompt": "'Open' and three cats", "texts": ["Closed"], "objects": [["cat", 2], ["dog", 1]]})
    assert not wrong.texts and wrong.missing == ("cat", "dog") and wrong.found == ("Open",)
    nothing = taken({"prompt": "of the and", "texts": [], "objects": []})
    assert not nothing.texts and "Nothing" in nothing.found[0]
    figures = summary([right, wrong])
    assert figures["texts"]["value"] == 0.5 and figures["objects"]["value"] == pytest.approx(1 / 3)


def test_described_prompts_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(read(PROMPTS / "described.jsonl")) == 860
    assert main([str(PROMPTS / "described.jsonl"), "--wrong"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["described.jsonl"]
    assert told["texts"]["value"] > 0.85 and told["objects"]["value"] > 0.8


@pytest.mark.parametrize("line", ["{", '{"prompt": "a cat"}', '{"prompt": 3, "texts": []}'])
def test_files_without_truth_are_one_sentence(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.jsonl").write_text(line + "\n")
    assert main([str(tmp_path / "bad.jsonl")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
