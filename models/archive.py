"""Arrays and JSON as bytes that depend on nothing but their content, and the reading of a folder of them.

An archive is a NumPy ``.npz`` (a ZIP of ``.npy`` members), stored uncompressed, members sorted, all dated 1980-01-01:
the same arrays give the same bytes. Object arrays, which NumPy would pickle, are neither written nor read.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError, Fault

MAX_BYTES = 256_000_000
REBUILD = "restore the folder from where it was built, or build the bundle again"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def canonical(data: Any) -> bytes:
    """JSON with sorted keys, two spaces of indent, no NaN, and a newline at the end: one text per value."""
    text = json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as the bytes of an archive; raises ValueError for an object array."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(arrays[name]), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.create_system = 3
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an archive; raises ValueError for anything but stored ``.npy`` members without objects."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in archive.infolist()}
    except (zipfile.BadZipFile, EOFError) as exc:
        raise ValueError("is not an archive of arrays") from exc


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type != zipfile.ZIP_STORED or not info.filename.endswith(".npy"):
        raise ValueError(f"holds {info.filename!r}, which is not a stored array")
    array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(archive.read(info)), allow_pickle=False)
    return array


def read_folder(
    folder: Path, manifest: str, known: Collection[str], optional: Collection[str] = ()
) -> tuple[bytes, dict[str, bytes]]:
    """The manifest's bytes and, by name, those of the files it lists under ``files`` with their SHA-256.

    Raises ConfigurationError naming the file: one that is missing, changed, too large or not listed, one whose name is
    not among ``known`` and ``optional``, or a manifest that is not the canonical JSON text of an object.
    """
    listing = _read(folder / manifest)
    hashes = _listed(folder / manifest, listing)
    strange = sorted({p.name for p in folder.iterdir()} - {manifest, *hashes} | hashes.keys() - {*known, *optional})
    if strange:
        raise refusal(folder / strange[0], "is no part of a bundle", "a bundle holds arrays and JSON only: remove it")
    missing = sorted(set(known) - hashes.keys())
    if missing:
        raise refusal(folder / manifest, f"does not list {missing[0]}", REBUILD)
    content = {name: _read(folder / name) for name in sorted(hashes)}
    for name, data in content.items():
        if hashlib.sha256(data).hexdigest() != hashes[name]:
            raise refusal(folder / name, "is not what the manifest promises: its SHA-256 differs", REBUILD)
    return listing, content


def refusal(file: Path, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Fault(str(file), 0, 0, message, hint)])


def _listed(file: Path, listing: bytes) -> dict[str, str]:
    try:
        data = json.loads(listing)
        hashes = {str(name): str(digest) for name, digest in data["files"].items()}
        if canonical(data) != listing:
            raise ValueError("it is not in canonical form")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise refusal(file, f"is not a manifest: {exc}", REBUILD) from exc
    return hashes


def _read(file: Path) -> bytes:
    try:
        if file.is_symlink() or not file.is_file():
            raise refusal(file, "is missing or not a plain file", REBUILD)
        if file.stat().st_size > MAX_BYTES:
            raise refusal(file, f"is larger than {MAX_BYTES} bytes", REBUILD)
        return file.read_bytes()
    except OSError as exc:
        raise refusal(file, f"cannot be read: {exc.strerror or exc}", "make it readable") from exc
