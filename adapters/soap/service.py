"""A WSDL made ready to serve one integration: its operations compiled to readers, writers and one checker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from adapters.soap.addressing import NAMES
from adapters.soap.checking import Checker
from adapters.soap.documents import Document
from adapters.soap.faults import in_words
from adapters.soap.names import Node, local
from adapters.soap.reading import reader
from adapters.soap.schema_types import SchemaTypes
from adapters.soap.schemas import collect, compile_schemas, with_wrappers
from adapters.soap.section import Fetch, Wire
from adapters.soap.types import Complex, Element, Simple, fields, joined
from adapters.soap.values import is_blank
from adapters.soap.writing import writer
from adapters.soap.wsdl import Message, Operation, Wsdl, read_wsdl
from contracts.errors import ConfigurationError, Fault
from contracts.mapping.answer import AnswerMap
from contracts.mapping.room import misfit
from contracts.mapping.tree import Each, Written
from contracts.source import nearest
from gateway.spi import BESIDE, Fields, NativeField, Tree

HEADER: Final = BESIDE[0]
CORRELATION_HEADER: Final = "x-correlation-id"
ONE_WAY: Final = Element("", Complex())


@dataclass(frozen=True, slots=True)
class Service:
    """What one integration serves. ``scored`` asks for a decision, as do all of ``asking``, by their elements;
    ``fetched`` asks for one made before, if there is such.

    ``tell`` writes the detail element of the declared fault from a refusal tree, None where none is mapped; ``fault``
    is the name of that fault. ``write_headers`` are the writers of what an answer's header
    may hold, by local name; ``understood`` are the header elements the WSDL declares of any request.
    """

    wsdl: Wsdl
    operations: Mapping[str, Operation]
    scored: Operation
    asking: Mapping[str, Operation]
    fetched: Operation | None
    fetch: Fetch | None
    checker: Checker
    fields: Fields
    readers: Mapping[str, Callable[[Node], Tree]]
    write: Callable[[Mapping[str, Any]], str]
    tell: Callable[[Tree], str] | None
    fault: str = ""
    write_headers: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    understood: frozenset[str] = frozenset()

    def written(self, tree: Mapping[str, Any]) -> tuple[str, list[str]]:
        """The body's element of an answer, and the blocks of its header that say something."""
        if not self.write_headers:
            return self.write(tree), []
        told = tree.get(HEADER) or {}
        blocks = [write(told[name]) for name, write in self.write_headers.items() if not is_blank(told.get(name))]
        moved = f"_{HEADER}"
        return self.write({HEADER if name == moved else name: tree[name] for name in tree if name != HEADER}), blocks

    def read(self, body: Node) -> Tree:
        """The tree of a body element that has been checked."""
        tree = self.readers[body.tag](body)
        for name in BESIDE:
            if name in tree:
                tree[f"_{name}"] = tree.pop(name)
        return tree


def serve(wire: Wire, folder: Path) -> Service:
    """Compile; raises ConfigurationError with every fault of the WSDL, its schemas, and the section about them."""
    wire.finish()
    return _Compiler(wire, folder).service()


class _Compiler:
    def __init__(self, wire: Wire, folder: Path) -> None:
        self._wire = wire
        self._wsdl = read_wsdl(folder, wire.wsdl, wire.port)
        self._home: Document = self._wsdl.found[0]
        operations = self._wsdl.operations.values()
        schemas = with_wrappers(collect(self._wsdl.documents), operations, self._home)
        faults: list[Fault] = self._wsdl.documents.faults
        self._types = SchemaTypes(schemas, faults)
        if faults:
            raise ConfigurationError(faults)
        self._checker = Checker(compile_schemas(schemas))

    def service(self) -> Service:
        wire = self._wire
        scored = self._operation(wire.operation, ("operations", 0))
        others = [self._operation(name, ("operations", at)) for at, name in enumerate(wire.others, 1)]
        fetched = self._operation(wire.fetch.operation, ("fetch", "operation")) if wire.fetch else None
        wire.finish()
        if scored is None:
            raise ConfigurationError(wire.section.faults)
        asked, answered = self._element(scored.input), self._element(scored.output)
        headers = [self._header(name, needed) for name, needed in scored.told_headers.items()]
        asking = {one.input.root: one for one in (scored, *others) if one is not None}
        inputs = {root: self._element(one.input) for root, one in asking.items()}
        for at, one in enumerate(others, 1):
            self._check_alike(scored, one, ("operations", at))
        if fetched is not None:
            inputs[fetched.input.root] = self._element(fetched.input)
            self._check_fetched(fetched, answered)
        tell = self._declared(scored, wire.fault_map) if wire.fault_map else None
        wire.finish()
        return Service(
            self._wsdl,
            {operation.input.root: operation for operation in self._wsdl.operations.values()},
            scored,
            asking,
            fetched,
            wire.fetch,
            self._checker,
            Fields(self._request(asked, asking.values()), _answer(answered, headers) if scored.output else None),
            {root: reader(element) for root, element in inputs.items()},
            writer(answered),
            tell,
            wire.fault,
            _header_writers(headers),
            frozenset(name for operation in self._wsdl.operations.values() for name in operation.asked_headers),
        )

    def _request(self, asked: Element, asking: Iterable[Operation]) -> Mapping[str, NativeField]:
        """Fields of a request: those of its body, and below ``header`` the blocks of addressing, those the WSDL
        describes, and those the section names.
        """
        described = (local(name) for operation in asking for name in operation.asked_headers)
        names = (joined(HEADER, name) for name in (*NAMES, CORRELATION_HEADER, *described, *self._wire.headers))
        return _renamed(fields(asked, asked=True)) | {name: NativeField(name, "any") for name in names}

    def _header(self, name: str, needed: bool) -> Element:
        """The element of a block in an answer's header, as a child of it."""
        found = self._element(Message(name))
        kind = found.type
        plain = kind.text if isinstance(kind, Complex) and not kind.attributes and not kind.children else None
        return replace(found, type=plain or kind, low=int(needed))

    def _operation(self, name: str, place: tuple[str | int, ...]) -> Operation | None:
        found = self._wsdl.operations.get(name)
        if found is None:
            known = self._wsdl.operations
            hint = nearest(name, known) or f"there are: {', '.join(known)}"
            self._wire.faulty(place, f"the WSDL has no operation {name!r}", hint)
        return found

    def _element(self, message: Message | None) -> Element:
        """The body's element; where there is none, one without anything in it."""
        if message is None or not message.root:
            return ONE_WAY
        if message.parts is not None:
            children = [Element(part.name, self._types.type(part.type)) for part in message.parts]
            return Element(message.root, Complex(children=children))
        found = self._types.element(message.root)
        if found is None:
            hint = nearest(local(message.root), map(local, self._types.known()))
            fault = self._home.fault(None, f"no schema declares the element {message.root}", hint)
            raise ConfigurationError([fault])
        if isinstance(found.type, Simple):  # the tree is of what lies below: a body of one value is a group of its text
            return replace(found, type=Complex(text=found.type))
        return found

    def _check_alike(self, scored: Operation, other: Operation | None, place: tuple[str | int, ...]) -> None:
        """One mapping reads and writes the messages of all operations that are scored, so they must be alike."""
        if other is None:
            return
        ways = ((scored.input, other.input, "is asked"), (scored.output, other.output, "answers"))
        differs = [way for a, b, way in ways if self._shape(a) != self._shape(b)]
        if scored.told_headers != other.told_headers:
            differs.append("has other headers in its answer")
        if self._wire.fault and scored.faults.get(self._wire.fault) != other.faults.get(self._wire.fault):
            differs.append("declares its fault")
        if differs:
            message = f"{other.name} {' and '.join(differs)} otherwise than {scored.name}"
            hint = "one mapping reads one message; make an integration of its own for another one"
            self._wire.faulty(place, message, hint)

    def _shape(self, message: Message | None) -> Mapping[str, NativeField] | None:
        return None if message is None else fields(self._element(message), asked=True)

    def _check_fetched(self, fetched: Operation, answered: Element) -> None:
        """A decision made before is answered as it was stored, so both operations must answer alike."""
        wire, place = self._wire, ("fetch", "operation")
        if fetched.output is None:
            wire.faulty(place, f"{fetched.name} is one-way and can answer nothing")
        elif fetched.name in (wire.operation, *wire.others):
            wire.faulty(place, f"{fetched.name} is the operation that is scored")
        elif fields(self._element(fetched.output)) != fields(answered):
            wire.faulty(place, f"{fetched.name} answers otherwise than {wire.operation}")
        if wire.fetch and wire.fetch.key.open not in fields(self._element(fetched.input), asked=True):
            known = fields(self._element(fetched.input), asked=True)
            hint = nearest(str(wire.fetch.key), known) or f"there is: {', '.join(known)}"
            wire.faulty(("fetch", "key"), f"a message of {fetched.name} has no {wire.fetch.key}", hint)

    def _declared(self, scored: Operation, mapped: AnswerMap) -> Callable[[Tree], str] | None:
        """What writes the declared fault from a refusal; every path of its map must be there and have room."""
        wire = self._wire
        root = scored.faults.get(wire.fault)
        element = self._types.element(root) if root else None
        if element is None:
            known = scored.faults
            hint = nearest(wire.fault, known) or f"there are: {', '.join(known) or 'none'}"
            wire.faulty(("fault", "name"), f"{scored.name} declares no fault {wire.fault!r}", hint)
            return None
        declared, written = fields(element), mapped.native_fields()
        for path, message in _misfits(declared, written):
            place = next((key for key in self._map_keys() if path.startswith(key)), "")
            wire.faulty(("fault", "map", place), f"{path}: {message}", nearest(path, declared))
        write = writer(element)
        if _lists_problems(mapped):
            return lambda tree: write(mapped.write(tree))
        return lambda tree: write(mapped.write(in_words(tree)))

    def _map_keys(self) -> list[str]:
        return sorted(map(str, self._wire.section.data["fault"]["map"]), key=len, reverse=True)


def _lists_problems(mapped: AnswerMap) -> bool:
    sources = [entry.source for entry in mapped.tree.entries if isinstance(entry, Each | Written)]
    return any(source.steps[0] == "problems" for source in sources)


def _misfits(declared: Mapping[str, NativeField], written: Mapping[str, NativeField]) -> list[tuple[str, str]]:
    """Paths a fault does not have or has no room for, and those it needs and that are not written."""
    found = []
    for path, leaf in written.items():
        native = declared.get(path)
        if native is None:
            found.append((path, "the declared fault has no such element"))
        elif message := misfit(leaf, native):
            found.append((path, message.removeprefix(f"{path} ")))
    lacking = [path for path, leaf in declared.items() if leaf.required and path not in written]
    return found + [(path, "the declared fault requires it, and nothing writes it") for path in lacking]


def _answer(body: Element, headers: list[Element]) -> Mapping[str, NativeField]:
    """Fields of an answer: those of its body, and below ``header`` those of the blocks its binding declares."""
    if not headers:
        return fields(body)
    around = Element("", Complex(children=[Element(HEADER, Complex(children=headers))]))
    return _renamed(fields(body)) | fields(around)


def _header_writers(headers: list[Element]) -> Mapping[str, Callable[[Any], str]]:
    keys = Complex(children=headers).keys().children
    return {keys[header.name]: writer(header) for header in headers}


def _renamed(found: Mapping[str, NativeField]) -> dict[str, NativeField]:
    """Fields of a request as its tree has them: an element that is named like what the gateway fills in is moved."""
    moved = {}
    for path, leaf in found.items():
        name = in_tree(path)
        moved[name] = leaf._replace(path=name)
    return moved


def in_tree(path: str) -> str:
    """A path below the body's element as the tree has it.

    >>> in_tree("header.Id"), in_tree("Loan.Amount")
    ('_header.Id', 'Loan.Amount')
    """
    return f"_{path}" if path.replace("[", ".").partition(".")[0] in BESIDE else path
