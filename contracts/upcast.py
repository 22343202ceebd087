"""From one version of a contract to the next: a pure step, declared in the newer version's own file.

::

    customProperties:
      - vendor: scoregate
        property: upcast
        value:
          from: 1.1.0                                                          # the version right before
          fields:
            adverse_records: credit_records                                    # renamed
            employment_months: {from: employment_years, multiply: 12}          # in another unit, exactly
            employment_type: {from: employment_type, codes: {part_time: part_time_or_temporary}}
            channel: {value: branch}                                           # supplied: its origin is ``upcast``
            credit_enquiries: not_carried                                      # the version before lacks it
          dropped: [fax_number]                                                # nothing takes it any more
          judged: [affordable]                                                 # a rule that refuses nothing more

A field that is not named is taken as it is. A value that was renamed or converted keeps its origin; one that is
supplied has the origin ``upcast``; one the version before lacks is ``not_carried``, cause ``version``. Factors are
exact fractions that leave no digit behind. Whatever is legal in the version before must be legal after the step:
anything else is a fault of the newer version's file, found in upcast_reading.py. Of most rules that can be proved
(implied.py); under ``judged`` stand those that a person has judged instead.

Steps are data (``Upcast``). Several become one by ``compose``; ``RowUpcast`` applies one to a record, a printer for
columns works from the same tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from contracts.types import Field, Origin, State, Value

CAUSE: Final = "version"
"""The cause of a field that is not carried because the version before lacks it."""
Code: TypeAlias = str | bool


@dataclass(frozen=True, slots=True)
class Taken:
    """``field`` is the field ``source`` of the version before.

    Its value is multiplied by ``factor`` (numbers, in units of their scale) or translated by ``codes``, which then
    name every legal value of ``source``.
    """

    field: Field
    source: str
    factor: int = 1
    codes: tuple[tuple[Code, Code], ...] = ()


@dataclass(frozen=True, slots=True)
class Supplied:
    """A field every record gets the same value for."""

    field: Field
    value: Value


@dataclass(frozen=True, slots=True)
class Lacking:
    """A field the version before does not have."""

    field: Field


Step: TypeAlias = Taken | Supplied | Lacking


@dataclass(frozen=True, slots=True)
class Upcast:
    """From records of ``before`` to records of ``after``: one entry per field of ``after``, in its order.

    ``fields`` are those of ``before``, in its order: the layout of what comes in.
    """

    before: str
    after: str
    fields: tuple[Field, ...]
    entries: tuple[Step, ...]

    @property
    def sources(self) -> dict[str, str]:
        """Where each field of ``after`` comes from, by name; fields that come from nowhere are left out."""
        return {entry.field.name: entry.source for entry in self.entries if isinstance(entry, Taken)}


def compose(first: Upcast, second: Upcast) -> Upcast:
    """Both steps as one; ``second`` starts where ``first`` ends."""
    between = {entry.field.name: entry for entry in first.entries}
    entries = tuple(_through(entry, between) for entry in second.entries)
    return Upcast(first.before, second.after, first.fields, entries)


def convert(entry: Taken, value: Value) -> Value:
    """One value of ``entry.source`` as a value of ``entry.field``; nothing stays nothing."""
    if entry.factor != 1 and isinstance(value, int):
        return value * entry.factor
    return dict(entry.codes).get(value, value) if entry.codes and isinstance(value, str | bool) else value


def _through(entry: Step, between: Mapping[str, Step]) -> Step:
    if not isinstance(entry, Taken):
        return entry
    match between[entry.source]:
        case Taken(source=source, factor=factor, codes=codes):
            known = dict(entry.codes)
            joined = tuple((old, known.get(new, new)) for old, new in codes) if codes else entry.codes
            return Taken(entry.field, source, factor * entry.factor, joined)
        case Supplied(value=value):
            return Supplied(entry.field, convert(entry, value))
        case Lacking():
            return Lacking(entry.field)


class Upcasted(NamedTuple):
    """A record in terms of the newer version, everything in its field order."""

    values: list[Value]
    states: bytearray
    origins: bytearray
    causes: dict[int, str]


class RowUpcast:
    """A step compiled for single records. Pure, raises nothing; safe to share between threads."""

    def __init__(self, tree: Upcast) -> None:
        self.tree = tree
        index = {field.name: position for position, field in enumerate(tree.fields)}
        width = len(tree.fields)
        supplied = [entry for entry in tree.entries if isinstance(entry, Supplied)]
        # Behind the fields that come in lie one that is not carried and the values that are supplied.
        self._values = [None, *(entry.value for entry in supplied)]
        self._states = bytes([State.NOT_CARRIED, *(State.GIVEN for _ in supplied)])
        self._origins = bytes([Origin.WIRE, *(Origin.UPCAST for _ in supplied)])
        places = {entry.field.name: width + 1 + at for at, entry in enumerate(supplied)}
        places |= {name: index[source] for name, source in tree.sources.items()}
        at = [places.get(entry.field.name, width) for entry in tree.entries]
        self._pick = itemgetter(*at) if len(at) > 1 else lambda row: tuple(row[k] for k in at)
        self._lacking = {k: CAUSE for k, place in enumerate(at) if place == width}
        self._moved = [(place, k) for k, place in enumerate(at) if place < width]
        taken = [(k, entry) for k, entry in enumerate(tree.entries) if isinstance(entry, Taken)]
        self._factors = [(k, entry.factor) for k, entry in taken if entry.factor != 1]
        self._codes = [(k, dict(entry.codes)) for k, entry in taken if entry.codes]

    def apply(
        self, values: Sequence[Value], states: bytes | bytearray, origins: bytes | bytearray, causes: Mapping[int, str]
    ) -> Upcasted:
        """Bring one record up; all four are in the field order of ``tree.fields``."""
        risen: list[Any] = list(self._pick([*values, *self._values]))
        for position, factor in self._factors:
            if risen[position] is not None:
                risen[position] *= factor
        for position, codes in self._codes:
            risen[position] = codes.get(risen[position], risen[position])
        why = self._lacking.copy()
        if causes:
            why |= {at: causes[place] for place, at in self._moved if place in causes}
        return Upcasted(
            risen, bytearray(self._pick(states + self._states)), bytearray(self._pick(origins + self._origins)), why
        )
