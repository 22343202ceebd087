"""A real PostgreSQL for tests and bench: a fresh cluster in a temporary folder on a free port, stopped and removed.

The server refuses to run as root, so as root it runs as Debian's ``postgres`` user. Passwords are asked for, and
nothing is relaxed: what is acknowledged was synced.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

USER, PASSWORD = "admin", "only for tests"
"""The superuser; the README's own ``scoregate`` is free to be made."""
READY_SECONDS = 30
ROOM_BYTES = 2 << 30
"""What the clusters of a test run need, with plenty to spare."""
DEBIAN = Path("/usr/lib/postgresql")


def binaries() -> Path | None:
    """The folder of the newest server's programs; None where no server is installed."""
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """One cluster. ``kill``, ``freeze`` and ``start`` do to it what operations and accidents do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.programs = binaries()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count()
        self._as_user: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            self._as_user |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def make(self, *options: str) -> None:
        """A new cluster; ``options`` are those of initdb."""
        given = self.folder / "password"
        given.write_text(PASSWORD)
        given.chmod(0o644)
        command = [self._program("initdb"), "-D", self.folder / "data", "-U", USER, "--auth=scram-sha-256"]
        command += ["--pwfile", given, "--no-sync", "--encoding=UTF8", "--locale=C"]
        subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL, **self._as_user)

    def start(self) -> None:
        """Start, and wait until it answers; a server that was killed recovers first."""
        end = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                self._launch()  # anew where the memory of a killed server was still in use
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.05)

    def _launch(self) -> None:
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder}
        options["recovery_init_sync_method"] = "syncfs"  # file by file, recovery takes seconds on a busy disk
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [self._program("postgres"), "-D", self.folder / "data", *settings]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._as_user)

    def stop(self) -> None:
        """As an operator does: sessions are ended, everything is written."""
        if self._process is not None:
            self.thaw()
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=READY_SECONDS)
            self._process = None

    def kill(self) -> None:
        """SIGKILL, the postmaster and everything below it."""
        if self._process is not None:
            killed = self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
            while any(map(is_alive, killed)):  # one that hangs in a write finishes it first
                time.sleep(0.005)

    def freeze(self) -> None:
        """Stop every process where it stands: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def pids(self) -> list[int]:
        """The postmaster and its children."""
        assert self._process
        postmaster = self._process.pid
        with suppress(OSError):
            children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            return [postmaster, *map(int, children)]
        return [postmaster]

    def url(self, database: str = "postgres", password: str = f":{PASSWORD.replace(' ', '%20')}") -> str:
        return f"postgresql://{USER}{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a fresh, empty database, password included."""
        name = f"ledger_{os.getpid()}_{next(self._names)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements outside of any ledger; the rows of the last one, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def limit_files(self, database: str, size: str) -> None:
        """Limit how large the files of a database's sessions may grow, in bytes, as a full disk does; ``unlimited``."""
        for (pid,) in self.execute(database, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"):
            command = ["prlimit", f"--pid={pid}", f"--fsize={size}:"]  # sessions that ended meanwhile do not matter
            subprocess.run(command, check=False, capture_output=True, **self._as_user)

    def _answers(self) -> bool:
        if self._process is None:
            return False
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _signal(self, number: int) -> list[int]:
        """Whom it was sent to."""
        sent = self.pids()
        for pid in sent:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return sent

    def _program(self, name: str) -> Path:
        assert self.programs, "PostgreSQL is missing; install it with: apt-get install postgresql"
        return self.programs / name


def is_alive(pid: int) -> bool:
    """Neither gone nor waiting to be collected by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def in_memory() -> Path | None:
    """A memory disk, if it has room: a SIGKILL leaves the same there, and no test waits for a busy disk."""
    shared = Path("/dev/shm")  # noqa: S108 # a folder of its own is made in it
    return shared if shared.is_dir() and shutil.disk_usage(shared).free > ROOM_BYTES else None


@contextmanager
def running(*options: str, beside: Path | None = None) -> Iterator[PostgresServer]:
    """A server of one's own, gone at the end whatever was done to it; ``options`` are those of initdb.

    Its files lie in a new folder in ``beside``, or where temporary files do.
    """
    folder = Path(tempfile.mkdtemp(prefix="scoregate-postgresql-", dir=beside))
    server = PostgresServer(folder)
    try:
        server.make(*options)
        server.start()
        yield server
    finally:
        server.kill()  # nothing of it is kept, so nothing has to be written first
        shutil.rmtree(folder)
