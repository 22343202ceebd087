"""Lines of the past: built again from the object store alone, as they were when they decided.

Nothing of today's home is read: integration, contracts, bundle and policy are those that a decision's basis names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from contracts.errors import ConfigurationError, NotFound, ScoregateError
from contracts.store import SUFFIX, ContractStore
from gateway.integrations import read_integration
from gateway.lines import Basis, compile_line
from gateway.objects import ObjectStore
from gateway.pipeline import Line
from gateway.spi import Adapter, Codec
from models.bundle import MANIFEST, Bundle
from models.policy import Policy
from models.scoring import Scorer

_REF = re.compile(r"([\w-]+)@([\w.-]+)")


class Ground(NamedTuple):
    """What one decision rests on, ready to decide again, and the environment it was made in."""

    line: Line
    codec: Codec
    environment: dict[str, str]


class Grounds:
    """Builds each ground once. ``folder`` is scratch space that outlives this; ``adapter`` finds an adapter by name."""

    def __init__(self, objects: ObjectStore, adapter: Callable[[str], Adapter], folder: Path) -> None:
        self._objects, self._adapter, self._folder = objects, adapter, folder
        self._built: dict[str, Ground | ScoregateError] = {}
        self._scorers: dict[str, Scorer] = {}

    def at(self, digest: str) -> Ground:
        """The ground a basis names; raises NotFound naming the object that is missing or was altered, and
        ConfigurationError where this version of the product cannot read one.
        """
        if digest not in self._built:
            try:
                self._built[digest] = self._build(digest)
            except (NotFound, ConfigurationError) as error:
                self._built[digest] = error
        found = self._built[digest]
        if isinstance(found, ScoregateError):
            raise found
        return found

    def _build(self, digest: str) -> Ground:
        basis = _basis(digest, self._objects.get(digest))
        environment: dict[str, str] = json.loads(self._objects.get(basis.environment))
        contracts = self._contracts(digest, basis)
        folder = self._folder / "integrations" / basis.integration / basis.name
        self._objects.lay_out(basis.integration, folder)
        integration = read_integration(folder, contracts)
        codec = self._adapter(integration.adapter).wire(integration.wire, folder)
        scorer, policy = self._scorer(basis.bundle), self._policy(basis.policy)
        line = compile_line(contracts, integration, scorer.bundle, policy, basis.environment, scorer)
        if line.basis != digest:
            raise ConfigurationError(f"the parts of basis {digest} do not belong together")
        return Ground(line, codec, environment)

    def _contracts(self, digest: str, basis: Basis) -> ContractStore:
        """A catalogue of exactly the contracts the basis names."""
        catalogue = self._folder / "contracts" / digest
        for ref, content in basis.contracts.items():
            match = _REF.fullmatch(ref)
            if match is None:
                raise ConfigurationError(f"basis {digest} names {ref!r}, which is no contract")
            _write(catalogue / match[1] / f"{match[2]}{SUFFIX}", self._objects.get(content))
        return ContractStore(catalogue=catalogue)

    def _policy(self, digest: str) -> Policy:
        path = self._folder / "policies" / f"{digest}.yaml"
        _write(path, self._objects.get(digest))
        return Policy.read(path)

    def _scorer(self, digest: str) -> Scorer:
        if digest not in self._scorers:
            folder = self._folder / "bundles" / digest
            listing = self._objects.get(digest)
            _write(folder / MANIFEST, listing)
            for name, content in json.loads(listing)["files"].items():
                _write(folder / Path(name).name, self._objects.get(content))
            self._scorers[digest] = Scorer(Bundle.load(folder, digest))
        return self._scorers[digest]


def _basis(digest: str, content: bytes) -> Basis:
    try:
        return Basis.parse(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ConfigurationError(f"object {digest} is not the basis of a decision") from exc


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
