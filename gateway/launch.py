"""The console entry ``scoregate``: sets up the process before anything heavy is imported, then runs the command line.

Thread pools are read once, at import, by OpenMP, polars and numba, so they have to be set here. One thread each: the
gateway's parallelism is its processes, and OpenMP inside a server was measured at a p99 of 1.2 s against 5 ms.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, MutableMapping
from pathlib import Path

ONE_THREAD = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS")
PACKAGES = ("contracts", "models", "gateway", "adapters")


def main() -> None:
    """Run one command; a mixed installation ends in one line on stderr and exit code 2, as every wrong set-up does."""
    stranger = misplaced()
    if stranger:
        print(f"scoregate: {stranger}", file=sys.stderr)
        sys.exit(2)
    prepare(os.environ)
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


def prepare(environ: MutableMapping[str, str]) -> None:
    """Set the thread counts, and where numba keeps what it compiled unless that is set already."""
    for name in ONE_THREAD:
        environ[name] = "1"
    if "NUMBA_CACHE_DIR" not in environ:
        from models.compilation import cache_folder

        environ["NUMBA_CACHE_DIR"] = str(cache_folder(_cache(environ)))


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


def _cache(environ: MutableMapping[str, str]) -> Path:
    """The user's cache folder; where that cannot be written, a fresh folder of our own, begun with what is there.

    Never a shared place: the cache holds compiled code, and what others can write there would run here. An image
    brings its kernels compiled in a folder that nobody can write; numba wants a folder it can, so they are copied.
    """
    base = environ.get("XDG_CACHE_HOME") or (Path(environ["HOME"]) / ".cache" if environ.get("HOME") else None)
    folder = Path(base) / "scoregate" / "numba" if base else None
    if folder is not None and _made(folder) and os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
        return folder
    fresh = Path(tempfile.mkdtemp(prefix="scoregate-numba-"))
    atexit.register(shutil.rmtree, fresh, ignore_errors=True)
    if folder is not None and _trusted(folder):
        shutil.copytree(folder, fresh, dirs_exist_ok=True, copy_function=shutil.copyfile)
        _owned(fresh)
    return fresh


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
