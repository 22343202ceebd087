"""docker/Dockerfile, run as far as a machine without an engine can (see tests/dockerfile.py), and what comes of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import dockerfile
import httpx
import pytest
from live_gateway import EXAMPLE, SCORE, free_port
from system_packages import LIST, wanted

from gateway.access import principals
from gateway.settings import Settings

PROJECT = tomllib.loads((dockerfile.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = {"gateway", "adapters", "contracts", "models"}


@pytest.fixture(scope="module")
def image() -> Iterator[dockerfile.Build]:
    """Built once, in a folder that other users can reach, and without a right to write in it for anybody."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        built = dockerfile.build(place)
        print(*built.report, sep="\n")
        _writable(place / "root", False)
        yield built
        _writable(place / "root", True)


def _writable(root: Path, wanted: bool) -> None:
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink() and path != root / "tmp" and not path.is_relative_to(root / "state"):
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if wanted else mode & ~0o222)


def as_user(image: dockerfile.Build, command: list[str]) -> list[str]:
    """The command as the user of the image: it may read everywhere (our Python may lie anywhere), nothing more."""
    if os.geteuid() != 0:
        return command
    user, _, group = image.user.partition(":")
    rights = "-all,+dac_read_search"
    return [
        shutil.which("setpriv") or "setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs",
        f"--inh-caps={rights}", f"--ambient-caps={rights}", f"--bounding-set={rights}", *command,
    ]  # fmt: skip


def written(root: Path) -> dict[str, tuple[int, int]]:
    """Every file of the image with its size and time of change, except where it may be written."""
    found = {}
    for path in root.rglob("*"):
        place = path.relative_to(root)
        if place.parts[0] not in ("state", "tmp"):
            status = path.lstat()
            found[str(place)] = (status.st_size, status.st_mtime_ns)
    return found


def test_what_is_not_run_here_is_named(image: dockerfile.Build) -> None:
    kinds = [line.split(maxsplit=2) for line in image.report]
    left_out = [" ".join(line) for line in kinds if line[0] == "not"]
    assert [line.split()[2] for line in left_out] == ["FROM", "FROM", "RUN"]
    assert left_out[-1].startswith("not run RUN apt-get")
    assert {line[0] for line in kinds} == {"run", "not", "checked"}


def test_system_packages_come_from_the_one_list(image: dockerfile.Build) -> None:
    chosen = next(line for line in image.report if "apt-get" in line).partition("would install ")[2]
    assert chosen == (" ".join(wanted(LIST.read_text(), "run")) or "no package")


def test_the_wheel_holds_exactly_the_four_packages(image: dockerfile.Build) -> None:
    (wheel,) = (image.place / "build" / "src" / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {*PACKAGES, f"scoregate-{PROJECT['version']}.dist-info"}
    files = [path for name in PACKAGES for path in (dockerfile.ROOT / name).rglob("*") if path.is_file()]
    source = {path.relative_to(dockerfile.ROOT).as_posix() for path in files}
    kept = {name for name in source if "__pycache__" not in name and not name.endswith(".pyc")}
    assert {name for name in names if not name.startswith("scoregate-")} == kept


def test_the_image_carries_neither_pip_nor_samples_nor_keys(image: dockerfile.Build) -> None:
    names = {path.name for path in image.root.rglob("*")}
    assert not names & {"pip", "pip3", "credit_data.csv", "fixtures", "tests", "master.key", "principals.yaml"}
    assert not list((image.root / "state").iterdir())


def test_the_image_says_what_the_product_says(image: dockerfile.Build) -> None:
    assert f'version="{PROJECT["version"]}"' in image.said["LABEL"]
    assert f'licenses="{PROJECT["license"]}"' in image.said["LABEL"]
    ours = {name for name in image.env if name.startswith("SCOREGATE_")}
    assert {name.removeprefix("SCOREGATE_").lower() for name in ours} <= Settings.model_fields.keys()
    assert image.env["SCOREGATE_PORT"] == image.said["EXPOSE"] == str(Settings.model_fields["port"].default)
    assert image.user.partition(":")[0].isdigit()
    assert image.user != "0:0"
    assert {image.env["SCOREGATE_HOME"], image.env["SCOREGATE_STATE"]} == set(
        image.said["VOLUME"].strip("[]").replace('"', "").split(", ")
    )


def test_it_serves_as_nobody_from_a_tree_it_cannot_write(image: dockerfile.Build, built_home: Path) -> None:
    home = image.root / "home" / "scoregate"
    home.chmod(0o755)
    shutil.copytree(built_home, home, ignore=shutil.ignore_patterns("state", "principals.yaml"), dirs_exist_ok=True)
    key = principals.add(home / "principals.yaml", "juniper", ["juniper-api"], ["score", "read"])
    _writable(home, False)
    before, port = written(image.root), free_port()
    environment = image.environment() | {"SCOREGATE_PORT": str(port), "HOME": "/nowhere"}
    health = as_user(image, image.exec_form("HEALTHCHECK"))
    command = as_user(image, [*image.exec_form("ENTRYPOINT"), *image.exec_form("CMD")])

    def healthy() -> int:
        return subprocess.run(health, cwd=home, env=environment, capture_output=True, timeout=60).returncode

    assert healthy() == 1
    with subprocess.Popen(command, cwd=home, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 180
            while healthy() != 0:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < deadline
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            answer = httpx.post(f"http://127.0.0.1:{port}{SCORE}", content=EXAMPLE.read_bytes(), headers=headers)
            assert (answer.status_code, answer.json()["decision"]["result"]) == (200, "APPROVED")
            kernels = list((image.root / "tmp").rglob("*.nb?"))
        finally:
            process.send_signal(getattr(signal, image.said["STOPSIGNAL"]))
        assert process.wait(timeout=120) == 0
    assert healthy() == 1
    assert written(image.root) == before
    assert {path.name for path in kernels} == {p.name for p in (image.root / "opt/scoregate/cache").rglob("*.nb?")}
    assert not list((image.root / "tmp").iterdir())
    kept = [path.stat() for path in (image.root / "state").rglob("*")]
    assert kept
    assert not [one for one in kept if one.st_mode & 0o077]
    assert {one.st_uid for one in kept} == {int(image.user.partition(":")[0]) if os.geteuid() == 0 else os.geteuid()}
