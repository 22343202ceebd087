"""Secrets by reference: ``env:NAME`` is an environment variable, ``file:PATH`` a file. Never the secret itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

from contracts.errors import SetupError

REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"
LARGEST_FILE = 65536
"""Bytes read of a file at most: a secret is short, and a device has no end."""


def is_reference(text: str) -> bool:
    return re.match(REFERENCE, text) is not None


def read_secret(reference: str, purpose: str) -> bytes:
    """What a reference stands for, as it lies there and not empty.

    Raises SetupError with one line that names ``purpose`` and the reference, never the secret.
    """
    if not is_reference(reference):
        raise SetupError(f"the {purpose} must be given as env:NAME or file:PATH, not as itself")
    scheme, _, place = reference.partition(":")
    if scheme == "env":
        content = os.environ.get(place, "").strip().encode()
        missing = f"the {purpose} is missing: environment variable {place} is not set"
    else:
        content = _read_file(Path(place), purpose)
        missing = f"the {purpose} is missing: {place} is empty"
    if not content:
        raise SetupError(missing)
    return content


def read_text(reference: str, purpose: str) -> str:
    """A secret that is a word or a line; a line end at its end is not part of it."""
    try:
        return read_secret(reference, purpose).decode().rstrip("\r\n")
    except UnicodeDecodeError as exc:
        raise SetupError(f"the {purpose} in {reference} is not UTF-8 text") from exc


def _read_file(path: Path, purpose: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE)
    except OSError as exc:
        raise SetupError(f"the {purpose} is missing: cannot read {path}: {exc.strerror}") from exc
