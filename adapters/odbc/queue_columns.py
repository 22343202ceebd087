"""Guesses, by name and type, which columns of a request table are its queue: status, claim, version, error. Pure.

What is not found is proposed as it should be, with what whoever looks after the database has to add.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from adapters.odbc.tables import Column, Kind, Table
from gateway.spi import Undecided

STATES: Final[Mapping[str, Collection[str]]] = {
    "waiting": ("n", "w", "new", "waiting", "wait", "open", "pending", "ready", "queued", "requested", "0"),
    "claimed": ("p", "c", "processing", "progress", "claimed", "locked", "running", "active", "taken", "1"),
    "done": ("d", "done", "completed", "complete", "finished", "decided", "answered", "processed", "ok", "2"),
    "failed": ("e", "f", "error", "failed", "refused", "rejected", "invalid", "9"),
}
"""What legacy systems call the states of a row; the first of each is proposed where the database lists none."""
_PROPOSED: Final[Mapping[str, str]] = {"waiting": "N", "claimed": "P", "done": "D", "failed": "E"}
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class Role(NamedTuple):
    """One column of the queue: its place in ``wire.request``, words of its name, its kinds, how it is proposed."""

    place: tuple[str, ...]
    words: tuple[Collection[str], ...]
    kinds: Collection[Kind]
    proposed: Column
    needed: bool
    what: str


_TEXTS: Final[tuple[Kind, ...]] = ("char", "varchar", "text")
_TIMES: Final[tuple[Kind, ...]] = ("timestamp", "timestamp-tz")
_WHOLE: Final[tuple[Kind, ...]] = ("integer", "bigint", "smallint", "decimal")
_CLAIM: Final = ("claim", "claimed", "lock", "locked", "lease", "worker", "owner", "taken")
ROLES: Final = (
    Role(("version",), (("version", "ver", "revision", "rev", "rowversion", "changes"),), _WHOLE,
         Column("ROW_VERSION", "integer"), False, "which version of a row this is"),
    Role(("status",), (("status", "state", "sts", "stat", "statuscode"),), (*_TEXTS, *_WHOLE),
         Column("STATUS", "char", 1, null=False), True, "whose turn a row is"),
    Role(("claim", "token"), (_CLAIM, ("token", "by", "id", "uuid", "owner", "worker", "key")), _TEXTS,
         Column("CLAIM_TOKEN", "char", 32), True, "which gateway has a row"),
    Role(("claim", "until"), (_CLAIM, ("until", "expires", "expiry", "end", "to", "till")), _TIMES,
         Column("CLAIM_UNTIL", "timestamp"), True, "until when it has the row"),
    Role(("error", "code"), (("error", "err", "refusal", "fault"), ("code", "cd", "no", "number")), _TEXTS,
         Column("ERROR_CODE", "varchar", 30), False, "why a row was refused, as a code"),
    Role(("error", "text"), (("error", "err", "refusal", "fault"), ("text", "txt", "message", "msg", "desc")), _TEXTS,
         Column("ERROR_TEXT", "varchar", 255), False, "why a row was refused, for people"),
)  # fmt: skip


class Queue(NamedTuple):
    """What was found. ``wire`` is its part of ``wire.request``, ``columns`` names what is in it, ``added`` are columns
    that the table must get first, ``left`` is what a person decides.
    """

    wire: dict[str, Any]
    columns: tuple[str, ...]
    added: tuple[Column, ...]
    left: tuple[Undecided, ...]


def words(name: str) -> list[str]:
    """The words of a column's name, in small letters.

    >>> words("CLAIM_UNTIL"), words("claimedBy2")
    (['claim', 'until'], ['claimed', 'by', '2'])
    """
    return [word.lower() for word in _WORD.findall(name)]


def queue_of(table: Table) -> Queue:
    """The queue's columns of a table."""
    wire: dict[str, Any] = {}
    found: list[str] = []
    added: list[Column] = []
    left: list[Undecided] = []
    for role in ROLES:
        column = _best(table, role, found)
        if column is None and role.needed:
            column = role.proposed._replace(name=_cased(role.proposed.name, table))
            added.append(column)
            cure = f"have it added to {table.name}: {column.name} {column.shape}{'' if column.null else ' not null'}"
            left.append(Undecided(("request", *role.place), f"no column says {role.what}", cure))
        elif column is None:
            left.append(Undecided(("request", "table"), f"no column says {role.what}", _without(role), must=False))
            continue
        found.append(column.name)
        _put(wire, role.place, column.name)
        if role.place == ("status",):
            wire["states"], doubts = _states(column)
            left += doubts
    return Queue(wire, tuple(found), tuple(added), tuple(left))


def _best(table: Table, role: Role, taken: Collection[str]) -> Column | None:
    """The column whose name has a word of each group, and the fewest words beside."""
    free = [column for column in table.columns if column.name not in {*taken, *table.key}]
    fitting = [column for column in free if column.type in role.kinds and _fits(column, role)]
    named = [(len(words(c.name)), c) for c in fitting if all({*words(c.name)} & {*group} for group in role.words)]
    return min(named, key=lambda pair: pair[0])[1] if named else None


def _fits(column: Column, role: Role) -> bool:
    """Whether it has room for what is written there, and may be empty where it has to be."""
    wanted = role.proposed
    room = column.type not in _TEXTS or not column.size or wanted.name in ("STATUS", "ERROR_TEXT") or column.size >= 30
    room = room and (wanted.name != "CLAIM_TOKEN" or not column.size or column.size >= wanted.size)
    return room and (column.null or not wanted.null or wanted.name == "ROW_VERSION")


def _cased(name: str, table: Table) -> str:
    """A name in the case of the table's own."""
    return name if any(letter.isupper() for column in table.columns for letter in column.name) else name.lower()


def _put(wire: dict[str, Any], place: tuple[str, ...], name: str) -> None:
    *above, last = place
    for step in above:
        wire = wire.setdefault(step, {})
    wire[last] = name


def _without(role: Role) -> str:
    if role.place == ("version",):
        return "without it a digest of the row stands for its version; name one with version, if there is any"
    return f"without it a refused row does not say so; name one with {'.'.join(role.place)}, if there is any"


def _states(column: Column) -> tuple[dict[str, str], list[Undecided]]:
    """What the states are called: as the database lists them, or as proposed."""
    named = {state: list(_named(column.codes, state)) for state in STATES}
    if all(len(codes) == 1 for codes in named.values()):
        found = {state: codes[0] for state, codes in named.items()}
        return found, [Undecided(("request", "states"), "the states are guessed", _COMPARE, must=False)]
    digits = column.type in _WHOLE
    proposed = {state: tuple(STATES[state])[-1] if digits else code for state, code in _PROPOSED.items()}
    listed = f", it takes {', '.join(column.codes)}" if column.codes else ""
    told = f"nothing says what {column.name} holds for each state{listed}"
    return proposed, [Undecided(("request", "states"), told, "write what the system writes and waits for")]


_COMPARE: Final = "compare them with what the system writes and waits for"


def _named(codes: Mapping[str, str], state: str) -> Iterator[str]:
    return (code for code in codes if {*words(code)} & {*STATES[state]})
