"""Who may call: ``principals.yaml`` of the home, read and changed. The file holds no secret, only what tells one.

An API key is ``sg_`` and 256 random bits. See gateway/access/entries.py for what is kept of each kind of credential.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from contracts.errors import ConfigurationError, Fault, SetupError
from contracts.section import Section
from contracts.source import Source, nearest
from gateway.access.entries import ENTRY_KEYS, MAX_LIVE, Credential, Kind, Principal, read_entry
from gateway.disk import sync
from gateway.private import owner_only

FILE = "principals.yaml"
Entry = dict[str, Any]


class Principals:
    """The principals of one home, as the file says at one moment."""

    def __init__(self, entries: Sequence[Principal]) -> None:
        self.by_name: Mapping[str, Principal] = {principal.name: principal for principal in entries}

    @classmethod
    def read(cls, path: Path, name: str | None = None) -> Principals:
        """Read ``principals.yaml``; without the file nobody may call. Raises ConfigurationError with every fault.

        ``name`` is what faults call the file.
        """
        if not _there(path):
            return cls([])
        source, faults = Source.read(path, name), list[Fault]()
        top = Section(source, faults, (), source.data if source.data is not None else {}, ("principals",))
        entries = [
            read_entry(Section(source, faults, ("principals", index), data, ENTRY_KEYS))
            for index, data in enumerate(top.take("principals", list, []))
        ]
        _refuse_duplicates(source, entries, faults)
        if faults:
            raise ConfigurationError(faults)
        return cls(entries)


def _there(path: Path) -> bool:
    """Whether there is such a file; raises ConfigurationError where that cannot be seen."""
    try:
        return path.exists()
    except OSError as exc:
        hint = f"make it and its folder readable for user {os.getuid()}"
        raise ConfigurationError([Fault(str(path), 0, 0, f"cannot be read: {exc.strerror or exc}", hint)]) from exc


def _refuse_duplicates(source: Source, entries: Sequence[Principal], faults: list[Fault]) -> None:
    names: set[str] = set()
    taken: dict[tuple[str, str], str] = {}
    for index, principal in enumerate(entries):
        if principal.name in names:
            faults.append(source.fault(("principals", index, "name"), f"{principal.name!r} is named twice"))
        names.add(principal.name)
        for credential in principal.credentials:
            for mark in filter(None, (credential.held, credential.user)):
                owner = taken.setdefault((credential.kind, mark), principal.name)
                if owner != principal.name:
                    what = "key" if mark == credential.held else "user name"
                    faults.append(source.fault(("principals", index), f"another principal has the same {what}"))


def unlisted(home: Path, name: str, integrations: Sequence[str]) -> list[str]:
    """One line for each of these integrations that lists its own callers and not this one: its doors stay shut."""
    found = []
    for integration in integrations:
        file = home / "integrations" / integration / "integration.yaml"
        try:
            data = Source.read(file).data
        except ConfigurationError:
            continue
        access = data.get("access") if isinstance(data, Mapping) else None
        listed = access.get("principals") if isinstance(access, Mapping) else None
        if listed and name not in listed:
            found.append(f"{file} lists who may call it, and not {name}: add it to access.principals")
    return found


def new_key() -> tuple[str, Credential]:
    """A new API key and what the file keeps of it."""
    key = f"sg_{secrets.token_urlsafe(32)}"
    return key, Credential("api_key", hashlib.sha256(key.encode()).hexdigest())


def add(path: Path, name: str, integrations: Sequence[str], operations: Sequence[str], mode: str = "test") -> str:
    """Add a caller with an API key to the file, made if there is none; returns the key, the only time it is seen.

    Raises ConfigurationError when the name is taken or anything is wrong with the result; the file is then unchanged.
    """
    key, credential = new_key()
    insert(path, name, integrations, operations, mode, credential)
    return key


def replace(path: Path, name: str, integrations: Sequence[str], operations: Sequence[str]) -> str:
    """As ``add``, but a caller of this name is replaced: its old keys stop working when the file is read again."""
    key, credential = new_key()

    def change(entries: list[Entry]) -> None:
        kept = [entry for entry in entries if entry.get("name") != name]
        if len(kept) != len(entries):
            entries[:] = kept
        entries.append(_entry(name, integrations, operations, "test", credential))

    _write(path, change)
    return key


def insert(
    path: Path, name: str, integrations: Sequence[str], operations: Sequence[str], mode: str, credential: Credential
) -> None:
    """Add a caller with any credential; raises as ``add`` does."""
    if name in Principals.read(path).by_name:
        raise ConfigurationError(
            [Fault(str(path), 0, 0, f"{name!r} is named already", "rotate its credential, or choose another name")]
        )
    _write(path, lambda entries: entries.append(_entry(name, integrations, operations, mode, credential)))


def rotate(path: Path, name: str, credential: Credential, old_until: datetime | None = None) -> None:
    """Give a caller a second secret of a kind; the first is taken until ``old_until``, or until ``finish``.

    Secrets that have expired leave the file.

    Raises ConfigurationError where a rotation is under way, and where the caller has no secret of the kind or is not
    there.
    """

    def change(entry: Entry) -> None:
        now, held = datetime.now(UTC), Principals.read(path).by_name[name].credentials
        pairs = list(zip(entry["credentials"], held, strict=True))
        for one in [kept for kept, read in pairs if read.expires is not None and read.expires <= now]:
            entry["credentials"].remove(one)
        live = [one for one in entry["credentials"] if one["kind"] == credential.kind]
        if len(live) >= MAX_LIVE:
            raise _fault(path, f"{name!r} has {MAX_LIVE} live secrets of the kind {credential.kind}", _FINISH)
        if old_until is not None:
            for old in live:
                old["expires"] = written(old_until)
        entry["credentials"].append(_kept(credential, name))

    _write(path, lambda entries: change(_of(path, entries, name)))


def finish(path: Path, name: str, kind: Kind) -> int:
    """Drop all secrets of a kind but the newest; the result says how many went."""
    dropped = 0

    def change(entry: Entry) -> None:
        nonlocal dropped
        live = [one for one in entry["credentials"] if one["kind"] == kind]
        for old in live[:-1]:
            entry["credentials"].remove(old)
            dropped += 1
        if live:
            live[-1].pop("expires", None)

    _write(path, lambda entries: change(_of(path, entries, name)))
    return dropped


def disable(path: Path, name: str, at: datetime) -> None:
    """Turn a caller away from now on; its entry stays, so that the audit still knows who it was."""

    def change(entry: Entry) -> None:
        entry.setdefault("disabled", written(at))

    _write(path, lambda entries: change(_of(path, entries, name)))


_FINISH = "end the rotation under way with: scoregate principal rotate NAME --finish"


def _entry(
    name: str, integrations: Sequence[str], operations: Sequence[str], mode: str, credential: Credential
) -> Entry:
    return {
        "name": name,
        "integrations": list(integrations),
        "operations": list(operations),
        "mode": mode,
        "credentials": [_kept(credential, name)],
    }


def _kept(credential: Credential, name: str) -> Entry:
    key = {"password": "scrypt", "signature": "secret"}.get(credential.kind, "sha256")
    kept: Entry = {"kind": credential.kind, key: credential.held}
    if credential.user and credential.user != name:
        kept["user"] = credential.user
    kept["made"] = written(credential.made or datetime.now(UTC))
    if credential.expires is not None:
        kept["expires"] = written(credential.expires)
    return kept


def written(moment: datetime) -> str:
    """A time as the file has it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _of(path: Path, entries: list[Entry], name: str) -> Entry:
    """The entry of a caller, its short form of API keys written out; raises ConfigurationError if there is none."""
    for entry in entries:
        if entry.get("name") == name:
            keys = entry.pop("key_sha256", [])
            short = [{"kind": "api_key", "sha256": digest} for digest in keys]
            entry["credentials"] = [*short, *entry.get("credentials", [])]
            return entry
    known = [str(entry.get("name")) for entry in entries]
    raise _fault(path, f"there is no {name!r}", nearest(name, known) or f"there are: {', '.join(known) or 'none'}")


def _fault(path: Path, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Fault(str(path), 0, 0, message, hint)])


def _write(path: Path, change: Callable[[list[Entry]], None]) -> None:
    """Change the file in one step; it stays as it was where the result would be wrong. Comments are kept.

    Two commands at once change it one after the other.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            _rewrite(path, change)
        finally:
            os.close(folder)
    except OSError as exc:
        raise SetupError(
            f"cannot write {path}: {exc.strerror}; do it as its owner, or make the folder writable"
        ) from exc


def _rewrite(path: Path, change: Callable[[list[Entry]], None]) -> None:
    yaml = YAML(typ="rt")
    yaml.width = 4096
    Principals.read(path)
    document = (yaml.load(path.read_text(encoding="utf-8")) if _there(path) else None) or {}
    change(document.setdefault("principals", []))
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "w", encoding="utf-8", opener=owner_only) as file:
            yaml.dump(document, file)
        Principals.read(beside, str(path))
        _keep_readers(path, beside)
        sync(beside)
        beside.replace(path)
        sync(path.parent)
    finally:
        with suppress(OSError):
            beside.unlink()


def _keep_readers(path: Path, beside: Path) -> None:
    """A new file is its owner's alone: it holds hashes of passwords. The group reads it where somebody had let the
    group read the old one, but not everybody; and what root changes stays whose it was.
    """
    if not _there(path):
        return
    old = path.stat()
    if os.geteuid() == 0:
        os.chown(beside, old.st_uid, old.st_gid)
    if old.st_mode & (stat.S_IRGRP | stat.S_IROTH) == stat.S_IRGRP:
        os.chown(beside, -1, old.st_gid)
        beside.chmod(0o640)
