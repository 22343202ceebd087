"""Lines of a drafted mapping: what each says, how sure it is, and what a person has to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from contracts.yaml_text import flow, key, quote
from models.drafting.findings import Finding, Severity

SURE: Final = 0.8
"""From here on a line speaks for itself; below, a person has to look at it."""
LEAST: Final = 0.5
"""Below this nothing is mapped: a wrong line is worse than a missing one."""
WIDTH: Final = 120


class Open(NamedTuple):
    """What is left to a person at one line."""

    severity: Severity
    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a mapping. ``value`` is what stands behind the key; ``sure`` its confidence, None where nothing was
    matched; ``why`` the evidence.
    """

    key: str
    value: Any
    sure: float | None = None
    why: str = ""
    open: tuple[Open, ...] = ()

    @property
    def marks(self) -> tuple[Open, ...]:
        """What is open, and that the line is not sure of itself where nothing else says so."""
        if self.sure is None or self.sure >= SURE or self.open:
            return self.open
        return (Open("should", "the line is a guess", "compare it with what the system means by this"),)

    def written(self) -> Iterator[str]:
        """The line with its comment, or the comment above it where both have no room."""
        said = [f"{self.sure:.2f}" if self.sure is not None else "", self.why, *map(_mark, self.marks)]
        yield from commented(f"  {key(self.key)}: {flow(self.value)}", said)

    def findings(self) -> Iterator[Finding]:
        evidence = f"confidence {self.sure:.2f}, {self.why}" if self.sure is not None else self.why
        for mark in self.marks:
            what, anchor = f"{self.key}: {mark.what}", f"{key(self.key)}:"
            yield Finding(mark.severity, what, evidence, mark.cure, "integration", anchor)


MARKS: Final[Mapping[Severity, str]] = {"must": "DECIDE", "should": "CHECK", "note": "note"}
"""How a line says in its comment what is left to a person."""


def _mark(mark: Open) -> str:
    return f"{MARKS[mark.severity]}: {mark.what}"


def commented(text: str, said: Sequence[str]) -> Iterator[str]:
    """A line with what is said of it behind it, or above it where both have no room."""
    comment = one_line("; ".join(filter(None, said)))
    if comment and len(text) + len(comment) + 3 > WIDTH:
        yield f"{text[: len(text) - len(text.lstrip())]}# {comment}"
        yield text
    else:
        yield f"{text} # {comment}" if comment else text


def one_line(text: str) -> str:
    """A text as a comment holds it."""
    return quote(text)[1:-1].replace('\\"', '"')
