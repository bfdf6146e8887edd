"""Chat of VLSA: which questions are asked, how an answer is scored, and the figures of all answers.

Questions come from `training.data.questions` about images that training never sees: in the phrasings of training, and
in held-out phrasings that no training question has. Every answer is greedy and starts a conversation of its own.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from evaluation import metrics
from evaluation.vlsa_data import Sample
from pipelines.vlad.word_scores import normalised, normalised_edit_distance
from pipelines.vlsa.types import Message, Reply, View

PHRASINGS = ("templates", "held-out")
MAIN_KINDS = ("read", "presence", "count", "background_colour", "caption")  # asked PER_KIND times, others a quarter
YES_NO = frozenset(("presence", "text_presence", "any_text"))
NUMBERS = frozenset(("count", "total"))
READING = frozenset(("read", "read_where"))
BALANCED = {"presence": 6, "text_presence": 6, "count": 3}  # kind -> attempts per image at different answers
PHOTO_KINDS = ("caption", "short_caption", "scene", "presence", "any_text", "read")
MOST = 4  # counts above are left out
WORST = 40
_QUOTED = re.compile(r'"([^"]*)"')
_DENIAL = re.compile(
    r"\b(no|not any|without(?: any)?|free of) (?:\w+ ){0,2}(text|texts|words?|writing|letters|lettering)\b"
    r"|^(none|nothing)\b"
)
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Question:
    """One question, and what its score needs.

    Attributes:
        key: unique in a run.
        sample: index of the image.
        kind: as in `training.data.questions.KINDS`; "photo ..." for photographs.
        phrasing: one of PHRASINGS.
        facts: lines: number of lines of text in the image; names: what the main object may be called.
    """

    key: str
    sample: int
    kind: str
    phrasing: str
    question: str
    answer: str
    facts: Mapping[str, Any] = field(default_factory=dict)


# ---- which questions


def plan(samples: Sequence[Sample], per_kind: int, seed: int, assets: Any) -> list[Question]:
    """The questions of a run in the order of the images, the same for the same arguments.

    Args:
        per_kind: most questions of each of MAIN_KINDS in the phrasings of training; half as many in held-out ones;
            other kinds, and all about photographs, have a quarter of both.
        assets: `training.data.assets.Assets`.
    """
    chosen: list[Question] = []
    facts = _facts(samples, assets)
    for phrasing, share in zip(PHRASINGS, (1.0, 0.5), strict=True):
        for kind, found in _by_kind(_candidates(samples, facts, phrasing, seed, assets)).items():
            rng = random.Random(f"choose:{seed}:{phrasing}:{kind}")
            most = per_kind * share / (1 if kind in MAIN_KINDS else 4)
            chosen += pick(found, max(1, round(most)), rng)
    return sorted(chosen, key=lambda q: (q.sample, q.key))


def pick(found: Sequence[Question], most: int, rng: random.Random) -> list[Question]:
    """At most `most` questions of one kind by chance, groups in turn (see `group_of`), so that rare ones are all asked;
    yes and no come equally often."""
    rows: dict[str, list[Question]] = {}
    for q in rng.sample(found, len(found)):
        rows.setdefault(group_of(q), []).append(q)
    if set(rows) <= {"yes", "no"}:
        least = min(map(len, rows.values())) if len(rows) == 2 else 0
        rows = {answer: row[:least] for answer, row in rows.items()}
    turns = [row[i] for i in range(max(map(len, rows.values()), default=0)) for row in rows.values() if i < len(row)]
    return turns[: most + most % 2 if set(rows) == {"yes", "no"} else most]


def group_of(question: Question) -> str:
    """What takes turns: answers of the kinds in BALANCED; texts of no, one and several lines; else nothing."""
    kind = question.kind.removeprefix("photo ")
    if kind == "read":
        return str(min(question.facts.get("lines", 0), 2))
    return question.answer if kind in BALANCED else ""


def _by_kind(questions: Iterable[Question]) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for q in questions:
        found.setdefault(q.kind, []).append(q)
    return found


def _candidates(
    samples: Sequence[Sample], facts: Sequence[Mapping[str, Any]], phrasing: str, seed: int, assets: Any
) -> Iterator[Question]:
    """All questions that could be asked in one phrasing."""
    for i, sample in enumerate(samples):
        rng = random.Random(f"ask:{seed}:{phrasing}:{sample.name}")
        exchanges = _of_poster(sample, rng, phrasing, assets) if sample.record else ()
        if sample.plain:
            exchanges = _of_photo(sample, rng, phrasing, assets)
        for n, (kind, exchange) in enumerate(exchanges):
            key = f"{sample.name}/{phrasing}/{n:02d}"
            yield Question(key, i, kind, phrasing, exchange.question, exchange.answer, facts[i])


def _of_poster(sample: Sample, rng: random.Random, phrasing: str, assets: Any) -> Iterator[tuple[str, Any]]:
    """(kind, exchange) of a poster; kinds in BALANCED up to once for each answer that comes up."""
    from training.data.questions import KINDS, ask

    assert sample.record is not None
    for kind in KINDS:
        found: dict[str, Any] = {}
        for _ in range(BALANCED.get(kind, 1)):
            exchange = ask(sample.record, kind, rng, assets, held_out=phrasing == "held-out")
            if exchange is not None and not (kind == "count" and int(exchange.answer) > MOST):
                found.setdefault(exchange.answer, exchange)
        yield from ((kind, e) for e in found.values())


def _of_photo(sample: Sample, rng: random.Random, phrasing: str, assets: Any) -> Iterator[tuple[str, Any]]:
    """(kind, exchange) of a photograph: one of each kind that came up, of presence one for each answer."""
    from training.data.questions import photo

    found: dict[tuple[str, str], Any] = {}
    for _ in range(3):
        for e in photo(sample.phrase, rng, 8, assets, held_out=phrasing == "held-out"):
            if e.kind in PHOTO_KINDS:
                found.setdefault((e.kind, e.answer if e.kind == "presence" else ""), e)
    yield from ((f"photo {e.kind}", e) for e in found.values())


def _facts(samples: Sequence[Sample], assets: Any) -> list[dict[str, Any]]:
    """`Question.facts` of each image; none for photographs."""
    from training.data.scenes import all_fonts

    fonts = all_fonts(assets)
    return [
        {"lines": count_lines(s.record, fonts), "names": main_object(s.record, assets)} if s.record else {}
        for s in samples
    ]


def count_lines(record: Mapping[str, Any], fonts: Any) -> int:
    """Lines of text in a poster: a text is set over as many as make it largest."""
    from pipelines.types import Layout
    from pipelines.vlad.lettering import fit_text

    texts = Layout.from_dict(record["layout"]).texts
    return sum(len(fit_text(t.text, t.font, t.box, fonts, align=t.align).lines) for t in texts)


def main_object(record: Mapping[str, Any], assets: Any) -> list[str]:
    """Names of the object that covers most of a poster; [] without objects."""
    elements = record["layout"]["elements"]
    area: dict[str, float] = {}
    for i, name in record["object_names"].items():
        x0, y0, x1, y1 = elements[int(i)]["box"]
        area[name] = area.get(name, 0.0) + (x1 - x0) * (y1 - y0)
    return names_of(max(area, key=lambda n: area[n]), assets) if area else []


def names_of(name: str, assets: Any) -> list[str]:
    """Canonical name and aliases of an object, each also in the plural, in lower case."""
    from training.data.english import plural

    info = assets.objects[name]
    return sorted({n.lower() for one in (info.name, *info.aliases) for n in (one, plural(one))} | {info.plural.lower()})


# ---- answers


def answer(pipe: Any, view: View, question: str) -> Reply:
    """The finished greedy answer to a question that opens a conversation about an image."""
    return deque(pipe.chat([Message("user", question, view)], temperature=0.0, seed=0), maxlen=1)[0]


def record(question: Question, reply: Reply) -> dict[str, Any]:
    """A question with its answer and scores, as JSON."""
    about = {k: v for k, v in asdict(question).items() if k not in ("key", "answer", "facts")}
    times = {"first_token_ms": round(reply.first_token_ms, 1), "tokens_per_s": round(reply.tokens_per_s, 2)}
    said = {"expected": question.answer, "answer": reply.text, "tokens": reply.tokens, "finish": reply.finish}
    return {**about, **said, **times, "lines": question.facts.get("lines"), "scores": score(question, reply.text)}


def score(question: Question, text: str) -> dict[str, float | None]:
    """Scores of an answer, each in [0, 1].

    exact: right answer, by the rule of its kind: the first word for yes or no, the first number for counts, else
    equality but for case and punctuation at the edges; f1: token F1. Where a text is read also exact_case: the quoted
    texts are equal in every character; edit_distance: between them, normalised; invents: names a text although there is
    none (else None). For captions also names_object: the main object occurs outside of quotation marks (None without
    objects).
    """
    kind = question.kind.removeprefix("photo ")
    scores: dict[str, float | None] = {
        "exact": float(is_right(kind, question.answer, text)),
        "f1": metrics.token_f1(question.answer, text),
    }
    if kind in READING:
        scores |= _reading(question.answer, text)
    if kind in ("caption", "short_caption"):
        names = question.facts.get("names")
        scores["names_object"] = float(names_one(text, names)) if names else None
    return scores


def is_right(kind: str, expected: str, text: str) -> bool:
    """Whether an answer is right, by the rule of its kind (see `score`)."""
    if kind in YES_NO:
        return metrics.yes_or_no(text) is (expected == "yes")
    if kind in NUMBERS:
        return number(text) == int(expected)
    if kind not in READING:
        return metrics.same_answer(expected, text)
    if not quoted(expected):
        return not invents_text(text)
    return metrics.same_answer(" ".join(quoted(expected)), " ".join(quoted(text)) or text)


def _reading(expected: str, text: str) -> dict[str, float | None]:
    """exact_case, edit_distance and invents of a text that is read."""
    truth, said = " ".join(quoted(expected)), " ".join(quoted(text)) or text.strip()
    if not truth:
        invents = invents_text(text)
        return {"exact_case": float(not invents), "edit_distance": float(invents), "invents": float(invents)}
    distance = normalised_edit_distance(truth, said)
    return {"exact_case": float(truth == said), "edit_distance": distance, "invents": None}


def quoted(text: str) -> list[str]:
    """The spans in straight or curly double quotation marks."""
    return [
        span.strip() for span in _QUOTED.findall(text.replace("\u201c", '"').replace("\u201d", '"')) if span.strip()
    ]


def invents_text(text: str) -> bool:
    """Whether an answer claims a text where there is none: it quotes one, or does not say that there is none."""
    return bool(quoted(text)) or not (_DENIAL.search(text.strip().lower()) or metrics.yes_or_no(text) is False)


def number(text: str) -> int | None:
    """The first number of an answer, in digits or words up to ten; "no" counts as 0; None without one."""
    from training.data.english import NUMBER_WORDS

    words = {**{w: i for i, w in enumerate(NUMBER_WORDS)}, "no": 0, "none": 0}
    for word in normalised([text]):
        if word in words:
            return words[word]
        if match := _DIGITS.search(word):
            return int(match.group())
    return None


def names_one(text: str, names: Iterable[str]) -> bool:
    """Whether one of the names occurs as whole words, outside of quoted spans."""
    spoken = f" {' '.join(normalised([_QUOTED.sub(' ', text)]))} "
    return any(f" {' '.join(normalised([name]))} " in spoken for name in names)


# ---- figures


def share(values: Sequence[float]) -> dict[str, Any]:
    """Mean of values in [0, 1] with their number and the 95 % Wilson interval; None without values."""
    n = len(values)
    if not n:
        return {"value": None, "questions": 0, "low": None, "high": None}
    p, z = metrics.mean(values), 1.96
    middle, half = (p + z * z / 2 / n), z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return {"value": p, "questions": n, "low": max(0.0, low), "high": min(1.0, high)}


def summarise(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of each phrasing, and speed over all answers (see `summarise_phrasing`)."""
    found: dict[str, Any] = {p: summarise_phrasing([r for r in records if r["phrasing"] == p]) for p in PHRASINGS}
    quick = [r["first_token_ms"] for r in records if r["tokens"]]
    speed = [r["tokens_per_s"] for r in records if r["tokens"] > 1]
    return {**found, "first_token_ms": metrics.mean(quick), "tokens_per_s": metrics.mean(speed)}


def summarise_phrasing(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of one phrasing.

    Returns:
        kinds: exact and token F1 of each kind; short: exact over all kinds but captions; one_line: reading images with
        one line; counts: by true number; presence, photo_presence, text_presence: as POPE; names_object: captions that
        name the main object; invents: shares of answers that read a text where there is none.
    """
    kinds = sorted({r["kind"] for r in records})
    return {
        "questions": len(records),
        "kinds": {k: _of_kind([r for r in records if r["kind"] == k]) for k in kinds},
        "short": share([r["scores"]["exact"] for r in records if not r["kind"].endswith("caption")]),
        "one_line": _one_line([r for r in records if r["kind"] == "read" and r["lines"] == 1]),
        "counts": _counts([r for r in records if r["kind"] == "count"]),
        "presence": _presence(records, ("presence",)),
        "photo_presence": _presence(records, ("photo presence",)),
        "text_presence": _presence(records, ("text_presence",)),
        "names_object": {k: _scores(records, k, "names_object") for k in ("caption", "short_caption")},
        "invents": {k: _scores(records, k, "invents") for k in ("photo read", "read")},
    }


def _of_kind(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {**share([r["scores"]["exact"] for r in records]), "f1": metrics.mean([r["scores"]["f1"] for r in records])}


def _one_line(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    scores = [r["scores"] for r in records]
    return {
        "exact": share([s["exact"] for s in scores]),
        "exact_case": share([s["exact_case"] for s in scores]),
        "edit_distance": metrics.mean_or_none([s["edit_distance"] for s in scores]),
        "f1": metrics.mean_or_none([s["f1"] for s in scores]),
    }


def _counts(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Share right over all counts, for each true count, and the mean of those for one to MOST."""
    by_count = {
        str(n): share([r["scores"]["exact"] for r in records if int(r["expected"]) == n]) for n in range(MOST + 1)
    }
    present = [by_count[str(n)]["value"] for n in range(1, MOST + 1)]
    return {
        **share([r["scores"]["exact"] for r in records]),
        "by_count": by_count,
        "mean": metrics.mean_or_none(present),
    }


def _presence(records: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> dict[str, Any]:
    pairs = [(r["expected"] == "yes", metrics.yes_or_no(r["answer"])) for r in records if r["kind"] in kinds]
    return metrics.presence(pairs)


def _scores(records: Sequence[Mapping[str, Any]], kind: str, name: str) -> dict[str, Any]:
    values = [r["scores"].get(name) for r in records if r["kind"] == kind]
    return share([v for v in values if v is not None])


def worst(records: Sequence[Mapping[str, Any]], most: int = WORST) -> list[dict[str, Any]]:
    """Wrong answers, kinds in turn, those with the least token F1 first."""
    wrong = sorted((r for r in records if not r["scores"]["exact"]), key=lambda r: r["scores"]["f1"])
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for r in wrong:
        rows.setdefault(r["kind"], []).append(r)
    longest = max(map(len, rows.values()), default=0)
    turns = [row[i] for i in range(longest) for _, row in sorted(rows.items()) if i < len(row)][:most]
    fields = ("sample", "kind", "phrasing", "question", "expected", "answer")
    return sorted(({f: r[f] for f in fields} for r in turns), key=lambda r: r["kind"])
