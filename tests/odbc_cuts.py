"""Cuts connections while a table's catalog is read: ``python odbc_cuts.py FOLDER TABLE TIMES``.

FOLDER has the ``connections.yaml``. What became of each reading is printed, a line each: the verdict of its fault.
"""

from __future__ import annotations

import random
import sys
import threading
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from fault_proxy import FaultProxy, proxied

from adapters.odbc.catalog import read_table
from adapters.odbc.connecting import open_link
from adapters.odbc.faults import DatabaseFault
from gateway.connections import Connections
from gateway.spi import Connection

LATEST_S = 0.02


def until_cut(connection: Connection, proxy: FaultProxy, table: str, after_s: float) -> str:
    """Read the catalog again and again, until the connection is cut."""
    link = open_link(connection)
    cut = threading.Timer(after_s, proxy.cut)
    cut.start()
    try:
        while True:
            read_table(link, table)
    except DatabaseFault as fault:
        return fault.verdict
    finally:
        cut.join()
        link.close()


def main(folder: Path, table: str, times: int) -> None:
    chance = random.Random(times)  # noqa: S311 # when connections are cut
    known = Connections(folder)("legacy", "odbc")
    with proxied(int(known.section["port"])) as proxy:
        through = known._replace(section={**known.section, "port": proxy.port})
        for _ in range(times):
            print(until_cut(through, proxy, table, chance.uniform(0, LATEST_S)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
