"""The page: header, tabs, what is loaded, about; and how it is served."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ui import render, round_trip, theme, tools, vlad_tab, vlsa_chat, vlsa_tab
from ui.backend import Backend
from ui.guard import Guard
from ui.handling import serve_at_once
from ui.login import credentials
from ui.sealing import seal

ROOT = Path(__file__).resolve().parent.parent
TITLE = "VLAD and VLSA: draw from a layout, ask about an image"
MAX_PIXELS = 25_000_000  # an image above twice this is refused, as in pipelines.vlsa.opening
QUEUE = 32  # requests that may wait
HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}


def build(backend: Backend) -> gr.Blocks:
    """The whole page: tab 1 draws, tab 2 looks. They share the backend, the queue of the model and the panel below."""
    serve_at_once(backend)
    handlers = vlad_tab.Handlers(backend)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True) as demo:
        gr.HTML(render.header(), js_on_load=theme.script("header.js") + theme.script("waiting.js"))
        banner = gr.HTML("", js_on_load=None, elem_id="banner")
        if backend.says:
            gr.HTML(render.notes(backend.says), js_on_load=None, elem_id="says")
        timer = gr.Timer(2.0)
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Draw", id="draw"):
                drawn = vlad_tab.build(handlers, demo)
            with gr.Tab("Ask about an image", id="ask"):
                looked = vlsa_tab.build(vlsa_chat.Chat(backend), drawn.stage, drawn.about, tabs)
        round_trip.wire(drawn, looked, tabs, handlers)
        _tell_what_is_gone(demo, looked)
        _loaded_panel(handlers)
        gr.HTML(render.about(), js_on_load=None)
        gr.on([demo.load, timer.tick], handlers.status, None, [banner, timer], **HIDDEN)
    return demo


def _tell_what_is_gone(demo: gr.Blocks, page: vlsa_tab.Page) -> None:
    """A chat does not outlive its page: when the page opens anew it says so, where there was one."""
    turns = gr.BrowserState(0, storage_key="vlsa-turns", secret="vlsa-turns")
    page.conversation.change(lambda conversation: len(conversation.turns), page.conversation, turns, **HIDDEN)
    demo.load(vlsa_chat.gone_with_the_page, turns, [page.notes, turns], **HIDDEN)


def _loaded_panel(handlers: vlad_tab.Handlers) -> None:
    with gr.Accordion("What is loaded", open=False, elem_classes="quiet", elem_id="loaded") as panel:
        rows = gr.HTML("", js_on_load=None)
    panel.expand(handlers.loaded, None, rows, **HIDDEN)


def hosts(host: str | None = None) -> list[str]:
    """Host names that may be asked for: this machine, the Space, and VLAD_ALLOWED_HOSTS (comma separated; * = any).

    An app that listens on every address serves a network on purpose; its names are not known here, so any will do.
    """
    listening = host or os.environ.get("GRADIO_SERVER_NAME", "")
    more = os.environ.get("VLAD_ALLOWED_HOSTS", "").split(",")
    named = ["127.0.0.1", "localhost", os.environ.get("SPACE_HOST", ""), listening, *more]
    if listening in ("0.0.0.0", "::"):
        named.append("*")
    return sorted({h.strip() for h in named if h.strip()})


def launch(
    demo: gr.Blocks, host: str | None = None, port: int | None = None, waiting: int = QUEUE, **more: Any
) -> None:
    """Serve the page without blocking: only through the queue, without analytics, sharing or run history.

    With a password there is no MCP server: its clients could not log in.

    Args:
        demo: the page of `build`.
        host, port: where to listen; None leaves it to GRADIO_SERVER_NAME and GRADIO_SERVER_PORT.
        waiting: requests that may wait for the model.
        more: further arguments of `Blocks.launch`.

    Raises:
        BadSetting: the name and password of the environment cannot be used.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    seal()
    known, auth = hosts(host), credentials(os.environ)
    serve_tools = auth is None and find_spec("mcp") is not None
    if serve_tools:
        tools.prepare()
    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=known), Middleware(Guard, hosts=known)]
    demo.queue(api_open=False, max_size=waiting, default_concurrency_limit=4)
    options: dict[str, Any] = {
        "server_name": host,
        "server_port": port,
        "prevent_thread_lock": True,
        "show_error": False,
        "strict_cors": True,
        "share": False,
        "run_history": False,
        "enable_monitoring": False,
        "pwa": False,
        "ssr_mode": False,
        "auth": auth,
        "mcp_server": serve_tools,
        "max_file_size": "20mb",
        "max_threads": 16,
        "allowed_paths": [],
        "blocked_paths": [str(ROOT)],
        "state_session_capacity": 400,
        "footer_links": ["api", "settings"],
        "favicon_path": str(theme.STATIC / "mark.svg"),
        "theme": theme.theme(),
        "css": theme.css(),
        "app_kwargs": {"middleware": middleware, "docs_url": None, "redoc_url": None},
    }
    demo.launch(**{**options, **more})
