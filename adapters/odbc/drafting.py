"""What the tables of a legacy database tell a draft: their shape, the queue's columns, where the answer goes.

Names, types, comments, keys and the codes of constraints come from the catalog, read-only; no row is read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from adapters.odbc.codec import ROW, OdbcCodec
from adapters.odbc.leaves import asked, example, sample, told
from adapters.odbc.queue_columns import Queue, queue_of, words
from adapters.odbc.rows import row_key
from adapters.odbc.section import read_wire
from adapters.odbc.tables import FILE, Table, written
from contracts.errors import ConfigurationError, Fault
from gateway.spi import Described, Sketch, Undecided

if TYPE_CHECKING:
    from adapters.odbc.connecting import Link

DECIDED: Final = ("score", "decision", "outcome", "result", "pd", "reason", "valid", "decided")
"""Words by which a column of the request's own table says that an answer goes there."""
MOST_LISTS: Final = 20
MOST_SHOWN: Final = 12
_SYSTEM: Final = ("information_schema", "INFORMATION_SCHEMA", "pg_catalog", "sys", "SYS", "SYSIBM", "SYSCAT")
"""Schemas of the database's own tables, which some drivers list as views like others."""
_WHOLE: Final = ("smallint", "integer", "bigint", "decimal")
_HEAD: Final = """\
# The tables of the connection {connection} as its catalog showed them to `scoregate new integration`. The mapping is
# linted against this file, and the database is held against it before the first row. Take out what concerns nobody.
"""


def sketch(described: Described) -> Sketch:
    """Read the catalog; raises SetupError where nothing can be drafted, UpstreamError where the database is down."""
    from adapters.odbc.connecting import open_link, placed
    from adapters.odbc.faults import DatabaseFault

    connection = described.connections(described.source)
    with closing(open_link(connection)) as link:
        try:
            found = _read(link, described)
        except DatabaseFault as fault:
            raise placed(connection, fault) from None
    return _sketched(described.source, found)


class Found(NamedTuple):
    """The tables as they are; ``answer`` is None where the answer goes to the request's own columns."""

    request: Table
    answer: Table | None
    lists: Sequence[Table]


def _read(link: Link, described: Described) -> Found:
    if not described.choice:
        message = f"which table of {described.source} do the requests stand in?"
        raise ConfigurationError([Fault("", 0, 0, message, f"say it with --table T; {_there(link)}")])
    request = _table(link, described.choice)
    if not request.key:
        message, hint = f"{request.name} has no primary key", "what names a row must be unique; have it declared"
        raise ConfigurationError([Fault("", 0, 0, message, hint)])
    keyed = (column._replace(null=column.null and column.name not in request.key) for column in request.columns)
    request = request._replace(columns=tuple(keyed))  # SQLite lets the columns of a primary key be null
    answer = _table(link, described.answer) if described.answer else None
    return Found(request, answer, _lists(link, answer, request) if answer else [])


def _table(link: Link, name: str) -> Table:
    from adapters.odbc.catalog import read_table
    from adapters.odbc.remarks import with_codes

    table = read_table(link, name)
    if table is None:
        message = f"the connection {link.name} shows no table {name!r}"
        hint = f"write it as the database does, in the same case; {_there(link, name)}"
        raise ConfigurationError([Fault("", 0, 0, message, hint)])
    return with_codes(link, table)


def _there(link: Link, name: str = "") -> str:
    """The tables there are, those that are spelled like the name first."""
    with link.judged(), closing(link.native.cursor()) as cursor:
        rows = [tuple(row[:4]) for row in cursor.tables().fetchall()]
    owned = [row for row in rows if row[3] in ("TABLE", "VIEW") and row[1] not in _SYSTEM]
    bare = sorted({row[2] for row in owned}, key=lambda other: (-_alike(other, name), other))
    shown = ", ".join(bare[:MOST_SHOWN]) + (" …" if len(bare) > MOST_SHOWN else "")
    return f"there are: {shown or 'none this account may see'}"


def _alike(other: str, name: str) -> float:
    bare = name.rpartition(".")[2].lower()
    return SequenceMatcher(None, other.lower(), bare).ratio() if bare else 0.0


def _lists(link: Link, answer: Table, request: Table) -> list[Table]:
    """Tables with the answer's key and one more column in their key: a row per line of an answer."""
    if not answer.key:
        return []
    near = [name for name in _near(link, answer) if name not in (answer.name, request.name)]
    return [table for table in (_table(link, name) for name in near[:MOST_LISTS]) if _counts(table, answer)]


def _near(link: Link, answer: Table) -> list[str]:
    """Tables beside the answer's, of the same owner, with a column named as the first of its key."""
    from adapters.odbc.catalog import tables_with

    schema, _, bare = answer.name.rpartition(".")
    found = tables_with(link, answer.key[0], schema)
    owners = {owner for owner, name in found if name == bare}
    names = sorted({name for owner, name in found if owner in owners})
    return [f"{schema}.{name}" if schema else name for name in names]


def _counts(table: Table, answer: Table) -> bool:
    beyond = [name for name in table.key if name not in answer.key]
    counter = table.column(beyond[0]) if len(beyond) == 1 else None
    return counter is not None and counter.type in _WHOLE and {*answer.key} < {*table.key}


# ---- the section -----------------------------------------------------------------------------------------------------


def _sketched(connection: str, found: Found) -> Sketch:
    queue = queue_of(found.request)
    request = found.request._replace(columns=(*found.request.columns, *queue.added))
    tables = [request, *filter(None, (found.answer,)), *found.lists]
    answer, left = _answer(found, queue)
    wire: dict[str, Any] = {
        "connection": connection,
        "tables": FILE,
        "request": {"table": request.name, "key": list(request.key), **queue.wire},
        "answer": answer,
    }
    text = _HEAD.format(connection=connection) + written(tables)
    codec = _codec(wire, text)
    return Sketch(
        files={FILE: text.encode()},
        wire=wire,
        request=list(asked(codec)),
        answer=list(told(codec)),
        keys={"request": f"header.{ROW}", "correlation": f"header.{ROW}"},
        example=lambda values: example(codec.wire.row, values),
        suffix="json",
        header={ROW: row_key([sample(column) for column in map(request.column, request.key) if column], "1", b"")},
        notes=list(_notes(found)),
        left=(*queue.left, *left),
        keyed=True,
        shown=lambda path: f"columns.{path}",
    )


def _codec(wire: Mapping[str, Any], text: str) -> OdbcCodec:
    """The codec that the drafted section will have."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, FILE).write_text(text, encoding="utf-8")
        return OdbcCodec(read_wire(wire, Path(folder)))


def _answer(found: Found, queue: Queue) -> tuple[dict[str, Any], list[Undecided]]:
    """The answer's part of the section."""
    if found.answer is None:
        return _same_row(found.request, queue)
    links, left = _links(found.answer, found.request)
    wire: dict[str, Any] = {"table": found.answer.name, "key": links}
    lists = {}
    for table in found.lists:
        (number,) = {*table.key} - {*found.answer.key}
        below = {name: links[name] for name in table.key if name in links}
        lists[_list_name(table, found.answer)] = {"table": table.name, "key": below, "number": number}
    return wire | ({"lists": lists} if lists else {}), left


def _same_row(table: Table, queue: Queue) -> tuple[dict[str, Any], list[Undecided]]:
    own = {*table.key, *queue.columns}
    names = [c.name for c in table.columns if c.null and c.name not in own and {*words(c.name)} & {*DECIDED}]
    if not names:
        message, hint = f"{table.name} has no column that an answer could go to", "name its table with --answer-table A"
        raise ConfigurationError([Fault("", 0, 0, message, hint)])
    told = "these columns are taken for the answer's, all others for the request's"
    return {"columns": names}, [Undecided(("answer", "columns"), told, "add or take out what is not", must=False)]


def _links(answer: Table, request: Table) -> tuple[dict[str, str], list[Undecided]]:
    """The answer's columns that hold the request's key: of the same name, else its own key in the same order."""
    if all(answer.column(name) for name in request.key):
        return {name: name for name in request.key}, []
    if len(answer.key) == len(request.key):
        told = Undecided(("answer", "key"), "the keys are paired by their order", "compare them", must=False)
        return dict(zip(answer.key, request.key, strict=True)), [told]
    message = f"nothing in {answer.name} holds the key of {request.name}, {', '.join(request.key)}"
    raise ConfigurationError([Fault("", 0, 0, message, "an answer is found by the key of its request")])


def _list_name(table: Table, answer: Table) -> str:
    """The table's name without what it shares with the answer's at its beginning: ``CREDIT_REASON`` is ``REASON``."""
    bare, other = table.name.rpartition(".")[2], answer.name.rpartition(".")[2]
    parts, others = bare.split("_"), other.split("_")
    shared = next((at for at, part in enumerate(parts) if at >= len(others) or part != others[at]), 0)
    name = "_".join(parts[shared:])
    return bare if answer.column(name) else name


def _notes(found: Found) -> Iterator[str]:
    if found.answer is None:
        yield f"the answer goes into the same row of {found.request.name}"
    for table in found.lists:
        yield f"{table.name} is taken for a list of the answer, as its key is that of the answer and a number"
