"""Polling PostgreSQL through psqlodbc, beside a plain pyodbc loop that reads the same rows and writes constant answers.

Both write as many rows into the same tables, in batches of 1,000 and a transaction each. Every process is its own.
What a poller at rest costs, and how soon it answers rows that are inserted at random moments, is seen from the outside.
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from figures import Row, at_least, at_most, shown
from rich.console import Console

sys.path.append(str(Path(__file__).parents[1]))  # the server that the tests start

from odbc_databases import Database, Servers, serving  # the path comes first

from adapters.odbc.connecting import Link

BUILD = Path(__file__).parents[2] / "build"
ROWS, BATCH, ROUNDS = 12_000, 1000, 3
IDLE_SECONDS = 20
EVERY_SECONDS = 2.0
"""As the sample says."""
INSERTED, AT_ONCE = 30, 10
"""Rows that come at random moments, and rows that come as soon as the poller rests: these wait longest."""
SAMPLE = "cobalt-core"
BLANK = "2000-01-01 00:00:00"


def rows() -> list[Row]:
    home = prepare()
    found: list[tuple[float, float, float, int]] = []
    with serving() as servers:
        for _ in range(ROUNDS):
            plain = plain_loop(database(servers, home))
            one, two = (polled(database(servers, home), home, count) for count in (1, 2))
            found.append((plain, one[0], two[0], one[1] + two[1]))
        idle = idle_share(database(servers, home, filled=False), home)
        latencies = answered_after(database(servers, home, filled=False), home)
    plain, one, two, wrong = zip(*found, strict=True)
    beside = statistics.median(b / a for a, b in zip(plain, one, strict=True))
    together = statistics.median(b / a for a, b in zip(one, two, strict=True))
    return [
        shown("plain pyodbc loop with constant answers", statistics.median(plain), "rows/s"),
        shown("polled, decided, recorded and answered", statistics.median(one), "rows/s"),
        at_least("polling against the plain loop", beside, "ratio", 0.5),
        at_least("two pollers against one", together, "ratio", 1.3),
        at_most("rows without exactly one answer", sum(wrong), "rows", 0),
        at_most("an empty table polled every 2 s", idle, "% core", 1.0),
        shown("from insert to answer, polled every 2 s, median", statistics.median(latencies[:INSERTED]), "s"),
        at_most("from insert to answer beyond one interval, worst of 40", max(latencies) - EVERY_SECONDS, "s", 0.1),
    ]


def prepare() -> Path:
    """A home of Cobalt alone, which here carries every field."""
    from gateway import demo

    home = BUILD / "odbc-home"
    shutil.rmtree(home, ignore_errors=True)
    demo.prepare(home, Console(quiet=True))
    for other in (home / "integrations").iterdir():
        shutil.rmtree(other) if other.name != SAMPLE else None
    folder = home / "integrations" / SAMPLE
    changes = {
        "integration.yaml": (
            ("  debt: not_carried", "  debt: {from: DEBT, convert: [decimal(2)]} #"),
            ("connection: cobalt-core", "connection: legacy"),
            ("batch: 500", f"batch: {BATCH}"),
        ),
        "tables.yaml": (("    BRANCH_NAME:", '    DEBT: decimal(13,2)\n    BRANCH_NAME:'),),
        "ddl/postgresql.sql": (('  "BRANCH_NAME"', '  "DEBT" decimal(13,2),\n  "BRANCH_NAME"'),),
    }  # fmt: skip
    for name, pairs in changes.items():
        text = (folder / name).read_text()
        for old, new in pairs:
            if old not in text:
                raise SystemExit(f"the sample integration no longer holds: {old}")
            text = text.replace(old, new, 1)
        (folder / name).write_text(text)
    return home


def database(servers: Servers, home: Path, *, filled: bool = True) -> Database:
    """A new database with Cobalt's tables; ``filled``: and rows that wait, all different and complete."""
    made = servers.database("postgresql", home)
    made.write()
    lines = (home / "integrations" / SAMPLE / "ddl" / "postgresql.sql").read_text().splitlines()
    name = str(made.section["database"])
    servers.postgres.execute(name, "\n".join(line for line in lines if not line.startswith("--")))
    if filled:
        servers.postgres.execute(name, FILL.format(first=1, last=ROWS), "ANALYZE")
    return made


FILL = """
INSERT INTO "CREDIT_REQUEST" ("REQUEST_ID", "APPLICATION_NO", "CURRENCY", "AMOUNT_MINOR", "PRICE_MINOR", "TERM_MONTHS",
 "INCOME_YEAR", "OUTGOINGS_MONTH", "ASSETS_TOTAL", "EMPLOYED_MONTHS", "EMPLOYMENT_CODE", "HOUSING_CODE", "BUREAU_FLAG",
 "AGE_YEARS", "CIVIL_STATUS", "DEBT")
SELECT n, 'CB' || n, 'EUR', 500000 + n * 7, 1500000 + n * 11, 12 + n % 49, 9000 + n % 5000 * 3.5, 300 + n % 900,
 n % 60 * 1000, n % 240, '0' || 1 + n % 3, (ARRAY['OWN', 'RENT', 'PAR', 'PRIV'])[1 + n % 4],
 (ARRAY['N', 'N', 'N', 'Y'])[1 + n % 4], 20 + n % 45, (ARRAY['S', 'M', 'D'])[1 + n % 3], n % 40 * 500
FROM generate_series({first}, {last}) n
"""  # a constant


def polled(made: Database, home: Path, pollers: int) -> tuple[float, int]:
    """Rows per second from the first claim to the last answer, and how many rows have not exactly one answer."""
    shutil.rmtree(home / "state", ignore_errors=True)
    command = [sys.executable, "-m", "gateway.launch", "--home", str(home), "poll", SAMPLE, "--once"]
    subprocess.run([*command[:5], "ledger", "status"], check=True, stdout=subprocess.DEVNULL)  # the ledger is made
    processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(pollers)]
    waiting = 'SELECT count(*) FROM "CREDIT_REQUEST" WHERE "STATUS" = \'D\''
    link = made.open()

    def done() -> int:
        try:
            return int(link.rows(waiting)[0][0])
        finally:
            link.rollback()

    while not (first := done()):
        time.sleep(0.01)
    began = time.perf_counter()
    while (last := done()) < ROWS and any(process.poll() is None for process in processes):
        time.sleep(0.02)
    took = time.perf_counter() - began
    for process in processes:
        process.wait()
    answered = int(link.rows('SELECT count(DISTINCT "DECISION_NO") FROM "CREDIT_DECISION"')[0][0])
    return (last - first) / took, (ROWS - last) + abs(ROWS - answered)


def plain_loop(made: Database) -> float:
    """Rows per second of the loop anybody would write: read a batch, write a constant answer for each row, commit."""
    program = Path(__file__).with_name("plain_loop.py")
    from adapters.odbc.keys import connection_string  # what the poller connects with, too
    from gateway.connections import Connections

    words = connection_string(Connections(made.folder)(made.name, "odbc"))
    command = [sys.executable, program, str(BATCH)]
    done = subprocess.run(command, input=words, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return (ROWS - BATCH) / float(told["seconds"])


@contextmanager
def poller(made: Database, home: Path) -> Iterator[int]:
    """A poller of this database, alone with its ledger; its process id."""
    shutil.rmtree(home / "state", ignore_errors=True)
    made.write()
    command = [sys.executable, "-m", "gateway.launch", "--home", str(home), "poll", SAMPLE]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stderr=log) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def idle_share(made: Database, home: Path) -> float:
    """Processor time of a poller whose table is empty, in percent of a core, after it has started."""
    with poller(made, home) as pid:
        time.sleep(15)
        before = _ticks(pid)
        time.sleep(IDLE_SECONDS)
        return 100 * (_ticks(pid) - before) / IDLE_SECONDS


def answered_after(made: Database, home: Path) -> list[float]:
    """Seconds from the commit of an INSERT to the moment the answer is seen; those at random moments come first."""
    chance = random.Random(6)  # noqa: S311 # the moments of inserts
    moments = [chance.uniform(0, EVERY_SECONDS) for _ in range(INSERTED)] + [0.05] * AT_ONCE
    link = made.open()
    found = []
    with poller(made, home):
        _inserted(link, 0)  # it has started when this one is answered
        for number, moment in enumerate(moments, 1):
            time.sleep(moment)
            found.append(_inserted(link, number))
    link.close()
    return found


def _inserted(link: Link, number: int) -> float:
    link.execute(FILL.format(first=number, last=number))
    link.commit()
    began = time.perf_counter()
    while not link.rows('SELECT 1 FROM "CREDIT_DECISION" WHERE "REQUEST_ID" = ?', (number,)):
        link.rollback()
        time.sleep(0.003)
    link.rollback()
    return time.perf_counter() - began


def _ticks(pid: int) -> float:
    """Seconds of processor time of a process, user and system."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / 100
