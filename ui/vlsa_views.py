"""The two views of tab 2 beside the chat; each is called inside an open `gr.Blocks` and wires its own events."""

from __future__ import annotations

from ui.vlsa_rebuild import reconstruction
from ui.vlsa_tokens import tokens

__all__ = ["reconstruction", "tokens"]
