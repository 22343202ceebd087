"""What several tests share: one home with the sample systems and the default model, made once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from gateway import launch

if TYPE_CHECKING:
    from ledger_children import Start
    from odbc_databases import Database, Servers
    from postgres_server import PostgresServer

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
launch.prepare(os.environ)  # as every command: what `make demo` compiled, or an earlier run, is not compiled again
# A busy machine is no fault of the code: how long a thing takes is for tests/bench to say.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if os.environ.get("CI") != "true":  # there hypothesis brings such a profile itself, and the same examples every time
    settings.load_profile("unhurried")
_skipped: list[str] = []


@contextmanager
def first_in_this_run(name: str, factory: pytest.TempPathFactory) -> Iterator[bool]:
    """Whether nobody in this test run has done it yet; the other processes of the run wait meanwhile."""
    folder = factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = shared / f"{name}.done"
        yield not done.exists()
        done.touch()


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the demonstration: sample systems, default bundle, policy. Read only; copy it to write."""
    from rich.console import Console

    from gateway import demo

    home = BUILD / "home"
    with first_in_this_run("home", tmp_path_factory) as first:
        if first:  # the others may be reading it already
            demo.prepare(home, Console(quiet=True))
    return home


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test run; every test takes a database of its own in it."""
    import postgres_server

    if postgres_server.binaries() is None:
        pytest.skip("PostgreSQL is missing; install it with: apt-get install postgresql")
    with postgres_server.running(beside=postgres_server.in_memory()) as server:
        yield server


@pytest.fixture(scope="session")
def odbc_servers() -> Iterator[Servers]:
    """Database servers of this test run that are reached through ODBC, each started when it is first asked for."""
    import odbc_databases

    with odbc_databases.serving() as servers:
        yield servers


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def legacy(request: pytest.FixtureRequest, odbc_servers: Servers, tmp_path: Path) -> Iterator[Database]:
    """An empty database of a legacy system, named in ``connections.yaml`` of ``tmp_path``: once on each DBMS."""
    database = odbc_servers.database(request.param, tmp_path)
    yield database
    database.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes that write into a ledger."""
    from ledger_children import starting

    with starting() as start:
        yield start


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder for ``ledger_samples.open_ledger``: once for a ledger in SQLite, once for one in PostgreSQL."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        (tmp_path / "ledger.url").write_text(server.new_database())
    return tmp_path


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and os.environ.get("CI") == "true" and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(hookwrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    yield
    if _skipped:
        terminalreporter.section("skipped, and with CI=true a failure")
        for line in _skipped:
            terminalreporter.write_line(line)
