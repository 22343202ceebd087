"""What ``scoregate batch`` tells on stderr while it works."""

from __future__ import annotations

import sys

import pytest

from gateway import batch_command
from gateway.batch import Progress


class Clock:
    """Seconds since the batch began, as the test sets them."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(batch_command, "time", made)
    return made


def test_without_a_terminal_a_line_is_told_every_ten_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    tell = batch_command._teller()
    for seconds in range(1, 25):
        clock.now = 100.0 + seconds
        tell(Progress(1000 * seconds, seconds))
    told = capsys.readouterr()
    assert told.err == "10,000 records, 10 refused, 1,000/s\n20,000 records, 20 refused, 1,000/s\n"
    assert told.out == ""


def test_on_a_terminal_one_line_is_told_anew_at_most_five_times_a_second(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    tell = batch_command._teller()
    for tenths in range(1, 11):
        clock.now = 100.0 + tenths / 10
        tell(Progress(100 * tenths, 0))
    lines = capsys.readouterr().err.split("\r")
    assert 3 <= len(lines) - 1 <= 5
    assert all(line.endswith(" records, 0 refused, 1,000/s\x1b[K") for line in lines[1:])
