"""Markdown from results: every row of ours names its protocol beside the paper's."""

import json

import pytest

from evaluation import report
from evaluation.vlad import ABLATIONS, FULL, Evaluation, Results, Settings, evaluate


@pytest.fixture
def results(pipe, reader, tmp_path, find_words):
    evaluation = Evaluation(pipe, reader, tmp_path, Settings(), find_words)
    about = {
        "run": {"seed": 0, "images": 1, "engine": "fake reader", "checkpoint": {"name": "vlad-mini", "sha256": "abc"}},
        "prompts_file": "held-out.txt",
        "machine": {"processor": "P", "cores": 2, "memory_gib": 8, "versions": {"torch": "2"}, "torch_threads": 2},
    }
    store = Results(tmp_path / "results.json", about)
    evaluate(evaluation, ["a red 'One'", "a 'Two'"], store, (FULL, *ABLATIONS))
    return tmp_path / "results.json"


BENCH = {
    "stages_ms": {"total": {"median": 500.0, "p95": 600.0}},
    "peer": {"name": "peer", "stages_ms": {"total": {"median": 5000.0, "p95": 6000.0}}},
    "ratio": 10.0,
    "fresh_process": {"peak_rss_mb": 900.0, "import_and_load_s": 3.0},
    "server": {"error": "The app did not answer."},
    "machine": {"processor": "P", "cores": 2, "memory_gib": 8, "versions": {"torch": "2"}, "torch_threads": 2},
}


def test_report_has_the_papers_rows_beside_ours(results):
    text = report.report([report.load(results)])
    for row in (line for line in text.splitlines() if line.startswith("| ours, ")):
        assert "2 prompts of held-out.txt" in row and "fake reader" in row and "vlad-mini abc" in row
    assert "| VLAD, the paper | 0.756 | 0.877 | 0.880 | 0.879 | as the paper reports it" in text
    assert "ours: without CCM" in text
    assert "Not measured" in text  # objects and truths are absent here, and the table says so
    assert " FID" not in "".join(line for line in text.splitlines() if line.startswith("| ours"))


def test_runs_that_differ_in_their_seed_are_told_once_with_their_spread(results):
    one = report.load(results)
    two = json.loads(json.dumps(one))
    two["about"]["run"]["seed"] = 1
    for row in two["summary"]["ablation"]:
        row["ocr_f_literal"] = row["ocr_f_literal"] / 2
    text = report.report([one, two])
    assert text.count("### Layout and pictures, held-out.txt") == 1 and "over 2 seeds (0, 1)" in text
    first = one["summary"]["ablation"][0]["ocr_f_literal"]
    assert report.spread([first, first / 2]) in text and report.spread([0.5, None]) == "–"
    assert report.spread([0.25, 0.75]) == "0.500 (0.250 to 0.750)"


def test_every_row_of_a_table_has_as_many_cells_as_its_head(results):
    for block in report.report([report.load(results)], [BENCH]).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_bench_in_markdown():
    text = report.bench_table(BENCH)
    assert "| ours: total | 500.0 | 600.0 |" in text
    assert "10.0 times faster than the peer" in text
    assert "server ready after – s" in text


def test_command_writes_the_file(results, tmp_path, capsys):
    bench_file, out = tmp_path / "bench.json", tmp_path / "report.md"
    bench_file.write_text(json.dumps(BENCH), "utf-8")
    assert report.main([str(results), str(bench_file), "--out", str(out)]) == 0
    assert out.read_text("utf-8") == capsys.readouterr().out
    assert "### Speed and memory" in out.read_text("utf-8")


@pytest.mark.parametrize("content", ["{", "[]", '{"summary": null}'])
def test_unfinished_results_are_one_sentence(tmp_path, capsys, content):
    path = tmp_path / "results.json"
    path.write_text(content, "utf-8")
    assert report.main([str(path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
