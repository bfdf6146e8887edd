"""VLSA's results as Markdown, its ablation, its card and README rows, from small results."""

import json

import pytest

from evaluation import report, vlsa_ablation, vlsa_card, vlsa_report
from evaluation.vlsa_chat import summarise
from pipelines.errors import UserError

MACHINE = {"processor": "P", "cores": 2, "memory_gib": 8, "versions": {"torch": "2"}, "torch_threads": 2}
RECONSTRUCTION = {
    "pictures": 2,
    "full": {"diffusion": {"psnr": 23.0, "ssim": 0.72, "perceptual": 0.4, "seconds": 2.0, "frechet": 90.0}},
    "snapshot": {"diffusion": {"psnr": 21.0, "ssim": 0.65, "perceptual": 0.6, "seconds": 2.0, "frechet": 120.0}},
}
CODES = {
    **{"pictures": 2, "psnr": 22.5, "ssim": 0.7, "perceptual": 0.3, "codes": 1024, "usage": 0.95, "dead": 51},
    **{"perplexity": 600.0, "top_share": 0.02},
}
COGNITION = {
    **{"pictures": 2, "top_1": 0.05, "baseline_top_1": 0.02, "top_5": None, "baseline_top_5": 0.08},
    **{"pixel_mae": 20.0, "mean_colour_pixel_mae": 50.0, "own_mean_pixel_mae": 25.0},
    **{"delta_e": 10.0, "mean_colour_delta_e": 22.0, "own_mean_delta_e": 13.0},
}
BENCH = {
    "pipeline": "vlsa",
    "stages_ms": {
        "first token, 512 px": {"median": 400.0, "p95": 500.0},
        "preview reconstruction": {"median": 600.0, "p95": 700.0},
    },
    "tokens_per_s": {"median": 20.0, "p95": 18.0},
    "fresh_process": {"peak_rss_mib": 2048.0, "cold_start_s": 6.0},
    "peers": [
        {
            **{"name": "peer", "tiles": 17, "ratio_first_token": 9.0, "ratio_tokens_per_s": 1.5},
            **{"stages_ms": {"first token": {"median": 3600.0, "p95": 4000.0}}, "tokens_per_s": {"median": 13.0}},
        }
    ],
    "machine": MACHINE,
}


def answer(kind, phrasing, expected, text, right):
    scores = {"exact": float(right), "f1": float(right), "exact_case": 1.0, "edit_distance": 0.0, "invents": None}
    return {
        **{"kind": kind, "phrasing": phrasing, "question": "What | is it?", "expected": expected, "answer": text},
        **{"tokens": 2, "first_token_ms": 10.0, "tokens_per_s": 20.0, "lines": 1, "scores": scores, "sample": "p-0"},
    }


@pytest.fixture
def results():
    answers = [
        answer("presence", "templates", "yes", "yes", True),
        answer("presence", "templates", "no", "yes", False),
        answer("read", "templates", '"Fam"', '"Fam"', True),
        answer("read", "held-out", '"Fam"', "a\nb", False),
    ]
    run = {"data": "held-out", "seed": 0, "checkpoint": {"name": "vlsa-mini", "sha256": "abc"}}
    about = {"pipeline": "vlsa", "run": run, "date": "2026-01-01", "perceptual": "network", "machine": MACHINE}
    posters = {"reconstruction": RECONSTRUCTION, "codes": CODES, "cognition": COGNITION}
    summary = {"sets": {"posters": 2}, "chat": summarise(answers), "posters": posters}
    return {"about": about, "summary": summary, "worst": [answers[1], answers[3]]}


def rows_of(text, start):
    return [line for line in text.splitlines() if line.startswith(f"| {start}")]


def test_every_aim_says_whether_it_is_reached(results):
    text = report.report([results])
    reached = {line.split(" | ")[0].strip("| "): line.split(" | ")[3] for line in rows_of(text, "") if " | ≥ " in line}
    assert reached["presence, F1"] == "no" and reached["one-line text read exactly, case ignored"] == "yes"
    assert reached["background colour"] == "–"  # nothing was asked
    assert reached["reconstruction (diffusion), PSNR"] == "yes"
    assert reached["reconstruction (preview, one pass), PSNR"] == "–"
    assert reached["VQ-VAE, SSIM"] == "no" and reached["codebook usage"] == "yes"
    assert reached["index top-1, against twice the most frequent code"] == "yes"
    assert "vlsa-mini abc" in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(results):
    for block in report.report([results], [BENCH]).split("\n\n"):
        lines = [line.replace("\\|", "") for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_wrong_answers_stay_on_one_line(results):
    text = report.report([results])
    assert rows_of(text, "read | p-0 | What \\| is it?") and "a b |" in text


def test_vlad_and_vlsa_stand_side_by_side(results):
    text = report.report([results], [BENCH])
    assert "### Speed and memory of VLSA" in text and "### Text in the picture" not in text
    assert rows_of(text, "first token, 512 × 512 image, s | ≤ 1 | 0.40 | yes")
    assert rows_of(text, "preview reconstruction, s | ≤ 0.5 | 0.60 | no")
    assert "9.0 times as long as ours" in text


def test_captions_and_files_that_cannot_be_opened(results):
    rows = [{"name": "a", "caption": "A cat.", "psnr_preview": 20.0}, {"name": "b", "error": "Not an image."}]
    text = vlsa_report.captions_table(rows)
    assert "A cat." in text and "Not an image." in text


def variants(folder, psnr=21.5, **steps):
    for name, count in steps.items():
        (folder / name).mkdir(parents=True)
        figures = {"psnr": psnr, "letter_accuracy": 0.4, "steps": count, "minutes": 5, "other": "x"}
        (folder / name / "metrics.json").write_text(json.dumps(figures), "utf-8")


def test_rows_of_table_3(tmp_path):
    variants(tmp_path, row2=800, row6=800)
    found = vlsa_ablation.read_rows(tmp_path)
    assert [r["variant"] for r in found["rows"]] == ["row2", "row6"]
    assert found["rows"][0]["psnr"] == [21.5] and found["rows"][0]["code_top1"] == [None]
    assert len(found["missing"]) == 3 and "Steps: 800 each." in found["protocol"] and "Seeds" not in found["protocol"]
    text = vlsa_report.ablation_table(found)
    assert "(6) all (a, b, c)" in text and "75.2 / 1507.4" in text and "Not trained: (3)" in text
    assert "| 21.500 |" in text


def test_seeds_lie_beside_each_other(tmp_path):
    for seed, psnr in enumerate((20.0, 22.0, 21.0)):
        variants(tmp_path / f"seed-{seed}", psnr, row2=800, row3=800)
    found = vlsa_ablation.read_rows(tmp_path)
    assert found["rows"][0]["psnr"] == [20.0, 22.0, 21.0] and "Seeds: 3 each" in found["protocol"]
    assert "| 21.000 (20.000 to 22.000) |" in vlsa_report.ablation_table(found)
    variants(tmp_path / "seed-3", row3=800)
    assert "Seeds differ, 3 to 4" in vlsa_ablation.read_rows(tmp_path)["protocol"]


def test_trainings_of_different_length_are_called_so(tmp_path):
    variants(tmp_path, row3=800, row4=900)
    assert "Steps differ, 800 to 900" in vlsa_ablation.read_rows(tmp_path)["protocol"]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"psnr": "much"}'])
def test_variants_that_cannot_be_read(tmp_path, content):
    if content is not None:
        (tmp_path / "row2").mkdir()
        (tmp_path / "row2" / "metrics.json").write_text(content, "utf-8")
    with pytest.raises(UserError):
        vlsa_ablation.read_rows(tmp_path)


@pytest.fixture
def folder(tmp_path):
    stage = tmp_path / "vlsa-mini" / "stage3" / "lora"
    stage.mkdir(parents=True)
    run = {"stage": "instruct", "steps": 900, "samples": 9000, "hours": 0.5, "hardware": "2 CPU cores"}
    (stage / "run.json").write_text(json.dumps(run), "utf-8")
    (stage / "log.csv").write_text("step,held_out_loss\n450,0.9\n900,0.7\n", "utf-8")
    (stage / "model.safetensors").write_bytes(b"x" * 2_000_000)
    return tmp_path / "vlsa-mini"


def test_the_card_is_written_between_its_markers(folder, results):
    (folder / "NOTES.md").write_text("One run was shortened.\n", "utf-8")
    vlsa_card.write(folder, [results, BENCH])
    text = (folder / "README.md").read_text("utf-8")
    assert text.startswith("---\nlicense: apache-2.0")
    assert "| stage3/lora | 2.00 | instruct | 900 | 9000 | 0.50 | 2 CPU cores | held out loss 0.700 |" in text
    assert "One run was shortened." in text and "presence, F1" in text and "## Licences" in text
    (folder / "README.md").write_text(text.replace("# VLSA mini", "# VLSA mini, changed by hand"), "utf-8")
    vlsa_card.write(folder, [results])
    again = (folder / "README.md").read_text("utf-8")
    assert "changed by hand" in again and again.count("## Licences") == 1 and "Speed and memory" not in again


def test_the_readme_keeps_what_is_outside_of_vlsas_markers(folder, results, tmp_path):
    readme = tmp_path / "README.md"
    before = "<!-- FIGURES: vlad -->\nx\n<!-- /FIGURES -->\n<!-- VLSA FIGURES -->\nold\n<!-- /VLSA FIGURES -->\nend\n"
    readme.write_text(before, "utf-8")
    vlsa_card.write(folder, [results, BENCH], readme)
    text = readme.read_text("utf-8")
    assert text.startswith("<!-- FIGURES: vlad -->\nx\n<!-- /FIGURES -->") and text.endswith("end\n")
    assert "old" not in text and rows_of(text, "VQ-VAE, PSNR | 22.500 | ≥ 22")
    assert "17 tiles of 512 px" in text


def test_a_readme_without_markers_is_one_sentence(folder, results, tmp_path, capsys):
    readme, data = tmp_path / "README.md", tmp_path / "results.json"
    readme.write_text("nothing\n", "utf-8")
    data.write_text(json.dumps(results), "utf-8")
    assert vlsa_card.main([str(folder), str(data), "--readme", str(readme)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert readme.read_text("utf-8") == "nothing\n"
