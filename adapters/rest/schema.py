"""JSON Schema (2020-12) as the wire schema of an integration: what it declares, and one made where there is none.

A schema documents: it is linted against the mapping and goes into the OpenAPI document. It does not judge what callers
send; contract and mapping do, once, for every adapter alike. What lint cannot prove of answers, ``guard.py`` sees to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from adapters.rest.leaves import resolve
from contracts.errors import ConfigurationError, Fault
from contracts.mapping.paths import Path as TreePath
from contracts.mapping.paths import Step
from gateway.spi import NativeField

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES = 1_000_000
_FORMATS = {"date": "date", "date-time": "date-time"}
_SIMPLE = {"integer": "integer", "decimal": "number", "number": "number", "boolean": "boolean", "object": "object"}

Schema = Mapping[str, Any]


def load(path: Path) -> dict[str, Any]:
    """Read and check one schema file; raises ConfigurationError with every fault that can be named."""
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            raise ConfigurationError([Fault(str(path), 0, 0, f"is larger than {MAX_BYTES} bytes")])
        schema = json.loads(content, parse_float=_finite, parse_constant=_finite)
    except OSError as exc:
        raise ConfigurationError([Fault(str(path), 0, 0, f"cannot be read: {exc.strerror or exc}")]) from exc
    except OverflowError as exc:
        raise ConfigurationError([Fault(str(path), 0, 0, str(exc))]) from exc
    except json.JSONDecodeError as exc:
        raise ConfigurationError([Fault(str(path), exc.lineno, exc.colno, f"is not JSON: {exc.msg}")]) from exc
    except (UnicodeDecodeError, RecursionError, ValueError) as exc:
        raise ConfigurationError([Fault(str(path), 0, 0, f"is not JSON: {type(exc).__name__}")]) from exc
    try:
        faults = [Fault(str(path), 0, 0, message) for message in _faults(schema)]
    except RecursionError as exc:
        raise ConfigurationError([Fault(str(path), 0, 0, "nests too deep", "flatten it")]) from exc
    if faults:
        raise ConfigurationError(faults)
    return dict(schema)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise OverflowError(f"{text} is no number that JSON Schema can reckon with")
    return number


def _faults(schema: Any) -> Iterator[str]:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator

    if not isinstance(schema, dict):
        yield "is not a JSON Schema: expected an object"
        return
    if str(schema.get("$schema", DIALECT)).rstrip("#") != DIALECT:
        yield f"$schema names another dialect; expected {DIALECT}"
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        yield f"is not a valid JSON Schema: {exc.message[:200]} at {_pointer(exc.absolute_path) or 'the root'}"
        return
    if schema.get("type") != "object" and "properties" not in schema and "$ref" not in schema:
        yield 'describes no object; the body of a message must be one: add "type": "object"'
    for where, reference in _references(schema, ""):
        if not reference.startswith("#"):
            yield f"$ref at {where} points outside the file; only references within it (#/$defs/…) are followed"
        elif resolve(schema, reference) is None:
            yield f"$ref at {where} points at nothing: {reference}"


def _references(node: Any, where: str) -> Iterator[tuple[str, str]]:
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in members:
        here = f"{where}/{key}"
        if key in {"$ref", "$dynamicRef"} and isinstance(child, str):
            yield here, child
        elif key not in {"const", "enum", "examples", "default"}:
            yield from _references(child, here)


def _pointer(steps: Any) -> str:
    return "".join(f"/{step}" for step in steps)


def relocated(schema: Schema, base: str) -> dict[str, Any]:
    """The schema as it reads when it stands at ``base`` of another document: ``#/$defs/x`` → ``<base>/$defs/x``."""
    moved = _moved(schema, base)
    return {key: value for key, value in moved.items() if key not in {"$schema", "$id"}}


def _moved(node: Any, base: str) -> Any:
    if isinstance(node, dict):
        return {
            key: base + child[1:] if key in {"$ref", "$dynamicRef"} and isinstance(child, str) else _moved(child, base)
            for key, child in node.items()
        }
    return [_moved(child, base) for child in node] if isinstance(node, list) else node


def derived(found: Mapping[str, NativeField]) -> dict[str, Any]:
    """A schema from the paths a mapping reads or writes, for an integration that ships none.

    >>> derived({"a.b": NativeField("a.b", "integer", None, True)})["properties"]["a"]["required"]
    ['b']
    """
    root: dict[str, Any] = {"type": "object"}
    for path, field in found.items():
        _place(root, TreePath.parse(path).steps, field)
    return root


def _place(node: dict[str, Any], steps: tuple[Step, ...], field: NativeField) -> None:
    """Describe a field where the steps lead to from the node."""
    if not steps:
        node.update(_described(field))
    elif isinstance(steps[0], str):
        node["type"] = "object"
        child = node.setdefault("properties", {}).setdefault(steps[0], {})
        if field.required and steps[0] not in node.setdefault("required", []):
            node["required"].append(steps[0])
        _place(child, steps[1:], field)
    else:
        node["type"] = "array"
        _place(node.setdefault("items", {}), steps[1:], field)


def _described(field: NativeField) -> dict[str, Any]:
    kind = field.type.partition("(")[0]
    if kind in _SIMPLE:
        return {"type": _SIMPLE[kind]}
    if kind in _FORMATS:
        return {"type": "string", "format": _FORMATS[kind]}
    if kind in {"string", "text", "code"}:
        return {"type": "string", **({"maxLength": field.room} if field.room else {})}
    return {}
