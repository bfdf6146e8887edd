"""HTML and SVG of the page: the understood prompt, the plan, notes, progress, pictures. Pure functions of plain data.

Everything that a visitor wrote goes through `esc`. Nothing here needs Gradio.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipelines.colours import name_of, to_rgb
from pipelines.types import KINDS, Element, Layout, Progress
from pipelines.vlad.prompt import Part, Understanding

SIZE = 512  # side of the plan in SVG units
PLURALS = {"text": "Text", "object": "Objects", "panel": "Panels", "background": "Background"}
STAGES = {
    "canvas": "Laying out the draft",
    "denoise": "Drawing",
    "decode": "Developing the picture",
    "done": "Done",
}
_SOURCE = re.compile(r'src="data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)"')
_CHOSEN = re.compile(r'data-chosen="([0-9])"')
_UNSAFE = {ord(c): f"&#{ord(c)};" for c in "{}$`\\"}  # would be read by the page's template engine


def esc(text: Any) -> str:
    """Text that is safe inside HTML, inside a quoted attribute, and inside a template."""
    return html.escape(str(text), quote=True).translate(_UNSAFE)


def step_heading(number: int, title: str, hint: str) -> str:
    """Heading of one of the three numbered steps."""
    return f'<h2 class="step"><span class="tag">{number}</span>{esc(title)}<small>{esc(hint)}</small></h2>'


# -- the understood prompt ---------------------------------------------------------------------------------------------


def understanding(read: Understanding) -> str:
    """The prompt with its parts marked, then the parts by kind, the caption and the warnings."""
    groups = "".join(_group(kind, [p for p in read.parts if p.kind == kind]) for kind in ("text", "object", "panel"))
    back = _group("background", [p for p in read.parts if p.kind == "background"])
    caption = (
        f'<div class="row"><dt>Caption</dt><dd class="caption">{esc(read.caption)}</dd></div>' if read.caption else ""
    )
    relations = "".join(_relation(read, r) for r in read.relations)
    return (
        f'<section class="understood" aria-label="How the prompt was understood"><p class="marked">{_marked(read)}</p>'
        f"<dl>{groups}{back}{relations}{caption}</dl>{notes(read.warnings)}</section>"
    )


def _marked(read: Understanding) -> str:
    out, end = [], 0
    for (a, b), kind in sorted((p.span, p.kind) for p in read.parts if p.span):
        if a < end or b > len(read.prompt):
            continue
        out += [esc(read.prompt[end:a]), f'<mark class="k-{kind}" title="{kind}">{esc(read.prompt[a:b])}</mark>']
        end = b
    return "".join([*out, esc(read.prompt[end:])])


def _group(kind: str, parts: Sequence[Part]) -> str:
    if not parts:
        return ""
    items = "".join(f"<li>{_part(kind, p)}</li>" for p in parts)
    return f'<div class="row"><dt class="k-{kind}">{PLURALS[kind]}</dt><dd><ul>{items}</ul></dd></div>'


def _part(kind: str, part: Part) -> str:
    style, wishes = part.style, [part.font_category, part.place]
    text = f"“{esc(part.text)}”" if kind == "text" else esc(part.text or style or "not named, the plan chooses")
    count = f'<span class="count">{part.count} ×</span> ' if part.count > 1 else ""
    said = [w for w in ([style] if part.text else []) + wishes if w]
    return f"{count}{text}{swatch(part.colour, part.text)}" + "".join(f" <small>{esc(w)}</small>" for w in said)


def _relation(read: Understanding, relation: Any) -> str:
    a, word, b = relation
    if not (0 <= a < len(read.parts) and 0 <= b < len(read.parts)):
        return ""
    left, right = esc(read.parts[a].text), esc(read.parts[b].text)
    return f'<div class="row"><dt>Where</dt><dd>{left} {esc(word)} {right}</dd></div>'


def swatch(colour: str | None, beside: str = "") -> str:
    """A small patch of a colour with its nearest name, unless the words beside it say so already; or nothing."""
    if not colour:
        return ""
    name = name_of(to_rgb(colour))
    name = "" if name in beside else esc(name)
    return f' <span class="swatch" style="--c:{esc(colour)}" title="{esc(colour)}">{name}</span>'


def notes(sentences: Iterable[str], kind: str = "soft") -> str:
    """Soft notes as a list; nothing when there are none."""
    items = "".join(f"<li>{esc(s)}</li>" for s in sentences)
    return f'<div role="status"><ul class="notes {kind}">{items}</ul></div>' if items else ""


# -- the plan ----------------------------------------------------------------------------------------------------------


def plan(
    layout: Layout | None,
    canvas: Image.Image | None = None,
    *,
    named: bool = True,
    selected: int | None = None,
    warned: Mapping[int, Sequence[str]] | None = None,
) -> str:
    """The plan as an SVG with a ruler, or an empty sheet.

    Args:
        layout: what to show.
        canvas: the planned colours, shapes and letters as a picture, below the boxes.
        named: whether the boxes of objects carry their name.
        selected: index of the element that stands out.
        warned: index of an element -> notes about it; its box carries a warning sign.
    """
    band = '<div class="band" hidden></div>'  # what is being drawn by `static/editor.js`
    if layout is None or canvas is None:
        says = "The plan appears here:<br>boxes first, before any picture.<br>Or choose a tool and draw one."
        empty = f'<p class="empty">{says}</p>'
        return sheet(empty + band, "plan")
    about = warned or {}
    order = sorted(range(len(layout.elements)), key=lambda i: KINDS.index(layout.elements[i].kind))
    boxes = "".join(_box(i, layout.elements[i], i == selected, named, about.get(i, ())) for i in order)
    label = f"Plan with {len(layout.elements)} elements"
    svg = (
        f'<svg viewBox="0 0 {SIZE} {SIZE}" role="group" aria-label="{label}">{_picture(canvas)}{boxes}'
        '<g class="guides" aria-hidden="true"></g><g class="grips" aria-hidden="true"></g></svg>'
    )
    return sheet(svg + band, "plan") + _legend(layout)


def sheet(inside: str, kind: str) -> str:
    """A square sheet with crop marks and, for the plan, a ruler from 0 to 1."""
    ticks = "".join(f"<i>{t}</i>" for t in ("0", ".25", ".5", ".75", "1"))
    ruler = (
        f'<div class="ruler x" aria-hidden="true">{ticks}</div><div class="ruler y" aria-hidden="true">{ticks}</div>'
    )
    return f'<div class="sheet {kind}">{ruler if kind == "plan" else ""}<div class="field">{inside}</div></div>'


def _picture(image: Image.Image) -> str:
    uri = data_uri(image, "jpeg")
    return f'<image class="ground" href="{uri}" width="{SIZE}" height="{SIZE}" preserveAspectRatio="none"/>'


def _box(i: int, e: Element, selected: bool, named: bool, warnings: Sequence[str] = ()) -> str:
    """The outline of an element with its number; `static/editor.js` moves and resizes it by pointer or keys."""
    x, y, w, h = _units(e)
    where = ",".join(f"{v:.4f}" for v in e.box.as_list())
    about = f"{i + 1}: {e.kind} {e.text}, box {where.replace(',', ', ')}" + (", locked" if e.locked else "")
    said = esc(" ".join([about, *(f"Note: {w}" for w in warnings)]))
    fixed = e.locked or e.kind == "background"
    state = f"{' on' if selected else ''}{' fixed' if fixed else ''}{' locked' if e.locked else ''}"
    place = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"'
    pressed = "true" if selected else "false"
    return (
        f'<g class="box k-{e.kind}{state}" data-i="{i}" data-box="{where}" tabindex="0" role="button"'
        f' aria-pressed="{pressed}" aria-label="{said}"><title>{said}</title>'
        f'<rect class="halo" {place}/><rect class="edge" {place}/>'
        f"{_name(e, named, x + w / 2, y + h / 2, w)}{_tag(i, e, x, y, bool(warnings))}</g>"
    )


def _name(e: Element, named: bool, x: float, y: float, width: float) -> str:
    """What an element is, in the middle of its box; "spare" where the canvas shows it already."""
    if e.kind == "background":
        return ""
    short = e.text or e.style
    room = max(4, int(width / 9))
    short = short if len(short) <= room else short[: room - 1] + "…"
    kind = "name" if named and e.kind == "object" else "name spare"
    return f'<text class="{kind}" x="{x:.1f}" y="{y + 5:.1f}">{esc(short)}</text>'


def _units(e: Element) -> tuple[float, float, float, float]:
    """x, y, width, height in SVG units; the background a little inside, so that its outline is seen whole."""
    inset = 3 if e.kind == "background" else 0
    x, y, w, h = (v * SIZE for v in (e.box.x0, e.box.y0, e.box.width, e.box.height))
    return x + inset, y + inset, w - 2 * inset, h - 2 * inset


def _tag(i: int, e: Element, x: float, y: float, warned: bool) -> str:
    """The number at the top left corner; a lock where the element is locked, a sign where a note is about it."""
    inside = e.kind in ("background", "panel") or y < 24
    top = y if inside else y - 22
    wide = 26 + 9 * (i > 8) + 15 * e.locked
    lock = f'<path class="lock" transform="translate({x + wide - 19:.1f} {top + 3:.1f})" d="{LOCK}"/>'
    sign = f'<path class="warn" transform="translate({x + wide + 3:.1f} {top + 2:.1f})" d="{SIGN}"/>'
    return (
        f'<g class="tag{" in" if inside else ""}">'
        f'<rect class="chip" x="{x - 1:.1f}" y="{top:.1f}" width="{wide}" height="22"/>'
        f'<text class="no" x="{x + 12 + 4 * (i > 8):.1f}" y="{top + 16.5:.1f}">{i + 1}</text>'
        f"{lock if e.locked else ''}{sign if warned else ''}</g>"
    )


SIGN = "M10 0 20 18H0zM9 6h2v6H9zm0 8h2v2H9z"  # a triangle with an exclamation mark cut out
LOCK = "M3 7V5a4 4 0 0 1 8 0v2h1v8H2V7zm2 0h4V5a2 2 0 0 0-4 0z"


def _legend(layout: Layout) -> str:
    kinds = [k for k in ("text", "object", "panel", "background") if any(e.kind == k for e in layout.elements)]
    items = "".join(f'<li class="k-{k}">{k}</li>' for k in kinds)
    return f'<ul class="legend" aria-label="Kinds of boxes">{items}</ul>'


# -- drawing -----------------------------------------------------------------------------------------------------------


def alt(layout: Layout) -> str:
    """What the picture of a layout shows, in words."""
    texts = ", ".join(f"“{t.text}”" for t in layout.texts)
    return f"Picture drawn from: {layout.prompt}" if layout.prompt else f"Picture with the texts {texts}"


def stage(
    images: Sequence[Image.Image] = (),
    *,
    alt: str = "",
    uris: Sequence[str] = (),
    seed: int | None = None,
    tags: Sequence[str] = (),
    chosen: int = 0,
) -> str:
    """The sheet with the pictures: none, one, or a grid of two by two.

    Args:
        images: previews, sent as JPEG, when `uris` is empty.
        alt: what the pictures show.
        uris: finished pictures as data URIs of PNG files; each gets a download link.
        seed: seed of the first finished picture; picture k has seed + k.
        tags: what was found in each finished picture, as HTML; then one of them is chosen, by a click for one.
        chosen: which picture the other tab is asked about.
    """
    sources = list(uris) or [data_uri(i, "jpeg") for i in images]
    if not sources:
        return sheet('<p class="empty">The picture appears here,<br>step by step.</p>', "stage")
    figures = "".join(_figure(k, s, alt, seed if uris else None) for k, s in enumerate(sources))
    if tags and uris:
        pairs = enumerate(zip(uris, tags, strict=True))
        figures = "".join(_tagged(k, s, alt, seed or 0, tag, k == chosen) for k, (s, tag) in pairs)
    return sheet(f'<div class="grid n{len(sources)}" data-chosen="{chosen}">{figures}</div>', "stage")


def _figure(k: int, source: str, alt: str, seed: int | None) -> str:
    image = f'<img src="{source}" alt="{esc(alt)}" width="256" height="256">'
    return f"<figure>{image}{'' if seed is None else _caption(k, source, seed)}</figure>"


def _tagged(k: int, source: str, alt: str, seed: int, tag: str, chosen: bool) -> str:
    """A finished picture with what was found in it; a click on the picture (not on its caption) chooses it."""
    image = f'<img src="{source}" alt="{esc(alt)}" width="256" height="256" data-k="{k}">'
    mark = f'<p class="told"><b>{k + 1}</b>{tag}</p>'
    return f'<figure class="{"on" if chosen else ""}">{image}{mark}{_caption(k, source, seed)}</figure>'


def _caption(k: int, source: str, seed: int) -> str:
    says = f"Download picture {k + 1} as PNG"
    link = f'<a class="save" href="{source}" download="vlad-{seed + k}.png" aria-label="{says}">PNG</a>'
    return f"<figcaption><span>seed {seed + k}</span>{link}</figcaption>"


def pictures(page: str | None) -> tuple[list[bytes], int]:
    """The pictures of a stage as files, and which of them is chosen; no pictures for anything else.

    Args:
        page: what `stage` made, as it comes back from the browser.
    """
    found = []
    for data in _SOURCE.findall(page or ""):
        with suppress(binascii.Error):
            found.append(base64.b64decode(data, validate=True))
    mark = _CHOSEN.search(page or "")
    chosen = int(mark[1]) if mark else 0
    return found, chosen if chosen < len(found) else 0


def data_uri(image: Image.Image, kind: str, info: Mapping[str, Any] | None = None) -> str:
    """The image as a data URI; kind: "jpeg" or "png"; `info` goes into the PNG as text "vlad"."""
    buffer = io.BytesIO()
    if kind == "png":
        extra = PngInfo()
        extra.add_itxt("vlad", json.dumps(dict(info or {}), ensure_ascii=False))
        image.save(buffer, "PNG", pnginfo=extra)
    else:
        image.convert("RGB").save(buffer, "JPEG", quality=88)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def png_uri(data: bytes) -> str:
    """A PNG file as a data URI, byte for byte."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def progress(report: Progress) -> str:
    """Stage, step i of n and the time left, with a bar."""
    share = 0.0 if report.steps <= 0 else min(1.0, report.step / report.steps)
    count = f"step {report.step} of {report.steps}" if report.steps > 1 else ""
    left = eta(report.eta_s)
    return _status(STAGES.get(report.stage, esc(report.stage)), " · ".join(p for p in (count, left) if p), share)


def eta(seconds: float | None) -> str:
    """Time left in words, or nothing while unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 1:
        return "less than a second left"
    if seconds < 90:
        return f"about {math.ceil(seconds)} s left"
    return f"about {math.ceil(seconds / 60)} min left"


def done(seconds: float, images: int, steps: int | None, seed: int) -> str:
    """What was made, and how long it took."""
    what = "1 picture" if images == 1 else f"{images} pictures"
    how = f"{steps} steps · " if steps else ""
    return _status("Done", f"{what} · {how}{seconds:.1f} s · seed {seed}", 1.0)


def message(title: str, detail: str = "") -> str:
    """A status without a bar."""
    return _status(esc(title), esc(detail), None)


def _status(title: str, detail: str, share: float | None) -> str:
    bar = "" if share is None else f'<span class="bar"><span style="width:{share * 100:.0f}%"></span></span>'
    place = "detail long" if len(detail) > 60 else "detail"
    return f'<div class="status" role="status"><b>{title}</b><span class="{place}">{detail}</span>{bar}</div>'


# -- example images of the chat ----------------------------------------------------------------------------------------


def picker(uris: Sequence[str]) -> str:
    """Example images as a row of buttons, or nothing when there are none."""
    button = '<button type="button" data-k="{0}" aria-label="Example image {1}"><img src="{2}" alt=""></button>'
    items = "".join(f"<li>{button.format(k, k + 1, uri)}</li>" for k, uri in enumerate(uris))
    return f'<p class="hint">Or try an example</p><ul class="picker">{items}</ul>' if items else ""


# -- what is loaded ----------------------------------------------------------------------------------------------------


def loaded(rows: Sequence[Any], device: str) -> str:
    """Table of the model cache; each row has name, dtype, nbytes, pins and place."""
    body = "".join(
        f"<tr><th scope='row'>{esc(r.name)}</th><td>{esc(r.dtype)}</td><td>{size(r.nbytes)}</td>"
        f"<td>{esc(r.place)}</td><td>{'in use' if r.pins else 'idle'}</td></tr>"
        for r in rows
    )
    total = size(sum(r.nbytes for r in rows))
    titles = "".join(f"<th scope='col'>{t}</th>" for t in ("model", "precision", "weights", "on", "state"))
    head = f"<tr>{titles}</tr>"
    table = f'<div class="scroll"><table class="models"><thead>{head}</thead><tbody>{body}</tbody></table></div>'
    nothing = "<p>No model is loaded yet; the first plan or picture loads what it needs.</p>"
    what = table if body else nothing
    return f'<div class="loaded"><p>Device: {esc(device)}</p>{what}<p>{total} of weights in memory.</p></div>'


def line(working: int, waiting: int) -> str:
    """How many requests are computed now and how many wait: "1 request is being computed, 2 wait"."""
    text = "No request is being computed."
    if working or waiting:
        computed = f"{working} request{'' if working == 1 else 's'} {'is' if working == 1 else 'are'} being computed"
        text = f"{computed}, {waiting} wait{'s' if waiting == 1 else ''}."
    return f'<p class="hint" role="status">{text}</p>'


def size(nbytes: int) -> str:
    """Bytes in words: 12.3 MB."""
    return f"{nbytes / 1e9:.2f} GB" if nbytes >= 1e9 else f"{nbytes / 1e6:.1f} MB"


# -- the frame of the page ---------------------------------------------------------------------------------------------

MARK = (
    '<svg class="mark" viewBox="0 0 44 44" aria-hidden="true"><rect class="m0" x="4" y="4" width="36" height="36"/>'
    '<rect class="m1" x="10" y="10" width="24" height="7"/><rect class="m2" x="10" y="21" width="11" height="13"/>'
    '<rect class="m3" x="25" y="21" width="9" height="13"/></svg>'
)


def header() -> str:
    """Name, one sentence, and where the project stands to the paper."""
    return (
        f'<header class="top"><div class="brand">{MARK}<div><h1>VLAD + VLSA</h1>'
        "<p>Write a prompt, change the layout it plans and watch the picture being drawn; or ask about an image and see"
        " what the model keeps of it.</p>"
        "</div></div>"
        '<div class="side"><a class="pill" href="#about">independent reimplementation</a>'
        '<button type="button" class="pill theme" aria-pressed="false">Dark</button></div></header>'
    )


def about() -> str:
    """What this is and is not."""
    return (
        '<section id="about" tabindex="-1"><h2>About</h2><p>VLAD plans a layout from a prompt with one diffusion stage'
        " and draws it with a second one guided by the planned canvas. This is an independent reimplementation"
        " of the published method: code and weights are the project’s own, trained on synthetic posters of 256 by 256"
        " pixels. It draws posters, signs and cards with short texts and common objects; it does not draw people or"
        " photographs of places.</p><p>VLSA looks at an image through 64 visual tokens, answers questions about it,"
        " rebuilds it from them and names its codes. It is trained on the same posters and on photographs, is small,"
        " and its answers are often wrong: it tells colours, most objects and often where they are, and reads short"
        " texts, with mistakes. What you type and show goes to the server that runs"
        " this page and nowhere else; your last prompt, plan and settings stay in this browser.</p></section>"
    )
