"""Checks a mapping against what the adapter's wire schema declares: paths that exist, answers that have room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from contracts.errors import Fault
from contracts.mapping.paths import Path
from contracts.mapping.room import cure, doubt, misfit
from contracts.mapping.tree import BESIDE, Each, Fixed, Wired, Written
from contracts.source import Path_, nearest
from gateway.integrations import Integration
from gateway.spi import Fields, NativeField

GROUP = "group"
"""The type of what is no leaf, but must be there."""


def wire_faults(integration: Integration, fields: Fields) -> list[Fault]:
    """Faults and warnings of the request side and the answer side, as far as the schema declares them."""
    found: list[Fault] = []
    if fields.request is not None:
        found += request_faults(integration, fields.request)
    if fields.answer is not None:
        found += answer_faults(integration, fields.answer)
    return found


def request_faults(integration: Integration, declared: Mapping[str, NativeField]) -> Iterator[Fault]:
    """Paths the schema does not have, and data it has that nothing reads."""
    places = list(_read_places(integration))
    for path, place in places:
        message = _strange(path, declared)
        if message:
            yield integration.fault(place, message, nearest(path.open, declared) or _beside(path, declared))
    joint = integration.request.tree.joint
    read = [path.open for path in (*(path for path, _ in places), *integration.ignored, *joint)]
    for path in joint:
        if not _exists(path, declared) and not _is_group(path.open, declared):
            message = f"the wire schema has no {path}, so no application is joint by it"
            yield integration.fault(("joint",), message, nearest(path.open, declared))
    for path in integration.ignored:
        if not _exists(path, declared) and not _is_group(path.open, declared):
            message = f"the wire schema has no {path}, so there is nothing to ignore"
            yield integration.fault(("ignore",), message, nearest(path.open, declared), "warning")
    if integration.request.tree.unknown == "refuse":
        yield from _unread(integration, declared, read)


def _read_places(integration: Integration) -> Iterator[tuple[Path, Path_]]:
    for entry in integration.request.tree.entries:
        if isinstance(entry, Wired) and not entry.lookup:
            yield entry.path, ("request", entry.field.name, "from")
    for name, path in integration.keys.paths.items():
        yield path, ("keys", name)
    for name, lookup in integration.lookups.items():
        yield lookup.key, ("lookups", name, "key")


def _strange(path: Path, declared: Mapping[str, NativeField]) -> str:
    if _exists(path, declared):
        return ""
    if _is_group(path.open, declared):
        return f"{path} is a group of the wire schema, not a single value"
    if path.steps[0] in BESIDE and not any(name.startswith(f"{path.steps[0]}.") for name in declared):
        return ""
    return f"the wire schema has no {path}"


def _exists(path: Path, declared: Mapping[str, NativeField]) -> bool:
    """Whether the schema declares the leaf, or leaves open what stands below one of its groups."""
    leaf = declared.get(path.open)
    if leaf:
        return leaf.type not in ("object", "array", GROUP)
    return _open_above(path, declared) is not None


def _open_above(path: Path, declared: Mapping[str, NativeField]) -> NativeField | None:
    """The group above a path that leaves open what stands in it."""
    above = (declared.get(str(Path(path.steps[:end]))) for end in range(1, len(path.steps)))
    return next((leaf for leaf in above if leaf is not None and leaf.type in ("object", "any")), None)


def _is_group(name: str, declared: Iterable[str]) -> bool:
    return any(other.startswith((f"{name}.", f"{name}[")) for other in declared)


def _beside(path: Path, declared: Mapping[str, NativeField]) -> str:
    """What does stand in the group the path leads to."""
    group = str(Path(path.steps[:-1])) if len(path.steps) > 1 else ""
    inside = [name for name in declared if not group or name.startswith(f"{group}.")]
    return f"there is: {', '.join(inside[:6])}" if inside else ""


def _unread(integration: Integration, declared: Mapping[str, NativeField], read: list[str]) -> Iterator[Fault]:
    for name, leaf in declared.items():
        if (
            leaf.type == GROUP
            or name.partition(".")[0] in BESIDE
            or name in read
            or any(_is_group(path, [name]) for path in read)
        ):
            continue
        what = "every message" if leaf.required else "a message that holds it"
        message = f"nothing reads {name}, so {what} is refused"
        hint = "map it, or list it under ignore"
        yield integration.fault(("request",), message, hint, "error" if leaf.required else "warning")


def answer_faults(integration: Integration, declared: Mapping[str, NativeField]) -> Iterator[Fault]:
    """Leaves the schema does not have or has no room for, and leaves it requires that nothing writes."""
    written = integration.answer_map.native_fields()
    places, unproven = dict(_written_places(integration)), set[str]()
    for name, leaf in written.items():
        place = places.get(name.removesuffix("[]"), ("answer_map",))
        path = Path.parse(name)
        if not _exists(path, declared):
            what = "is a group of" if _is_group(path.open, declared) else "is not in"
            yield integration.fault(place, f"{name} {what} the answer's wire schema", nearest(path.open, declared))
        elif native := declared.get(path.open) or _anything(path, declared):
            yield from _room(integration, place, leaf, _once(_at(path, native), unproven))
    spelled = {Path.parse(name).open for name in written}
    for name, native in declared.items():
        if _is_needed(name, native, spelled) and name not in spelled and not _is_group(name, spelled):
            yield integration.fault(("answer_map",), f"the answer's wire schema requires {name}, and nothing writes it")
    yield from _dropped(integration)


def _room(integration: Integration, place: Path_, leaf: NativeField, native: NativeField) -> Iterator[Fault]:
    if message := misfit(leaf, native):
        yield integration.fault(place, message, cure(leaf, native))
    elif message := doubt(leaf, native):
        hint = "an answer of another value is refused as our own fault: see that none is decided"
        yield integration.fault(place, message, hint, "warning")


def _anything(path: Path, declared: Mapping[str, NativeField]) -> NativeField | None:
    """A leaf that nothing is said of, but what is unproven of the open group it lies in."""
    group = _open_above(path, declared)
    return NativeField(path.open, "any", unproven=group.unproven) if group else None


def _once(native: NativeField, told: set[str]) -> NativeField:
    """The leaf without what its schema says and nobody holds against a mapping, where that has been told already."""
    known = native.unproven in told
    told.add(native.unproven)
    return (
        native._replace(unproven="", others=tuple(o._replace(unproven="") for o in native.others)) if known else native
    )


def _at(path: Path, native: NativeField) -> NativeField:
    """What is asked of the leaf at a path: a position that a decision does not fill is left out as a whole."""
    return native._replace(within=False) if any(isinstance(step, int) for step in path.steps) else native


def _is_needed(name: str, native: NativeField, spelled: Iterable[str]) -> bool:
    """Whether the schema requires a leaf in every answer, or in each element or group that is written."""
    above, listed, _ = name.rpartition("[].")
    in_list = bool(listed) and any(other.startswith(f"{above}[].") for other in spelled)
    since = bool(native.since) and _is_group(native.since, spelled)
    return native.required or (native.within and in_list) or since


def _dropped(integration: Integration) -> Iterator[Fault]:
    """Elements of a decision's lists that no position is written for."""
    lists = integration.answer_map.lists
    highest: dict[str, tuple[int, Path_]] = {}
    for entry in integration.answer_map.tree.entries:
        steps = entry.source.steps if isinstance(entry, Written) else ()
        for at, step in enumerate(steps):
            name = str(Path(steps[:at]))
            if isinstance(step, int) and step >= highest.get(name, (-1, ()))[0]:
                highest[name] = step, ("answer_map", str(entry.target))
    for name, (last, place) in highest.items():
        if last + 1 < lists.get(name, 0):
            message = f"a decision has up to {lists[name]} {name}, from {name}[{last + 1}] on nothing is written"
            hint = f"with {{each: {name}, most: {last + 1}, …}} it is said that this is meant"
            yield integration.fault(place, message, hint, "warning")


def _written_places(integration: Integration) -> Iterator[tuple[str, Path_]]:
    for entry in integration.answer_map.tree.entries:
        at = ("answer_map", str(entry.target))
        inner: tuple[Written | Fixed, ...] = entry.entries if isinstance(entry, Each) else ()
        yield str(entry.target).removesuffix("[]"), at
        for leaf in inner:
            yield f"{entry.target}.{leaf.target}", (*at, str(leaf.target))
