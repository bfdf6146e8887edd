"""What Gradio does in this process and the app does not want.

A value of an image may name the address of a file, which Gradio would download: `seal` replaces what downloads by a
refusal with one sentence, so that the server asks no address that a visitor chose. And a request that is cancelled
before it begins would keep its place among those that are served for ever: `seal` lets it begin first.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, NoReturn

import gradio as gr
import safehttpx
from gradio import processing_utils, routes
from gradio.utils import cancel_tasks
from starlette.exceptions import HTTPException

NOT_FETCHED = "Images are not fetched from web addresses; upload the image, or send it as a data URI."


def refuse_address(*_: Any, **__: Any) -> NoReturn:
    """Stands where Gradio would download a file for the visitor."""
    raise gr.Error(NOT_FETCHED, print_exception=False)


async def refuse_address_later(*_: Any, **__: Any) -> NoReturn:
    """`refuse_address` where Gradio awaits the download."""
    refuse_address()


async def refuse_route(*_: Any, **__: Any) -> NoReturn:
    """Stands where Gradio would pass on a file of another server."""
    raise HTTPException(403, NOT_FETCHED)


async def cancel_begun(task_ids: set[str]) -> list[str]:
    """Gradio's `cancel_tasks`, once the tasks have begun: what gives their places back is inside them."""

    def fresh(task: asyncio.Task[Any]) -> bool:
        work = task.get_coro()
        named = task.get_name().split("<gradio-sep>")[0] in task_ids
        return named and inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED

    while any(fresh(task) for task in asyncio.all_tasks()):
        await asyncio.sleep(0)
    return await cancel_tasks(task_ids)


def seal() -> None:
    """Close Gradio's ways of fetching in this process, and have it cancel what has begun; calling it again changes
    nothing.
    """
    routes.cancel_tasks = cancel_begun
    processing_utils.async_ssrf_protected_get = refuse_address_later
    processing_utils.async_ssrf_protected_download = refuse_address_later
    processing_utils.ssrf_protected_download = refuse_address
    processing_utils.save_url_to_cache = refuse_address
    processing_utils.unsafe_download = refuse_address
    safehttpx.get = refuse_address_later
    routes.secure_url_stream_response = refuse_route
