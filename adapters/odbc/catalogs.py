"""SELECTs that read a database's own catalog, as data: for those whose driver tells it wrongly, or not safely.

psqlodbc 13.02 was seen to end the whole process, in two of many tries, where a connection was cut within SQLColumns or
SQLPrimaryKeys. It also says 255 letters of a varchar without end, 28 digits of a numeric without end, nothing of the
type below a second domain, that a NOT NULL domain may be NULL, and that what a primary key INCLUDEs is part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from adapters.odbc.tables import Kind


class Catalog(NamedTuple):
    """How one DBMS is asked. ``columns`` and ``key`` take the name of a table and its schema, or NULL for the one that
    the name alone means to a statement.
    """

    columns: str
    """In their order: schema, name, type in the database's words, whether it must have a value, comment or NULL."""
    key: str
    """The names of the columns of the primary key, in its order."""
    holders: str
    """Schema and name of the tables with a column of a name, of one schema or of all that need no naming."""
    indexes: str
    """Of each column of each index that holds every row: something that tells the index, its place, its name."""
    kinds: Mapping[str, Kind]
    """What the words for types mean, without their sizes; any other is read as text."""


_NAMED: Final = "COALESCE(n.nspname = ?, pg_table_is_visible(c.oid))"
"""Of that schema; where none is given (NULL), whatever the search path finds first by the bare name."""
_TABLES: Final = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
_ATTRIBUTES: Final = f"{_TABLES} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
_KEPT: Final = "c.relkind IN ('r', 'p', 'v', 'm', 'f')"
"""Tables, partitioned ones, views, materialized ones, foreign ones."""
POSTGRESQL: Final = Catalog(
    columns="WITH RECURSIVE told (owner, place, name, type, modifier, fixed, note) AS ("  # noqa: S608 # texts of this file
    "SELECT n.nspname, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, col_description(c.oid, a.attnum)"
    f" FROM {_ATTRIBUTES} WHERE c.relname = ? AND {_NAMED} AND {_KEPT}"
    " UNION ALL SELECT owner, place, name, d.typbasetype, d.typtypmod, fixed OR d.typnotnull, note"
    " FROM told JOIN pg_type d ON d.oid = told.type AND d.typtype = 'd'"
    ") SELECT owner, name, format_type(told.type, modifier), fixed, note"
    " FROM told JOIN pg_type t ON t.oid = told.type AND t.typtype <> 'd' ORDER BY place",
    key="SELECT a.attname FROM (SELECT conrelid, conkey, generate_subscripts(conkey, 1) AS place"  # noqa: S608 # texts of this file
    f" FROM pg_constraint WHERE contype = 'p') k JOIN pg_class c ON c.oid = k.conrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[k.place]"
    f" WHERE c.relname = ? AND {_NAMED} ORDER BY k.place",
    holders=f"SELECT n.nspname, c.relname FROM {_ATTRIBUTES} WHERE a.attname = ? AND {_NAMED} AND {_KEPT}"  # noqa: S608 # texts of this file
    " ORDER BY 1, 2",
    indexes="SELECT CAST(i.indexrelid AS bigint), i.place, a.attname FROM (SELECT indexrelid, indrelid, indkey,"  # noqa: S608 # texts of this file
    " generate_subscripts(indkey, 1) AS place FROM pg_index WHERE indpred IS NULL AND indisvalid) i"
    " JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[i.place] WHERE c.relname = ? AND {_NAMED}",
    kinds={
        "smallint": "smallint", "integer": "integer", "oid": "integer", "bigint": "bigint",
        "numeric": "decimal", "real": "real", "double precision": "double", "money": "double",
        "character": "char", "uuid": "char", "character varying": "varchar", "boolean": "boolean", "bytea": "binary",
        "bit(1)": "boolean", "bit": "varchar", "bit varying": "varchar", "date": "date",
        "time without time zone": "time", "timestamp without time zone": "timestamp",
        "timestamp with time zone": "timestamp-tz",
    },
)  # fmt: skip
