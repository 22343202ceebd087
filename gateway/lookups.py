"""What look-ups add to a submission before it is mapped: *gather*, the shell's part of the path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.errors import UpstreamError
from gateway.spi import LookupSource, Tree


@dataclass(frozen=True, slots=True)
class Lookup:
    """One declared look-up: its source, and the tree path whose value is its key."""

    source: LookupSource
    key: Callable[[Mapping[str, Any]], object]


def _nobody(_name: str) -> None:
    """Told of a look-up that failed where nobody counts them."""


def gather(tree: Tree, lookups: Mapping[str, Lookup], failed: Callable[[str], None] = _nobody) -> None:
    """Place what look-ups find under ``lookup.<name>``; a source that is down, or has no key, leaves its name out.

    ``failed`` is told the name of a source that is down.
    """
    found: Tree = {}
    for name, lookup in lookups.items():
        try:
            key = lookup.key(tree)
            if isinstance(key, str | int):
                found[name] = lookup.source.fetch(str(key))
        except UpstreamError:
            failed(name)
    if lookups:
        tree["lookup"] = found
