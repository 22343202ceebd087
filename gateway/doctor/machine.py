"""What the gateway runs on: Python, packages, libraries of the system, threads, compiled kernels."""

from __future__ import annotations

import configparser
import ctypes
import importlib.util
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from gateway.doctor.findings import Finding
from gateway.launch import ONE_THREAD

LEAST_PYTHON = (3, 11)
DRIVER_MANAGER = "libodbc.so.2"
PINS = Path(__file__).parents[2] / "docker" / "requirements.txt"
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "soap": ("lxml",),
    "odbc": ("pyodbc",),
    "postgresql": ("psycopg",),
    "columns": ("polars", "pyarrow"),
    "tracing": ("opentelemetry.sdk",),
}
"""Extras of the package, and what of each the product imports."""
TIME_ERROR = 5
"""What adjtimex(2) returns for a clock that nothing keeps right."""


def python(here: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Finding]:
    name = ".".join(map(str, here))
    if here < LEAST_PYTHON:
        yield Finding("error", "python", name, f"install Python {'.'.join(map(str, LEAST_PYTHON))} or newer")
    else:
        yield Finding("ok", "python", name)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def packages(pins: Path = PINS, installed: Callable[[str], str | None] = _installed) -> Iterator[Finding]:
    """Packages that are needed, and those that differ from the tested set, ``pins``, where that is at hand."""
    needed = [line.partition(";")[0] for line in requires("scoregate") or [] if "extra ==" not in line]
    names = [line.replace("[", ">").partition(">")[0].partition("<")[0].strip() for line in needed]
    for name in (name for name in names if installed(name) is None):
        yield Finding("error", "packages", f"{name} is missing", "pip install scoregate")
    if not pins.is_file():
        yield Finding("note", "packages", "the tested set is not at hand here, so versions were not compared")
        return
    tested = dict(line.split()[0].split("==") for line in pins.read_text().splitlines() if "==" in line[:60])
    other = [f"{n} {installed(n)} (tested: {v})" for n, v in tested.items() if installed(n) not in (None, v)]
    if other:
        cure = "pip install --require-hashes -r docker/requirements.txt"
        yield Finding("warning", "packages", f"differ from the tested set: {', '.join(other)}", cure)
    else:
        yield Finding("ok", "packages", "as tested")


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package it is a part of
        return False


def extras(importable: Callable[[str], bool] = _importable) -> Iterator[Finding]:
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if not importable(module)]
        if missing:
            cure = f"only where it is used: pip install 'scoregate[{extra}]'"
            yield Finding("note", f"extra {extra}", f"without {', '.join(missing)}", cure)
        else:
            yield Finding("ok", f"extra {extra}", "installed")


def drivers(environ: Mapping[str, str], manager: str = DRIVER_MANAGER) -> Iterator[Finding]:
    """The driver manager, and each driver registered with it: whether its library is where it says."""
    try:
        ctypes.CDLL(manager)
    except OSError:
        cure = "only for databases by ODBC: apt-get install unixodbc"
        yield Finding("note", "odbc", f"without the driver manager, {manager}", cure)
        return
    file = Path(environ.get("ODBCSYSINI", "/etc")) / environ.get("ODBCINSTINI", "odbcinst.ini")
    registered = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        registered.read_string(file.read_text(encoding="utf-8", errors="replace") if file.exists() else "")
    except configparser.Error as exc:
        yield _spoilt(file, exc)
        return
    names = [name for name in registered.sections() if name != "ODBC"]  # that one is about the driver manager
    for name in names:
        yield _driver(name, registered[name].get("Driver", ""), file)
    if not names:
        cure = "only for databases by ODBC: install the vendor's driver package, as odbc-postgresql or odbc-mariadb"
        yield Finding("note", "odbc drivers", f"none registered in {file}", cure)


def _driver(name: str, library: str, file: Path) -> Finding:
    if library.startswith("/") and not Path(library).exists():
        cure = f"install its package again, or take it out of {file}"
        return Finding("warning", "odbc drivers", f"{name}: there is no {library}", cure)
    return Finding("ok", "odbc drivers", f"{name}: {library}")


def _spoilt(file: Path, error: configparser.Error) -> Finding:
    lines = [line for line, _ in getattr(error, "errors", ())] or [getattr(error, "lineno", 0)]
    seen = f"{file} cannot be read from line {lines[0]} on, so its drivers were not looked at"
    return Finding("warning", "odbc drivers", seen, "a driver is a line [NAME], then one like Driver=/its/library.so")


def threads(environ: Mapping[str, str]) -> Iterator[Finding]:
    wrong = [f"{name}={environ.get(name, '')}" for name in ONE_THREAD if environ.get(name) != "1"]
    if wrong:
        yield Finding("warning", "threads", ", ".join(wrong), "start by the command scoregate, which sets each to 1")
    else:
        yield Finding("ok", "threads", "one per process")


def kernels(environ: Mapping[str, str]) -> Iterator[Finding]:
    name = environ.get("NUMBA_CACHE_DIR", "")
    folder = Path(name)
    if not name or not os.access(folder, os.W_OK):
        seen = f"{folder} cannot be written" if name else "NUMBA_CACHE_DIR names no folder"
        cure = "point NUMBA_CACHE_DIR to a folder that only this user can write"
        yield Finding("warning", "kernel cache", f"{seen}: every start compiles anew", cure)
    elif folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        seen = f"others can write {folder}, and what lies there is run"
        yield Finding("error", "kernel cache", seen, f"chmod go-w {folder}")
    else:
        yield Finding("ok", "kernel cache", str(folder))


def _kept() -> bool | None:
    """Whether a time service keeps the kernel's clock right; None where the kernel does not say."""
    try:
        said = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # a struct timex of zeros only asks
    except (OSError, AttributeError):
        return None
    return None if said < 0 else said != TIME_ERROR


def clock(kept: Callable[[], bool | None] = _kept) -> Iterator[Finding]:
    """Whether it is kept right. How far it is off is not looked at: that takes another clock."""
    if kept():
        yield Finding("ok", "clock", "a time service keeps it, says the kernel")
    else:
        seen = "the kernel knows of no time service; whether the clock is right was not looked at"
        yield Finding("note", "clock", seen, "see chronyc tracking or timedatectl, on the host of a container")
