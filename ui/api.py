"""The public functions of the app: for `gradio_client`, the API page and the MCP server. Plain types in and out."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import gradio as gr

from pipelines.errors import UserError
from pipelines.types import Layout
from ui import editing
from ui.backend import GENERAL, Backend

log = logging.getLogger(__name__)


class Api:
    """understand, plan, draw and generate. What goes wrong is a `gr.Error` with one sentence.

    Args:
        backend: the pipeline and the parts that work without weights.
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

    def plan(self, prompt: str, seed: int = 0, variety: float = 0.5, without_ccm: bool = False) -> dict[str, Any]:
        """Plan the layout of a picture: elements with boxes [x0, y0, x1, y1] in [0, 1], origin top left.

        Args:
            prompt: what the picture shows and says; texts stand in quotes.
            seed: same seed, same plan.
            variety: 0 to 1, how different the plans of one prompt may be.
            without_ccm: ablation, plan from the pooled prompt alone.
        """
        with _told():
            pipeline = self.backend.pipeline()
            layout = pipeline.plan(prompt, seed=int(seed or 0), variety=float(variety), use_ccm=not without_ccm)
            return layout.to_dict()

    def draw(
        self, layout: dict[str, Any], seed: int = 0, images: int = 1, steps: int = 4, guidance: float = 1.0,
        start: float = 0.5, without_ccm: bool = False, without_guidance: bool = False,
    ) -> tuple[list[Any], dict[str, Any]]:  # fmt: skip
        """Draw a layout that `plan` returned, edited or not.

        Args:
            layout: the JSON of a layout.
            seed: seed of the first picture; picture k has seed + k.
            images: 1 to 4 pictures.
            steps: denoising steps.
            guidance: how strictly the picture follows the prompt.
            start: how far from the plan, 0.05 to 1.
            without_ccm: ablation, the pooled prompt vector alone.
            without_guidance: ablation, without the planned canvas.
        """
        with _told():
            plan = editing.checked(Layout.from_dict(layout), self.backend.fonts())
            settings = drawing_settings(int(seed or 0), images, steps, guidance, start, without_ccm, without_guidance)
            pictures = self._draw_all(plan, {**settings, "previews": False})
            return [(p, f"seed {settings['seed'] + k}") for k, p in enumerate(pictures)], settings

    def generate(
        self, prompt: str, seed: int = 0, images: int = 1, steps: int = 4, guidance: float = 1.0, start: float = 0.5,
        variety: float = 0.5, without_ccm: bool = False, without_guidance: bool = False,
    ) -> tuple[list[Any], dict[str, Any]]:  # fmt: skip
        """Plan a prompt and draw the plan with the same seed; returns the pictures and the layout.

        Args:
            prompt: what the picture shows and says; texts stand in quotes.
            seed: same seed, same pictures.
            images: 1 to 4 pictures.
            steps: denoising steps.
            guidance: how strictly the picture follows the prompt.
            start: how far from the plan, 0.05 to 1.
            variety: 0 to 1, how different the plans of one prompt may be.
            without_ccm: ablation, the pooled prompt vector alone.
            without_guidance: ablation, without the planned canvas.
        """
        layout = self.plan(prompt, seed, variety, without_ccm)
        pictures, _ = self.draw(layout, seed, images, steps, guidance, start, without_ccm, without_guidance)
        return pictures, layout

    def _draw_all(self, layout: Layout, settings: dict[str, Any]) -> Sequence[Any]:
        pictures: Sequence[Any] = ()
        for report in self.backend.stream(layout, settings):
            pictures = report.images
        return pictures


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


def drawing_settings(
    seed: int, images: Any, steps: Any, guidance: Any, start: Any, without_ccm: bool, without_guidance: bool
) -> dict[str, Any]:
    """The keyword arguments of `Pipeline.stream`."""
    return {
        "seed": seed,
        "images": int(images),
        "steps": int(steps),
        "guidance": float(guidance),
        "start": float(start),
        "use_ccm": not without_ccm,
        "hierarchical_guidance": not without_guidance,
        "previews": True,
    }
