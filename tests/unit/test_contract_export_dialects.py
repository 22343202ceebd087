"""The DDL of every dialect as others read it: sqlglot's parsers for those it knows, and a real MariaDB.

Sybase is read by the parser of SQL Server, whose language it shares. Db2 and Informix have neither here: their
statements are held against the ansi ones, from which they may differ in a few words only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import sqlglot
from contract_records import examples
from sqlglot import exp
from table_rows import fill

from contracts.export import ddl, export
from contracts.export.sql_dialects import DIALECTS
from contracts.store import ContractStore

if TYPE_CHECKING:
    from mariadb_server import MariaServer

STORE = ContractStore()
REFS = STORE.refs()
THEIRS = {
    "ansi": "", "mariadb": "mysql", "mysql": "mysql", "oracle": "oracle", "postgresql": "postgres", "sqlite": "sqlite",
    "sqlserver": "tsql", "sybase": "tsql",
}  # fmt: skip
"""The name under which sqlglot knows a dialect."""


def parsed(ref: str, dialect: str) -> list[exp.Expression]:
    """The statements as sqlglot reads them; it raises at what it cannot, and calls what it passes over a Command."""
    statements = sqlglot.parse(export(STORE.get(ref), "ddl", dialect), dialect=THEIRS[dialect] or None)
    return [statement for statement in statements if statement is not None]


def test_every_dialect_but_two_has_a_foreign_parser() -> None:
    assert {*DIALECTS} - {*THEIRS} == {"db2", "informix"}


@pytest.mark.parametrize("dialect", THEIRS)
@pytest.mark.parametrize("ref", REFS)
def test_a_foreign_parser_reads_the_same_tables_columns_and_keys(ref: str, dialect: str) -> None:
    found = parsed(ref, dialect)
    assert {type(statement) for statement in found} <= {exp.Create, exp.Comment}
    made = [statement for statement in found if isinstance(statement, exp.Create)]
    creates = [statement for statement in made if statement.kind == "TABLE"]
    sql, indexed = DIALECTS[dialect], [table for table in ddl.tables(STORE.get(ref)) if table.claims]
    for table, index in zip(indexed, (made for made in made if made.kind == "INDEX"), strict=True):
        assert index.find(exp.Table).name == unquoted(sql.name(*table.words))
        columns = [column.name for column in index.find_all(exp.Column)]
        assert columns == [unquoted(sql.name(name)) for name in table.claims]
    for table, create in zip(ddl.tables(STORE.get(ref)), creates, strict=True):
        assert create.find(exp.Table).name == unquoted(sql.name(*table.words))
        columns = list(create.find_all(exp.ColumnDef))
        own = [] if table.most is None else [ddl.REQUEST_KEY.name, "position"]
        wanted = [unquoted(sql.name(name)) for name in (*own, *(column.name for column in table.columns))]
        assert [column.name for column in columns] == wanted
        for column, ours in zip(columns[len(own) :], table.columns, strict=True):
            said = column.find(exp.NotNullColumnConstraint)
            assert bool(said and not said.args.get("allow_null")) is ours.field.required
            for code in ours.field.codes:
                assert code in {literal.name for literal in column.find_all(exp.Literal)}
            if ours.field.type == "decimal":
                digits = [int(size.name) for size in column.find(exp.DataType).find_all(exp.DataTypeParam)]
                assert digits[1] == ours.field.scale
        assert create.find(exp.PrimaryKey)
        assert bool(create.find(exp.ForeignKey)) is (table.most is not None)


def unquoted(name: str) -> str:
    return name.strip('"`[]')


DB2_ONLY = [
    (r"VARCHAR\((\d+) CODEUNITS32\)", r"VARCHAR(\1)"), (r"TIMESTAMP\(0\)", "TIMESTAMP"),
    (r'CHARACTER_LENGTH\(("[A-Z_]+"), CODEUNITS32\)', r"CHAR_LENGTH(\1)"), (r"DATE\('([0-9-]+)'\)", r"DATE '\1'"),
]  # fmt: skip


INFORMIX_ONLY = [
    (r" Names are quoted: set DELIMIDENT=y.*", ""), (r"LVARCHAR\(", "VARCHAR("),
    (r"DATETIME YEAR TO SECOND", "TIMESTAMP"), (r"MDY\((\d+), (\d+), (\d+)\)", r"DATE '\3-\1-\2'"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "differs"), [("db2", DB2_ONLY), ("informix", INFORMIX_ONLY)])
@pytest.mark.parametrize("ref", REFS)
def test_what_no_parser_reads_differs_from_ansi_in_a_few_words_only(
    ref: str, dialect: str, differs: list[tuple[str, str]]
) -> None:
    text = export(STORE.get(ref), "ddl", dialect).replace(f"tables for {dialect}", "tables for ansi")
    for theirs, ansi in differs:
        text = re.sub(theirs, ansi, text)
    ansi = export(STORE.get(ref), "ddl", "ansi")
    assert text == ansi if DIALECTS[dialect].upper else text.lower() == ansi.lower()


# ---- MariaDB ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaServer]:
    import mariadb_server

    if not mariadb_server.installed():
        pytest.skip("MariaDB is missing; install it with: apt-get install mariadb-server")
    with mariadb_server.running() as server:
        yield server


@pytest.fixture
def database(mariadb: MariaServer, request: pytest.FixtureRequest) -> str:
    name = f"d{abs(hash(request.node.name))}"
    mariadb.run(f"CREATE DATABASE {name}")
    return name


def inserted(table: str, row: dict[str, Any]) -> str:
    values = ", ".join(literal(value) for value in row.values())
    return f"INSERT INTO {table} ({', '.join(f'`{name}`' for name in row)}) VALUES ({values});"  # noqa: S608 # our own names


def literal(value: Any) -> str:
    if value is None or isinstance(value, bool | int):
        return "NULL" if value is None else str(int(value))
    text = str(value).removesuffix("Z") if re.fullmatch(r"[0-9-]+T[0-9:]+Z", str(value)) else str(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@pytest.mark.parametrize("ref", REFS)
def test_mariadb_makes_the_tables_and_takes_every_example(ref: str, mariadb: MariaServer, database: str) -> None:
    contract, statements = STORE.get(ref), [export(STORE.get(ref), "ddl", "mysql")]
    for number, row in enumerate(examples(contract)):
        fill(contract, row, f"R-{number}", lambda table, values: statements.append(inserted(table, values)), "mysql")
    mariadb.run("\n".join(statements), database)
    table = DIALECTS["mysql"].name(contract.name)
    assert mariadb.run(f"SELECT COUNT(*) FROM {table}", database).strip() == str(len(examples(contract)))  # noqa: S608 # our own names
    said = mariadb.run("SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES", database)
    assert f"{contract.name}\t{contract.description}" in said.splitlines()


@pytest.mark.parametrize(
    "change",
    [
        {"loan_amount": "0.99"}, {"loan_amount": None}, {"term_months": 481}, {"currency": "EURO"}, {"currency": "E"},
        {"home_ownership": "tent"}, {"home_ownership": "OWNER"},
    ],
)  # fmt: skip
def test_mariadb_takes_nothing_out_of_range_and_no_unknown_code(
    change: dict[str, Any], mariadb: MariaServer, database: str
) -> None:
    contract = STORE.get("loan_application@2.0.0")
    mariadb.run(export(contract, "ddl", "mariadb"), database)
    sent: list[str] = []
    fill(contract, examples(contract)[0] | change, "R", lambda t, v: sent.append(inserted(t, v)), "mysql")
    with pytest.raises(AssertionError, match="ERROR"):
        mariadb.run(sent[0], database)
