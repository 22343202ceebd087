"""The object store: every contract, integration, bundle and policy that ever decided, by its SHA-256.

A file is stored under the digest of its bytes. A folder is stored as a manifest, one line ``<sha256>  <name>`` per file
in name order, under the digest of the manifest. Objects are written beside, synced, then renamed; they never change.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from contracts.errors import NotFound, SetupError


class ObjectStore:
    """Content-addressed files under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, content: bytes) -> str:
        """Store bytes; returns their SHA-256 in hex. Storing again changes nothing."""
        digest = hashlib.sha256(content).hexdigest()
        target = self._root / digest
        if not target.exists():
            self._write(target, content)
        return digest

    def put_folder(self, folder: Path) -> str:
        """Store every file below ``folder``; returns the SHA-256 of the manifest."""
        return self.put(self._manifest(folder, store=True))

    def get(self, digest: str) -> bytes:
        """The bytes of an object; raises NotFound when it is missing or was altered on disk."""
        try:
            content = (self._root / digest).read_bytes()
        except OSError as exc:
            raise NotFound(f"object {digest} is not in {self._root}") from exc
        if hashlib.sha256(content).hexdigest() != digest:
            raise NotFound(f"object {digest} in {self._root} was altered; restore it from a backup")
        return content

    def _manifest(self, folder: Path, *, store: bool) -> bytes:
        lines = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            content = path.read_bytes()
            digest = self.put(content) if store else hashlib.sha256(content).hexdigest()
            lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
        return "".join(lines).encode()

    def _write(self, target: Path, content: bytes) -> None:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}.{os.getpid()}")
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except OSError as exc:
            raise SetupError(f"cannot write {target}: {exc.strerror}; make the state directory writable") from exc
