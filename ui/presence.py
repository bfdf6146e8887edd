"""Who is there: requests whose visitor has gone, and how many wait; as Gradio's own queue knows it."""

from __future__ import annotations

from gradio.context import LocalContext


def gone() -> bool:
    """Whether the request in progress was cancelled or its connection closed; False outside a server.

    Gradio closes a generator then, once it gives a report; a function, and a generator that waits, have to ask.
    """
    blocks, request = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or request is None:
        return False
    waiting = blocks._queue
    event = waiting.event_ids_to_events.get(request)
    if event is None or not event.alive:
        return True
    # what was cancelled loses its worker at once, and its name only after its generator was closed
    return not any(event in jobs for jobs in list(waiting.active_jobs) if jobs)


def queued() -> int:
    """How many requests wait in Gradio's queue; 0 outside a server."""
    blocks = LocalContext.blocks.get(None)
    return len(blocks._queue) if blocks is not None else 0


def present() -> bool:
    """Whether somebody waits for the request in progress; True outside a server."""
    return not gone()
