"""An integration against the bundle that decides for it and its policy: what would be lost, invented or referred.

Bundle and policy speak the version the bundle was trained on, the mapping the version the integration is pinned to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contracts.errors import Fault
from contracts.mapping.conversions import Unfit, compile_chain
from contracts.mapping.tree import Constant, Entry, NotCarried, Wired
from contracts.source import Path_
from contracts.types import Value
from contracts.upcast import Lacking, Taken, Upcast, convert
from gateway.integrations import Integration
from models.bundle import Bundle
from models.policy import Policy


class Reached(NamedTuple):
    """What reaches one field of the bundle's contract: an entry of the mapping, through ``taken`` if it is upcast.

    Where the integration's version lacks the field, or an upcaster supplies it, there is no entry.
    """

    name: str
    entry: Entry | None
    taken: Taken | None = None
    lacking: bool = False

    @property
    def missing(self) -> bool:
        """Whether no application carries the field."""
        return self.lacking or isinstance(self.entry, NotCarried)

    @property
    def place(self) -> Path_:
        """Where in integration.yaml that is said."""
        return ("request", self.entry.field.name) if self.entry else ("contract",)

    def constant(self) -> Value:
        """The value every application gets, None where they differ."""
        if not isinstance(self.entry, Constant):
            return None
        return convert(self.taken, self.entry.value) if self.taken else self.entry.value


def reached(integration: Integration, step: Upcast | None) -> dict[str, Reached]:
    """Every field of the bundle's contract by name."""
    entries = integration.request.entries
    if step is None:
        return {name: Reached(name, entry) for name, entry in entries.items()}
    found = {}
    for part in step.entries:
        entry = entries[part.source] if isinstance(part, Taken) else None
        taken = part if isinstance(part, Taken) else None
        found[part.field.name] = Reached(part.field.name, entry, taken, isinstance(part, Lacking))
    return found


def bundle_faults(integration: Integration, step: Upcast | None, policy: Policy, bundle: Bundle) -> Iterator[Fault]:
    """Faults, warnings and notes; ``policy`` is bound, ``step`` leads to the bundle's contract."""
    fields = reached(integration, step)
    yield from _untrained(integration, fields, bundle)
    yield from _swallowed(integration, fields, bundle)
    yield from _stated(integration, fields, bundle)
    yield from _idle(integration, fields, policy)
    yield from _referred(integration, fields, policy, bundle)


def _untrained(integration: Integration, fields: dict[str, Reached], bundle: Bundle) -> Iterator[Fault]:
    """Constants the bundle was not trained for."""
    for name, known in (("product", bundle.products), ("currency", bundle.currencies)):
        value = fields[name].constant() if name in fields else None
        if value is not None and value not in known:
            message = f"the bundle {bundle.ref} was not trained for {value!r}"
            yield integration.fault(fields[name].place, message, f"trained for: {', '.join(known)}")


def _swallowed(integration: Integration, fields: dict[str, Reached], bundle: Bundle) -> Iterator[Fault]:
    """Literals that stand for missing but lie inside what training saw: a real value would be lost."""
    for name, found in fields.items():
        entry, seen = found.entry, bundle.ranges.get(name)
        if not isinstance(entry, Wired) or entry.codes or seen is None or seen.minimum is None or seen.maximum is None:
            continue
        read = compile_chain(entry.convert, entry.field)
        for literal, _ in entry.missing.literals:
            try:
                value = read(literal)
            except Unfit:
                continue
            value = convert(found.taken, value) if found.taken else value
            if isinstance(value, int) and seen.minimum <= value <= seen.maximum:
                field = found.taken.field if found.taken else entry.field
                low, high = field.text(seen.minimum), field.text(seen.maximum)
                message = f"{literal} stands for missing, but training saw values from {low} to {high}"
                place = (*found.place, "missing", literal)
                yield integration.fault(place, message, "a real value would be lost", "warning")


def _stated(integration: Integration, fields: dict[str, Reached], bundle: Bundle) -> Iterator[Fault]:
    """Constants for what the model weighs: no answer lists them as something the caller did not send."""
    for name in [read.name for read in bundle.fields]:
        if fields[name].constant() is not None:
            message = f"the bundle {bundle.ref} reads it, and the same value would count as sent by every applicant"
            yield integration.fault(fields[name].place, message, "map it, or write not_carried", "warning")


def _idle(integration: Integration, fields: dict[str, Reached], policy: Policy) -> Iterator[Fault]:
    """Rules of the policy that can never apply, because a field they read is not carried."""
    for name in sorted(policy.reads):
        if fields[name].missing:
            what = f"a rule of {policy.name}@{policy.version} reads"
            message = f"{what} it, and never applies where it is not carried"
            hint = "map it, or let the policy refer"
            if fields[name].lacking:
                message, hint = f"{what} {name}, which {integration.contract} lacks", "pin a later version"
            yield integration.fault(fields[name].place, message, hint, "warning")


def _referred(integration: Integration, fields: dict[str, Reached], policy: Policy, bundle: Bundle) -> Iterator[Fault]:
    """The share of applications a person would have to decide, because of what is not carried."""
    from models.refer_share import expected_refer_share

    lost = [read.name for read in bundle.fields if fields[read.name].missing]
    if not lost:
        return
    share = expected_refer_share(bundle, policy, lost)
    message = f"about {share:.0%} of applications would be referred under {policy.name}@{policy.version}"
    hint = f"not carried: {', '.join(lost)}"
    if share > policy.max_refer_share:
        message += f", which allows {policy.max_refer_share:.0%}"
        yield integration.fault(("request",), message, hint)
    else:
        yield integration.fault(("request",), message, hint, "note")
