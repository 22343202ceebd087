"""Cobalt beside a real gateway: its rows in SQLite, its poller a process of its own."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from cobalt import FOLDER
from live_gateway import ENVIRONMENT, ROOT, Caller
from odbc_databases import library

from gateway import demo_tables

DATABASE = "cobalt.db"


def waiting(home: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Cobalt's tables in the home, with these rows to be taken up."""
    with closing(sqlite3.connect(home / DATABASE)) as database:
        database.executescript((FOLDER / "ddl/sqlite.sql").read_text())
        for row in rows:
            demo_tables.insert(database, "CREDIT_REQUEST", row)
        database.commit()


def states(home: Path) -> dict[str, int]:
    """How many requests stand in each state."""
    with closing(sqlite3.connect(home / DATABASE)) as database:
        return dict(database.execute('SELECT "STATUS", count(*) FROM "CREDIT_REQUEST" GROUP BY 1'))


def there() -> str:
    """The connection to ``waiting``'s tables."""
    return f"{{adapter: odbc, driver: {library('sqlite')}, database: {DATABASE}}}"


@contextmanager
def polling(caller: Caller, connection: str) -> Iterator[subprocess.Popen[bytes]]:
    """A poller beside the gateway, with this connection; it has no port of its own."""
    (caller.home / "connections.yaml").write_text(f"cobalt-core: {connection}\n")
    command = [sys.executable, "-m", "gateway.launch", "--home", str(caller.home), "poll", "cobalt-core"]
    with caller.log.open("ab") as log, subprocess.Popen(command, stderr=log, cwd=ROOT, env=ENVIRONMENT) as process:
        try:
            yield process
        finally:
            process.terminate()
