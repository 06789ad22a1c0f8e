"""Progress: a line every 30 seconds in a log, a bar in a terminal, nothing of short work."""

from __future__ import annotations

import io
import sys

import pytest

from virnucpro_core import _progress
from virnucpro_core._progress import progress


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_log_gets_a_line_every_half_minute_and_one_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with progress(4000, "shard 1", clock=clock) as advance:
        advance(0)
        for second in range(1, 76):
            clock.now += 1
            advance(20 * second)
    assert lines_of(capsys) == [
        "shard 1: 600 of 4,000 sequences, 20 a second, 00:02:50 left",
        "shard 1: 1,200 of 4,000 sequences, 20 a second, 00:02:20 left",
        "shard 1: 1,500 of 4,000 sequences, 20 a second, 00:02:05 left",
    ]


def test_work_of_an_earlier_attempt_does_not_count_as_speed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with progress(2000, "resumed", clock=clock) as advance:
        advance(1000)
        clock.now += 50
        advance(1100)
    assert lines_of(capsys)[0] == "resumed: 1,100 of 2,000 sequences, 2 a second, 00:07:30 left"


def test_without_a_total_nothing_is_foretold(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with progress(None, "reads", "records", clock=clock) as advance:
        advance(0)
        clock.now += 40
        advance(80_000)
    assert lines_of(capsys)[-1] == "reads: 80,000 records, 2,000 a second"


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with progress(10, "short", clock=clock) as advance:
        advance(5)
        clock.now += 29
        advance(10)
    assert lines_of(capsys) == []


def test_a_terminal_gets_a_bar_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(_progress, "_QUIET_SECONDS", 0.0)
    clock = Clock()
    with progress(10, "shard 1", clock=clock) as advance:
        clock.now += 100
        advance(10)
    assert "10/10" in terminal.getvalue()
    assert "a second" not in terminal.getvalue()


def test_a_log_that_is_gone_does_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    clock = Clock()
    with progress(10, "shard 1", clock=clock) as advance:
        clock.now += 100
        advance(10)
