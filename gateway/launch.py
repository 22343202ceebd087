"""The console entry ``scoregate``: sets up the process before anything heavy is imported, then runs the command line.

Thread pools are read once, at import, by OpenMP, polars and numba, so they have to be set here. One thread each: the
gateway's parallelism is its processes, and OpenMP inside a server was measured at a p99 of 1.2 s against 5 ms.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from pathlib import Path

ONE_THREAD = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS")
PACKAGES = ("contracts", "models", "gateway", "adapters")
HEALTH_CHECK = "ready"
"""The command that scores nothing and is run every half minute: no kernels are copied for it."""
OWN = "scoregate-numba-"
LEFT_SECONDS = 60.0
"""How old a folder of kernels is before it is looked whether its process still lives."""


def main() -> None:
    """Run one command; a mixed installation ends in one line on stderr and exit code 2, as every wrong set-up does."""
    stranger = misplaced()
    if stranger:
        print(f"scoregate: {stranger}", file=sys.stderr)
        sys.exit(2)
    prepare(os.environ, kernels=sys.argv[1:2] != [HEALTH_CHECK])
    from gateway import cli

    plainly(cli.main)


def plainly(run: Callable[[], object]) -> None:
    """Run; every expected error ends the process with one clear text on stderr and its exit code."""
    from contracts.errors import ScoregateError, SetupError

    try:
        run()
    except ScoregateError as error:
        print(f"scoregate: {error.message}", file=sys.stderr)
        sys.exit(2 if isinstance(error, SetupError) else 1)
    except OSError as error:
        print(f"scoregate: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)


def prepare(environ: MutableMapping[str, str], *, kernels: bool = True) -> None:
    """Set the thread counts, and where numba keeps what it compiled unless that is set already: to nothing where no
    folder can be had, and kernels are compiled at every start.
    """
    for name in ONE_THREAD:
        environ[name] = "1"
    if kernels and "NUMBA_CACHE_DIR" not in environ:
        from models.compilation import cache_folder

        folder = _cache(environ)
        environ["NUMBA_CACHE_DIR"] = str(cache_folder(folder)) if folder else ""


def misplaced() -> str:
    """Empty when the four packages come from one folder, else which one does not: mixed versions must not decide."""
    parents: dict[str, Path] = {}
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            return f"the package {name!r} is missing; install scoregate again"
        parents[name] = Path(spec.origin).resolve().parents[1]
    home = parents["gateway"]
    for name, parent in parents.items():
        if parent != home:
            return f"{parent / name / '__init__.py'} is not part of this installation, which is in {home}; remove it"
    return ""


def _cache(environ: MutableMapping[str, str]) -> Path | None:
    """The user's cache folder; where that cannot be written, a fresh folder of our own, begun with what is there.

    Never a shared place: the cache holds compiled code, and what others can write there would run here. An image
    brings its kernels compiled in a folder that nobody can write; numba wants a folder it can, so they are copied.
    """
    base = environ.get("XDG_CACHE_HOME") or (Path(environ["HOME"]) / ".cache" if environ.get("HOME") else None)
    folder = Path(base) / "scoregate" / "numba" if base else None
    if folder is not None and _made(folder) and os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
        return folder
    try:
        _sweep()
        return _fresh(folder if folder is not None and _trusted(folder) else None)
    except OSError:
        return None


def _fresh(begun_with: Path | None) -> Path:
    """A folder that goes with this process; raises OSError where there is no room for it, and leaves nothing."""
    fresh = Path(tempfile.mkdtemp(prefix=OWN))
    atexit.register(shutil.rmtree, fresh, ignore_errors=True)
    try:
        fcntl.flock(os.open(fresh, os.O_RDONLY), fcntl.LOCK_EX)  # as long as we live
        if begun_with is not None:
            shutil.copytree(begun_with, fresh, dirs_exist_ok=True, copy_function=shutil.copyfile)
            _owned(fresh)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return fresh


def _sweep() -> None:
    """Remove what processes left that were killed: in memory that a pod has little of, they would add up."""
    for left in Path(tempfile.gettempdir()).glob(f"{OWN}*"):
        with suppress(OSError):
            status = left.lstat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > LEFT_SECONDS and _abandoned(left):
                shutil.rmtree(left, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    """Whether no process holds it; raises OSError where that cannot be told."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _made(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return True


def _trusted(folder: Path) -> bool:
    """Whether nobody but the superuser and us could have put anything there."""
    try:
        kept = [entry.stat() for entry in (folder, *folder.rglob("*"))]
    except OSError:
        return False
    return all(one.st_uid in (0, os.getuid()) and not one.st_mode & 0o022 for one in kept)


def _owned(folder: Path) -> None:
    """Folders that were copied from a read-only place carry its mode; ours are written to."""
    for entry in (folder, *folder.rglob("*")):
        entry.chmod(0o700 if entry.is_dir() else 0o600)


if __name__ == "__main__":
    main()
