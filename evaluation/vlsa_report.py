"""Results of VLSA as Markdown: what it should reach beside what it reaches, then every table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.vlsa_ablation import FIGURES

Row = list[Any]
VARIANTS = {"full": "SA-Perceiver", "snapshot": "snapshot alone"}
STAGES = {"preview": "preview, one pass", "diffusion": "diffusion"}
PAPER = {  # row -> DocVQA and MME perception of the paper's Table 3
    "row2": (45.4, 1417.3),
    "row3": (61.8, 1426.5),
    "row4": (75.5, 1481.4),
    "row5": (73.9, 1570.0),
    "row6": (75.2, 1507.4),
}
HEADINGS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "letter_accuracy": "Letters",
    "object_accuracy": "Objects",
    "number_accuracy": "Numbers",
    "ground_accuracy": "Grounds",
    "answer_nll": "Loss of answers",
    "code_top1": "Codes, top-1",
    "pixel_mae": "Pixel error",
}


def figure(data: Mapping[str, Any], *path: str) -> Any:
    """The value at a path of keys, None where the path ends early."""
    for key in path:
        if not isinstance(data, Mapping) or key not in data:
            return None
        data = data[key]
    return data


# ---- aims


def aims(summary: Mapping[str, Any]) -> list[Row]:
    """Measure, aim, figure, whether it is reached, and over what, of everything that has an aim."""
    return [*_chat_aims(summary), *_picture_aims(summary), *_cognition_aims(summary)]


def _chat_aims(summary: Mapping[str, Any]) -> list[Row]:
    chat = figure(summary, "chat", "templates") or {}
    presence = chat.get("presence") or {}
    asked = f"{presence.get('questions', 0)} questions, half about what is absent"
    rows = [
        _at_least("presence, F1", presence.get("f1"), 0.85, asked),
        _within("presence, share of yes", presence.get("share_yes"), 0.4, 0.6, asked),
    ]
    shares = (
        ("one-line text read exactly, case ignored", ("one_line", "exact"), 0.70),
        ("background colour", ("kinds", "background_colour"), 0.90),
        ("counts up to four", ("counts",), 0.70),
        ("caption names the main object", ("names_object", "caption"), 0.70),
    )
    for name, path, aim in shares:
        found = figure(chat, *path) or {}
        rows.append(_at_least(name, found.get("value"), aim, interval(found)))
    other = figure(summary, "chat", "held-out", "short") or {}
    rows.append(["short answers, phrasings no template has", "–", other.get("value"), "–", interval(other)])
    invented = figure(chat, "invents", "photo read") or {}
    value = invented.get("value")
    reached = _reached(value, 0.0, lambda a, b: a <= b)
    rows.append(["text invented on photographs without text", "none", value, reached, interval(invented)])
    return rows


def _picture_aims(summary: Mapping[str, Any]) -> list[Row]:
    rebuilt = figure(summary, "posters", "reconstruction") or {}
    vq = figure(summary, "posters", "codes") or {}
    over = f"{rebuilt.get('pictures', 0)} posters"
    rows = []
    for stage, name in STAGES.items():
        full, snapshot = figure(rebuilt, "full", stage) or {}, figure(rebuilt, "snapshot", stage) or {}
        rows += [
            _at_least(f"reconstruction ({name}), PSNR", full.get("psnr"), 22.0, over),
            _at_least(f"reconstruction ({name}), SSIM", full.get("ssim"), 0.70, over),
            _above(f"the same against the snapshot alone, PSNR ({name})", full.get("psnr"), snapshot.get("psnr"), over),
        ]
    over = f"{vq.get('pictures', 0)} posters"
    return [
        *rows,
        _at_least("VQ-VAE, PSNR", vq.get("psnr"), 22.0, over),
        _at_least("VQ-VAE, SSIM", vq.get("ssim"), 0.71, over),
        _at_least(
            "codebook usage", vq.get("usage"), 0.90, f"{vq.get('dead', '–')} of {vq.get('codes', '–')} codes unused"
        ),
    ]


def _cognition_aims(summary: Mapping[str, Any]) -> list[Row]:
    found = figure(summary, "posters", "cognition") or {}
    over, base = f"{found.get('pictures', 0)} posters", found.get("baseline_top_1")
    double = 2 * base if base is not None else None
    error, mean = found.get("pixel_mae"), found.get("mean_colour_pixel_mae")
    return [
        _at_least("index top-1, against twice the most frequent code", found.get("top_1"), double, over),
        [
            "pixel error, against the mean colour",
            f"< {_n(mean)}",
            error,
            _reached(error, mean, lambda a, b: a < b),
            over,
        ],
    ]


def _reached(value: float | None, aim: float | None, test: Any) -> str:
    return "–" if value is None or aim is None else "yes" if test(value, aim) else "no"


def _at_least(name: str, value: float | None, aim: float | None, over: str) -> Row:
    return [name, f"≥ {_n(aim)}", value, _reached(value, aim, lambda a, b: a >= b), over]


def _above(name: str, value: float | None, other: float | None, over: str) -> Row:
    return [name, f"> {_n(other)}", value, _reached(value, other, lambda a, b: a > b), over]


def _within(name: str, value: float | None, low: float, high: float, over: str) -> Row:
    reached = "–" if value is None else "yes" if low <= value <= high else "no"
    return [name, f"{low} to {high}", value, reached, over]


def _n(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def interval(found: Mapping[str, Any]) -> str:
    """Number of questions and 95 % interval of a share."""
    if found.get("low") is None:
        return f"{found.get('questions', 0)} questions"
    return f"{found['questions']} questions, 95 % interval {found['low']:.2f} to {found['high']:.2f}"


# ---- tables


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]], digits: int = 3) -> str:
    from evaluation.report import table

    clean = [[v.replace("|", "\\|").replace("\n", " ") if isinstance(v, str) else v for v in row] for row in rows]
    return table(head, clean, digits)


def aims_table(summary: Mapping[str, Any]) -> str:
    return _table(("Measure", "Aim", "Figure", "Reached", "Over"), aims(summary))


def kinds_table(chat: Mapping[str, Any]) -> str:
    """Exact answers and token F1 of each kind, in both phrasings."""
    kinds = {k: figure(chat, p, "kinds", k) or {} for p in ("templates",) for k in figure(chat, p, "kinds") or {}}
    rows = []
    for kind, ours in kinds.items():
        other = figure(chat, "held-out", "kinds", kind) or {}
        rows.append(
            [kind.replace("_", " "), ours.get("value"), ours.get("f1"), ours.get("questions", 0),
             other.get("value"), other.get("f1"), other.get("questions", 0)]
        )  # fmt: skip
    head = ("Kind", "Exact", "Token F1", "Questions", "Exact, held-out phrasing", "Token F1", "Questions")
    return _table(head, rows)


def presence_table(chat: Mapping[str, Any]) -> str:
    """As POPE reports it."""
    names = {"presence": "objects", "photo_presence": "photographs", "text_presence": "texts"}
    columns = ("accuracy", "precision", "recall", "f1", "share_yes", "questions", "unclear")
    rows = [
        [
            f"{name}, {'phrasing of training' if phrasing == 'templates' else 'held-out phrasing'}",
            *map(found.get, columns),
        ]
        for phrasing in ("templates", "held-out")
        for key, name in names.items()
        if (found := figure(chat, phrasing, key) or {}).get("questions")
    ]
    head = ("Is it there?", "Accuracy", "Precision", "Recall", "F1", "Share of yes", "Questions", "Neither yes nor no")
    return _table(head, rows)


def details_table(chat: Mapping[str, Any]) -> str:
    """What the table of kinds does not show: one-line texts, counts by number, invented texts."""
    rows: list[Row] = []
    for phrasing, label in (("templates", ""), ("held-out", ", held-out phrasing")):
        found = figure(chat, phrasing) or {}
        line, counts = found.get("one_line") or {}, found.get("counts") or {}
        rows += [
            [
                f"one-line text, exact, case ignored{label}",
                figure(line, "exact", "value"),
                interval(line.get("exact") or {}),
            ],
            [f"one-line text, exact in every character{label}", figure(line, "exact_case", "value"), ""],
            [f"one-line text, normalised edit distance{label}", line.get("edit_distance"), "0 = equal"],
            [f"counts, mean over one to four{label}", counts.get("mean"), _by_count(counts)],
            [f"caption names the main object{label}", *_share(found, "names_object", "caption")],
            [f"short caption names it{label}", *_share(found, "names_object", "short_caption")],
            [f"text invented on photographs without text{label}", *_share(found, "invents", "photo read")],
            [f"text invented on posters without text{label}", *_share(found, "invents", "read")],
        ]
    return _table(("Answers", "Figure", "Note"), [r for r in rows if r[1] is not None])


def _share(found: Mapping[str, Any], *path: str) -> tuple[Any, str]:
    share = figure(found, *path) or {}
    return share.get("value"), interval(share)


def _by_count(counts: Mapping[str, Any]) -> str:
    shares = (counts.get("by_count") or {}).items()
    return ", ".join(f"{n}: {_n(s['value'])} of {s['questions']}" for n, s in shares if s["questions"])


def reconstruction_table(found: Mapping[str, Any], codes: Mapping[str, Any], perceptual: str) -> str:
    """Embeddings with and without SA-Perceiver, and the VQ-VAE."""
    rows: list[Row] = []
    for variant, name in VARIANTS.items():
        for stage, step in STAGES.items():
            row = figure(found, variant, stage) or {}
            if row:
                rows.append([f"{name}, {step}", *map(row.get, ("psnr", "ssim", "perceptual", "frechet", "seconds"))])
    if codes.get("psnr") is not None:
        rows.append(["VQ-VAE, from its codes", codes["psnr"], codes["ssim"], codes.get("perceptual"), None, None])
    head = ("From", "PSNR, dB", "SSIM", f"Perceptual ({perceptual})", "Fréchet distance, EfficientNet-Lite0", "Seconds")
    return _table(head, rows)


def codes_table(codes: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """The codebook, and what the language model predicts of codes and colours."""
    same = "of always guessing the most frequent codes of these images"
    rows: list[Row] = [
        ["codebook usage", codes.get("usage"), f"{codes.get('dead')} of {codes.get('codes')} codes unused"],
        ["perplexity of the codes", codes.get("perplexity"), f"at most {codes.get('codes')}"],
        ["index accuracy, top-1", found.get("top_1"), f"baseline {_n(found.get('baseline_top_1'))}, {same}"],
        ["index accuracy, top-5", found.get("top_5"), f"baseline {_n(found.get('baseline_top_5'))}, {same}"],
        ["pixel error, mean absolute", found.get("pixel_mae"), _colours(found, "pixel_mae")],
        ["pixel error, mean CIEDE2000", found.get("delta_e"), _colours(found, "delta_e")],
    ]
    return _table(("Codes and colours", "Figure", "Note"), [r for r in rows if r[1] is not None])


def _colours(found: Mapping[str, Any], name: str) -> str:
    mean, own = _n(found.get(f"mean_colour_{name}")), _n(found.get(f"own_mean_{name}"))
    return f"mean colour of these images {mean}; each image's own mean colour, which no model is told, {own}"


def ablation_table(found: Mapping[str, Any]) -> str:
    """Our rows with the paper's beside them, as means with their spread where there are several seeds, and the
    protocol in words.
    """
    from evaluation.report import spread

    rows = []
    for row in found["rows"]:
        paper = PAPER[row["variant"]]
        cells = [row[k][0] if len(row[k]) == 1 else spread(row[k]) for k in FIGURES]
        rows.append([row["label"], *cells, f"{paper[0]} / {paper[1]}"])
    head = ("Variant", *(HEADINGS[k] for k in FIGURES), "The paper: DocVQA / MME perception")
    missing = f" Not trained: {'; '.join(found['missing'])}." if found["missing"] else ""
    return f"{_table(head, rows)}\n\n{found['protocol']}{missing}"


def wrong_table(worst: Sequence[Mapping[str, Any]]) -> str:
    rows = [[w["kind"], w["sample"], w["question"], w["expected"], w["answer"] or "(nothing)"] for w in worst]
    return _table(("Kind", "Image", "Question", "Expected", "Answer"), rows)


def captions_table(rows: Sequence[Mapping[str, Any]]) -> str:
    figures = [
        [
            r["name"],
            r.get("psnr_preview"),
            r.get("psnr_diffusion"),
            r.get("psnr_vq"),
            r.get("caption") or r.get("error", ""),
        ]
        for r in rows
    ]
    head = ("Image", "PSNR, preview", "PSNR, diffusion", "PSNR, VQ-VAE", "What it says")
    return _table(head, figures, digits=2)


# ---- the whole


def protocol(data: Mapping[str, Any]) -> str:
    """Data, seed, checkpoint and settings of a run in one phrase."""
    about, run = data["about"], data["about"]["run"]
    sets = ", ".join(f"{n} {name}" for name, n in data["summary"]["sets"].items())
    stamp = f"{run['checkpoint']['name']} {run['checkpoint']['sha256'] or ''}".strip()
    return f"{sets}; seed {run['seed']}; greedy answers; {stamp}; {about['date']}"


def sections(data: Mapping[str, Any]) -> list[str]:
    """One run as Markdown blocks."""
    from evaluation.report import machine_line

    summary, about = data["summary"], data["about"]
    parts = ["### Chat, reconstruction and codes (VLSA)", f"{protocol(data)}."]
    if "chat" in summary or "posters" in summary:
        parts.append(aims_table(summary))
    if chat := summary.get("chat"):
        parts += ["#### Answers by kind", kinds_table(chat), presence_table(chat), details_table(chat)]
    for name in ("posters", "photographs", "images"):
        if name in summary:
            parts += _pictures(name, summary[name], about.get("perceptual", ""))
    if summary.get("captions"):
        parts += ["#### What it says of each image", captions_table(summary["captions"])]
    if summary.get("ablation"):
        parts += ["#### Ablation (Table 3's rows)", ablation_table(summary["ablation"])]
    if data.get("worst"):
        parts += [f"#### {len(data['worst'])} wrong answers", wrong_table(data["worst"])]
    return [*parts, machine_line(about["machine"])]


def _pictures(name: str, found: Mapping[str, Any], perceptual: str) -> list[str]:
    """The tables of one set; none for what was not measured."""
    rebuilt, codes, cognition = (found.get(k) or {} for k in ("reconstruction", "codes", "cognition"))
    parts = []
    if "full" in rebuilt or "psnr" in codes:
        parts += [f"#### Pictures: {name}", reconstruction_table(rebuilt, codes, perceptual)]
    if "usage" in codes:
        parts.append(codes_table(codes, cognition))
    return parts


def bench_table(data: Mapping[str, Any]) -> str:
    """Stages of ours and of the peer, ratios, aims, memory and cold start."""
    from evaluation.report import machine_line

    rows: list[Row] = [[f"ours: {name}", s["median"], s["p95"]] for name, s in data["stages_ms"].items()]
    for peer in data.get("peers") or ():
        rows += [[f"peer, {peer['tiles']} tile(s): {n}", s["median"], s["p95"]] for n, s in peer["stages_ms"].items()]
    text = _table(("Stage", "Median, ms", "95th percentile, ms"), rows, digits=1)
    facts = [f"ours {data['tokens_per_s']['median']:.1f} tokens/s"]
    for peer in data.get("peers") or ():
        facts.append(
            f"{peer['name']}, {peer['tiles']} tile(s) of 512 px: {peer['tokens_per_s']['median']:.1f} tokens/s; "
            f"first token {peer['ratio_first_token']:.1f} times as long as ours, "
            f"tokens/s ours over theirs {peer['ratio_tokens_per_s']:.1f}"
        )
    fresh = data["fresh_process"]
    if "peak_rss_mib" in fresh:
        facts.append(f"peak resident memory of both tabs in one process {fresh['peak_rss_mib']:.0f} MiB")
        facts.append(f"cold start to the first answer {fresh['cold_start_s']:.1f} s")
    aims = _table(("Speed", "Aim", "Figure", "Reached"), [a[:4] for a in bench_aims(data)], digits=2)
    return f"{aims}\n\n{text}\n\n{'; '.join(facts)}. {machine_line(data['machine'])}"


def bench_aims(data: Mapping[str, Any]) -> list[Row]:
    """Seconds, tokens per second and GiB against what they should be."""
    stages, fresh = data["stages_ms"], data["fresh_process"]

    def seconds(stage: str) -> float | None:
        median = figure(stages, stage, "median")
        return None if median is None else median / 1000

    gib = fresh["peak_rss_mib"] / 1024 if "peak_rss_mib" in fresh else None
    return [
        _at_most("first token, 512 × 512 image, s", seconds("first token, 512 px"), 1.0),
        _at_least("tokens per second", data["tokens_per_s"]["median"], 12.0, ""),
        _at_most("preview reconstruction, s", seconds("preview reconstruction"), 0.5),
        _at_most("diffusion reconstruction, s", seconds("diffusion reconstruction"), 4.0),
        _at_most("peak memory of both tabs, GiB", gib, 4.0),
    ]


def _at_most(name: str, value: float | None, aim: float) -> Row:
    return [name, f"≤ {_n(aim)}", value, _reached(value, aim, lambda a, b: a <= b), ""]
