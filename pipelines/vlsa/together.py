"""Answers that are decoded together: several visitors who ask at once share each pass through the language model.

No thread of its own: each answer is a generator, and whoever wants a token that is not there yet computes one step for
all of them. The others find theirs when they ask. An answer sees exactly what it would see alone; what a batch changes
is the rounding of the last digits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from pipelines.vlsa.decoding import Decoder, Sampling, choose
from pipelines.vlsa.settings import TOGETHER

AHEAD = 4  # tokens of an answer that nobody has read yet, with which it is left out until they are read


class _Answer:
    """One answer on its way. Compared by identity.

    Attributes:
        text: all tokens so far, with the last one. unread: those that its reader has not been given.
        decoder, row: where its key-value cache is; the decoder may hold others. None: the prompt was not read yet.
        resting: whether it is left out for its reader is slow.
        served: number of the last step that it took part in.
        over: whether nothing more comes. error: why it failed.
    """

    def __init__(self, sampling: Sampling, vocabulary: int, end: int, most: int) -> None:
        self.sampling, self.vocabulary, self.end, self.most = sampling, vocabulary, end, most
        self.text: list[int] = []
        self.unread: deque[int] = deque()
        self.decoder: Decoder | None = None
        self.row = 0
        self.resting, self.over, self.served = False, False, 0
        self.error: BaseException | None = None

    @property
    def told(self) -> bool:
        """Whether there is something to give to the reader: a token, or the end."""
        return bool(self.unread) or self.over

    def take(self, logits: Tensor) -> None:
        """Choose the next token: logits (vocabulary + new tokens,)."""
        token = choose(logits[: self.vocabulary], self.text, self.sampling)
        self.text.append(token)
        self.unread.append(token)
        if token == self.end or len(self.text) >= self.most:
            self.finish()

    def wants(self) -> bool:
        """Whether the next step is for this answer too."""
        self.resting = len(self.unread) >= (1 if self.resting else AHEAD)
        return self.decoder is not None and not self.over and not self.resting

    def finish(self, error: BaseException | None = None) -> None:
        """Nothing more comes, because of an error where there is one; the cache is let go."""
        self.error, self.decoder, self.over = error, None, True


class Together:
    """The answers of one process that are on their way, at most `most` of them in one step.

    It holds no model: the caller pins one for as long as its answer lives, and all answers that live at the same time
    are given the same one. A destructor may end an answer at any moment, in any thread: ending takes no lock.
    """

    def __init__(self, most: int = TOGETHER) -> None:
        self.most = most
        self._answers: list[_Answer] = []
        self._line: list[object] = []  # threads that want to compute, the first one does
        self._news = threading.Condition()
        self._steps = 0

    def answer(
        self, vlm: Any, prompt: Callable[[], Tensor], sampling: Sampling, end: int, most: int
    ) -> Generator[int, None, None]:
        """The tokens of an answer as they are chosen; closing the generator takes it out of the batch.

        Args:
            vlm: a `VisionLanguageModel`. prompt: -> embeddings (1, T, hidden) of image and instruction. sampling: how
            tokens are chosen. end: the token after which nothing follows; it is yielded too. most: tokens at most.

        Raises:
            What a step raised that was computed for this answer, whoever computed it.
        """
        answer = _Answer(sampling, vlm.vocabulary, end, most)
        self._answers.append(answer)
        try:
            while True:
                if not answer.told:
                    with self.turn(lambda: answer.told) as mine:
                        if mine:
                            self._step(answer, lambda: Decoder(vlm, prompt()))
                if answer.unread:
                    yield answer.unread.popleft()
                elif answer.error is not None:
                    raise answer.error
                elif answer.over:
                    return
        finally:
            with suppress(ValueError):
                self._answers.remove(answer)

    @contextmanager
    def turn(self, enough: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """Compute alone, in the order of arrival: True in the block when it is this thread's turn, False when what it
        wants came to be before.
        """
        place = object()
        try:
            with self._news:
                self._line.append(place)
                self._news.wait_for(lambda: enough() or self._line[0] is place)
            yield not enough()
        finally:
            with self._news:
                with suppress(ValueError):  # interrupted before it stood there
                    self._line.remove(place)
                self._news.notify_all()

    @torch.inference_mode()
    def _step(self, answer: _Answer, begin: Callable[[], Decoder]) -> None:
        """The first token of an answer, whose prompt is read alone: that costs as much as in a batch. Or the next token
        of each answer that wants one, this one among them.
        """
        self._steps += 1
        chosen = [answer]
        try:
            if answer.decoder is None:
                decoder = begin()
                answer.decoder, answer.row = decoder, 0
            else:
                chosen = self._chosen(answer)
                decoder = self._seated(chosen)
                decoder.append(torch.tensor([[a.text[-1]] for a in chosen], device=decoder.logits.device))
        except BaseException as e:
            for a in chosen:
                a.finish(e)
            return
        for row, a in enumerate(chosen):
            a.served = self._steps
            try:
                a.take(decoder.logits[row])
            except BaseException as e:
                a.finish(e)

    def _chosen(self, answer: _Answer) -> list[_Answer]:
        """This answer and others that want a token, first those whose last one is longest ago; in a lasting order."""
        now = list(self._answers)
        others = sorted((a for a in now if a is not answer and a.wants()), key=lambda a: a.served)
        found = [answer, *others[: self.most - 1]]
        return [a for a in now if a in found]

    def _seated(self, chosen: Sequence[_Answer]) -> Decoder:
        """The decoder of exactly these answers. When they are others than before, every cache is taken out of the batch
        and those of these are put beside each other: who has left is gone, and so are columns that nobody fills.
        """
        old = chosen[0].decoder
        assert old is not None
        if len(old.empty) == len(chosen) and all(a.decoder is old and a.row == k for k, a in enumerate(chosen)):
            return old
        alone: list[Decoder] = []
        for a in [*chosen, *self._answers]:
            if a.decoder is not None and len(a.decoder.empty) > 1:
                a.decoder, a.row = a.decoder.single(a.row), 0
        for a in chosen:
            assert a.decoder is not None
            alone.append(a.decoder)
        made = Decoder.beside(alone)
        for row, a in enumerate(chosen):
            a.decoder, a.row = made, row
        return made
