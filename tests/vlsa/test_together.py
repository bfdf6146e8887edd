"""Answers decoded together on the embedded weights: the same tokens as alone, however they come and go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from PIL import Image

from pipelines.types import FULL, Box, Element, Layout
from pipelines.vlad.canvas import draw_canvas
from pipelines.vlsa.decoding import Decoder
from pipelines.vlsa.settings import TOGETHER
from pipelines.vlsa.together import AHEAD
from pipelines.vlsa.types import Message

WAIT_S = 60.0  # generous: other tests may share the processors


def poster(text: str, colour: str) -> Image.Image:
    box = Element("text", Box(0.1, 0.3, 0.9, 0.7), text=text, colour="#ffffff", font="montserrat-700")
    return draw_canvas(Layout("A poster", (Element("background", FULL, colour=colour), box)), {}, None)


QUESTIONS = (  # with answers of 15 tokens, more, more, more and 3
    ("What does the text say?", "WINTER MARKET", "#1e8c3c"),
    ("Describe the image.", "SALE", "#1f3a93"),
    ("Describe the picture briefly.", "WINTER MARKET", "#1e8c3c"),
    ("Describe the picture in detail, with its text and everything that is in it.", "WINTER MARKET", "#1e8c3c"),
    ("Where is the text?", "A", "#c81e1e"),
)


@pytest.fixture(scope="module")
def asked() -> list[Message]:
    return [Message("user", question, poster(text, colour)) for question, text, colour in QUESTIONS]


def begin(vlsa: Any, message: Message, **settings: Any) -> Iterator[Any]:
    return vlsa.chat([message], **{"max_tokens": 18, "repetition_penalty": 1.3, **settings})


def told(replies: list[Any]) -> list[tuple[str, int, str]]:
    return [(r.text, r.tokens, r.finish) for r in replies]


@pytest.fixture(scope="module")
def alone(vlsa: Any, asked: list[Message]) -> list[Any]:
    """The replies to each question on its own."""
    return [told(list(begin(vlsa, m))) for m in asked]


@pytest.fixture
def sizes(vlsa: Any) -> Iterator[list[int]]:
    """How many answers each pass through the language model was for."""
    with vlsa.cache.use("vlsa.vlm") as (vlm,):
        seen: list[int] = []
        hook = vlm.decoder.register_forward_hook(
            lambda module, args, given, out: seen.append(len(given["inputs_embeds"])), with_kwargs=True
        )
        yield seen
        hook.remove()


def test_answers_that_join_at_different_moments_are_those_of_each_alone(
    vlsa: Any, asked: list[Message], alone: list[Any], sizes: list[int]
) -> None:
    """One thread takes turns, so that the moments are always the same; the third one is stopped in the middle."""
    streams, replies = [begin(vlsa, m) for m in asked], [[] for _ in asked]  # type: ignore[var-annotated]
    for moment in range(30):
        for k in range(min(moment // 2 + 1, len(asked))):
            reply = None if k == 2 and len(replies[k]) == 8 else next(streams[k], None)
            if reply is None:
                streams[k].close()
            else:
                replies[k].append(reply)
    assert [told(r) for r in replies] == [*alone[:2], alone[2][:8], *alone[3:]]
    assert max(sizes) == TOGETHER and len({len(a) for a in alone}) > 2  # and they end at different moments


def test_answers_on_threads_are_those_of_each_alone(
    vlsa: Any, asked: list[Message], alone: list[Any], sizes: list[int]
) -> None:
    """More of them than fit into a batch."""
    both, start = [*asked, asked[0]], threading.Barrier(len(asked) + 1)

    def visitor(message: Message) -> list[Any]:
        start.wait(WAIT_S)
        return told(list(begin(vlsa, message)))

    with ThreadPoolExecutor(len(both)) as pool:
        assert list(pool.map(visitor, both)) == [*alone, alone[0]]
    assert 1 < max(sizes) <= TOGETHER
    assert vlsa._together._answers == [] and vlsa._together._line == []


def test_sampled_answers_with_their_seeds(vlsa: Any, asked: list[Message]) -> None:
    def sampled(k: int) -> Iterator[Any]:
        return begin(vlsa, asked[k], temperature=0.7, top_p=0.9, seed=k, max_tokens=8)

    single = [told(list(sampled(k))) for k in range(3)]
    streams, replies = [sampled(k) for k in range(3)], [[] for _ in range(3)]  # type: ignore[var-annotated]
    for _ in range(9):
        for k, stream in enumerate(streams):
            replies[k] += [r for r in [next(stream, None)] if r]
    assert [told(r) for r in replies] == single


def test_an_answer_that_nobody_reads_is_left_out_and_goes_on_later(
    vlsa: Any, asked: list[Message], alone: list[Any], sizes: list[int]
) -> None:
    slow, quick = begin(vlsa, asked[1]), begin(vlsa, asked[3])
    first = [next(slow)]
    assert told(list(quick)) == alone[3]
    assert sizes == [1, 1, *[2] * AHEAD, *[1] * (len(alone[3]) - 1 - AHEAD)]
    assert told([*first, *slow]) == alone[1]


def test_a_closed_answer_is_out_of_the_next_step(vlsa: Any, asked: list[Message], sizes: list[int]) -> None:
    gone, stays = begin(vlsa, asked[0]), begin(vlsa, asked[1])
    next(gone), next(stays), next(stays)
    gone.close()
    next(stays)
    assert sizes == [1, 1, 2, 1]
    stays.close()
    assert vlsa._together._answers == []
    assert not any(row.pins for row in vlsa.cache.stats() if row.name == "language_tokenizer")


def test_the_model_is_pinned_as_long_as_one_answer_lives(vlsa: Any, asked: list[Message]) -> None:
    a, b = begin(vlsa, asked[0]), begin(vlsa, asked[1])
    next(a), next(b), a.close()
    assert not vlsa.cache.evict("vlsa.vlm")
    b.close()


def test_a_failed_step_reaches_every_answer_in_it_and_nothing_is_left(
    vlsa: Any, asked: list[Message], alone: list[Any]
) -> None:
    a, b, c = (begin(vlsa, m) for m in asked[:3])
    next(a), next(b)

    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    with vlsa.cache.use("vlsa.vlm") as (vlm,):
        hook = vlm.decoder.layers[3].register_forward_hook(fail)
        with pytest.raises(RuntimeError, match="broken"):
            next(c)  # its own first step, which is for nobody else
        with pytest.raises(RuntimeError, match="broken"):
            next(a)
        hook.remove()
    with pytest.raises(RuntimeError, match="broken"):
        next(b)
    assert vlsa._together._answers == [] and vlsa._together._line == []
    assert told(list(begin(vlsa, asked[0]))) == alone[0]


def test_caches_of_different_lengths_beside_each_other_give_the_logits_of_each(vlsa: Any) -> None:
    with vlsa.cache.use("vlsa.vlm") as (vlm,), torch.inference_mode():
        prompts = [vlm.embed(torch.arange(5, 5 + n)[None]) for n in (3, 11, 7)]
        single, row = [Decoder(vlm, p) for p in prompts], torch.tensor([[42]])
        both = Decoder.beside([Decoder(vlm, p) for p in prompts])
        assert both.empty == [8, 0, 4]
        both.append(row.expand(3, 1))
        for k, one in enumerate(single):
            one.append(row)
            again = both.single(k)
            assert again.empty == [0] and again.cache.get_seq_length() == one.cache.get_seq_length()
            again.append(row)
            assert torch.allclose(both.logits[k], one.logits[0], atol=1e-3)
            one.append(row)
            assert torch.allclose(again.logits, one.logits, atol=1e-3)
