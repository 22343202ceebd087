"""What a WSDL tells a draft: its files, the likeliest operation, every leaf with its codes, one legal request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from lxml import etree

from adapters.soap.codec import ACTION_HEADER, TYPE_HEADER
from adapters.soap.envelope import V11, envelope
from adapters.soap.names import NIL, Node, split
from adapters.soap.outline import Model, Part, Text, outline, texts
from adapters.soap.schema_types import SchemaTypes
from adapters.soap.schemas import collect, with_wrappers
from adapters.soap.section import read_wire, refusal_contract
from adapters.soap.service import HEADER, Service, in_tree, serve
from adapters.soap.types import TYPE_NAME, fields
from adapters.soap.wsdl import Operation, Wsdl, read_wsdl
from contracts.errors import ConfigurationError, Fault
from contracts.source import nearest
from gateway.spi import Leaf, NativeField, Sketch, Told

DECIDING: Final = ("score", "decision", "decide", "credit", "assess", "evaluate", "risk", "apply", "application")
FETCHING: Final = ("get", "fetch", "find", "query", "retrieve", "read", "lookup", "status", "ping", "health", "version")
"""Words of an operation's name that speak for and against its asking for a decision."""
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
HEADER_KEY: Final = "header.MessageID"


def sketch(source: Path, choice: str) -> Sketch:
    """Read a WSDL and what it imports from its own folder; raises ConfigurationError with every fault."""
    folder = source.parent
    if not source.is_file():
        raise ConfigurationError([Fault(str(source), 0, 0, "there is no such file", "name the WSDL")])
    wsdl = read_wsdl(folder, source.name)
    operation, notes = _chosen(source, wsdl, choice)
    wire: dict[str, Any] = {"wsdl": source.name, "operations": [operation.name]}
    service = serve(read_wire(wire, folder), folder)
    shapes = _Shapes(wsdl)
    wire |= (fetch := _fetch(wsdl, operation, folder, wire))
    if fetch:
        notes.append(f"{fetch['fetch']['operation']} is taken as the operation that asks for a decision made before")
    told, fault = _told(operation, shapes)
    if told:
        wire["fault"] = {"name": fault, "map": {}}
    if operation.output is not None:
        lists = _always(shapes.part(operation.output.root))
        notes += [f"the answer must hold {path} at least once: see that a line always writes it" for path in lists]
    asked = shapes.part(operation.input.root)
    return Sketch(
        files={document.name: (folder / document.name).read_bytes() for document in wsdl.documents},
        wire=wire,
        request=_known(map(_asked, shapes.leaves(asked)), _readable(service)),
        answer=_answer(operation, shapes, service),
        keys={"request": HEADER_KEY, "correlation": HEADER_KEY},
        example=lambda values: _example(asked, values),
        suffix="xml",
        header={TYPE_HEADER: f"{V11.media_type}; charset=utf-8", ACTION_HEADER: f'"{operation.actions[0]}"'},
        told=told,
        notes=notes,
        shown=lambda path: path.removesuffix(".#text"),
    )


def _chosen(source: Path, wsdl: Wsdl, choice: str) -> tuple[Operation, list[str]]:
    """The operation that is named, the only one, or the one that most looks like asking for a decision."""
    known = wsdl.operations
    if choice and choice not in known:
        hint = nearest(choice, known) or f"there are: {', '.join(known)}"
        raise ConfigurationError([Fault(str(source), 0, 0, f"the WSDL has no operation {choice!r}", hint)])
    if choice or len(known) == 1:
        return known[choice or next(iter(known))], []
    ranked = sorted(known.values(), key=_likely, reverse=True)
    if _likely(ranked[0]) <= max(0, _likely(ranked[1])):
        message = f"the WSDL has several operations, and none is the likeliest: {', '.join(known)}"
        raise ConfigurationError([Fault(str(source), 0, 0, message, "say which one with --operation")])
    return ranked[0], [f"of {', '.join(known)}, {ranked[0].name} is taken as the operation that asks for a decision"]


def _likely(operation: Operation) -> int:
    said = [word.lower() for word in _WORD.findall(operation.name)]
    answered = operation.output is not None
    return sum(word in DECIDING for word in said) - 2 * sum(word in FETCHING for word in said) + 2 * answered - 2


def _fetch(wsdl: Wsdl, scored: Operation, folder: Path, wire: Mapping[str, Any]) -> dict[str, Any]:
    """The operation that asks for a decision made before: one that answers alike, by one text that must be there."""
    shapes = _Shapes(wsdl)
    for other in wsdl.operations.values():
        try:
            leaves = shapes.leaves(shapes.part(other.input.root)) if other.name != scored.name else []
            keys = [leaf for leaf in leaves if leaf.needed and not leaf.group]
            if len(keys) != 1 or len(leaves) > 3:
                continue
            found = {"fetch": {"operation": other.name, "key": keys[0].native.path}}
            serve(read_wire({**wire, **found}, folder), folder)
        except ConfigurationError:
            continue  # it answers otherwise, or holds more than can be looked through
        return found
    return {}


def _told(scored: Operation, shapes: _Shapes) -> tuple[Told | None, str]:
    """The fault that refusals are told by: the first one declared whose element has anything in it."""
    for name, root in scored.faults.items():
        leaves = _known(shapes.leaves(shapes.part(root), one_branch=True), shapes.fields(root))
        if leaves:
            return Told(refusal_contract(), leaves, ("fault", "map")), name
    return None, ""


def _answer(operation: Operation, shapes: _Shapes, service: Service) -> list[Leaf] | None:
    """None for a one-way operation, which answers nothing."""
    if operation.output is None:
        return None
    return _known(shapes.leaves(shapes.part(operation.output.root), one_branch=True), service.fields.answer)


def _asked(leaf: Leaf) -> Leaf:
    """A leaf under the path it has in the tree of a request."""
    return leaf._replace(native=leaf.native._replace(path=in_tree(leaf.native.path)))


def _known(leaves: Iterable[Leaf], declared: Mapping[str, NativeField] | None) -> list[Leaf]:
    """The leaves as the codec declares them, but for what is barred; one whose content is left open accepts nothing."""
    found: dict[str, Leaf] = {}
    for leaf in leaves:
        found.setdefault(leaf.native.path, leaf)
    writable = {path: field for path, field in (declared or {}).items() if not field.barred}
    return [found.get(path, _unknown(field))._replace(native=field) for path, field in writable.items()]


def _readable(service: Service) -> Mapping[str, NativeField]:
    """What the body of a request may hold: whether it could be written is no matter."""
    body = {path: field for path, field in (service.fields.request or {}).items() if not path.startswith(f"{HEADER}.")}
    return {path: field._replace(barred="") for path, field in body.items()}


def _unknown(field: NativeField) -> Leaf:
    """A leaf whose content the schema leaves open."""
    return Leaf(field, "", field.required, "", lambda _text: False, {})


def _always(item: Part | Model) -> Iterator[str]:
    """Lists of an answer that may not be empty, which a decision's lists may be."""
    inside = item.model if isinstance(item, Part) else item
    for below in inside.chosen() if inside else ():
        if isinstance(below, Part) and below.repeated:
            yield from [below.path] if below.low else []
        elif below.low:
            yield from _always(below)


class Around(NamedTuple):
    """What lies around a leaf: the nearest group that may be missing or repeat, and whether it is needed there."""

    group: str = ""
    needed: bool = True


class _Shapes:
    """The elements of a WSDL's messages, whole."""

    def __init__(self, wsdl: Wsdl) -> None:
        schemas = with_wrappers(collect(wsdl.documents), wsdl.operations.values(), wsdl.found[0])
        self._types = SchemaTypes(schemas, [])

    def part(self, root: str) -> Part:
        return (outline(self._types, root) if root else None) or Part(root, "")

    def fields(self, root: str) -> Mapping[str, NativeField]:
        element = self._types.element(root)
        return fields(element) if element else {}

    def leaves(self, part: Part, *, one_branch: bool = False) -> list[Leaf]:
        """Every leaf below a body's element; of a choice all branches, or the one that can be written."""
        return list(_leaves(part, Around(), one_branch))


def _leaves(part: Part, around: Around, one_branch: bool) -> Iterator[Leaf]:
    for attribute in part.attributes:
        yield _leaf(attribute, around._replace(needed=around.needed and attribute.required))
    if part.text is not None:
        yield _leaf(part.text, around)
    if part.model is not None:
        yield from _inside(part.model, around._replace(needed=True), one_branch)
    if not one_branch:
        yield from _kinds(part, around)


def _kinds(part: Part, around: Around) -> Iterator[Leaf]:
    """What only some of the types have that an element may name, and which type it is."""
    if part.kind is not None:
        yield _leaf(part.kind, around._replace(needed=around.needed and part.abstract))
    for kind in part.kinds:
        for leaf in _leaves(kind, around._replace(needed=False), one_branch=False):
            yield leaf._replace(needed=False)


def _inside(model: Model, around: Around, one_branch: bool) -> Iterator[Leaf]:
    optional = model.low == 0 or (model.kind == "choice" and not one_branch)
    for item in model.chosen() if one_branch else model.items:
        if isinstance(item, Model):
            yield from _inside(item, around._replace(needed=around.needed and not optional), one_branch)
            continue
        needed = around.needed and not optional and item.low > 0
        below = around._replace(needed=needed)
        if item.repeated or (not needed and item.text is None):
            below = Around(item.path, True)
        yield from _leaves(item, below, one_branch)


def _leaf(text: Text, around: Around) -> Leaf:
    facets = text.facets
    native = NativeField(text.path, "string", None, around.needed and not around.group)
    return Leaf(native, around.group, around.needed, facets.sample, facets.accepts, facets.codes)


def _example(root: Part, values: Mapping[str, str]) -> bytes:
    """A message of SOAP 1.1 with these texts, and legal ones where else the schema asks for one."""
    spaces = dict.fromkeys(filter(None, map(_space, _names(root))))
    prefixes = {f"ns{at}": space for at, space in enumerate(spaces, 1)}
    body = ""
    if root.name:
        node = etree.Element(root.name, nsmap=prefixes)
        _fill(node, root, values)
        etree.indent(node, "  ")
        body = "\n" + etree.tostring(node, encoding="unicode") + "\n"
    return (envelope(body, V11) + "\n").encode()


def _space(name: str) -> str:
    return split(name)[0]


def _names(part: Part | Model) -> Iterator[str]:
    if isinstance(part, Model):
        for item in part.items:
            yield from _names(item)
        return
    yield part.name
    yield from (attribute.name for attribute in part.attributes)
    for inside in (part.model, *part.kinds):
        if inside:
            yield from _names(inside)


def _kind_of(node: Node, part: Part, values: Mapping[str, str]) -> Part:
    """The part itself, or the one of its kinds that is wanted more, and then the element says so."""
    if part.kind is None:
        return part
    named = values.get(in_tree(part.kind.path))
    choices = [] if part.abstract else [part]
    best = max([*choices, *part.kinds], key=lambda kind: (kind.said == named, _own_wanted(kind, values)))
    if best is not part:
        space, name = split(best.name)
        prefix = next((prefix for prefix, known in node.nsmap.items() if known == space), None)
        node.set(TYPE_NAME, f"{prefix}:{name}" if prefix else name)
    return best


def _own_wanted(kind: Part, values: Mapping[str, str]) -> int:
    return _wanted(Part(kind.name, kind.path, text=kind.text, attributes=kind.attributes, model=kind.model), values)


def _fill(node: Node, declared: Part, values: Mapping[str, str]) -> None:
    part = _kind_of(node, declared, values)
    for attribute in part.attributes:
        if attribute.required or in_tree(attribute.path) in values:
            node.set(attribute.name, _value(attribute, values))
    if part.text is not None:
        if declared.nillable and in_tree(part.text.path) not in values:
            node.set(NIL, "true")
        else:
            node.text = _value(part.text, values)
    if part.model is not None:
        _children(node, part.model, values)


def _value(text: Text, values: Mapping[str, str]) -> str:
    wanted = values.get(in_tree(text.path))
    return wanted if wanted is not None and text.facets.accepts(wanted) else text.facets.sample


def _children(node: Node, model: Model, values: Mapping[str, str]) -> None:
    """Of a sequence what must be there or is wanted, of a choice the branch that is wanted most, else the first."""
    items = model.items
    if model.kind == "choice" and items:
        items = [max(items, key=lambda item: _wanted(item, values))]
    for item in items:
        wanted = _wanted(item, values) > 0
        if not wanted and item.low == 0:
            continue
        if isinstance(item, Model):
            _children(node, item, values)
            continue
        for _ in range(max(1, item.low)):
            _fill(etree.SubElement(node, item.name), item, values)


def _wanted(item: Part | Model, values: Mapping[str, str]) -> int:
    return sum(in_tree(text.path) in values for text in texts(item))
