"""The part of the demonstration that integrates by table: a database in a file, rows that wait, a poller, answers.

The database is written and read with Python's own sqlite3, as the legacy system would with its own means; the poller
reaches it through SQLite's ODBC driver, like any other database.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from contracts.source import Source
from gateway import examples, show

INTEGRATION: Final = "cobalt-core"
DATABASE: Final = "state/cobalt.db"
CONNECTION: Final = f"{INTEGRATION}: {{adapter: odbc, driver: SQLite3, database: {DATABASE}}}\n"
INSTALL: Final = "pip install 'scoregate[odbc]' and apt-get install unixodbc libsqliteodbc"
NOT_INSTALLED: Final = 2


def connect(home: Path) -> None:
    """Name the sample's database in the home, unless it names its own connections."""
    path = home / "connections.yaml"
    if not path.exists():
        path.write_text(CONNECTION, encoding="utf-8")


def run(home: Path, console: Console) -> bool:
    """Let every example wait, poll once, and print what stands there; False when an answer is not as its case says."""
    folder = home / "integrations" / INTEGRATION
    cases = examples.cases(folder)
    wire = Source.read(folder / "integration.yaml").data["wire"]
    with closing(sqlite3.connect(home / DATABASE)) as database:
        database.executescript((folder / "ddl" / "sqlite.sql").read_text(encoding="utf-8"))
        for case in cases:
            insert(database, wire["request"]["table"], json.loads(case.request))
        database.commit()
        console.print(Rule(Text(f"{len(cases)} rows wait in {wire['request']['table']}", style="bold"), align="left"))
        command = [sys.executable, "-m", "gateway.launch", "--home", str(home), "poll", INTEGRATION, "--once"]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 # our own command
        if done.returncode == NOT_INSTALLED and "is not installed" in done.stderr:
            console.print(f"  not shown: {done.stderr.strip().splitlines()[-1]}", soft_wrap=True)
            console.print(f"  all that tables need: {INSTALL}", soft_wrap=True, markup=False)
            return True
        console.print(f"  scoregate poll {INTEGRATION} --once: exit code {done.returncode}")
        outcomes = [_show(console, database, wire, case) for case in cases]
        return all(outcomes) and done.returncode == 0


def insert(database: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """A row that waits; values are texts, as an example has them, and SQLite makes numbers of them by column."""
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    database.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [*row.values()])  # noqa: S608 # names of our own example


def _show(console: Console, database: sqlite3.Connection, wire: Mapping[str, Any], case: examples.Case) -> bool:
    request, expected = json.loads(case.request), json.loads(case.answer)
    seen = answer_of(database, wire, request)
    console.print(Rule(Text(case.shows, style="bold"), align="left", style="dim"))
    show.native(console, json.dumps(request))
    console.print("[bold]→[/bold]")
    show.native(console, json.dumps(seen))
    if _agrees(expected, seen):
        return True
    console.print("not as the example says", style="bold red")
    return False


def answer_of(database: sqlite3.Connection, wire: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the database for one request, in the form of an example's answer."""
    key = wire["request"]["key"][0]
    error = wire["request"]["error"]
    (found,) = _rows(database, wire["request"]["table"], key, request[key])
    if found[error["code"]] is not None:
        return {"code": found[error["code"]], "text": found[error["text"]]}
    columns = _rows(database, wire["answer"]["table"], key, request[key])
    lists = wire["answer"]["lists"]
    return {
        "columns": {name: value for name, value in (columns[0] if columns else {}).items() if name != key},
        "lists": {name: _listed(database, spec, key, request[key]) for name, spec in lists.items()},
    }


def _listed(database: sqlite3.Connection, spec: Mapping[str, Any], key: str, value: Any) -> list[dict[str, Any]]:
    rows = sorted(_rows(database, spec["table"], key, value), key=lambda row: int(row[spec["number"]]))
    return [{name: told for name, told in row.items() if name not in (key, spec["number"])} for row in rows]


def _rows(database: sqlite3.Connection, table: str, key: str, value: Any) -> list[dict[str, Any]]:
    found = database.execute(f'SELECT * FROM "{table}" WHERE "{key}" = ?', (value,))  # noqa: S608 # names of our own example
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def _agrees(expected: Any, seen: Any) -> bool:
    """Whether all that an example says is so; numbers are compared as numbers, as SQLite keeps them."""
    if isinstance(expected, dict):
        return isinstance(seen, dict) and all(_agrees(value, seen.get(name)) for name, value in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(seen) and all(map(_agrees, expected, seen))
    return bool(expected == seen or _number(expected) == _number(seen))


def _number(value: Any) -> Any:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return value
