"""The DDL of every published contract, run by real databases; the pydantic module, imported as its user would."""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import ModuleType
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from contract_records import Row, as_json, as_python, examples
from jsonschema.validators import Draft202012Validator
from pydantic import ValidationError
from table_rows import KEYS, ddl_value, fill
from typer.testing import CliRunner

from contracts.errors import ConfigurationError
from contracts.export import export
from contracts.export.openapi import component
from contracts.export.sql_dialects import DIALECTS
from contracts.odcs import Contract
from contracts.store import ContractStore
from contracts.types import Field
from gateway.cli import app

if TYPE_CHECKING:
    from postgres_server import PostgresServer

STORE = ContractStore()
REFS = STORE.refs()
APPLICATION = "loan_application@2.0.0"
Run = Callable[..., Any]


@pytest.fixture
def sqlite() -> Iterator[sqlite3.Connection]:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection
    connection.close()


@pytest.mark.parametrize("ref", REFS)
def test_sqlite_makes_the_tables_and_takes_every_example(ref: str, sqlite: sqlite3.Connection) -> None:
    contract = STORE.get(ref)
    sqlite.executescript(export(contract, "ddl", "sqlite"))

    def insert(table: str, row: dict[str, Any]) -> None:
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        sqlite.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608 # our own names

    for number, row in enumerate(examples(contract)):
        fill(contract, row, f"R-{number}", insert, "sqlite")


@pytest.mark.parametrize("ref", REFS)
def test_postgresql_makes_the_tables_and_takes_every_example(ref: str, postgres: PostgresServer) -> None:
    contract = STORE.get(ref)
    with psycopg.connect(postgres.new_database()) as connection:
        connection.execute(export(contract, "ddl", "postgresql").encode())

        def insert(table: str, row: dict[str, Any]) -> None:
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join(["%s"] * len(row))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})".encode(), list(row.values()))  # noqa: S608 # our own names

        for number, row in enumerate(examples(contract)):
            fill(contract, row, f"R-{number}", insert, "postgresql")
        said = connection.execute("SELECT obj_description(%s::regclass)", (contract.name,)).fetchone()
        assert said == (contract.description,)


@pytest.mark.parametrize(
    "change",
    [
        {"loan_amount": "0.99"}, {"loan_amount": "1.005"}, {"loan_amount": "much"}, {"loan_amount": None},
        {"term_months": 481}, {"currency": "EURO"}, {"currency": "E"}, {"home_ownership": "tent"},
    ],
)  # fmt: skip
def test_a_table_takes_nothing_out_of_range_and_no_unknown_code(change: Row, sqlite: sqlite3.Connection) -> None:
    contract = STORE.get(APPLICATION)
    sqlite.executescript(export(contract, "ddl", "sqlite"))
    row = KEYS | {path: ddl_value(contract.paths[path], v) for path, v in examples(contract)[0].items()}
    statement = f"INSERT INTO loan_application ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608 # our own names
    with pytest.raises(sqlite3.IntegrityError):
        sqlite.execute(statement, list((row | change).values()))
    sqlite.execute(statement, list(row.values()))


def test_a_request_waits_from_the_moment_it_is_inserted(sqlite: sqlite3.Connection) -> None:
    contract = STORE.get(APPLICATION)
    sqlite.executescript(export(contract, "ddl", "sqlite"))
    row = KEYS | {path: ddl_value(contract.paths[path], v) for path, v in examples(contract)[0].items()}
    statement = f"INSERT INTO loan_application ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608 # our own names
    sqlite.execute(statement, list(row.values()))
    queue = "row_version, status, claim_token, claim_until, error_code, error_text"
    assert sqlite.execute(f"SELECT {queue} FROM loan_application").fetchall() == [(1, "N", None, None, None, None)]  # noqa: S608 # our own names
    with pytest.raises(sqlite3.IntegrityError):
        sqlite.execute("UPDATE loan_application SET status = 'X'")
    plan = sqlite.execute("EXPLAIN QUERY PLAN SELECT request_key FROM loan_application WHERE status = 'N' ORDER BY 1")
    assert "USING COVERING INDEX loan_application_claim" in plan.fetchone()[3]


def test_answers_and_outcomes_are_no_queue() -> None:
    texts = [export(STORE.get(ref), "ddl", "postgresql") for ref in REFS if STORE.get(ref).kind != "request"]
    assert texts
    assert not any("claim_token" in text or "CREATE INDEX" in text for text in texts)


def test_a_field_named_as_a_column_of_the_queue_keeps_its_name() -> None:
    field = Field("status", "string", max_length=9)
    contract = Contract("odd", "1.0.0", fields=(field,), paths={"status": field})
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(export(contract, "ddl", "sqlite"))
        connection.execute("INSERT INTO odd (business_key, request_key, status) VALUES ('B', 'R', 'single')")
        assert connection.execute("SELECT status, queue_status FROM odd").fetchall() == [("single", "N")]
    connection.close()


def test_a_text_too_long_for_a_type_has_the_other_one() -> None:
    assert [DIALECTS["informix"].text_of(length) for length in (255, 256)] == ["VARCHAR(255)", "LVARCHAR(256)"]


def test_whoever_was_tried_on_no_server_says_so() -> None:
    contract = STORE.get(APPLICATION)
    silent = {name for name in DIALECTS if "tried on no server" not in export(contract, "ddl", name)}
    assert silent == {"mariadb", "mysql", "postgresql", "sqlite"}


def test_a_name_too_long_for_a_database_is_cut_and_stays_different() -> None:
    oracle = DIALECTS["oracle"]
    long = [oracle.name("a_very_long_name_for_a_contract", word) for word in ("reasons", "imputations")]
    assert all(len(name) == 32 for name in long)
    assert long[0] != long[1]


def test_words_a_database_keeps_for_itself_are_quoted_in_the_case_it_would_fold_them_to() -> None:
    texts = {name: export(STORE.get("loan_decision@1.0.0"), "ddl", name) for name in DIALECTS}
    wanted = {"ansi": '"GROUP"', "oracle": '"GROUP"', "mysql": "`group`", "sqlserver": "[group]", "sqlite": '"group"'}
    assert all(f"  {word} " in texts[name] for name, word in wanted.items())


def test_a_dialect_belongs_to_ddl_and_an_unknown_one_names_the_nearest() -> None:
    contract = STORE.get(APPLICATION)
    with pytest.raises(ConfigurationError, match="did you mean 'postgresql'"):
        export(contract, "ddl", "postgres")
    with pytest.raises(ConfigurationError, match="there is no dialect of 'xsd'"):
        export(contract, "xsd", "oracle")


def test_the_command_takes_a_dialect_and_writes_a_file(tmp_path: Any) -> None:
    words = ["contract", "export", APPLICATION, "--to", "ddl", "--dialect", "db2", "--out", str(tmp_path / "a.sql")]
    done = CliRunner().invoke(app, ["--home", "build/none", *words])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.sql").read_text() == export(STORE.get(APPLICATION), "ddl", "db2")


# ---- pydantic --------------------------------------------------------------------------------------------------------


def imported(contract: Contract) -> Any:
    """The record's class from the exported module."""
    module = ModuleType(contract.name)
    code = compile(export(contract, "pydantic"), contract.name, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 # what is tested
    return module.__dict__[component(contract)]


@pytest.mark.parametrize("ref", REFS)
def test_a_pydantic_module_reads_every_example_from_python_and_from_json(ref: str) -> None:
    contract = STORE.get(ref)
    record = imported(contract)
    for row in examples(contract):
        tree = as_json(contract, row)
        assert record.model_validate(as_python(contract, row)) == record.model_validate_json(json.dumps(tree))


@pytest.mark.parametrize("ref", REFS)
def test_what_a_pydantic_module_writes_the_json_schema_takes(ref: str) -> None:
    contract = STORE.get(ref)
    validator = Draft202012Validator(json.loads(export(contract, "jsonschema")))
    for row in examples(contract):
        record = imported(contract).model_validate(as_python(contract, row))
        assert record.model_dump(mode="json", by_alias=True) == as_json(contract, row)
        assert validator.is_valid(record.model_dump(mode="json", by_alias=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loan_amount", Decimal("8000.001")), ("loan_amount", 8000.0), ("loan_amount", Decimal("NaN")),
        ("product", "x"), ("term_months", True), ("term_months", "60"), ("term_months", 481), ("surprise", 1),
        ("currency", None),
    ],
)  # fmt: skip
def test_a_pydantic_module_coerces_nothing(name: str, value: Any) -> None:
    contract = STORE.get(APPLICATION)
    with pytest.raises(ValidationError):
        imported(contract).model_validate(as_python(contract, examples(contract)[0]) | {name: value})


def test_a_pydantic_module_writes_a_decimal_with_all_its_digits() -> None:
    contract = STORE.get(APPLICATION)
    tree = as_python(contract, examples(contract)[0]) | {"loan_amount": Decimal(8000)}
    assert imported(contract).model_validate(tree).model_dump(mode="json")["loan_amount"] == "8000.00"


def test_a_field_named_as_python_or_pydantic_name_something_gets_another_name_and_an_alias() -> None:
    names = ("class", "copy", "str", "date", "model_x")
    fields = tuple(Field(name, "date", required=True) for name in names)
    contract = Contract("odd", "1.0.0", fields=fields, paths={field.name: field for field in fields})
    day = datetime.date(2026, 3, 31)
    record = imported(contract).model_validate(dict.fromkeys(names, day))
    assert [record.class_, record.copy_, record.str_, record.date, record.model_x_] == [day] * 5


def test_texts_with_quotes_and_backslashes_do_no_harm() -> None:
    field = Field("x", "code", codes=("'", '"""', "\\"), description='Says """no""" and \\N{x} "so"')
    contract = Contract("odd", "1.0.0", fields=(field,), paths={"x": field}, labels={"x": {"'": "a 'quote'\""}})
    assert imported(contract).model_validate({"x": '"""'}).x == '"""'
    for name in DIALECTS:
        assert "''''" in export(contract, "ddl", name)
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(export(contract, "ddl", "sqlite"))
        connection.execute("INSERT INTO odd (business_key, request_key, x) VALUES ('B', 'R', '\\')")
    connection.close()
