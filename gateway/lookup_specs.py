"""Reads ``lookups:`` of integration.yaml: what is asked of other sources before a submission is mapped.

::

    lookups:
      loans:
        adapter: odbc           # whose look-up it is; what is not named here is that adapter's own
        key: customer.number    # where the message says whom to ask for; never what another look-up finds
        timeout: 500ms          # how long a submission waits for it; by default a quarter of the deadline, 1s at most
        cache: 10m              # how long an answer may be used again; by default it is not
        at_once: 4              # how many may be asked at the same time
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from contracts.mapping.paths import Path
from contracts.section import Section

OWN: Final = ("adapter", "key", "timeout", "cache", "at_once")
FOUND: Final = "lookup"
"""Below this name of the tree stands what look-ups find."""
LONGEST_DEFAULT: Final = 1.0
LONGEST_TIMEOUT: Final = 300.0
LONGEST_CACHE: Final = 86_400.0
MOST_AT_ONCE: Final = 64


class LookupSpec(NamedTuple):
    """One declared look-up: the adapter that does it, the tree path of its key, and the adapter's own ``section``.

    ``timeout`` and ``cache`` are in seconds, ``cache`` 0 where nothing is kept; ``at_once`` bounds, for one process,
    the askings under way.
    """

    adapter: str
    key: Path
    section: Mapping[str, Any]
    timeout: float = LONGEST_DEFAULT
    cache: float = 0.0
    at_once: int = 4


def read_lookups(
    lookups: Section, path: Callable[[tuple[str, ...], Any], Path | None], deadline: float
) -> dict[str, LookupSpec]:
    """Every look-up of the section; ``path`` reads a tree path at a place, ``deadline`` is the integration's.

    Faults are noted in the section.
    """
    found = {}
    for name in lookups.data:
        if not isinstance(name, str):
            lookups.fault((str(name),), f"{name!r} is no name of a look-up", "put quotes around it")
            continue
        section = lookups.section(name, None)
        key = path((*map(str, section.path), "key"), section.take("key", str))
        adapter = section.take("adapter", str)
        if key is not None and key.steps[0] == FOUND:
            hint = (
                "name a path of the message; where one look-up leads to the next, ask both at once by a view or a query"
            )
            section.fault(("key",), f"{key} is what a look-up finds, and all of them are asked side by side", hint)
        if key is not None:
            rest = {word: value for word, value in section.data.items() if word not in OWN}
            found[name] = LookupSpec(adapter, key, rest, *_limits(section, deadline))
    return found


def _limits(section: Section, deadline: float) -> tuple[float, float, int]:
    waits = f"{max(1, round(min(LONGEST_DEFAULT, deadline / 4) * 1000))}ms"
    timeout = section.duration("timeout", 0.001, LONGEST_TIMEOUT, waits)
    cache = section.duration("cache", 1, LONGEST_CACHE, "10m") if "cache" in section.data else 0.0
    return timeout, cache, section.whole("at_once", 1, MOST_AT_ONCE, LookupSpec._field_defaults["at_once"])
