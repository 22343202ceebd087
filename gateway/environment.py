"""What computes: the product's code, the libraries whose arithmetic it uses, and the class of processor.

Two environments with the same digest give the same bits. Where they differ, the last bits of a logarithm may, and only
published digits are compared (gateway/proof.py).
"""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from models.archive import canonical

LIBRARIES: Final = ("numpy", "numba", "llvmlite", "scikit-learn", "pydantic-core")
PACKAGES: Final = ("adapters", "contracts", "gateway", "models")
_CPU: Final = Path("/proc/cpuinfo")


@cache
def environment() -> dict[str, str]:
    """Names and versions, each a text; ``code`` and ``cpu_flags`` are digests."""
    model, flags = _processor(_CPU.read_text(errors="replace") if _CPU.exists() else "")
    return {
        "product": _version("scoregate"),
        "code": code_digest(Path(__file__).parents[1]),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {' '.join(platform.libc_ver())}".strip(),
        "machine": platform.machine(),
        "cpu": model or platform.processor(),
        "cpu_flags": flags,
        **{name: _version(name) for name in LIBRARIES},
    }


def content() -> bytes:
    """The environment as it is stored: canonical JSON."""
    return canonical(environment())


def digest() -> str:
    return hashlib.sha256(content()).hexdigest()


def code_digest(root: Path) -> str:
    """SHA-256 over names and bytes of every source file of the product below ``root``, in hex."""
    hasher = hashlib.sha256()
    for path in sorted(path for name in PACKAGES for path in (root / name).rglob("*.py")):
        content = path.read_bytes()
        hasher.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return hasher.hexdigest()


def differences(recorded: dict[str, str], now: dict[str, str]) -> tuple[str, ...]:
    """The names that are not the same in both, in order."""
    return tuple(sorted(name for name in recorded.keys() | now.keys() if recorded.get(name) != now.get(name)))


def _processor(text: str) -> tuple[str, str]:
    """Model and digest of the sorted flags of the first processor in ``/proc/cpuinfo``: what a compiler may use."""
    first: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        first.setdefault(name.strip(), value.strip())
    flags = sorted((first.get("flags") or first.get("Features") or "").split())
    return first.get("model name", ""), hashlib.sha256(" ".join(flags).encode()).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
