"""Databases reached through unixODBC for tests: SQLite in a file, PostgreSQL and MariaDB on servers of this run.

Each gives what ``connections.yaml`` says of it. Drivers are named by the path of their library, so nothing is
registered with this machine's unixODBC.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mariadb_server
import postgres_server
from mariadb_server import MariaServer
from postgres_server import PostgresServer

from adapters.odbc.connecting import Link, open_link
from gateway.connections import Connections
from gateway.spi import Connection

LIBRARIES = {"sqlite": "libsqlite3odbc.so", "postgresql": "psqlodbcw.so", "mariadb": "libmaodbc.so"}
PACKAGES = {"sqlite": "libsqliteodbc", "postgresql": "odbc-postgresql", "mariadb": "odbc-mariadb"}
PASSWORD_FILE = "password"
_numbers = itertools.count()


def library(kind: str) -> Path:
    """Where Debian puts a driver; AssertionError with the install line where it is not."""
    found = next(Path("/usr/lib").glob(f"*/odbc/{LIBRARIES[kind]}"), None)
    assert found, f"the ODBC driver is missing; install it with: apt-get install {PACKAGES[kind]}"
    return found


@dataclass
class Database:
    """One empty database. ``folder`` is the home whose ``connections.yaml`` has it under ``name``."""

    kind: str
    folder: Path
    section: dict[str, Any]
    name: str = "legacy"
    _links: list[Link] = field(default_factory=list)

    def write(self, **changed: Any) -> None:
        """connections.yaml, with other keys than its own where they are given; None leaves one out."""
        keys = {key: value for key, value in {**self.section, **changed}.items() if value is not None}
        lines = "".join(f"  {key}: {_flow(value)}\n" for key, value in keys.items())
        new = self.folder / "connections.new"
        new.write_text(f"{self.name}:\n  adapter: odbc\n{lines}")
        new.replace(self.folder / "connections.yaml")  # pollers in other processes may be reading it

    def on_one_line(self) -> str:
        """Its section of a connections.yaml."""
        return _flow({"adapter": "odbc", **self.section})

    def connection(self, **changed: Any) -> Connection:
        self.write(**changed)
        return Connections(self.folder)(self.name, "odbc")

    def open(self, **changed: Any) -> Link:
        """A connection, closed when the test ends."""
        link = open_link(self.connection(**changed))
        self._links.append(link)
        return link

    def run(self, *statements: str) -> None:
        """Statements that are committed one by one, on a connection of their own."""
        link = open_link(self.connection())
        try:
            for statement in statements:
                link.execute(statement)
                link.commit()
        finally:
            link.close()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What is committed, each value as text or None."""
        link = open_link(self.connection())
        try:
            return [tuple(None if v is None else str(v) for v in row) for row in link.rows(sql)]
        finally:
            link.close()

    def close(self) -> None:
        for link in self._links:
            link.close()


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(one)}' for key, one in value.items())}}}"
    return str(value) if isinstance(value, int) else f'"{value}"'


class Servers:
    """Servers that are started when the first database on one is asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._postgres: PostgresServer | None = None
        self._maria: MariaServer | None = None

    @property
    def postgres(self) -> PostgresServer:
        if self._postgres is None:
            self._postgres = self._stack.enter_context(postgres_server.running(beside=postgres_server.in_memory()))
        return self._postgres

    @property
    def maria(self) -> MariaServer:
        if self._maria is None:
            port = postgres_server.free_port()
            self._maria = self._stack.enter_context(mariadb_server.running(port, postgres_server.in_memory()))
        return self._maria

    def database(self, kind: str, folder: Path) -> Database:
        """A new, empty database; ``folder`` becomes the home that names it."""
        password = folder / PASSWORD_FILE
        password.write_text(postgres_server.PASSWORD)
        password.chmod(0o600)
        section: dict[str, Any] = {"driver": library(kind)}
        name = f"legacy_{os.getpid()}_{next(_numbers)}"
        if kind == "sqlite":
            (folder / "legacy.db").touch()
            return Database(kind, folder, section | {"database": "legacy.db"})
        if kind == "postgresql":
            self.postgres.execute("postgres", f"CREATE DATABASE {name}")
            port, user = self.postgres.port, postgres_server.USER
        else:
            self.maria.run(f"CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4")
            port, user = self.maria.port, mariadb_server.USER
        section |= {"server": "127.0.0.1", "port": port, "database": name, "user": user}
        return Database(kind, folder, section | {"password": f"file:{password}"})


@contextmanager
def serving() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)
