"""A short run of the requests that nobody should send; the long one is `python -m evaluation.fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation import fuzz, served


def test_nothing_is_found(tmp_path: Path) -> None:
    done, works = fuzz.run(120, 1, "full", tmp_path)
    assert works and not done.found, fuzz.report(done, works)
    assert sum(done.sent.values()) >= 120 and set(done.sent) == {"named", "private", "raw", "upload", "tool"}
    assert done.answered[200] > 20 and sum(n for status, n in done.answered.items() if 400 <= status < 500) > 20


def test_what_would_be_found(tmp_path: Path) -> None:
    """The watch is not blind: each kind of finding is one."""
    own = [Path("/srv/app")]
    assert not served._own("open", "/etc/passwd", own) and served._own("open", "/srv/app/x", own)
    assert not served._own("open", "/srv/app/../secret", own) and not served._own("open", "/srv/apple", own)
    assert not served._own("socket.getaddrinfo", "host.invalid", own) and served._own(
        "socket.connect", "127.0.0.1", own
    )
    assert not served._own("subprocess.Popen", "/srv/app/x", own)


class Seen:
    """What `Fuzz.judge` asks of a served app: what it opened."""

    def __init__(self, *strangers: str) -> None:
        self.seen = list(strangers)

    def strangers(self) -> list[str]:
        """As `Served.strangers`."""
        return self.seen


@pytest.mark.parametrize(
    ("status", "said", "opened", "found"),
    [
        (500, "", (), 1), (503, "", (), 0), (200, "Traceback (most recent call last)", (), 1), (200, "fine", (), 0),
        (200, "", ("open /etc/passwd",), 1), (422, '{"detail": "root:x:0:0"}', (), 1),
    ],
)  # fmt: skip
def test_what_counts_as_found(status: int, said: str, opened: tuple[str, ...], found: int) -> None:
    judge = object.__new__(fuzz.Fuzz)
    judge.served, judge.found, judge.answered = Seen(*opened), [], fuzz.Counter()
    judge.judge("a request", status, said)
    assert len(judge.found) == found
