"""The model lane: one at a time or some of one kind, first come first served, and never stuck."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ui.lane import LIMIT_S, Blocked, Gauges, Lane, LeftAlone, TakenBack, TooLong, time_limit

SOON_S = 20.0  # generous: other tests may share the processors
FREE = Gauges(0, 0)


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something holds before long."""
    end = time.monotonic() + SOON_S
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()


def count(to: int) -> Generator[int, None, None]:
    yield from range(to)


def test_reports_come_through_and_free_the_lane() -> None:
    lane = Lane()
    reports = lane.reports(lambda: count(3))
    assert lane.gauges() == FREE  # nothing is held before the first report is asked for
    assert next(reports) == 0 and lane.gauges() == Gauges(1, 0)
    assert list(reports) == [1, 2] and lane.gauges() == FREE
    assert lane.result(lambda: 5) == 5 and lane.gauges() == FREE


def test_one_at_a_time_in_the_order_of_arrival() -> None:
    lane, order, at_once = Lane(), [], []
    first = lane.reports(lambda: count(2))
    next(first)

    def work(k: int) -> None:
        at_once.append(threading.current_thread())
        order.append(k)
        time.sleep(0.002)
        assert len(at_once) == 1
        at_once.clear()

    with ThreadPoolExecutor(8) as pool:
        done = []
        for k in range(8):
            done.append(pool.submit(lane.result, lambda k=k: work(k)))
            assert soon(lambda k=k: lane.gauges() == Gauges(1, k + 1))
        assert order == []
        first.close()
        for one in done:
            one.result(SOON_S)
    assert order == list(range(8)) and lane.gauges() == FREE


def test_many_threads_with_reports_closings_and_failures_never_meet() -> None:
    lane, inside, met = Lane(), [], []

    def steps(n: int) -> Generator[int, None, None]:
        inside.append(n)
        try:
            for k in range(4):
                met.append(len(inside))
                if n % 5 == 4 and k == 2:
                    raise ValueError("broken")
                yield k
        finally:
            inside.remove(n)

    def visitor(n: int) -> None:
        reports = lane.reports(lambda: steps(n))
        if n % 5 == 4:
            with pytest.raises(ValueError, match="broken"):
                list(reports)
        elif n % 5 == 3:
            next(reports)
            reports.close()
        else:
            assert list(reports) == [0, 1, 2, 3]

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(visitor, range(60)))
    assert set(met) == {1} and lane.gauges() == FREE


def test_a_generator_may_be_advanced_and_closed_by_different_threads() -> None:
    lane, closed = Lane(), []

    def steps() -> Generator[int, None, None]:
        try:
            yield from range(9)
        finally:
            closed.append(True)

    reports = lane.reports(steps)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        assert one.submit(next, reports).result() == 0 and other.submit(next, reports).result() == 1
        assert one.submit(reports.close).result() is None
    assert closed and lane.gauges() == FREE


def test_a_forgotten_generator_frees_the_lane_when_it_is_collected() -> None:
    lane = Lane()
    reports: Any = lane.reports(lambda: count(9))
    cycle: dict[str, Any] = {"reports": reports}
    cycle["self"] = cycle
    next(reports)
    del reports, cycle
    gc.collect()
    assert lane.gauges() == FREE


def test_a_failure_frees_the_lane() -> None:
    lane = Lane()

    def fail() -> int:
        raise ValueError("broken")

    for work in (lambda: lane.result(fail), lambda: list(lane.reports(fail))):
        with pytest.raises(ValueError, match="broken"):
            work()
    assert lane.gauges() == FREE


def test_work_over_its_time_ends_with_a_sentence_and_a_last_report_is_kept() -> None:
    lane = Lane(limit=0.02)

    def slow() -> Generator[int, None, None]:
        for k in range(4):
            time.sleep(0.03)
            yield k

    with pytest.raises(TooLong, match=r"ended after 0.02 seconds; ask for less"):
        list(lane.reports(slow))
    assert lane.gauges() == FREE
    assert list(lane.reports(slow, last=lambda k: True)) == [0, 1, 2, 3]


def test_who_leaves_the_lane_lying_loses_it_only_when_somebody_waits() -> None:
    lane = Lane(limit=5.0, left=0.02)
    lying = lane.reports(lambda: count(9))
    next(lying)
    time.sleep(0.06)
    assert next(lying) == 1  # nobody waited
    assert lane.result(lambda: "next") == "next"
    with pytest.raises(LeftAlone, match="start it again"):
        next(lying)
    assert lane.gauges() == FREE


def test_slow_work_is_not_taken_for_lying() -> None:
    lane = Lane(left=0.01)

    def slow() -> Generator[int, None, None]:
        time.sleep(0.6)  # longer than a look at the front takes to come round
        yield 1

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(lambda: list(lane.reports(slow)))
        assert soon(lambda: lane.gauges().working == 1)
        assert lane.result(lambda: 2) == 2
        assert done.result(SOON_S) == [1]


def test_a_blocked_lane_is_told() -> None:
    lane, end = Lane(limit=0.02), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(lane.result, lambda: end.wait(SOON_S))
        assert soon(lambda: lane.gauges().working == 1)
        with pytest.raises(Blocked, match="try again"):
            lane.result(lambda: 1)
        assert lane.gauges() == Gauges(1, 0)
        end.set()
        assert stuck.result(SOON_S)
    assert lane.gauges() == FREE


def test_a_line_that_moves_is_not_blocked() -> None:
    """However long the wait is altogether."""
    lane = Lane(limit=0.1)
    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(lane.result, lambda k=k: time.sleep(0.1) or k) for k in range(6)]  # type: ignore[misc]
        assert [job.result(SOON_S) for job in jobs] == list(range(6))
    assert lane.gauges() == FREE


def test_a_function_that_is_taken_back_leaves_the_line() -> None:
    lane, end = Lane(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        front = pool.submit(lane.result, lambda: end.wait(SOON_S))
        assert soon(lambda: lane.gauges().working == 1)
        with pytest.raises(TakenBack):
            lane.result(lambda: 1, lambda: False)
        end.set()
        assert front.result(SOON_S)
    assert lane.gauges() == FREE


# -- together ----------------------------------------------------------------------------------------------------------


def test_requests_of_one_kind_hold_the_lane_together() -> None:
    lane = Lane(together=3)
    chats = [lane.reports(lambda: count(9), kind="chat") for _ in range(3)]
    for k, chat in enumerate(chats, 1):
        assert not lane.full("chat") and lane.full() == (k > 1)
        assert next(chat) == 0 and lane.gauges() == Gauges(k, 0)
    assert lane.full("chat")  # three are the most
    with ThreadPoolExecutor(1) as pool:
        fourth = pool.submit(lambda: list(lane.reports(lambda: count(2), kind="chat")))
        assert soon(lambda: lane.gauges() == Gauges(3, 1)) and not fourth.done()
        chats[1].close()
        assert fourth.result(SOON_S) == [0, 1]
    assert lane.gauges() == Gauges(2, 0)
    assert list(chats[0]) == list(chats[2]) == list(range(1, 9)) and lane.gauges() == FREE


def test_work_of_no_kind_or_of_another_one_is_not_shared() -> None:
    lane = Lane()
    for first, second in (("", ""), ("chat", ""), ("", "chat"), ("chat", "other")):
        holder = lane.reports(lambda: count(9), kind=first)
        next(holder)
        assert lane.full(second)
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(lambda kind=second: list(lane.reports(lambda: count(2), kind=kind)))
            assert soon(lambda: lane.gauges() == Gauges(1, 1)) and not waits.done()
            holder.close()
            assert waits.result(SOON_S) == [0, 1]


def test_nobody_joins_before_who_waits() -> None:
    lane, order = Lane(), []
    chat = lane.reports(lambda: count(9), kind="chat")
    next(chat)

    def work(name: str) -> Generator[str, None, None]:
        order.append(name)
        yield name

    with ThreadPoolExecutor(3) as pool:
        waiting = []
        for k, (name, kind) in enumerate((("draw", ""), ("late", "chat"), ("later", "chat"))):
            run = lambda name=name, kind=kind: list(lane.reports(lambda: work(name), kind=kind))  # noqa: E731
            waiting.append(pool.submit(run))
            assert soon(lambda k=k: lane.gauges() == Gauges(1, k + 1))
        assert order == [] and next(chat) == 1
        chat.close()
        assert [w.result(SOON_S) for w in waiting] == [["draw"], ["late"], ["later"]]
    assert order[0] == "draw" and lane.gauges() == FREE


def test_many_threads_of_two_kinds_meet_only_their_own() -> None:
    lane, inside, met = Lane(together=3), [], []

    def steps(kind: str) -> Generator[int, None, None]:
        inside.append(kind)
        try:
            for k in range(4):
                met.append(tuple(inside))
                time.sleep(0.001)
                yield k
        finally:
            inside.remove(kind)

    def visitor(n: int) -> None:
        kind = "chat" if n % 3 else ""
        reports = lane.reports(lambda: steps(kind), kind=kind)
        if n % 5 == 4:
            next(reports)
            reports.close()
        else:
            assert list(reports) == [0, 1, 2, 3]

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(visitor, range(60)))
    assert {len(m) for m in met if "" in m} == {1} and max(len(m) for m in met) in (2, 3)
    assert lane.gauges() == FREE


def test_each_of_a_group_that_lies_loses_its_place() -> None:
    lane = Lane(limit=5.0, left=0.02)
    lying, also = (lane.reports(lambda: count(9), kind="chat") for _ in range(2))
    next(lying), next(also)
    time.sleep(0.06)
    assert lane.result(lambda: "next") == "next" and lane.gauges() == FREE
    for one in (lying, also):
        with pytest.raises(LeftAlone, match="start it again"):
            next(one)


def test_who_is_taken_back_leaves_the_line() -> None:
    lane, wanted = Lane(), [True]
    holder = lane.reports(lambda: count(9))
    next(holder)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(lambda: list(lane.reports(lambda: count(2), wanted=lambda: wanted[0])))
        assert soon(lambda: lane.gauges() == Gauges(1, 1))
        wanted[0] = False
        with pytest.raises(TakenBack, match="send it again"):
            waits.result(SOON_S)
    assert lane.gauges() == Gauges(1, 0) and list(holder) == list(range(1, 9))


@pytest.mark.parametrize(
    ("text", "seconds"), [("", LIMIT_S), ("7.5", 7.5), ("x", LIMIT_S), ("-1", LIMIT_S), ("0", LIMIT_S)]
)
def test_the_limit_of_the_environment(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv("VLAD_TIME_LIMIT", text)
    assert time_limit() == seconds == Lane().limit
