"""Reads ``integrations/<name>/integration.yaml``: one legacy system through one adapter, configuration and no code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

from contracts.errors import ConfigurationError, Fault
from contracts.language import read_language
from contracts.mapping.answer import AnswerMap
from contracts.mapping.answer_reading import read_answer, whole_answer
from contracts.mapping.keys import KeyMap, Keys
from contracts.mapping.paths import Path as NativePath
from contracts.mapping.reading import read_request
from contracts.mapping.request import RequestMap
from contracts.mapping.tree import Unknown, Wired
from contracts.odcs import Contract, Kind
from contracts.section import Section
from contracts.source import Path_, Source, nearest
from contracts.store import ContractStore, version_key
from contracts.upcast import Upcast
from gateway import measures
from gateway.lookup_specs import LookupSpec, read_lookups
from gateway.modes import Mode
from gateway.objects import folder_digest
from models.bundle import Bundle

INTEGRATION_FILE: Final = "integration.yaml"
KEYS: Final = (
    "integration", "adapter", "contract", "answer", "product", "language", "mode", "wire", "keys", "resubmission",
    "request", "answer_map", "unknown", "joint", "ignore", "lookups", "limits", "access",
)  # fmt: skip
RESUBMISSIONS: Final = ("supersede", "conflict", "replace")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LONGEST_DEADLINE: Final = 300.0
LARGEST_MESSAGE: Final = 100_000_000


class Limits(NamedTuple):
    """``deadline`` in seconds and ``bytes`` of one message; the same of one batch; ``queue`` is how many submissions
    of this integration may be under way in one process before further ones are told to come back.
    """

    deadline: float = 5.0
    bytes: int = 1_000_000
    batch_deadline: float = 30.0
    batch_bytes: int = 10_000_000
    queue: int = 1024

    def of(self, operation: str) -> tuple[int, float]:
        """Bytes and seconds that a request of this operation may take."""
        return (self.batch_bytes, self.batch_deadline) if operation == "batch" else (self.bytes, self.deadline)


@dataclass(frozen=True, slots=True)
class Integration:
    """One integration as read and compiled; ``contract`` and ``answer`` are references such as ``x@1.0.0``.
    ``language`` is the BCP 47 tag of the language its answers give reasons in.

    ``digest`` is the SHA-256, in hexadecimal, of the folder's manifest; ``ObjectStore`` keeps the folder under it.
    """

    name: str
    adapter: str
    contract: str
    answer: str
    product: str
    language: str
    mode: Mode
    wire: Mapping[str, Any]
    keys: KeyMap
    resubmission: Literal["supersede", "conflict"]
    request: RequestMap
    answer_map: AnswerMap
    ignored: tuple[NativePath, ...]
    lookups: Mapping[str, LookupSpec]
    limits: Limits
    principals: tuple[str, ...]
    folder: Path
    digest: str
    source: Source = field(repr=False, compare=False)

    def fault(self, path: Path_, message: str, hint: str = "", severity: str = "error") -> Fault:
        """A fault at a place of integration.yaml, for whoever checks it against bundles, policies or principals."""
        return self.source.fault(path, message, hint, severity)

    @contextmanager
    def placing(self, path: Path_) -> Iterator[None]:
        """Gives faults that are raised without a place this one."""
        try:
            yield
        except ConfigurationError as exc:
            faults = [f if f.file else self.fault(path, f.message, f.hint, f.severity) for f in exc.faults]
            raise ConfigurationError(faults) from exc


def read_integration(folder: Path, contracts: ContractStore) -> Integration:
    """Read one integration's folder; raises ConfigurationError with every fault of it."""
    return _Reader(folder, contracts).read()


def way_up(contracts: ContractStore, integration: Integration, bundle: Bundle) -> Upcast | None:
    """From the version the integration speaks to the one the bundle was trained on; None where they are the same.

    Raises ConfigurationError, at the integration's ``contract``, where no way leads there.
    """
    try:
        return contracts.upcast(integration.contract, bundle.contract)
    except ConfigurationError as exc:
        raise ConfigurationError([_lost(integration, bundle, fault) for fault in exc.faults]) from exc


def _lost(integration: Integration, bundle: Bundle, fault: Fault) -> Fault:
    if fault.file:
        return fault
    spoken, trained = integration.contract, bundle.contract
    message = f"the bundle {bundle.ref} was trained on {trained}: {fault.message}"
    hint = fault.hint
    if spoken.partition("@")[0] == trained.partition("@")[0] and version_key(spoken) > version_key(trained):
        hint = f"train the bundle again on {spoken}, or pin contract: {trained}"
    return integration.fault(("contract",), message, hint)


class _Reader:
    """Reads one file; every fault is noted and reading goes on."""

    def __init__(self, folder: Path, contracts: ContractStore) -> None:
        self._folder, self._contracts = folder, contracts
        self._source = Source.read(folder / INTEGRATION_FILE)
        self._faults: list[Fault] = []
        self._top = Section(self._source, self._faults, (), self._source.data, KEYS)

    def read(self) -> Integration:
        top = self._top
        keys, ignored, limits = self._keys(), self._paths("ignore"), self._limits()
        lookups = read_lookups(self._top.section("lookups", None), self._path, limits.deadline)
        request = self._request([*keys.values(), *ignored, *(lookup.key for lookup in lookups.values())], lookups)
        answer_map = self._answer_map()
        integration: dict[str, Any] = {
            "name": self._name(),
            "adapter": top.take("adapter", str),
            "contract": top.take("contract", str),
            "answer": top.take("answer", str),
            "product": top.take("product", str),
            "language": read_language(top, "language"),
            "mode": top.choice("mode", ("test", "live"), "test"),
            "wire": top.section("wire", None).data,
            "resubmission": self._resubmission(),
            "limits": limits,
            "principals": self._principals(),
        }
        if self._faults or request is None or answer_map is None:
            raise ConfigurationError(_once(self._faults))
        return Integration(
            **integration,
            keys=KeyMap(keys),
            request=request,
            answer_map=answer_map,
            ignored=ignored,
            lookups=lookups,
            folder=self._folder,
            digest=folder_digest(self._folder),
            source=self._source,
        )

    def _name(self) -> str:
        name = self._top.take("integration", str)
        if name and not NAME.fullmatch(name):
            self._top.fault(("integration",), f"{name!r} is no name", "use small letters, digits and hyphens")
        elif name and name != self._folder.resolve().name:
            hint = f"the folder is named {self._folder.resolve().name!r}"
            self._top.fault(("integration",), f"{name!r} must be named as its folder", hint)
        return name

    def _resubmission(self) -> str:
        """``replace`` is what files call it, and means ``supersede``."""
        word = self._top.choice("resubmission", RESUBMISSIONS, "supersede")
        return "supersede" if word == "replace" else word

    def _contract(self, key: str, kind: Kind) -> Contract | None:
        ref = self._top.data.get(key)
        if not isinstance(ref, str):
            return None
        try:
            return self._contracts.get(ref, kind)
        except ConfigurationError as exc:
            self._faults += [f if f.file else self._source.fault((key,), f.message, f.hint) for f in exc.faults]
            return None

    def _request(self, known: list[NativePath], lookups: Mapping[str, LookupSpec]) -> RequestMap | None:
        unknown = self._top.choice("unknown", ("refuse", "ignore"), "refuse") if "unknown" in self._top.data else None
        contract = self._contract("contract", "request")
        if contract is None:
            return None
        product = self._top.data.get("product")
        defaults = {"product": product} if isinstance(product, str) else {}
        tree, faults = read_request(
            self._source,
            ("request",),
            contract,
            defaults=defaults,
            unknown=cast(Unknown | None, unknown),
            known=known,
            joint=self._paths("joint"),
        )
        self._faults += faults
        if tree is not None and tree.joint and tree.unknown == "ignore":
            hint = "leave out unknown: ignore"
            self._top.fault(("joint",), "a second applicant is only seen where unknown data are refused", hint)
        for entry in tree.entries if tree else ():
            if isinstance(entry, Wired) and entry.lookup and entry.lookup not in lookups:
                hint = nearest(entry.lookup, lookups) or "declare it under lookups"
                self._top.fault(("request", entry.field.name), f"there is no look-up {entry.lookup!r}", hint)
        return RequestMap(tree) if tree else None

    def _answer_map(self) -> AnswerMap | None:
        contract = self._contract("answer", "answer")
        if contract is None:
            return None
        if "answer_map" not in self._top.data:
            return AnswerMap(whole_answer(contract), contract)
        tree, faults = read_answer(self._source, ("answer_map",), contract)
        self._faults += faults
        return AnswerMap(tree, contract) if tree else None

    def _keys(self) -> dict[str, NativePath]:
        section = self._top.section("keys", Keys._fields)
        for name in {"business", *section.data}:
            section.take(name, str)
        found = {name: self._path(("keys", name), section.data[name]) for name in Keys._fields if name in section.data}
        return {name: path for name, path in found.items() if path is not None}

    def _paths(self, key: str) -> tuple[NativePath, ...]:
        listed = self._top.texts(key, [])
        found = [self._path((key, index), text) for index, text in enumerate(listed)]
        return tuple(path for path in found if path is not None)

    def _principals(self) -> tuple[str, ...]:
        section = self._top.section("access", ("principals",))
        if section.data.get("principals") == []:
            section.fault(("principals",), "an empty list lets nobody in", "name callers, or leave access out")
        return section.texts("principals", [])

    def _path(self, at: Path_, text: Any) -> NativePath | None:
        try:
            return NativePath.parse(text) if isinstance(text, str) else None
        except ValueError as exc:
            self._top.fault(at, f"{text!r} is not a path: {exc}")
            return None

    def _limits(self) -> Limits:
        section = self._top.section("limits", Limits._fields)
        limits = Limits(
            section.duration("deadline", 0.001, LONGEST_DEADLINE, "5s"),
            measures.size(section, "bytes", "1MB", "such as 64KB or 1MB"),
            section.duration("batch_deadline", 0.001, LONGEST_DEADLINE, "30s"),
            measures.size(section, "batch_bytes", "10MB", "such as 10MB"),
            measures.count(section, "queue", "1024", "such as 1024"),
        )
        for key, length in (("bytes", limits.bytes), ("batch_bytes", limits.batch_bytes)):
            if length > LARGEST_MESSAGE:
                section.fault((key,), f"a message has at most {LARGEST_MESSAGE} bytes")
        return limits


def _once(faults: list[Fault]) -> list[Fault]:
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.file, fault.line, fault.column))
