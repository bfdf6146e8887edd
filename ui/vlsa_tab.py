"""Tab "Ask": an image, the chat about it, its reconstruction and its tokens; `build` wires the handlers to the page."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import gradio as gr

from ui import components, render
from ui.api import Api
from ui.handling import LINE, MODEL, PRIVATE, answers, in_line
from ui.vlad_tab import SHOW
from ui.vlsa_chat import Chat, Conversation

QUESTIONS = (
    "What does the picture show?",
    "What does the text say?",
    "What colour is the background?",
    "Is there a star in the picture?",
    "Describe the picture briefly.",
)
QUICK: dict[str, Any] = {**PRIVATE, "queue": False}  # never waits; a warning needs the queue
ONE_BY_ONE: dict[str, Any] = {**PRIVATE, "concurrency_id": "look", "concurrency_limit": 1}  # the page clears first
HALTING = "() => { const b = document.querySelector('#chat-status b'); if (b) b.textContent = 'Stopping'; }"
EMPTY_CHAT = "Choose an image, then ask about it: what it shows, what it says, its colours, what is where."


@dataclasses.dataclass(frozen=True)
class Page:
    """The components that the wiring needs."""

    photo: gr.Image
    drawing: gr.Button
    again: gr.Button
    picker: gr.HTML
    notes: gr.HTML
    chatbot: gr.Chatbot
    question: gr.Textbox
    ask: gr.Button
    stop: gr.Button
    chips: gr.Examples
    status: gr.HTML
    settings: components.ChatSettings
    as_json: gr.DownloadButton
    as_text: gr.DownloadButton
    conversation: gr.State
    view: gr.State
    likes: gr.State
    left: gr.State

    @property
    def chat(self) -> list[Any]:
        """The CHAT outputs."""
        return [self.conversation, self.chatbot, self.question, self.ask, self.stop, self.status]

    @property
    def looked(self) -> list[Any]:
        """The outputs of the handlers that show another image."""
        return [self.view, self.photo, self.notes, self.chatbot]


def build(chat: Chat, stage: gr.HTML, about: gr.Button, tabs: gr.Tabs) -> Page:
    """The tab "ask" of `tabs`, inside an open `gr.Tab`.

    Args:
        chat: its handlers.
        stage: holds the picture that the first tab drew; `about` there opens this tab with it.
    """
    page = _page(chat)
    _public_api(Api(chat.backend))
    _wire_image(page, chat, stage)
    about.click(chat.ask_about_drawing, [stage, page.conversation, page.view], [*page.looked, tabs], **PRIVATE)
    _wire_chat(page, chat)
    return page


def _page(chat: Chat) -> Page:
    states = {"conversation": gr.State(Conversation()), "likes": gr.State({})}
    states |= {name: gr.State(None) for name in ("view", "left")}
    with gr.Column(elem_id="look"):
        with gr.Column(elem_classes="card", elem_id="look-image"):
            left = _image_card()
        with gr.Column(elem_classes="card", elem_id="look-ask"):
            components.heading(2, "Ask, rebuild, inspect", "what the model makes of it")
            with gr.Tabs(elem_id="look-tabs"):
                with gr.Tab("Chat", id="chat-tab"):
                    right = _chat_card()
                _views(states["view"], chat)
    return Page(**left, **right, **states)


def _views(view: gr.State, chat: Chat) -> None:
    """Reconstruction and tokens of the image."""
    if find_spec("ui.vlsa_views") is None:
        return
    views = import_module("ui.vlsa_views")
    with gr.Tab("Reconstruction", id="rebuild-tab"):
        views.reconstruction(view, chat.backend)
    with gr.Tab("Tokens", id="tokens-tab"):
        views.tokens(view, chat.backend)


def _image_card() -> dict[str, Any]:
    components.heading(1, "Image", "upload, paste or take one")
    photo = components.photo()
    drawing = gr.Button("Use the picture drawn in the first tab", size="sm", elem_id="from-drawing")
    picker = components.picker()
    notes = gr.HTML("", js_on_load=None, elem_id="photo-notes")
    return {"photo": photo, "drawing": drawing, "picker": picker, "notes": notes}


def _chat_card() -> dict[str, Any]:
    chatbot = gr.Chatbot(
        label="Chat about the image",
        show_label=False,
        height=420,
        editable="user",
        buttons=["copy", "copy_all"],
        group_consecutive_messages=False,  # an image and the words below it are edited and liked apart
        render_markdown=False,
        latex_delimiters=[],
        allow_tags=False,
        allow_file_downloads=False,  # the visitor has these images
        placeholder=EMPTY_CHAT,
        elem_id="chat",
    )
    status = gr.HTML(render.message("Ready"), js_on_load=None, elem_id="chat-status", elem_classes=LINE)
    question = gr.Textbox(
        label="Question",
        show_label=False,
        container=False,
        lines=1,
        max_lines=6,
        placeholder="What does the text say?",
        elem_id="question",
    )
    with gr.Row(elem_classes="row-tools"):
        ask = gr.Button("Ask", variant="primary", elem_id="ask", elem_classes="grow")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="ask-stop", elem_classes="grow")
    chips = gr.Examples(
        [[q] for q in QUESTIONS],
        inputs=[question],
        example_labels=list(QUESTIONS),
        label="Ask one of these",
        api_visibility="private",
        elem_id="questions",
    )
    again = gr.Button("Describe the image and draw it again", size="sm", elem_id="draw-again")
    settings = components.chat_settings()
    with gr.Row(elem_classes="row-tools"):
        as_json = gr.DownloadButton("Transcript as JSON", size="sm", interactive=False, elem_id="transcript-json")
        as_text = gr.DownloadButton("Transcript as text", size="sm", interactive=False, elem_id="transcript-text")
    made = {"chatbot": chatbot, "status": status, "question": question, "ask": ask, "stop": stop, "chips": chips}
    return {**made, "again": again, "settings": settings, "as_json": as_json, "as_text": as_text}


def _wire_image(page: Page, do: Chat, stage: gr.HTML) -> None:
    known, outputs = [page.conversation, page.view], page.looked
    page.photo.upload(do.look, [page.photo, *known, page.left], outputs, **ONE_BY_ONE)
    away = [page.view, page.notes, page.chatbot, page.left]
    page.photo.clear(do.look_away, known, away, **ONE_BY_ONE)  # `input` would still bring the image that was removed
    page.drawing.click(do.look_at_drawing, [stage, *known], outputs, **PRIVATE)
    page.picker.select(do.look_at_example, known, outputs, **PRIVATE)


def _wire_chat(page: Page, do: Chat) -> None:
    talk, view = page.conversation, page.view
    asking: dict[str, Any] = {"fn": do.ask, "inputs": [page.question, talk, view], "outputs": page.chat, **PRIVATE}
    begun = [
        gr.on([page.ask.click, page.question.submit], **asking),
        page.chips.load_input_event.then(**asking),
        page.chatbot.retry(do.retry, talk, page.chat, **PRIVATE),
        page.chatbot.edit(do.edit, talk, page.chat, **PRIVATE),
    ]
    s = page.settings
    how = [talk, s.temperature, s.top_p, s.length, s.penalty, s.seed]
    after = [page.chatbot, page.as_json, page.as_text]
    showing: dict[str, Any] = {"fn": do.show, "inputs": [talk, view, page.likes], "outputs": after, **QUICK}
    back: dict[str, Any] = {
        "fn": do.put_back, "inputs": [page.question, talk], "outputs": [page.question, talk], **QUICK,
    }  # fmt: skip
    for event in begun:
        event.then(None, None, None, js=SHOW % "chat", **PRIVATE)
        answered = event.then(do.answer, how, page.chat, **in_line(page.status, answers(do.backend)))
        answered.then(**back).then(**showing)
        answered.failure(do.stop, talk, page.chat, **QUICK).then(
            **back
        )  # refused before it began: the queue is full, for one
    page.stop.click(None, None, None, js=HALTING, **PRIVATE)
    page.stop.click(do.stop, talk, page.chat, **QUICK).then(**back)
    page.chatbot.undo(do.undo, [talk, page.question], [talk, page.question, page.status], **PRIVATE).then(**showing)
    page.chatbot.clear(do.clear, talk, [talk, page.status], **PRIVATE).then(**showing)
    page.chatbot.like(do.like, [talk, page.likes], [page.likes, page.chatbot], **QUICK)


def _public_api(do: Api) -> None:
    """The public functions about an image, on hidden components with files and JSON as results."""
    with gr.Column(visible=False):
        button, image, seed = (
            gr.Button(),
            components.unopened(gr.Image(label="image", buttons=["fullscreen"])),
            gr.Number(0, label="seed", precision=0),
        )
        question, answer = gr.Textbox(label="question"), gr.Textbox(label="answer")
        steps = components.chat_slider("steps", "steps", "", 1)
        picture, numbers = gr.Image(label="picture", format="png", buttons=["download"]), gr.JSON(label="numbers")
    button.click(do.ask, [image, question], answer, api_name="ask", **answers(do.backend))
    button.click(do.reconstruct, [image, steps, seed], [picture, numbers], api_name="reconstruct", **MODEL)
    button.click(do.tokens, image, numbers, api_name="tokens", **MODEL)
