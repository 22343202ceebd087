"""A contract as a Python module of pydantic models, to read, to import and to keep beside one's own code.

Decimals are ``Decimal``, dates ``date``; nothing is coerced. A blank is None. ``model_dump(mode="json")`` writes what
the JSON Schema of the same contract describes.
"""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from pydantic import BaseModel

from contracts.export.openapi import component
from contracts.export.shape import Group, Leaf, Many, Part, title, told, tree, unsaid
from contracts.odcs import Contract
from contracts.types import Field

_WIDTH: Final = 110
_IMPORTS: Final = '''\
from datetime import date as _date
from datetime import datetime as _datetime
from datetime import timedelta as _timedelta
from decimal import Decimal as _Decimal
from typing import Annotated as _Annotated
from typing import Literal as _Literal

from pydantic import AfterValidator as _AfterValidator
from pydantic import BaseModel as _BaseModel
from pydantic import ConfigDict as _ConfigDict
from pydantic import Field as _Field


def _places(step: str) -> _AfterValidator:
    """Writes a decimal with all its digits, 5 as 5.00."""
    return _AfterValidator(lambda value: value.quantize(_Decimal(step)))


def _whole_seconds(value: _datetime) -> _datetime:
    if value.microsecond or value.utcoffset() != _timedelta(0):
        raise ValueError("a time is given in UTC and in whole seconds")
    return value
'''
"""Whatever stands beside the classes begins with ``_``, as no field of a contract does."""
_TAKEN: Final = ("int", "str", "bool", "list")


def export(contract: Contract) -> str:
    """The text of the module; its last class is the record, named as the contract is: ``LoanApplication``."""
    notes = [f"Not checked here: {note}" for note in unsaid(contract)]
    doc = [title(contract), *(line for note in notes for line in ["", *_wrapped(note)])]
    name, root = component(contract), tree(contract)
    classes = [line for one in _classes(root, name, contract.unknown_fields) for line in ["", "", *one]]
    return "\n".join(['"""' + _escaped("\n".join(doc)) + '\n"""', "", _IMPORTS.rstrip(), *classes]) + "\n"


def _escaped(text: str) -> str:
    """Text as it may stand in a docstring."""
    plain = text.replace("\\", "\\\\")
    return plain.replace('"', '\\"') if '"""' in text or text.endswith('"') else plain


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _classes(group: Group, name: str, unknown: str) -> Iterator[list[str]]:
    """The classes of objects inside come first, as the record refers to them."""
    for part in group.parts:
        inner = part.item if isinstance(part, Many) else part
        if isinstance(inner, Group):
            noted = replace(inner, note=inner.note or getattr(part, "note", ""))
            yield from _classes(noted, _class(name, part.name), unknown)
    extra = "forbid" if unknown == "refuse" else "ignore"
    yield [
        f"class {name}(_BaseModel):",
        *_docstring(group.note or name, "    "),
        "",
        f'    model_config = _ConfigDict(strict=True, extra="{extra}", populate_by_name=True)',
        *(line for part in group.parts for line in ["", *_attribute(part, name)]),
    ]


def _class(outer: str, name: str) -> str:
    return outer + "".join(word.capitalize() for word in name.split("_"))


def _docstring(text: str, indent: str) -> list[str]:
    lines = _wrapped(_escaped(text))
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(indent + line for line in lines[1:]), f'{indent}"""']


def _attribute(part: Part, outer: str) -> list[str]:
    name, alias = part.name, ""
    if keyword.iskeyword(name) or name in _TAKEN or hasattr(BaseModel, name) or name.startswith("model_"):
        name, alias = f"{name}_", f"alias={name!r}"
    match part:
        case Leaf(field=field):
            text, kind, empty = told(part), _type(field), not field.required
        case Group(note=note):
            text, kind, empty = note, _class(outer, part.name), False
        case Many(note=note, most=most, item=item):
            inner = _type(item.field) if isinstance(item, Leaf) else _class(outer, part.name)
            text, empty = note, False
            kind = _annotated(f"list[{inner}]", f"max_length={most}")
    default = ", ".join(filter(None, ("default=None" if empty else "", alias)))
    value = f" = _Field({default})" if alias else " = None" if empty else ""
    return [f"    {name}: {kind}{' | None' if empty else ''}{value}", *(_docstring(text, "    ") if text else [])]


def _annotated(kind: str, *facts: str, more: str = "") -> str:
    known = [fact for fact in facts if fact]
    parts = [*([f"_Field({', '.join(known)})"] if known else []), *([more] if more else [])]
    return f"_Annotated[{kind}, {', '.join(parts)}]" if parts else kind


def _type(field: Field) -> str:
    match field.type:
        case "code":
            return f"_Literal[{', '.join(map(repr, field.codes))}]"
        case "boolean":
            return "bool"
        case "integer":
            return _annotated("int", *_bounds(field))
        case "decimal":
            places = f"decimal_places={field.scale}"
            return _annotated("_Decimal", *_bounds(field), places, more=f"_places({field.text(1)!r})")
        case "date":
            return _annotated("_date", *_bounds(field))
        case "timestamp":
            return _annotated("_datetime", more="_AfterValidator(_whole_seconds)")
    sizes = (f"min_length={field.min_length}" if field.min_length else "", f"max_length={field.max_length}")
    form = f"pattern={field.pattern!r}" if field.pattern else ""
    return _annotated("str", sizes[0], sizes[1] if field.max_length is not None else "", form)


def _bounds(field: Field) -> list[str]:
    """The range as arguments."""
    named = (("ge", field.minimum), ("le", field.maximum))
    return [f"{name}={_bound(field, bound)}" for name, bound in named if bound is not None]


def _bound(field: Field, bound: int | date) -> str:
    if isinstance(bound, date):
        return f"_date({bound.year}, {bound.month}, {bound.day})"
    return f"_Decimal({field.text(bound)!r})" if field.type == "decimal" else str(bound)
