"""What tests of polled tables share: Cobalt's desk with a ledger of the test's own, and database servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cobalt import Cobalt
from ledger_samples import open_ledger
from odbc_databases import Servers

from gateway import settings
from gateway.bootstrap import install
from gateway.clock import never_back, utc_now
from gateway.installation import Installation
from gateway.ledger import Ledger
from gateway.service import ServingDesk


@pytest.fixture(scope="session")
def installed(built_home: Path) -> Iterator[Installation]:
    made = install(settings.load(home=built_home), with_ledger=False)
    yield made
    made.close()


@pytest.fixture
def servers(odbc_servers: Servers) -> Servers:
    return odbc_servers


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = open_ledger(tmp_path)
    yield made
    made.close()


@pytest.fixture
def desk(installed: Installation, ledger: Ledger) -> ServingDesk:
    """Cobalt's desk, with a ledger of the test's own."""
    desk = installed.desk("cobalt-core")
    return ServingDesk(desk.lines, desk.codec, lambda: ledger, never_back(utc_now))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def cobalt(request: pytest.FixtureRequest, desk: ServingDesk, servers: Servers, tmp_path: Path) -> Cobalt:
    """Cobalt's tables in an empty database: once on each DBMS."""
    made = Cobalt(servers.database(request.param, tmp_path), desk)
    made.make()
    return made
