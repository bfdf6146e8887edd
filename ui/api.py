"""The public functions of the app: for `gradio_client`, the API page and the MCP server. Plain types in and out."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, TypeVar

import gradio as gr

from pipelines.errors import UserError
from pipelines.types import Layout
from pipelines.vlad.readback import rank
from pipelines.vlsa.types import Message
from ui import editing
from ui.backend import GENERAL, Backend
from ui.presence import gone

log = logging.getLogger(__name__)
Report = TypeVar("Report")


class Api:
    """The eight public functions, one method each. What goes wrong is a `gr.Error` with one sentence.

    Args:
        backend: the pipelines and the parts that work without weights.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def understand(self, prompt: str) -> dict[str, Any]:
        """Read a prompt: global caption, texts, objects, panels and background with their colours.

        Args:
            prompt: what the picture shows and says; texts stand in quotes. At most 2,000 characters.
        """
        with _told():
            read = self.backend.understand(prompt)
            return dataclasses.asdict(read) if dataclasses.is_dataclass(read) else {"caption": read.caption}

    def plan(
        self, prompt: str, seed: int = 0, variety: float = 0.8, without_ccm: bool = False, negative_prompt: str = ""
    ) -> dict[str, Any]:
        """Plan the layout of a picture: elements with boxes [x0, y0, x1, y1] in [0, 1], origin top left.

        Args:
            prompt: what the picture shows and says; texts stand in quotes.
            seed: same seed, same plan.
            variety: 0 to 1, how different the plans of one prompt may be.
            without_ccm: ablation, plan from the pooled prompt alone.
            negative_prompt: things, colours, fonts and styles that the plan leaves out or avoids.
        """
        with _told():
            settings = {"seed": int(seed or 0), "variety": float(variety), "use_ccm": not without_ccm}
            return self.backend.plan(prompt, **settings, negative_prompt=negative_prompt or "").to_dict()

    def draw(
        self, layout: dict[str, Any], seed: int = 0, images: int = 1, steps: int = 3, guidance: float = 1.0,
        start: float = 1.0, size: int = 256, without_ccm: bool = False, without_guidance: bool = False,
    ) -> tuple[list[Any], dict[str, Any]]:  # fmt: skip
        """Draw a layout that `plan` returned, edited or not.

        Args:
            layout: the JSON of a layout.
            seed: seed of the first picture; picture k has seed + k.
            images: 1 to 4 pictures.
            steps: denoising steps.
            guidance: how strictly the picture follows the prompt.
            start: how far from the plan, 0.05 to 1.
            size: side of a picture in pixels: 256, 384, 512 or 768.
            without_ccm: ablation, the pooled prompt vector alone.
            without_guidance: ablation, without the planned canvas.
        """
        with _told():
            plan = editing.checked(Layout.from_dict(layout), self.backend.fonts())
            drawn = (images, steps, guidance, start, size, without_ccm, without_guidance)
            settings = drawing_settings(int(seed or 0), *drawn)
            pictures = last_of(self.backend.stream(plan, {**settings, "previews": False})).images
            return [(p, f"seed {settings['seed'] + k}") for k, p in enumerate(pictures)], settings

    def generate(
        self, prompt: str, seed: int = 0, images: int = 1, steps: int = 3, guidance: float = 1.0, start: float = 1.0,
        size: int = 256, variety: float = 0.8, without_ccm: bool = False, without_guidance: bool = False,
        best_of: int = 1, negative_prompt: str = "",
    ) -> tuple[list[Any], dict[str, Any]]:  # fmt: skip
        """Plan a prompt and draw the plan with the same seed; returns the pictures and the layout.

        Args:
            prompt: what the picture shows and says; texts stand in quotes.
            seed: same seed, same pictures.
            images: 1 to 4 pictures.
            steps: denoising steps.
            guidance: how strictly the picture follows the prompt.
            start: how far from the plan, 0.05 to 1.
            size: side of a picture in pixels: 256, 384, 512 or 768.
            variety: 0 to 1, how different the plans of one prompt may be.
            without_ccm: ablation, the pooled prompt vector alone.
            without_guidance: ablation, without the planned canvas.
            best_of: 1 to 4; above 1, so many are drawn and read back, and the best are returned, the best one first.
            negative_prompt: things, colours, fonts and styles that the plan leaves out or avoids.
        """
        layout, count = self.plan(prompt, seed, variety, without_ccm, negative_prompt), max(int(images), int(best_of))
        pictures, _ = self.draw(layout, seed, count, steps, guidance, start, size, without_ccm, without_guidance)
        return (self._best_first(pictures, layout)[: int(images)] if best_of > 1 else pictures), layout

    def read_back(self, image: str | None, layout: dict[str, Any]) -> dict[str, Any]:
        """Read a picture back: what its texts say beside what was asked for, stray words, scores, what is recognised.

        `texts` has planned, read, right and edit_distance (0 = equal) of each text; `mario` the MARIO-Eval scores of
        this image by two rules; `elements` what fits its place better than others; `alignment` the cosine of picture
        and prompt, -1 to 1.

        Args:
            image: PNG, JPEG, WebP, GIF, BMP or TIFF of at most 20 MB.
            layout: the JSON of the layout that it was drawn from.
        """
        with _told():
            plan = editing.checked(Layout.from_dict(layout), self.backend.fonts())
            (reading,) = self.backend.read_back(plan, [self.backend.view(image).image])
            return reading.to_dict()

    def ask(self, image: str | None, question: str) -> str:
        """Ask one question about an image; returns the whole answer, the same one each time.

        Args:
            image: PNG, JPEG, WebP, GIF, BMP or TIFF, 20 MB at most; over MCP data:image/png;base64,..., 3 MB at most.
            question: at most 2,000 characters.
        """
        with _told():
            asked = [Message("user", question, self.backend.view(image))]
            replies = self.backend.chat(asked, {})
            return last_of(replies).text

    def reconstruct(self, image: str | None, steps: int = 4, seed: int = 0) -> tuple[Any, dict[str, Any]]:
        """Rebuild an image from its visual tokens; returns the picture, 512 px at most, and how close it is.

        Args:
            image: PNG, JPEG, WebP, GIF, BMP or TIFF, 20 MB at most; over MCP data:image/png;base64,..., 3 MB at most.
            steps: denoising steps.
            seed: same seed, same picture.
        """
        with _told():
            view = self.backend.view(image)
            last = last_of(self.backend.reconstruct(view, {"steps": int(steps), "seed": int(seed or 0)}))
            numbers = {"psnr": last.psnr, "ssim": last.ssim, "perceptual": last.perceptual}
            facts = {"steps": last.steps, "seed": int(seed or 0), "seconds": last.seconds, "notes": list(view.notes)}
            return view.crop(last.image), {**{k: _finite(v) for k, v in numbers.items()}, **facts}

    def tokens(self, image: str | None) -> dict[str, Any]:
        """The codes of an image: a 32 by 32 grid of indices into the codebook, row by row from the top left.

        Args:
            image: PNG, JPEG, WebP, GIF, BMP or TIFF, 20 MB at most; over MCP data:image/png;base64,..., 3 MB at most.
        """
        with _told():
            view = self.backend.view(image)
            found = self.backend.tokens(view)
            return {
                "index": found.true.tolist(),
                "error": found.errors.round(2).tolist(),
                "usage": float(found.usage),
                "perplexity": float(found.perplexity),
                "tiles": list(view.grid),
                "size": list(view.image.size),
                "notes": list(view.notes),
            }

    def _best_first(self, pictures: Sequence[tuple[Any, str]], layout: dict[str, Any]) -> list[Any]:
        """Pictures of one layout in the order of `pipelines.vlad.readback.best`."""
        with _told():
            readings = self.backend.read_back(Layout.from_dict(layout), [p for p, _ in pictures])
            return [pictures[k] for k in sorted(range(len(pictures)), key=lambda k: rank(readings[k]))]


class _told:
    """Turns what goes wrong in a public function into one sentence for the caller."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, UserError):
            raise gr.Error(str(error), print_exception=False) from error
        if isinstance(error, Exception) and not isinstance(error, gr.Error):
            log.error("unexpected error in a public function", exc_info=error)
            raise gr.Error(GENERAL, print_exception=False) from error


def last_of(reports: Generator[Report, None, None]) -> Report:
    """The last of some reports, of which there is at least one; none is computed for somebody who has gone.

    Raises:
        UserError: the request was cancelled, or its connection closed.
    """
    with closing(reports):
        for report in reports:
            if gone():
                raise UserError("The request was taken back; send it again.")
            last = report
    return last


def _finite(value: float | None) -> float | None:
    """A number that JSON can hold, or None."""
    return float(value) if value is not None and math.isfinite(value) else None


def drawing_settings(
    seed: int, images: Any, steps: Any, guidance: Any, start: Any, size: Any, without_ccm: bool, without_guidance: bool
) -> dict[str, Any]:
    """The keyword arguments of `Pipeline.stream`."""
    return {
        "seed": seed,
        "images": int(images),
        "steps": int(steps),
        "guidance": float(guidance),
        "start": float(start),
        "size": int(size),
        "use_ccm": not without_ccm,
        "hierarchical_guidance": not without_guidance,
        "previews": True,
    }
