"""The app as on ZeroGPU, each time in a process of its own, for `spaces` changes torch and Gradio for good."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("spaces", reason="spaces is not installed (requirements-test.txt)")
pytestmark = pytest.mark.slow


def run(what: str, home: Path) -> dict[str, Any]:
    """The last line that zero_gpu.py prints; its output goes to files, which workers may hold longer than it lives."""
    env = {**os.environ, "HOME": str(home), "TMPDIR": str(home)}  # packed weights go to ~/.zerogpu
    script, out = Path(__file__).with_name("zero_gpu.py"), home / "out"
    with out.open("wb") as stdout, (home / "err").open("wb") as stderr:
        done = subprocess.run(
            [sys.executable, str(script), what], env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            timeout=240, check=False,
        )  # fmt: skip
    assert done.returncode == 0, (home / "err").read_text()[-3000:]
    return dict(json.loads(out.read_text().strip().splitlines()[-1]))


@pytest.mark.usefixtures("mini_folder", "minilm_folder", "vlsa_folder")
def test_the_app_builds_with_everything_placed_and_frozen_before_the_launch(tmp_path: Path) -> None:
    seen = run("build", tmp_path)
    assert seen["decorated"] == [True] * 10
    assert seen["ready"] == [True, True] and seen["errors"] == [None, None]
    assert seen["frozen"] and seen["places"] == ["cuda"] and "lent" in seen["device"]
    assert seen["page"] == 200 and seen["asked"] == {"/startup-report": 1}  # nothing asked for a GPU


@pytest.mark.usefixtures("mini_folder", "minilm_folder", "vlsa_folder")
def test_forked_workers_compute_and_the_lane_stays_in_the_server(tmp_path: Path) -> None:
    seen = run("work", tmp_path)
    assert seen["texts"] == ["Hi"] and seen["stages"][-1] == "done" and seen["draft"] == [256, 256]
    assert seen["working"] == 1 and seen["free"]  # held while a report is out, given back when the work is closed
    assert seen["refusal"].startswith("BadPrompt: There is no question")  # a sentence comes out of the worker as it is
    assert seen["same"] and seen["said"] and seen["rebuilt"] == "done"
    assert seen["predicted"] > 0 and seen["tokens"] == [32, 32] and seen["colours"]
    assert seen["asked"]["/schedule"] == seen["asked"]["/release"] == 11  # every GPU that was lent is given back
