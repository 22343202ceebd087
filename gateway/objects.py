"""The object store: every contract, integration, bundle and policy that ever decided, by its SHA-256.

A file is stored under the digest of its bytes. A folder is stored as a manifest, one line ``<sha256>  <name>`` per file
in name order, under the digest of the manifest. Objects are written beside, synced, then renamed; they never change.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.errors import NotFound, SetupError
from gateway.disk import sha256_of, sync
from gateway.private import owner_only

_DIGEST = re.compile(r"[0-9a-f]{64}")


class ObjectStore:
    """Content-addressed files under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, content: bytes) -> str:
        """Store bytes; returns their SHA-256 in hex. Storing again mends what was altered, and else changes nothing."""
        digest = hashlib.sha256(content).hexdigest()
        target = self._root / digest
        if not (target.is_file() and sha256_of(target) == digest):
            self._write(target, content)
        return digest

    def put_folder(self, folder: Path) -> str:
        """Store every file below ``folder``; returns the SHA-256 of the manifest."""
        files = _files(folder)
        for content in files.values():
            self.put(content)
        return self.put(_manifest(files))

    def get(self, digest: str) -> bytes:
        """The bytes of an object; raises NotFound when it is missing or was altered on disk."""
        if not _DIGEST.fullmatch(digest):
            raise NotFound("what was asked for is no digest of an object, but would be a path")
        try:
            content = (self._root / digest).read_bytes()
        except OSError as exc:
            raise NotFound(f"object {digest} is missing from {self._root}") from exc
        if hashlib.sha256(content).hexdigest() != digest:
            raise NotFound(f"object {digest} in {self._root} was altered; restore it from a backup")
        return content

    def names(self) -> Sequence[str]:
        """The digest of every object, in order. Raises OSError."""
        return sorted(path.name for path in self._root.glob("*") if _DIGEST.fullmatch(path.name))

    def copy_to(self, other: ObjectStore) -> list[str]:
        """Put every object into another store as well; returns those left out: altered, or not to be read."""
        left_out = []
        for digest in self.names():
            try:
                other.put(self.get(digest))
            except NotFound:
                left_out.append(digest)
        return left_out

    def lay_out(self, digest: str, folder: Path) -> None:
        """Write a folder that was stored back to disk; raises NotFound as ``get`` does, or for what is no folder."""
        inside = folder.resolve()
        for line in self.get(digest).decode("utf-8", errors="replace").splitlines():
            content, _, name = line.partition("  ")
            target = (folder / name).resolve()
            if not name or not target.is_relative_to(inside):
                raise NotFound(f"object {digest} is not the manifest of a folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.get(content))

    def _write(self, target: Path, content: bytes) -> None:
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}.{os.getpid()}")
            with open(beside, "wb", opener=owner_only) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
            sync(self._root)  # a rename is durable once the folder is
        except OSError as exc:
            raise SetupError(f"cannot write {target}: {exc.strerror}; make room, and the folder writable") from exc


def folder_digest(folder: Path) -> str:
    """The digest under which ``put_folder`` would store the folder as it is now."""
    return hashlib.sha256(_manifest(_files(folder))).hexdigest()


def _files(folder: Path) -> dict[str, bytes]:
    """Every file of the folder; what a link brings in from elsewhere is no part of it, and is not copied out."""
    inside = folder.resolve()
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.resolve().is_relative_to(inside))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _manifest(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()).encode()
