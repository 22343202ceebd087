"""A real MariaDB for tests: a fresh data folder, a socket of its own, on request a free port of loopback; removed."""

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
USER, PASSWORD = "admin", "only for tests"
"""May do everything, by network or socket."""


def installed() -> bool:
    return all(map(shutil.which, ("mariadbd", "mariadb-install-db", "mariadb")))


class MariaServer:
    """``run`` sends statements to a database of its own; it raises AssertionError with what the server says of one.

    ``port`` is 0 where it has no network. ``kill`` and ``start`` do to it what accidents and operators do.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.port = port
        self._folder = folder
        self._socket = folder / "socket"
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """A new data folder, with an administrator who has a password."""
        data, user = self._folder / "data", f"--user={getpass.getuser()}"
        make = ["mariadb-install-db", "--no-defaults", user, f"--datadir={data}", "--skip-test-db"]
        plain = "--auth-root-authentication-method=normal"
        made = subprocess.run([*make, plain], capture_output=True, text=True, timeout=120)
        assert made.returncode == 0, made.stdout + made.stderr

    def start(self) -> None:
        """Start, and wait until it answers; a server that was killed recovers first."""
        network = [f"--port={self.port}", "--bind-address=127.0.0.1"] if self.port else ["--skip-networking"]
        serve = ["mariadbd", "--no-defaults", f"--user={getpass.getuser()}", f"--datadir={self._folder / 'data'}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*serve, f"--socket={self._socket}", *network, "--innodb-buffer-pool-size=16M"], stdout=log, stderr=log
            )
        for _ in range(READY_SECONDS * 20):
            assert self._process.poll() is None, (self._folder / "log").read_text()
            try:
                self.run("SELECT 1")
            except AssertionError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self._folder / "log").read_text())

    def let_in(self) -> None:
        """Make the administrator who comes by network."""
        for host in ("localhost", "127.0.0.1"):
            self.run(f"CREATE USER {USER}@{host} IDENTIFIED BY '{PASSWORD}'")
            self.run(f"GRANT ALL ON *.* TO {USER}@{host} WITH GRANT OPTION")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=READY_SECONDS)
            self._process = None

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=READY_SECONDS)
            self._process = None

    def run(self, statements: str, database: str = "") -> str:
        command = ["mariadb", "--no-defaults", f"--socket={self._socket}", "--user=root", "-B", "-N"]
        done = subprocess.run(
            [*command, *([database] if database else [])], input=statements, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running(port: int = 0, beside: Path | None = None) -> Iterator[MariaServer]:
    """A server of one's own, gone at the end whatever was done to it; its files lie in a new folder in ``beside``."""
    folder = Path(tempfile.mkdtemp(prefix="mariadb-", dir=beside))
    server = MariaServer(folder, port)
    try:
        server.make()
        server.start()
        if port:
            server.let_in()
        yield server
    finally:
        server.kill()  # nothing of it is kept, so nothing has to be written first
        shutil.rmtree(folder)
