"""HTML of the reconstruction and of the tokens, and what is exported of them. Pure functions of plain data.

Positions are (row, column), counted from 0 at the top left. Everything that is not a number goes through `esc`.
"""

from __future__ import annotations

import base64
import colorsys
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.vlsa.quality import LEGEND
from pipelines.vlsa.types import CELLS, CODE_GRID, PICTURE, Pixels, Predicted, Rebuilt, Tokens, View
from ui.render import data_uri, esc, eta, message

KEPT, ALONE = "What the encoder kept", "What the snapshot alone keeps"
EXPECT = (
    "Expect the meaning of the image and not its pixels: shapes, colours and places come back, fine print and faces"
    " suffer, and what looks least like a poster suffers most, for the model was trained mostly on posters."
)
LAYERS = (
    ("true", "True codes"),
    ("predicted", "Predicted codes"),
    ("error", "Error of each code"),
    ("attention", "Attention"),
)
GOLDEN = 137.508  # degrees between the hues of two neighbouring codes
CELL = 40  # pixels of one code in the exported picture
FORMAT = "vlsa-tokens"


# -- what both views say -----------------------------------------------------------------------------------------------


def working(title: str, parts: Sequence[str], share: float) -> str:
    """A status with a bar; `share` of the work, 0 to 1, is done."""
    wide = min(100.0, max(0.0, share * 100))
    detail = esc(" · ".join(p for p in parts if p))
    bar = f'<span class="bar"><span style="width:{wide:.0f}%"></span></span>'
    return f'<div class="status" role="status"><b>{esc(title)}</b><span class="detail">{detail}</span>{bar}</div>'


def ready(view: View | None, otherwise: str) -> str:
    """What a view is about before anything was asked of it, or what is missing."""
    if view is None:
        return message("No image yet", otherwise)
    (wide, high), (rows, cols) = view.original_size, view.grid
    tiles = "1 tile" if rows * cols == 1 else f"{rows * cols} tiles"
    return message("Ready", f"{wide} × {high} pixels, seen as {tiles}")


def figure(image: Image.Image, alt: str, caption: str, note: str = "", kind: str = "jpeg") -> str:
    """One picture with its caption."""
    small = f"<small>{esc(note)}</small>" if note else ""
    size = f'width="{image.width}" height="{image.height}"'
    picture = f'<img src="{data_uri(image, kind)}" alt="{esc(alt)}" {size}>'
    return f"<figure>{picture}<figcaption>{esc(caption)}{small}</figcaption></figure>"


# -- reconstruction ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pass:
    """One reconstruction so far.

    Attributes:
        perceiver: False when only the snapshot was looked at.
        preview, done: the reports with numbers, or None before them.
        difference: map of the finished picture against the original, of its size, or None.
    """

    perceiver: bool = True
    preview: Rebuilt | None = None
    done: Rebuilt | None = None
    difference: Image.Image | None = None

    @property
    def title(self) -> str:
        return KEPT if self.perceiver else ALONE


def rebuilding(report: Rebuilt, number: int, total: int) -> str:
    """Stage, step i of n and the time left of pass `number` (from 0) of `total`, with a bar."""
    share = (number + (report.step / report.steps if report.steps else 0.0)) / total
    which = f"{'snapshot alone' if number else 'whole encoder'}, {number + 1} of {total}" if total > 1 else ""
    if report.stage == "preview":
        return working("Instant preview", [which, f"{report.seconds:.1f} s"], share)
    count = f"step {report.step} of {report.steps}" if report.steps else ""
    return working("Denoising", [which, count, eta(time_left(report, number, total))], share)


def time_left(report: Rebuilt, number: int, total: int) -> float | None:
    """Seconds until the last pass ends, if every step takes as long as those so far; None before the first."""
    if report.step <= 0:
        return None
    each = report.seconds / report.step
    return each * (report.steps - report.step + report.steps * (total - 1 - number))


def results(view: View, passes: Sequence[Pass]) -> str:
    """Numbers of every pass, then its preview and its difference map."""
    rows = "".join(_row(p.title, name, r) for p in passes for name, r in _reports(p) if r is not None)
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{name}<small>{hint}</small></th>' for name, hint in _COLUMNS)
    unknown = any(r is not None and r.perceptual is None for p in passes for _, r in _reports(p))
    side = next(r.image.width for p in passes for _, r in _reports(p) if r is not None)
    note = f"Measured on the {side} by {side} picture that the model rebuilds.{NO_NETWORK if unknown else ''}"
    caption = f'<p class="hint">{note}</p>'
    inside = f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
    table = f'<table class="models numbers" aria-label="Quality">{inside}</table>'
    begun, several = [p for p in passes if p.preview], len(passes) > 1
    figures = "".join(f'<div class="figures four">{_figures(view, p, several)}</div>' for p in begun)
    legend = f'<p class="hint">{esc(LEGEND)}</p>' if any(p.difference for p in passes) else ""
    return f'<div class="rebuilt">{caption}{table}{figures}{legend}</div>'


NO_NETWORK = " The perceptual distance needs EfficientNet-Lite0 from requirements-models.txt, which is not installed."
_COLUMNS = (
    ("Picture", ""),
    ("PSNR", "dB, more is better"),
    ("SSIM", "1 is equal"),
    ("Perceptual", "0 is equal"),
    ("Time", "s"),
)


def _reports(p: Pass) -> list[tuple[str, Rebuilt | None]]:
    return [("instant preview", p.preview), ("diffusion", p.done)]


def _row(title: str, name: str, report: Rebuilt) -> str:
    numbers = (number(report.psnr, 2), number(report.ssim, 3), number(report.perceptual, 3), f"{report.seconds:.1f}")
    cells = "".join(f"<td>{n}</td>" for n in numbers)
    return f'<tr><th scope="row">{esc(title)}<small>{esc(name)}</small></th>{cells}</tr>'


def number(value: float | None, digits: int) -> str:
    """A number with `digits` places; "–" when there is none, "∞" when it is infinite."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}" if math.isfinite(value) else "∞"


def _figures(view: View, p: Pass, named: bool) -> str:
    """Original, preview, diffusion and difference, as far as they are there."""
    note = p.title if named else ""
    out = figure(view.crop(view.padded), "The original", "Original")
    if p.preview is not None:
        shown = view.crop(p.preview.image)
        out += figure(shown, f"{p.title}: preview made in one pass", "Instant preview", note)
    if p.done is not None:
        out += figure(view.crop(p.done.image), f"{p.title}: rebuilt by diffusion", "Diffusion", note)
    if p.difference is not None:
        alt = f"{p.title}: map of the difference between original and diffusion; brighter is larger"
        out += figure(view.crop(p.difference), alt, "Difference", note, "png")
    return out


# -- tokens ------------------------------------------------------------------------------------------------------------


def explorer(view: View | None, found: Tokens | None) -> str:
    """The picture under the grid of its codes, with layers, legends and an inspector; `static/vlsa.js` paints it.

    Without tokens an empty board. The data lies in `data-grid`, see `grid_data`.
    """
    if view is None or found is None:
        return '<div class="vt empty"><p class="empty">The image appears here under the grid of its codes.</p></div>'
    picture = data_uri(view.picture(), "png")
    alt = f"The image as the model sees it, {PICTURE} by {PICTURE} pixels"
    board = (
        f'<div class="vt-board"><img class="vt-picture" src="{picture}" alt="{alt}" width="{PICTURE}"'
        f' height="{PICTURE}"><img class="vt-decoded" src="{data_uri(found.decoded, "jpeg")}" alt="" hidden>'
        f'<canvas class="vt-paint" width="1024" height="1024" aria-hidden="true"></canvas>{_cells(found.true)}</div>'
    )
    data = esc(json.dumps(grid_data(view, found), separators=(",", ":")))
    side = f'<div class="vt-side">{_layers()}{_legends(found)}{_inspector()}{statistics(found)}</div>'
    return f'<div class="vt" data-grid="{data}">{board}{side}</div>'


def grid_data(view: View, found: Tokens) -> dict[str, Any]:
    """What `static/vlsa.js` needs: lists of 1,024 numbers row by row, and the attention as bytes.

    `attention` is base64 of (64, m, 64) uint8, each visual token's weights relative to its largest, which is in
    `peaks`; `tiles` is (rows, columns) of tiles.
    """
    peaks = found.attention.max((1, 2))  # (64,)
    relative = found.attention / np.maximum(peaks, 1e-12)[:, None, None]
    levels = np.rint(np.clip(relative, 0, 1) * 255).astype(np.uint8)
    return {
        "true": found.true.ravel().tolist(),
        "errors": [round(float(e), 1) for e in found.errors.ravel()],
        "tiles": list(view.grid),
        "attention": base64.b64encode(np.ascontiguousarray(levels).tobytes()).decode(),
        "peaks": [float(f"{p:.4g}") for p in peaks],
    }


def predicted_data(predicted: Predicted | None) -> str:
    """The predicted codes as a JSON list of 1,024 numbers, -1 where there is none yet; "" without a prediction."""
    return "" if predicted is None else json.dumps(predicted.index.ravel().tolist(), separators=(",", ":"))


def _cells(true: np.ndarray) -> str:
    rows = "".join(
        f'<div role="row">{"".join(_cell(r, c, k) for c, k in enumerate(row))}</div>' for r, row in _rows(true)
    )
    label = f"{CODE_GRID} by {CODE_GRID} codes; arrow keys move, Enter pins"
    return f'<div class="vt-cells" role="grid" aria-label="{label}">{rows}</div>'


def _row_of_cells(r: int, row: Sequence[int]) -> str:
    return f'<div role="row">{"".join(_cell(r, c, code) for c, code in enumerate(row))}</div>'


def _rows(grid: np.ndarray) -> list[tuple[int, list[int]]]:
    return list(enumerate(grid.tolist()))


def _cell(r: int, c: int, code: int) -> str:
    start = 0 if r == c == 0 else -1
    return f'<i role="gridcell" tabindex="{start}" aria-label="row {r}, column {c}, code {code}"></i>'


def _layers() -> str:
    options = "".join(
        f'<label><input type="radio" name="vt-layer" value="{key}"{" checked" if key == "true" else ""}>'
        f"<span>{label}</span></label>"
        for key, label in LAYERS
    )
    strength = (
        '<label class="vt-strength"><span>Strength of the layer</span>'
        '<input type="range" min="0" max="100" value="60" class="vt-alpha"></label>'
    )
    return f'<fieldset class="vt-layers"><legend>Layer</legend>{options}</fieldset>{strength}'


def _legends(found: Tokens) -> str:
    """What the colours of each layer mean; the script shows one of them."""
    largest = float(found.errors.max())
    ramp = '<span class="vt-ramp" aria-hidden="true"></span>'
    marks = "".join(
        f'<span class="vt-mark {kind}">{word}</span>'
        for kind, word in (("right", "right"), ("wrong", "wrong, hatched"), ("open", "not yet predicted"))
    )
    says = {
        "true": "One colour per code, the same in every image. Outlined: where the code of the cell occurs again.",
        "predicted": f'{marks}<span class="vt-ask">Press “Predict tokens” to fill this layer.</span>',
        "error": f"<span>0</span>{ramp}<span>{largest:.0f} of 255, mean absolute error of the decoded patch</span>",
        "attention": f"<span>little</span>{ramp}<span>much of the weight of the visual token under the cell; lines part"
        " the high-resolution tiles</span>",
    }
    return "".join(
        f'<p class="vt-legend" data-for="{key}"{"" if key == "true" else " hidden"}>{says[key]}</p>'
        for key, _ in LAYERS
    )


_FACTS = (
    ("place", "Place"), ("code", "Code"), ("count", "In this image"), ("guess", "Predicted"), ("error", "Error"),
    ("token", "Visual token"),
)  # fmt: skip


def _inspector() -> str:
    facts = "".join(f'<div><dt>{label}</dt><dd data-f="{key}">–</dd></div>' for key, label in _FACTS)
    patches = "".join(
        f'<figure><canvas class="vt-patch" data-from="{source}" width="8" height="8" role="img" aria-label="{label}">'
        f"</canvas><figcaption>{label}</figcaption></figure>"
        for source, label in (("picture", "patch"), ("decoded", "decoded"))
    )
    return (
        f'<section class="vt-about" aria-label="The cell"><div class="vt-patches">{patches}</div><dl>{facts}</dl>'
        '<p class="hint">Hover or use the arrow keys; click or Enter pins a cell, Escape lets go.'
        " Rows and columns count from 0.</p>"
        '<button type="button" class="pill vt-save">Save this view as PNG</button>'
        '<p class="vt-say" role="status"></p></section>'
    )


def statistics(found: Tokens) -> str:
    """Usage of the codebook, perplexity and mean error."""
    used = int(np.count_nonzero(found.counts))
    rows = (
        ("Codebook used", f"{used:,} of {len(found.counts):,} codes, {found.usage * 100:.1f} %"),
        ("Perplexity", f"{found.perplexity:.0f}"),
        ("Mean error", f"{float(found.errors.mean()):.1f} of 255"),
    )
    items = "".join(f"<div><dt>{esc(k)}</dt><dd>{esc(v)}</dd></div>" for k, v in rows)
    return f'<dl class="vt-stats" aria-label="Codes of this image">{items}</dl>'


def predicting(predicted: Predicted, seconds: float) -> str:
    """How many codes are predicted, how many of them are right, and the time left, with a bar."""
    count = int((predicted.index >= 0).sum())
    share = count / predicted.index.size
    left = seconds * (1 - share) / share if share > 0 and not predicted.done else None
    title = "Predicted" if predicted.done else "Predicting"
    return working(title, [f"{count:,} of {predicted.index.size:,} codes", accuracy(predicted), eta(left)], share)


def accuracy(predicted: Predicted) -> str:
    """Share of right codes in words, with what guessing blindly would give."""
    if predicted.accuracy is None:
        return ""
    return f"{predicted.accuracy * 100:.1f} % right, blind guessing gives {100 / predicted.codes:.1f} %"


def decoded(view: View, found: Tokens, predicted: Predicted | None = None) -> str:
    """The picture decoded from the true codes beside the one decoded from the predicted codes."""
    figures = figure(view.crop(found.decoded), "Picture decoded from the true codes", "Decoded from the true codes")
    if predicted is not None and predicted.decoded is not None:
        image, note = view.crop(predicted.decoded), accuracy(predicted)
        alt = "Picture decoded from the predicted codes"
        figures += figure(image, alt, "Decoded from the predicted codes", note)
    return f'<div class="figures">{figures}</div>'


def colours(pixels: Pixels) -> str:
    """True beside predicted colours of 4 x 4 cells, where they lie, and the mean error."""
    r, c = pixels.vertex
    where = f"Cells {r} to {r + 3} down and {c} to {c + 3} across"
    tables = _swatches("True", pixels.true) + _swatches("Predicted", pixels.predicted)
    detail = f"{where}; mean error {pixels.error:.1f} of 255"
    return f'<div class="vt-colours">{_where(r, c)}{tables}<p class="hint">{esc(detail)}</p></div>'


def _where(r: int, c: int) -> str:
    """A small map of the 8 x 8 cells with the quarter marked."""
    half = CELLS // 2
    return (
        f'<figure><svg class="vt-map" viewBox="0 0 {CELLS} {CELLS}" role="img" aria-label="Place of the cells">'
        f'<rect class="all" width="{CELLS}" height="{CELLS}"/><rect class="on" x="{c}" y="{r}" width="{half}"'
        f' height="{half}"/></svg><figcaption>Place</figcaption></figure>'
    )


def _swatches(title: str, grid: np.ndarray) -> str:
    rows = "".join("<tr>" + "".join(_swatch(rgb) for rgb in row) + "</tr>" for row in grid.tolist())
    table = f'<table class="vt-swatches" aria-label="{title} colours">{rows}</table>'
    return f"<figure>{table}<figcaption>{title}</figcaption></figure>"


def _swatch(rgb: Sequence[int]) -> str:
    name = "#" + "".join(f"{int(v):02x}" for v in rgb)
    return f'<td style="background:{name}" title="{name}"><span>{name}</span></td>'


# -- export ------------------------------------------------------------------------------------------------------------


def export(view: View, found: Tokens, predicted: Predicted | None = None) -> str:
    """Codes, errors, attention and sizes as JSON.

    `true`, `predicted` and `error` are lists of rows, `predicted` is null without a prediction. `attention` has for
    each of the 64 visual tokens, row by row, the weights of the 64 cells of each tile, row by row, as base64 of bytes
    (64, tiles, 64) relative to the token's largest weight, which is in `peaks`.
    """
    guess, layers = None if predicted is None else predicted.index.tolist(), grid_data(view, found)
    return json.dumps(
        {
            "format": FORMAT,
            "version": 1,
            "image": {"size": list(view.image.size), "original_size": list(view.original_size), "key": view.key},
            "padded": list(view.padded.size),
            "tiles": list(view.grid),
            "picture": [PICTURE, PICTURE],
            "grid": [CODE_GRID, CODE_GRID],
            "codebook": len(found.counts),
            "usage": round(float(found.usage), 6),
            "perplexity": round(float(found.perplexity), 3),
            "accuracy": None if predicted is None else predicted.accuracy,
            "true": found.true.tolist(),
            "predicted": guess,
            "error": found.errors.round(1).tolist(),
            "attention": layers["attention"],
            "peaks": layers["peaks"],
        }
    )


def code_colour(code: int) -> tuple[int, int, int]:
    """The RGB colour of a code, 0 to 255, as `static/vlsa.js` paints it."""
    hue, light, rich = (code * GOLDEN) % 360 / 360, 0.45 + 0.1 * (code // 3 % 3), 0.6 + 0.15 * (code % 3)
    r, g, b = colorsys.hls_to_rgb(hue, light, rich)
    return round(r * 255), round(g * 255), round(b * 255)


def grid_picture(view: View, found: Tokens) -> Image.Image:
    """The picture under the grid: each code's colour lies over its patch, its number in it; 1,280 x 1,280, RGB."""
    side = CODE_GRID * CELL
    tints = Image.new("RGB", (CODE_GRID, CODE_GRID))
    tints.putdata([code_colour(int(k)) for k in found.true.ravel()])
    picture = view.picture().resize((side, side), Image.Resampling.BICUBIC)
    mixed = Image.blend(picture, tints.resize((side, side), Image.Resampling.NEAREST), 0.35)
    draw, font = ImageDraw.Draw(mixed), ImageFont.load_default(13)
    for r, row in _rows(found.true):
        for c, code in enumerate(row):
            centre = ((c + 0.5) * CELL, (r + 0.5) * CELL)
            draw.text(centre, str(code), "white", font, anchor="mm", stroke_width=1, stroke_fill="black")
    for k in range(CODE_GRID + 1):
        at = min(k * CELL, side - 1)
        draw.line([(at, 0), (at, side)], "#202824")
        draw.line([(0, at), (side, at)], "#202824")
    return mixed
