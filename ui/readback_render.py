"""HTML of the read-back: a picture with its boxes marked, what was asked and read, figures. Pure functions.

Everything that was typed or read goes through `esc`. Right and wrong are told by a mark and in words, never by colour
alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from PIL import Image

from pipelines.types import Box, Layout
from pipelines.vlad.readback import ElementMatch, ReadBack, TextReading, rank
from ui import render
from ui.render import SIZE, esc

TICK, CROSS = "✓", "✗"
NO_TEXTS = "The layout has no text"


def mark(right: bool) -> str:
    """A tick or a cross, read out as a word."""
    kind, sign, word = ("ok", TICK, "right") if right else ("no", CROSS, "wrong")
    return f'<span class="mk {kind}" role="img" aria-label="{word}">{sign}</span>'


def tag(reading: ReadBack, best: bool) -> str:
    """What stands beside the number of a picture in the stage."""
    count = f"{reading.right}/{len(reading.texts)}" if reading.texts else ""
    said = f"{mark(not reading.wrong)}{count}" if reading.texts else ""
    return f"{said}{'<em>best</em>' if best else ''}"


def label(k: int, reading: ReadBack, best: bool) -> str:
    """The name of a picture in the choice, as plain text."""
    texts = f" {CROSS if reading.wrong else TICK}" if reading.texts else ""
    return f"{k + 1}{texts}{' best' if best else ''}"


def verdict(readings: Sequence[ReadBack], chosen: int, best: int) -> str:
    """One sentence about the texts of the chosen picture, and where there are several, why one is the best."""
    why = f'<p class="rb-why">{esc(why_best(readings, best))}</p>' if len(readings) > 1 else ""
    return f'<div class="rb-head" role="status">{_verdict(readings[chosen])}{why}</div>'


def panel(
    layout: Layout,
    picture: Image.Image,
    reading: ReadBack,
    heard: Sequence[TextReading] | None = None,
    answer: str = "",
) -> str:
    """The whole read-back of one picture.

    Args:
        layout: what it was drawn from.
        heard: each text as the chat model read it, or None where it was not asked. answer: all that it said.
    """
    words = f"{table(reading, heard, answer)}{stray(reading)}{figures(reading)}"
    return (
        f'<section class="rb" aria-label="Read back"><div class="rb-body">{sheet(layout, picture, reading)}'
        f'<div class="rb-side">{words}</div>{matches(reading)}</div></section>'
    )


def _verdict(reading: ReadBack) -> str:
    total, right = len(reading.texts), reading.right
    if not total:
        return f'<p class="rb-verdict">{NO_TEXTS}{_and_stray(reading)}.</p>'
    if not reading.wrong:
        said = ("The text reads", "Both texts read")[total - 1] if total < 3 else f"All {total} texts read"
        return f'<p class="rb-verdict ok">{mark(True)}<span>{said} back right{_and_stray(reading)}.</span></p>'
    if right:
        said = f"{right} of {total} texts read back right"
    else:
        said = "The text does not read back right" if total == 1 else f"None of the {total} texts reads back right"
    return f'<p class="rb-verdict no">{mark(False)}<span>{said}{_and_stray(reading)}.</span></p>'


def _and_stray(reading: ReadBack) -> str:
    count = len(reading.stray)
    return "" if not count else f", and {count} word{'s' if count > 1 else ''} nobody asked for"


def why_best(readings: Sequence[ReadBack], best: int) -> str:
    """Why a picture is the best of several, in one sentence: the first thing in which it differs from the next one."""
    first = readings[best]
    others = sorted((r for k, r in enumerate(readings) if k != best), key=rank)
    after = others[0] if others else first
    rest = "the others" if len(others) > 1 else "the other"
    if first.wrong < after.wrong:
        texts = f"{first.right} of {len(first.texts)} texts right" if first.wrong else "all texts right"
        return f"Picture {best + 1} is the best: {texts}, {rest} at most {after.right}."
    if first.letters_wrong < after.letters_wrong:
        return f"Picture {best + 1} is the best: {_letters(first)} wrong, {rest} at least {after.letters_wrong}."
    if len(first.stray) < len(after.stray):
        return f"Picture {best + 1} is the best: {_stray_words(first)}, {rest} at least {len(after.stray)}."
    same = "The texts read alike" if first.texts else "There is no text to compare"
    if rank(first) < rank(after):
        digits = 3 if f"{first.alignment:.3f}" != f"{after.alignment:.3f}" else 4
        numbers = f"{first.alignment:.{digits}f} against {after.alignment:.{digits}f}"
        return f"{same}, and picture {best + 1} is nearest to the prompt ({numbers})."
    return f"{same}, and no picture is nearer to the prompt than the first."


def _letters(reading: ReadBack) -> str:
    return "1 letter" if reading.letters_wrong == 1 else f"{reading.letters_wrong or 'no'} letters"


def _stray_words(reading: ReadBack) -> str:
    count = len(reading.stray)
    return "1 stray word" if count == 1 else f"{count or 'no'} stray words"


# -- the picture -------------------------------------------------------------------------------------------------------


def sheet(layout: Layout, picture: Image.Image, reading: ReadBack) -> str:
    """The picture with the box of each text marked right or wrong, and each stray word outlined."""
    boxes = "".join(_box(layout.elements[t.index].box, t.right, t.planned, t.read) for t in reading.texts)
    lost = "".join(_box(w.box, False, "", w.text, "stray") for w in reading.stray)
    about = f"The picture with {len(reading.texts)} text boxes and {len(reading.stray)} stray words marked"
    svg = (
        f'<svg viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{about}"><image '
        f'href="{render.data_uri(picture, "jpeg")}" width="{SIZE}" height="{SIZE}"/>{boxes}{lost}</svg>'
    )
    return f'<div class="rb-sheet">{render.sheet(svg, "told")}</div>'


def _box(box: Box, right: bool, planned: str, read: str, kind: str = "") -> str:
    """A box with a tick or a cross at its corner; a stray word's has a cross and another line."""
    x, y, w, h = (v * SIZE for v in (box.x0, box.y0, box.width, box.height))
    place = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"'
    says = f"asked “{planned}”, read “{read}”" if planned else f"not asked for: “{read}”"
    cx, cy = min(max(x + w, 17), SIZE - 17), min(max(y, 17), SIZE - 17)
    sign = "M-7 0l5 5 9-10" if right else "M-6-6l12 12M6-6l-12 12"
    return (
        f'<g class="{"ok" if right else "no"} {kind}"><title>{esc(says)}</title><rect class="halo" {place}/>'
        f'<rect class="edge" {place}/><g transform="translate({cx:.1f} {cy:.1f})"><circle r="15"/><path d="{sign}"/>'
        "</g></g>"
    )


# -- asked and read ----------------------------------------------------------------------------------------------------


def table(reading: ReadBack, heard: Sequence[TextReading] | None, answer: str) -> str:
    """A row per text: what was asked for, what text recognition reads, and what the chat model reads where asked."""
    if not reading.texts:
        return ""
    titles = ["Asked for", "Read back", *(["Chat model"] if heard is not None else [])]
    head = "".join(f'<th scope="col">{t}</th>' for t in titles)
    rows = "".join(
        f'<tr><th scope="row">{esc(t.planned)}</th><td>{_said(t)}</td>'
        f"{f'<td>{_said(heard[i])}</td>' if heard is not None else ''}</tr>"
        for i, t in enumerate(reading.texts)
    )
    whole = f'<p class="hint">The chat model’s whole answer: {esc(answer)}</p>' if heard is not None else ""
    return f'<table class="rb-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{whole}'


def _said(reading: TextReading) -> str:
    """What was read, with a mark; letters that differ from what was asked for stand out."""
    if not reading.read:
        return f'{mark(False)}<span class="rb-none">nothing</span>'
    words = esc(reading.read) if reading.right else _different(reading.planned, reading.read)
    return f"{mark(reading.right)}<span>{words}</span>"


def _different(planned: str, read: str) -> str:
    """What was read, with the stretches marked that are not in what was asked for."""
    blocks = difflib.SequenceMatcher(None, planned.lower(), read.lower(), autojunk=False).get_opcodes()
    parts = [f"<mark>{esc(read[c:d])}</mark>" if name != "equal" else esc(read[c:d]) for name, _, _, c, d in blocks]
    return "".join(parts)


def stray(reading: ReadBack) -> str:
    """Words outside every text box, or that there are none."""
    if not reading.stray:
        return '<p class="hint">No words outside the text boxes.</p>'
    words = ", ".join(f"“{esc(w.text)}”" for w in reading.stray)
    return f'<p class="hint">{mark(False)} Outside the text boxes: {words}</p>'


# -- figures -----------------------------------------------------------------------------------------------------------

HINTS = {
    "object": "For an object: how many other things its place resembles less than the object’s own sketch.",
    "background": "For the background: how many other colours fit the picture less well, eq. (3).",
    "whole": "For the whole picture: its cosine with the prompt and its letters, eq. (3); pictures of other prompts "
    "seldom come to 0.4.",
    "text": "Texts are told by reading them; panels are not judged.",
}
FIGURES = (
    ("recall", "Recall", "of the words asked for were read"),
    ("precision", "Precision", "of the words read were asked for"),
    ("f_measure", "F", "both together: their harmonic mean"),
    ("accuracy", "Accuracy", "1 when exactly the words asked for were read, else 0"),
)


def matches(reading: ReadBack) -> str:
    """Bars: what is recognised where it was planned, and the whole picture with its prompt."""
    groups: dict[tuple[str, str], list[ElementMatch]] = {}
    for m in reading.matches:
        groups.setdefault((m.kind, m.name), []).append(m)
    bars = "".join(_group(found) for found in groups.values())
    whole = _bar("Whole picture", reading.alignment, f"{reading.alignment:.2f}", "")
    hints = [HINTS[kind] for kind in ("object", "background") if any(m.kind == kind for m in reading.matches)]
    return (
        f'<div class="rb-bars"><h3>Does it show what was asked for?</h3><dl>{bars}{whole}</dl>'
        f'<p class="hint">{" ".join([*hints, HINTS["whole"], HINTS["text"]])}</p></div>'
    )


def _group(found: Sequence[ElementMatch]) -> str:
    """One bar for all elements of a name: that of the one that is recognised least."""
    least = min(found, key=lambda m: (m.share, m.cosine))
    name = f"{least.name} background" if least.kind == "background" else least.name
    count = f" × {len(found)}" if len(found) > 1 else ""
    return _bar(name + count, least.share, f"{least.beaten}/{least.rivals}", mark(least.recognised))


def _bar(name: str, share: float, value: str, sign: str) -> str:
    width = 100 * min(1.0, max(0.0, share))
    bar = f'<span class="rb-bar"><span style="width:{width:.0f}%"></span></span>'
    return f"<div><dt>{sign}<span>{esc(name)}</span></dt><dd>{bar}<b>{value}</b></dd></div>"


def figures(reading: ReadBack) -> str:
    """The MARIO-Eval figures of this picture, by both rules, behind one line that sums them up."""
    if not reading.texts and not reading.stray:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{name}<small>{about}</small></th><td>{getattr(reading.literal, key):.2f}</td>'
        f"<td>{getattr(reading.normalised, key):.2f}</td></tr>"
        for key, name, about in FIGURES
    )
    head = '<tr><td></td><th scope="col">literal</th><th scope="col">normalised</th></tr>'
    note = "The literal rule ignores case; the normalised rule also ignores punctuation at the edges of words."
    return (
        f'<details class="rb-more"><summary>Word scores of this picture: F {reading.literal.f_measure:.2f}</summary>'
        f'<table class="rb-table rb-figures"><thead>{head}</thead><tbody>{rows}</tbody></table>'
        f'<p class="hint">Scored as MARIO-Eval scores one image. {note}</p></details>'
    )
