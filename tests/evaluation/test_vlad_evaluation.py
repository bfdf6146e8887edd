"""The runner: files, records, resuming, refusals, variants; with stand-ins for pipeline and OCR."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import pipelines
from evaluation import features, truths
from evaluation import vlad as runner
from evaluation.vlad import (
    ABLATIONS,
    CANVAS,
    FROM_NOISE,
    FULL,
    Evaluation,
    Results,
    Settings,
    evaluate,
    read_prompts,
    summarise,
)
from pipelines.errors import CheckpointMissing, UserError

PROMPTS = ["a red poster with 'Deep listening'", "a card with 'One' and 'Two'", "nothing but 'Void'"]


@pytest.fixture
def evaluation(pipe, reader, tmp_path, find_words):
    return Evaluation(pipe, reader, tmp_path, Settings(images=2, seed=7), find_words)


def about(evaluation):
    return {"run": {"seed": evaluation.settings.seed}, "prompts_file": "p.txt"}


def test_prompt_file_skips_comments_and_blanks(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("# note\n\n one 'A' \ntwo\n", "utf-8")
    assert read_prompts(path) == ["one 'A'", "two"]
    assert read_prompts(path, 1) == ["one 'A'"]
    path.write_text("# only a note\n", "utf-8")
    for bad in (path, tmp_path / "absent.txt"):
        with pytest.raises(UserError):
            read_prompts(bad)


def test_files_records_and_figures(evaluation, tmp_path):
    records = evaluation.run(PROMPTS)
    names = {p.name for p in tmp_path.iterdir()}
    assert {"0000-0.png", "0000-1.png", "0000-layout.json", "0001-1.png"} <= names
    assert "0002-0.png" not in names
    first = records[0]
    assert first["words"] == ["Deep", "listening"] == first["images"][0]["read"]
    assert [i["seed"] for i in first["images"]] == [7, 8]
    assert records[1]["seed"] == 7 + runner.SEEDS_PER_PROMPT
    assert first["images"][0]["colour"]["obeyed"] and records[1]["images"][0]["colour"] is None
    assert first["layout_scores"]["words_covered"] == 1
    json.dumps(records)


def test_a_refused_prompt_keeps_its_sentence_and_scores_zero(evaluation):
    records = evaluation.run(PROMPTS)
    assert "nothing" in records[2]["error"]
    assert [i["literal"]["recall"] for i in records[2]["images"]] == [0, 0]
    summary = summarise(records)
    assert (summary["images"], summary["failed"]) == (6, 1)
    assert summary["ocr"]["literal"]["accuracy"] == pytest.approx(2 / 3)
    assert summary["ocr"]["normalised"]["f_measure"] == pytest.approx(2 / 3)
    assert summary["in_box"]["exact"] == 1
    assert summary["layout"]["layouts"] == 2
    assert summary["timings_ms"]["denoise"] == 2
    wordless = [{**r, "words": []} if k == 0 else r for k, r in enumerate(records)]  # that prompt asks for none
    assert summarise(wordless)["ocr"]["literal"]["accuracy"] == pytest.approx(1 / 2)
    assert summarise(wordless)["prompts_without_words"] == summary["prompts_without_words"] + 1


def test_more_images_than_one_call_draws(pipe, reader, tmp_path, find_words):
    evaluation = Evaluation(pipe, reader, tmp_path, Settings(images=6), find_words)
    record = evaluation.run(PROMPTS[:1])[0]
    assert [c["images"] for c in pipe.calls] == [4, 2]
    assert [i["seed"] for i in record["images"]] == list(range(6))
    assert {i["file"] for i in record["images"]} == {f"0000-{k}.png" for k in range(6)}


def test_a_stopped_run_goes_on(evaluation, pipe, tmp_path):
    path = tmp_path / "results.json"
    evaluate(evaluation, PROMPTS[:1], Results(path, about(evaluation)))
    drawn = len(pipe.calls)
    evaluate(evaluation, PROMPTS, Results(path, about(evaluation)))
    assert len(pipe.calls) == drawn + 1  # the first prompt is not drawn again, the third is refused
    (tmp_path / "0000-0.png").unlink()
    evaluate(evaluation, PROMPTS, Results(path, about(evaluation)))
    assert len(pipe.calls) == drawn + 2


def test_other_settings_start_afresh(evaluation, tmp_path):
    path = tmp_path / "results.json"
    evaluate(evaluation, PROMPTS[:1], Results(path, about(evaluation)))
    assert Results(path, about(evaluation)).records(FULL)
    assert not Results(path, {"run": {"seed": 8}}).records(FULL)
    path.write_text("{half a file", "utf-8")
    assert not Results(path, about(evaluation)).records(FULL)


def test_results_are_on_disk_after_every_prompt(evaluation, tmp_path, monkeypatch):
    results = Results(tmp_path / "results.json", about(evaluation))
    original = evaluation._record

    def stop_at_second(index, prompt, variant):
        if index == 1:
            raise KeyboardInterrupt
        return original(index, prompt, variant)

    monkeypatch.setattr(evaluation, "_record", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        evaluate(evaluation, PROMPTS, results)
    assert [r["index"] for r in Results(tmp_path / "results.json", about(evaluation)).records(FULL)] == [0]


def test_ablation_uses_the_same_seeds_and_prompts(evaluation, pipe, tmp_path):
    results = Results(tmp_path / "results.json", about(evaluation))
    summary = evaluate(evaluation, PROMPTS[:2], results, (FULL, *ABLATIONS, FROM_NOISE))
    assert [r["variant"] for r in summary["ablation"]] == ["full", "no-ccm", "no-hierarchical-guidance", "from-noise"]
    assert [c["seed"] for c in pipe.calls] == [7, 107] * 4
    assert [(c["ccm"], c["guided"]) for c in pipe.calls[::2]] == [
        (True, True),
        (False, True),
        (True, False),
        (True, True),
    ]
    assert [c["start"] for c in pipe.calls[::2]] == [None, None, None, 1.0]
    by_key = {r["variant"]: r for r in summary["ablation"]}
    assert by_key["full"]["ocr_f_literal"] == 1 and by_key["no-hierarchical-guidance"]["ocr_f_literal"] == 0
    assert by_key["full"]["retrieval_at_1"] > 0
    assert (tmp_path / "no-ccm" / "0000-0.png").is_file()
    saved = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert set(saved["variants"]) == {"no-ccm", "no-hierarchical-guidance", "from-noise"}
    assert saved["summary"]["ocr"]["engine"] == "fake reader"


def test_the_canvas_alone_is_a_row_of_its_own(evaluation, pipe, tmp_path):
    records = evaluation.run(PROMPTS[:1], CANVAS)
    assert [i["file"] for i in records[0]["images"]] == ["0000-0.png", "0000-1.png"]
    assert (tmp_path / "canvas" / "0000-1.png").is_file()
    assert len(pipe.calls) == 1


def test_true_posters_give_the_ceiling(pipe, reader, monkeypatch):
    layout = pipe.plan("a 'One' and 'Two'")
    image = pipe.generate(layout).images[0]
    monkeypatch.setattr(
        truths, "held_out", lambda n, seed: [SimpleNamespace(prompt="p", image=image, layout=layout)] * n
    )
    monkeypatch.setattr(features, "Features", lambda: lambda images: np.arange(3.0 * len(images)).reshape(-1, 3))
    reference = runner.Reference(4, 0)
    ceiling = reference.ocr(reader, 3)
    assert (ceiling["images"], ceiling["literal"]["f_measure"]) == (3, 1)
    assert reference.frechet([image] * 4) == {
        "distance": pytest.approx(0), "features": "EfficientNet-Lite0", "images": 4, "truths": 4,
    }  # fmt: skip
    assert "note" in reference.frechet([image])
    assert reference.retrieval(pipe, 2)["images"] == 2


def test_command_prints_the_summary_as_its_last_line(pipe, reader, tmp_path, find_words, monkeypatch, capsys):
    monkeypatch.setattr(pipelines, "load", lambda preset: pipe)
    monkeypatch.setattr(runner, "RapidReader", lambda engine: reader)
    monkeypatch.setattr(runner, "quoted_words", find_words)
    monkeypatch.setattr(runner.Evaluation.__init__, "__defaults__", (find_words,))
    path = tmp_path / "p.txt"
    path.write_text("\n".join(PROMPTS), "utf-8")
    status = runner.main(["--prompts", str(path), "--out", str(tmp_path / "out"), "--images", "1", "--seed", "3"])
    assert status == 0
    summary = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert set(summary["ocr"]["literal"]) == {"accuracy", "precision", "recall", "f_measure"}
    assert {"in_box", "layout", "objects", "retrieval", "colour"} <= set(summary)
    saved = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    assert saved["about"]["run"]["checkpoint"]["name"] == "vlad-mini"
    assert saved["about"]["machine"]["cores"] >= 1
    assert saved["prompts"][0]["images"][0]["read"] == ["Deep", "listening"]


def test_a_missing_checkpoint_stops_the_run_instead_of_scoring_zero(evaluation, pipe, monkeypatch):
    def absent(*args, **kwargs):
        raise CheckpointMissing("The checkpoint is absent; train it first.")

    monkeypatch.setattr(pipe, "generate", absent)
    with pytest.raises(CheckpointMissing):
        evaluation.run(PROMPTS)


def test_retrieval_leaves_out_refused_prompts_and_says_when_it_cannot_measure(pipe, monkeypatch):
    image = Image.new("RGB", (8, 8))
    found = runner.retrieval(pipe, PROMPTS, [(0, image), (2, image)])
    assert (found["at_1"], found["without_letters"], found["prompts"], found["chance"]) == (1, 0.5, 2, 0.5)
    assert "note" in runner.retrieval(pipe, PROMPTS, [])

    def absent(*args, **how):
        raise CheckpointMissing("The image encoder is absent; train it first.")

    monkeypatch.setattr(pipe, "similarity", absent)
    assert "image encoder" in runner.retrieval(pipe, PROMPTS, [(0, image)])["note"]


def test_command_says_what_is_wrong_in_one_sentence(tmp_path, capsys):
    assert runner.main(["--prompts", str(tmp_path / "absent.txt"), "--out", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "absent.txt" in message


def test_settings_reach_the_pipeline():
    settings = Settings(steps=3, guidance=2.0, start=0.4)
    assert settings.sampling(FULL)["start"] == 0.4
    assert settings.sampling(FROM_NOISE)["start"] == 1.0
    assert settings.sampling(replace(FULL, use_ccm=False))["use_ccm"] is False
