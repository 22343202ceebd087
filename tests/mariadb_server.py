"""A real MariaDB for tests: a fresh data folder, no network, a socket of its own; stopped and removed."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_SECONDS = 60


def installed() -> bool:
    return all(map(shutil.which, ("mariadbd", "mariadb-install-db", "mariadb")))


class MariaServer:
    """``run`` sends statements to a database of its own; it raises AssertionError with what the server says of one."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def run(self, statements: str, database: str = "") -> str:
        command = ["mariadb", "--no-defaults", f"--socket={self._socket}", "--user=root", "-B", "-N"]
        done = subprocess.run(
            [*command, *([database] if database else [])], input=statements, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running() -> Iterator[MariaServer]:
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder:
        data, socket = Path(folder, "data"), Path(folder, "socket")
        user = f"--user={getpass.getuser()}"
        make = ["mariadb-install-db", "--no-defaults", user, f"--datadir={data}", "--skip-test-db"]
        plain = "--auth-root-authentication-method=normal"
        made = subprocess.run([*make, plain], capture_output=True, text=True, timeout=120)
        assert made.returncode == 0, made.stdout + made.stderr
        serve = ["mariadbd", "--no-defaults", user, f"--datadir={data}", f"--socket={socket}", "--skip-networking"]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen([*serve, "--innodb-buffer-pool-size=16M"], stdout=log, stderr=log)
        try:
            yield _ready(MariaServer(socket), process, Path(folder, "log"))
        finally:
            process.terminate()
            process.wait(timeout=60)


def _ready(server: MariaServer, process: subprocess.Popen[bytes], log: Path) -> MariaServer:
    for _ in range(READY_SECONDS * 10):
        assert process.poll() is None, log.read_text()
        try:
            server.run("SELECT 1")
        except AssertionError:
            time.sleep(0.1)
        else:
            return server
    raise AssertionError(log.read_text())
