"""Gradio components that the tabs share: settings with their limits, the table, the plan."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder
from PIL import Image

from pipelines.vlad.settings import Drawing
from pipelines.vlsa import settings as chat_limits
from ui import editing, render, theme

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "assets" / "examples" / "prompts.json"
IMAGES = ROOT / "assets" / "examples" / "vlsa"
WIDTHS = [44, 98, 188, 58, 58, 58, 58, 82, 134, 72, 74]  # px, one per column of editing.HEADERS
KINDS_OF_CELL: Any = ["number", "str", "str", "number", "number", "number", "number", "str", "str", "str", "str"]


@dataclass(frozen=True)
class Settings:
    """The controls that drawing and planning read."""

    seed: gr.Number
    randomise: gr.Checkbox
    images: gr.Radio
    steps: gr.Slider
    guidance: gr.Slider
    start: gr.Slider
    size: gr.Radio
    variety: gr.Slider
    without_ccm: gr.Checkbox
    without_guidance: gr.Checkbox


@dataclass(frozen=True)
class ChatSettings:
    """The controls that an answer reads."""

    temperature: gr.Slider
    top_p: gr.Slider
    length: gr.Slider
    penalty: gr.Slider
    seed: gr.Number


def unopened(image: gr.Image) -> gr.Image:
    """The same component, whose handlers get the path of the uploaded file as it is: `Backend.view` checks it."""
    image.preprocess = _path_of  # type: ignore[method-assign]
    return image


def _path_of(payload: ImageData | None) -> str | None:
    """The path of an uploaded file, or None: no image, or a path that leads out of the upload folder.

    Gradio checks the path only of values that say they are files, and a forged request need not say so.
    """
    if payload is None or not payload.path:
        return None
    path = Path(payload.path).resolve()
    return str(path) if path.is_relative_to(Path(get_upload_folder()).resolve()) else None


def examples() -> list[tuple[str, str]]:
    """(label, prompt) of each example prompt."""
    return [(e["label"], e["prompt"]) for e in json.loads(EXAMPLES.read_text("utf-8"))]


def settings(how: Drawing) -> Settings:
    """Seed and number of pictures in sight, the rest in a closed accordion; defaults and limits are the preset's."""

    def slider(name: str, label: str, info: str, step: float) -> gr.Slider:
        low, high = how.limits[name]
        return gr.Slider(low, high, how.defaults[name], step=step, label=label, info=info)

    with gr.Row(elem_classes="row-tools"):
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=int(how.limits["seed"][1]), elem_id="seed")
        images = gr.Radio([1, 2, 3, 4], value=1, label="Pictures", elem_id="images")
    size = gr.Radio(
        list(how.sizes), value=int(how.defaults["size"]), label="Size, pixels", elem_id="size", elem_classes="segments"
    )
    randomise = gr.Checkbox(True, label="New random seed each time", elem_id="randomise")
    with gr.Accordion("Advanced", open=False, elem_classes="quiet"):
        steps = slider("steps", "Steps", "More steps: slower, finer", 1)
        guidance = slider("guidance", "Guidance", "How strictly the picture follows the prompt", 0.1)
        start = slider(
            "start", "Start", "How far from the plan: 0.05 stays on the draft, 1 starts from pure noise", 0.05
        )
        variety = slider("variety", "Variety", "How different plans of one prompt may be", 0.05)
        without_ccm = gr.Checkbox(False, label="Without CCM", info="Ablation: one pooled prompt vector guides alone")
        without_guidance = gr.Checkbox(
            False, label="Without hierarchical guidance", info="Ablation: the planned canvas is left out"
        )
    return Settings(seed, randomise, images, steps, guidance, start, size, variety, without_ccm, without_guidance)


def table() -> gr.Dataframe:
    """The elements as an editable table; the first column only counts."""
    return gr.Dataframe(
        value=[],
        headers=list(editing.HEADERS),
        datatype=KINDS_OF_CELL,
        type="array",
        interactive=True,
        column_widths=WIDTHS,
        static_columns=[0],
        max_height=460,
        show_label=False,
        label="Elements of the plan",
        buttons=[],
        elem_id="table",
    )


def heading(number: int, title: str, hint: str) -> gr.HTML:
    """A numbered heading."""
    return gr.HTML(render.step_heading(number, title, hint), js_on_load=None)


def boxes(value: str) -> gr.HTML:
    """The plan editor. It triggers `apply` with an action and what it needs, `backdrop` with draft, and `replan`."""
    return gr.HTML(value, js_on_load=theme.script("editor.js"), elem_id="plan")


# -- tab 2 -------------------------------------------------------------------------------------------------------------


def example_images() -> list[Path]:
    """The example images, in the order of their names."""
    return sorted(IMAGES.glob("*.png"))


def chat_slider(name: str, label: str, info: str, step: float) -> gr.Slider:
    """A slider with default and limits from `pipelines.vlsa.settings`."""
    low, high = chat_limits.LIMITS[name]
    return gr.Slider(low, high, chat_limits.DEFAULTS[name], step=step, label=label, info=info)


def chat_settings() -> ChatSettings:
    """How an answer is chosen, in a closed accordion."""
    with gr.Accordion("Advanced", open=False, elem_classes="quiet", elem_id="chat-advanced"):
        temperature = chat_slider("temperature", "Temperature", "0: always the likeliest word; higher: livelier", 0.05)
        top_p = chat_slider("top_p", "Top-p", "Only the likeliest words that make up this share", 0.05)
        length = chat_slider("max_tokens", "Length", "Most tokens of an answer", 1)
        penalty = chat_slider("repetition_penalty", "Repetition penalty", "Above 1: fewer repeated words", 0.05)
        seed = gr.Number(0, label="Chat seed", precision=0)  # its limits are told in the chat, where nothing is lost
    return ChatSettings(temperature, top_p, length, penalty, seed)


def photo() -> gr.Image:
    """Where an image is dropped, pasted or taken."""
    image = gr.Image(
        type="filepath",
        image_mode=None,
        format="jpeg",
        sources=["upload", "webcam", "clipboard"],
        label="Image",
        show_label=False,
        height=300,
        buttons=["fullscreen"],
        placeholder="Drop an image here, or click to upload one",
        elem_id="photo",
        alt_text="The image the chat looks at",
    )
    return unopened(image)


def picker() -> gr.HTML:
    """The example images as buttons; it triggers `select` with the index."""
    uris = []
    for path in example_images():
        with Image.open(path) as image:
            image.thumbnail((128, 128))
            uris.append(render.data_uri(image, "jpeg"))
    return gr.HTML(render.picker(uris), js_on_load=theme.script("picker.js"), elem_id="photo-examples")
