"""Hours in which a database is left alone: ``22:00-02:00 Europe/Berlin``, by the clock on the wall there. Pure."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_CLOCK: Final = "([01][0-9]|2[0-3]):([0-5][0-9])"
_FORM: Final = re.compile(rf"{_CLOCK}-{_CLOCK} ([A-Za-z0-9_+/-]+)", re.ASCII)


class Pause(NamedTuple):
    """From ``begin`` until just before ``end``, over midnight where that is the earlier one."""

    begin: time
    end: time
    zone: ZoneInfo

    def covers(self, moment: datetime) -> bool:
        """Whether an aware moment lies in it.

        >>> from datetime import UTC
        >>> night = Pause(time(22), time(2), ZoneInfo("Europe/Berlin"))
        >>> night.covers(datetime(2026, 1, 15, 21, 30, tzinfo=UTC)), night.covers(datetime(2026, 1, 15, 1, tzinfo=UTC))
        (True, False)
        """
        there = moment.astimezone(self.zone).time()
        if self.begin < self.end:
            return self.begin <= there < self.end
        return there >= self.begin or there < self.end


def read_pause(text: str) -> Pause | str:
    """A pause, or why the text is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        return "is no pause"
    begin, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if begin == end:
        return "begins when it ends"
    try:
        return Pause(begin, end, ZoneInfo(match[5]))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"names no time zone: {match[5]}"
