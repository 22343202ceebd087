# ruff: noqa: S608 # names and values are those of our own example
"""The README's chapter "On call", where a legacy system's database is down: what waits there is taken up by itself once
it was started.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cobalt import APPROVED, EXAMPLES, statements
from live_cobalt import polling, states, there, waiting
from live_gateway import SCORE, Caller, Live, copied, serving, until
from odbc_databases import Database, Servers
from on_call import alert, application, burns, ends, fired, looked, scrape

LOOKUP = (
    "lookups: {loans: {adapter: odbc, key: applicationId, connection: loans, table: customer, by: number, "
    "columns: [owed], timeout: 1s}}"
)
POLLED = re.compile(r'scoregate_polled_rows_total\{integration="cobalt-core",result="(\w+)"\} (\d+)')


@pytest.fixture
def database(odbc_servers: Servers, tmp_path: Path) -> Database:
    """An empty database on a PostgreSQL that can be stopped and started."""
    return odbc_servers.database("postgresql", tmp_path)


@contextmanager
def stopped(servers: Servers) -> Iterator[None]:
    servers.postgres.stop()
    try:
        yield
    finally:
        servers.postgres.start()


def asked(live: Live, *names: str) -> None:
    for name in names:
        live.client.post(SCORE, content=application(applicationId=name)).raise_for_status()


def test_a_database_that_completes_applications(
    built_home: Path, tmp_path: Path, database: Database, odbc_servers: Servers
) -> None:
    caller = copied(built_home, tmp_path / "home")
    file = caller.home / "integrations/juniper-api/integration.yaml"
    file.write_text(file.read_text().replace("lookups: {}", LOOKUP))
    database.run("CREATE TABLE customer (number varchar(40) PRIMARY KEY, owed decimal(13,2))")
    (caller.home / "connections.yaml").write_text(f"loans: {database.on_one_line()}\n")
    with serving(caller) as live:
        with fired("scoregate_lookups_total", live) as one, stopped(odbc_servers):
            asked(live, *(f"alone-{number}" for number in range(21)))
        until(lambda: "lookup_down" in looked(one, caller, live))
        until(lambda: is_found(live, "completed"))
        ends(one, live, lambda: asked(live, *(f"again-{number}" for number in range(21))))


def is_found(live: Live, name: str) -> bool:
    """Whether an application asked now is completed: here by learning that the customer is not in the table."""
    before = lookups(live)
    asked(live, name)
    return lookups(live).get("nothing", 0) > before.get("nothing", 0)


def lookups(live: Live) -> dict[str, int]:
    found = re.findall(r'scoregate_lookups_total\{.*result="(\w+)"\} (\d+)', scrape(live))
    return {result: int(count) for result, count in found}


def with_cobalt(built_home: Path, home: Path) -> Caller:
    """A home of Juniper, which calls, and of Cobalt, which is polled."""
    caller = copied(built_home, home)
    shutil.copytree(built_home / "integrations/cobalt-core", home / "integrations/cobalt-core")
    return caller


def test_a_database_that_is_polled(built_home: Path, tmp_path: Path, database: Database, odbc_servers: Servers) -> None:
    caller, one = with_cobalt(built_home, tmp_path / "home"), alert("scoregate_legacy_down_seconds")
    names, values = ", ".join(f'"{name}"' for name in APPROVED), ", ".join(f"'{value}'" for value in APPROVED.values())
    database.run(*statements("postgresql"), f'INSERT INTO "CREDIT_REQUEST" ({names}) VALUES ({values})')
    with serving(caller) as live, ExitStack() as stack:
        assert not burns(one, live)
        with stopped(odbc_servers):
            stack.enter_context(polling(caller, database.on_one_line()))
            until(lambda: burns(one, live))
            until(lambda: "legacy_down" in looked(one, caller, live))
        until(lambda: database.rows('SELECT "STATUS" FROM "CREDIT_REQUEST"') == [("D",)])
        ends(one, live)


def test_a_poller_that_was_killed_is_missed_and_the_rows_it_ended_are_counted(built_home: Path, tmp_path: Path) -> None:
    caller, one = with_cobalt(built_home, tmp_path / "home"), alert("scoregate_pollers")
    rows: list[dict[str, Any]] = [json.loads((folder / "request.json").read_bytes()) for folder in EXAMPLES]
    waiting(caller.home, rows)
    with serving(caller) as live:
        with polling(caller, there()) as poller:
            until(lambda: all(int(number) for _, number in POLLED.findall(scrape(live)) or [("", "0")]))
            found = {result: int(number) for result, number in POLLED.findall(scrape(live))}
            assert not burns(one, live)
            poller.kill()
            until(lambda: burns(one, live))
        assert '\nscoregate_pollers{integration="cobalt-core"} 0.0\n' in looked(one, caller, live)
        until(lambda: '\nscoregate_pollers_lost_total{integration="cobalt-core"} 1.0\n' in scrape(live))
        with polling(caller, there()):
            ends(one, live)
    ended = states(caller.home)
    assert found == {"answered": ended["D"], "failed": ended["E"]}
