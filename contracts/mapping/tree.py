"""The rule tree of a mapping: plain data, read by reading.py and printed by request.py and answer.py for one record.

What stands here has been checked against the contract: every path parses, every conversion fits its field. A printer
for columns works from the same tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from contracts.mapping.paths import Path
from contracts.types import Field, State, Value

Joint = Literal["primary", "sum", "min", "max"]
Unknown = Literal["refuse", "ignore"]
BESIDE: Final = ("header", "lookup")
"""Names at the top of every native tree that the gateway fills in: what came beside the message, and what look-ups
found. Who could send them could forge a look-up."""


class Texts(Protocol):
    """A rule on texts beyond kind, codes and room; two of the same rule are equal."""

    def accepts(self, text: str) -> bool: ...


class NativeField(NamedTuple):
    """One native leaf: its type in words, and how many characters, or digits before the point, it holds.

    ``required``: every message has it, or writes it. ``scale``: the most digits behind the point; ``codes``: the only
    texts it holds; ``signed``: it may be negative; ``least``: the fewest characters; ``nil``: it may be nothing at
    all. ``most``: the most elements of the list it lies in; ``within``: each of those needs it. None is no bound.
    ``barred``: why it cannot be written, though a message may hold it; empty where it can. ``low`` and ``high`` are the
    bounds of a number, ``texts`` is what else holds of a text as ``rule`` says it; ``samples`` are some of the texts
    that are written.

    Of what is written, ``forms`` are the types its codes and constants have, ``nothing`` says that it may be null and
    ``empty`` that it may be an empty text. Of a native leaf, ``typed`` says that its format tells texts, numbers and
    truths apart and writes null where there is nothing; ``since`` is the group from which on down it must be there,
    ``others`` are what it may be instead, and ``unproven`` what its schema says that is held against no mapping.
    ``fewest``: the fewest elements of the list it lies in.
    """

    path: str
    type: str
    room: int | None = None
    required: bool = False
    scale: int | None = None
    codes: tuple[str, ...] = ()
    signed: bool = True
    least: int = 0
    nil: bool = True
    most: int | None = None
    within: bool = False
    barred: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    texts: Texts | None = None
    rule: str = ""
    samples: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    nothing: bool = False
    empty: bool = False
    typed: bool = False
    since: str = ""
    others: tuple[NativeField, ...] = ()
    unproven: str = ""
    fewest: int | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """One step from a native value to a contract value, as written: ``decimal(2)``, ``date(DD.MM.YYYY)``, ``upper``."""

    name: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.name}({self.argument})" if self.argument else self.name


@dataclass(frozen=True, slots=True)
class Missing:
    """Which state each kind of missing becomes; ``literals`` are native texts that stand for one."""

    absent: State = State.BLANK
    empty: State = State.BLANK
    nil: State = State.BLANK
    literals: tuple[tuple[str, State], ...] = ()


@dataclass(frozen=True, slots=True)
class Wired:
    """A field read from a native path. ``codes`` lead from native code to contract value."""

    field: Field
    path: Path
    convert: tuple[Conversion, ...]
    missing: Missing = Missing()
    codes: tuple[tuple[str, str | bool], ...] | None = None
    joint: Joint | None = None

    @property
    def lookup(self) -> str | None:
        """The look-up this field comes from, if it lies under ``lookup.<name>``."""
        steps = self.path.steps
        return steps[1] if steps[0] == "lookup" and len(steps) > 1 and isinstance(steps[1], str) else None


@dataclass(frozen=True, slots=True)
class Constant:
    """A field the integration states once for all messages."""

    field: Field
    value: Value


@dataclass(frozen=True, slots=True)
class NotCarried:
    """A field the channel does not carry."""

    field: Field


Entry: TypeAlias = Wired | Constant | NotCarried


@dataclass(frozen=True, slots=True)
class RequestTree:
    """One entry per contract field, in contract order; ``known`` are paths read elsewhere or declared ignored.

    ``joint`` are paths of a second applicant; what stands there is nothing unknown, but makes an application joint.
    """

    contract: str
    entries: tuple[Entry, ...]
    unknown: Unknown
    known: tuple[Path, ...] = ()
    joint: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """How a decision value is laid into a native field: ``integer(n)``, ``decimal(n,s)``, ``chars(n)``, ``date(F)``."""

    name: Literal["integer", "decimal", "chars", "date"]
    size: int = 0
    scale: int = 0
    format: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A native leaf written from a decision path, relative to the element inside an ``Each``.

    ``most``: of a list of plain values, only so many, from the first.
    """

    target: Path
    source: Path
    codes: Mapping[str, str | int | bool] | None = None
    fit: Fit | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A native leaf that always holds the same."""

    target: Path
    value: str | int | bool


@dataclass(frozen=True, slots=True)
class Each:
    """A native list with one element per element of a decision list, of ``most`` elements from the first."""

    target: Path
    source: Path
    entries: tuple[Written | Fixed, ...]
    most: int | None = None


AnswerEntry: TypeAlias = Written | Fixed | Each


@dataclass(frozen=True, slots=True)
class AnswerTree:
    """What an answer is made of, in the order it is written."""

    contract: str
    entries: tuple[AnswerEntry, ...]
