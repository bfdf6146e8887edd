"""The model lane: one request computes at a time, or some that share each step, in the order of arrival, and no visitor
can leave it blocked.

Gradio's queue is where visitors wait; the lane below it holds where the queue cannot: a cancelled request gives its
place in the queue back while its last step is still being computed. It lives in the process of the server, around what
may run in a worker of its own.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TypeVar

from pipelines.errors import UserError
from pipelines.vlsa.settings import TOGETHER

Result = TypeVar("Result")
LIMIT_S = 120.0  # longest that one request computes
LEFT_S = 10.0  # longest that a request may lie between two reports while another one waits
POLL_S = 0.25  # seconds between two looks at the requests in front


class TooLong(UserError):
    """A request computed longer than its limit."""


class LeftAlone(UserError):
    """A request lay between two reports while others waited, and lost its place."""


class Blocked(UserError):
    """The requests in front of this one did not end."""


class TakenBack(UserError):
    """A request was taken back while it waited."""


@dataclass(frozen=True)
class Gauges:
    """working: requests being computed; waiting: requests that wait for them in the lane."""

    working: int
    waiting: int


class _Place:
    """One request in the line. Compared by identity.

    Attributes:
        kind: of requests that are computed together; "" is computed alone.
        turn: is given something whenever the place may have come to the front. Its `put` may be called at any moment,
            from a destructor too.
        began: when the work began, in seconds of a monotonic clock.
        idle: since when nobody asks for the next report; None while it is computed.
        lost: whether the place was taken away.
    """

    def __init__(self, kind: str = "") -> None:
        self.kind = kind
        self.turn: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.began = 0.0
        self.idle: float | None = None
        self.lost = False
        self._lock = threading.Lock()

    def pause(self) -> None:
        """A report is handed out."""
        self.idle = time.monotonic()

    def go_on(self) -> bool:
        """The next report is asked for; whether the place is still held."""
        with self._lock:
            self.idle = None
            return not self.lost

    def take_away(self, after: float) -> bool:
        """Whether the request lay for more than `after` seconds; then it loses its place."""
        with self._lock:
            if self.idle is not None and time.monotonic() - self.idle > after:
                self.lost = True
            return self.lost


class Lane:
    """Mutual exclusion, first come, first served. Not re-entrant: work in the lane must not ask for the lane.

    Requests of one kind may hold the lane together: those that stand at the front of the line without another one
    between them. So who waits is never passed by somebody who came later.

    A request that is being computed holds the lane until it ends, fails, is closed or collected as garbage, computes
    for longer than `limit` seconds (looked at with each report), or lies for more than `left` seconds between two
    reports while another request waits. A function gives no reports: it holds the lane until it returns.

    No lock is held while the line changes: a destructor may leave it at any moment, in any thread.

    Args:
        limit: seconds; None: VLAD_TIME_LIMIT from the environment, else LIMIT_S.
        left: seconds.
        together: requests of one kind that hold the lane at once, at most. open: True = all requests are of one kind,
            where the work is done by others.
    """

    def __init__(
        self, limit: float | None = None, left: float = LEFT_S, together: int = TOGETHER, open: bool = False
    ) -> None:
        self.limit = time_limit() if limit is None else limit
        self.left, self.together, self.open = left, together, open
        self._line: list[_Place] = []  # those in front work, see `_working`

    def gauges(self) -> Gauges:
        """How many requests work and wait now."""
        line = list(self._line)
        working = self._working(line)
        return Gauges(working, len(line) - working)

    def full(self, kind: str = "") -> bool:
        """Whether a request of this kind would have to wait if it came now."""
        line = [*self._line, self._place(kind)]
        return self._working(line) < len(line)

    def result(self, work: Callable[[], Result], wanted: Callable[[], bool] = lambda: True) -> Result:
        """What `work` returns, computed in the lane.

        Args:
            wanted: asked while the request waits; False takes it out of the line.

        Raises:
            Blocked: the lane did not become free. TakenBack: not `wanted`.
        """
        place = self._enter("", wanted)
        try:
            return work()
        finally:
            self._leave(place)

    def reports(
        self,
        work: Callable[[], Generator[Result, None, None]],
        last: Callable[[Result], bool] = lambda report: False,
        kind: str = "",
        wanted: Callable[[], bool] = lambda: True,
    ) -> Generator[Result, None, None]:
        """The reports of `work`, computed in the lane from the first `next` on.

        Args:
            work: gives the generator; it is closed when this one ends.
            last: whether a report is the last one, which is handed out however late it is.
            kind: requests of the same kind, unless "", may be computed at the same time, by different threads.
            wanted: asked while the request waits; False takes it out of the line.

        Raises:
            Blocked: the lane did not become free. TakenBack: not `wanted`. TooLong, LeftAlone: see the class.
        """
        place = self._enter(kind, wanted)
        try:
            with closing(work()) as stream:
                for report in stream:
                    if time.monotonic() - place.began > self.limit and not last(report):
                        raise TooLong(
                            f"The work was ended after {self.limit:g} seconds; ask for less, for example fewer steps"
                            " or pictures."
                        )
                    place.pause()
                    yield report
                    if not place.go_on():
                        raise LeftAlone(
                            "The work was ended because nobody took its results while others waited; start it again."
                        )
        finally:
            self._leave(place)

    def _place(self, kind: str) -> _Place:
        return _Place("any" if self.open else kind)

    def _working(self, line: Sequence[_Place]) -> int:
        """How many of a line work: the first one, and those of its kind right behind it."""
        same = takewhile(lambda place: place is line[0] or (place.kind and place.kind == line[0].kind), line)
        return len(list(islice(same, max(self.together, 1))))

    def _enter(self, kind: str = "", wanted: Callable[[], bool] = lambda: True) -> _Place:
        """A place among those at the front of the line; waits for it.

        Raises:
            Blocked: the same requests kept the front for twice the limit. TakenBack: not `wanted` any more.
        """
        place = self._place(kind)
        seen: list[_Place] = []  # the front when it changed last, and when that was
        since = time.monotonic()
        self._line.append(place)
        try:
            while place not in (front := self._front()):
                if front != seen:
                    seen, since = front, time.monotonic()
                if lying := [p for p in front if p.take_away(self.left)]:
                    for p in lying:
                        self._leave(p)
                elif not wanted():
                    raise TakenBack("The request was taken back; send it again.")
                elif time.monotonic() - since > 2 * self.limit:
                    raise Blocked("Another request keeps the model busy and does not end; try again in a few minutes.")
                else:
                    with suppress(queue.Empty):
                        place.turn.get(timeout=POLL_S)
        except BaseException:
            self._leave(place)
            raise
        place.began = time.monotonic()
        return place

    def _front(self) -> list[_Place]:
        """The places that work."""
        line = list(self._line)
        return line[: self._working(line)]

    def _leave(self, place: _Place) -> None:
        """Give the place up; a second time changes nothing."""
        with suppress(ValueError):
            self._line.remove(place)
        for front in self._front():
            front.turn.put(None)


def time_limit() -> float:
    """Seconds that one request may compute: VLAD_TIME_LIMIT, or LIMIT_S where that is no positive number."""
    try:
        seconds = float(os.environ.get("VLAD_TIME_LIMIT", ""))
    except ValueError:
        return LIMIT_S
    return seconds if seconds > 0 else LIMIT_S
