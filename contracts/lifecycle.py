"""How long a version of a contract lives: from when it is deprecated, until when it is supported.

A published file never changes, but its life does. So the dates stand beside the versions, in
``contracts/<name>/lifecycle.yaml`` of the product or of a home; what a home says of a version counts alone, because its
operator knows which legacy systems have to move::

    1.0.0: {deprecated: 2026-11-01, sunset: 2031-12-31}

``deprecated`` is the first day on which nobody should begin to use the version, ``sunset`` the last on which it is
supported. The ODCS status of the file (``draft``, ``deprecated``, ``retired``) is told too.

**What a date does.** It never switches anything off: a lender does not stop because a day has come. Lint warns from the
day of deprecation on, with the days that are left, and calls it an error after the sunset; answers say both dates in
the protocol's own way; a gauge counts the days. Who wants a version gone takes it out of the integration.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from contracts.errors import ConfigurationError, Fault
from contracts.section import Section
from contracts.source import Source, nearest

FILE: Final = "lifecycle.yaml"
_KEYS: Final = ("deprecated", "sunset")


class Lifecycle(NamedTuple):
    """The life of one version; ``successor`` is the reference of the newest one, empty where this is it."""

    ref: str
    status: str = "active"
    deprecated: date | None = None
    sunset: date | None = None
    successor: str = ""

    def days_left(self, today: date) -> int | None:
        """Days until the sunset, 0 on its day, negative after it; None where there is none."""
        return None if self.sunset is None else (self.sunset - today).days

    def warning(self, today: date) -> tuple[str, str] | None:
        """What there is to say today, as severity and message; None for a version in its prime."""
        left = self.days_left(today)
        if left is not None and left < 0:
            return "error", f"{self.ref} is past its sunset of {self.sunset}"
        if self.status == "retired":
            return "error", f"{self.ref} is retired"
        ends = "" if left is None else f"; {left} day{'s' * (left != 1)} left until its sunset on {self.sunset}"
        if self.deprecated is not None and self.deprecated <= today:
            return "warning", f"{self.ref} is deprecated since {self.deprecated}{ends}"
        if self.status == "deprecated":
            return "warning", f"{self.ref} is deprecated{ends}"
        if self.status in ("draft", "proposed"):
            return "warning", f"{self.ref} is a {self.status.replace('proposed', 'proposal')} and may still change"
        return None

    def state(self, today: date) -> str:
        """Where the version stands today, in a word or two."""
        left = self.days_left(today)
        if left is not None and left < 0:
            return "past its sunset"
        return "deprecated" if self.deprecated is not None and self.deprecated <= today else self.status

    @property
    def cure(self) -> str:
        """What to do about it."""
        return f"move to {self.successor}" if self.successor else "publish a version to move to"


def soonest(one: Lifecycle, other: Lifecycle) -> Lifecycle:
    """Of two contracts that are used together, the dates that come first."""
    first = min(one, other, key=lambda life: (life.sunset or date.max, life.deprecated or date.max))
    deprecated = min(one.deprecated or date.max, other.deprecated or date.max)
    return first._replace(deprecated=None if deprecated == date.max else deprecated)


def read_lifecycles(folder: Path, versions: Mapping[str, Any]) -> dict[str, tuple[date | None, date | None]]:
    """The dates of each version of one contract, (deprecated, sunset); raises ConfigurationError with every fault.

    ``folder`` holds the contract's files; ``versions`` are those there are, by version number.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    source = Source.read(path)
    faults: list[Fault] = []
    top = Section(source, faults, (), source.data, None)
    found = {}
    for version in top.data:
        if version not in versions:
            hint = nearest(str(version), versions) or f"there are: {', '.join(versions)}"
            top.fault((str(version),), f"there is no version {version}", hint)
            continue
        section = top.section(version, _KEYS)
        dates = section.day("deprecated", optional=True), section.day("sunset", optional=True)
        if dates[0] and dates[1] and dates[1] < dates[0]:
            section.fault(("sunset",), "the sunset lies before the deprecation")
        found[version] = dates
    if faults:
        raise ConfigurationError(faults)
    return found
