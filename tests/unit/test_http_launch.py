"""The launcher sets the process up before anything heavy is imported."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import launch

ROOT = Path(__file__).parents[2]


def test_every_pool_gets_one_thread_whatever_was_set() -> None:
    environ = {"OMP_NUM_THREADS": "8", "NUMBA_CACHE_DIR": "/kept"}
    launch.prepare(environ)
    without: dict[str, str] = {}
    launch.prepare(without, kernels=False)
    assert "NUMBA_CACHE_DIR" not in without
    assert environ == {
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "NUMBA_CACHE_DIR": "/kept",
    }


def test_compiled_code_is_kept_in_the_callers_own_cache(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    launch.prepare(environ)
    assert Path(environ["NUMBA_CACHE_DIR"]).parent == tmp_path / "scoregate" / "numba"
    assert (tmp_path / "scoregate" / "numba").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("environ", [{}, {"XDG_CACHE_HOME": "/proc/nowhere"}, {"HOME": "/dev/null"}])
def test_without_a_cache_of_the_callers_own_a_fresh_folder_is_made(environ: dict[str, str]) -> None:
    launch.prepare(environ)
    folder = Path(environ["NUMBA_CACHE_DIR"]).parent
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o077 == 0
    folder.rmdir()


def test_a_health_check_makes_no_folder_of_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(launch, "prepare", lambda _environ, kernels: asked.append(kernels))
    monkeypatch.setattr(launch, "plainly", lambda _run: None)
    for words in (["ready"], ["--home", "x", "serve"], []):
        monkeypatch.setattr(sys, "argv", ["scoregate", *words])
        launch.main()
    assert asked == [False, True, True]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left(temporary: Path, name: str, seconds: float) -> Path:
    folder = temporary / f"{launch.OWN}{name}"
    (folder / "kernels-1").mkdir(parents=True)
    os.utime(folder, (seconds, seconds))
    return folder


def test_what_killed_processes_left_is_removed_and_nothing_else(temporary: Path) -> None:
    dead, alive, young = left(temporary, "dead", 0), left(temporary, "alive", 0), left(temporary, "young", 4e9)
    held = os.open(alive, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    environ: dict[str, str] = {}
    launch.prepare(environ)
    os.close(held)
    own = Path(environ["NUMBA_CACHE_DIR"]).parent
    assert not dead.exists() and alive.exists() and young.exists()
    assert own.parent == temporary
    assert launch._abandoned(alive) and not launch._abandoned(own)


def test_without_room_for_the_kernels_they_are_compiled_and_not_kept(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    monkeypatch.setattr(launch, "_made", lambda _folder: False)
    (temporary / "cache/scoregate/numba").mkdir(parents=True, mode=0o755)
    environ = {"XDG_CACHE_HOME": str(temporary / "cache")}
    launch.prepare(environ)
    assert environ["NUMBA_CACHE_DIR"] == ""
    assert not list(temporary.glob(f"{launch.OWN}*"))
    code = "from models.compilation import compiled; print(type(compiled(abs_)._cache).__name__)"
    code = f"def abs_(x): return x\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert done.stdout == "NullCache\n", done.stderr


READ_ONLY_CACHE = """
import os, sys, models.compilation  # all that is imported, while the interpreter can be read
from pathlib import Path
from gateway import launch
os.setuid(65534) if os.getuid() == 0 else None
environ = {"XDG_CACHE_HOME": sys.argv[1]}
launch.prepare(environ)
print(sorted(path.name for path in Path(environ["NUMBA_CACHE_DIR"]).parent.rglob("*")))
"""


@pytest.fixture
def seen_by_all() -> Iterator[Path]:
    """A folder other users can read, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        for path in Path(folder).rglob("*"):
            path.chmod(0o755)


@pytest.mark.parametrize(("mode", "taken"), [(0o644, "['kernels-1', 'one.nbi']"), (0o666, "[]")])
def test_an_image_brings_compiled_code_that_only_its_maker_could_write(
    mode: int, taken: str, seen_by_all: Path
) -> None:
    kept = seen_by_all / "scoregate" / "numba" / "kernels-1"
    kept.mkdir(parents=True)
    (kept / "one.nbi").write_bytes(b"compiled")
    (kept / "one.nbi").chmod(mode)
    for folder in (kept, *kept.parents[:3]):
        folder.chmod(0o555)
    command = [sys.executable, "-c", READ_ONLY_CACHE, str(seen_by_all)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == taken, done.stderr


def test_nothing_heavy_is_imported_before_the_process_is_set_up() -> None:
    heavy = "{'numba', 'numpy', 'polars', 'sklearn', 'fastapi', 'pydantic'}"
    code = f"import sys; from gateway import launch; launch.misplaced(); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_four_packages_of_one_installation_are_accepted() -> None:
    assert launch.misplaced() == ""


def test_a_package_from_elsewhere_refuses_the_start_and_is_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "adapters", tmp_path / "adapters")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from gateway import launch; launch.main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "adapters" / "__init__.py") in done.stderr
