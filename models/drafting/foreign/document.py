"""A JSON or YAML file of somebody else's, read within bounds, and its places as JSON pointers.

JSON numbers keep their digits (``Decimal``). Duplicate names, NaN, numbers beyond 40 digits, nesting beyond 40 levels,
halves of surrogate pairs and files beyond a megabyte are refused; YAML is read as all configuration is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from contracts.errors import ConfigurationError, Fault
from contracts.source import MAX_BYTES, MAX_DEPTH, Source

MAX_DIGITS: Final = 40
Steps = tuple[str | int, ...]
_HALF = re.compile("[\ud800-\udfff]")


class Document(NamedTuple):
    """``data`` in plain types; ``source`` knows the lines, where the file is YAML."""

    file: str
    data: Any
    source: Source | None = None

    def fault(self, steps: Steps, message: str, hint: str) -> Fault:
        """A fault at a place, told as a JSON pointer and, in YAML, as a line."""
        where = f"{pointer(steps)}: {message}" if steps else message
        line, column = self.source.at(steps) if self.source else (0, 0)
        return Fault(self.file, line, column, where, hint)

    def refuse(self, steps: Steps, message: str, hint: str) -> NoReturn:
        raise ConfigurationError([self.fault(steps, message, hint)])


def pointer(steps: Steps) -> str:
    """
    >>> pointer(("$defs", "a/b", 0))
    '#/$defs/a~1b/0'
    """
    return "#" + "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def read_document(path: Path) -> Document:
    """The file as data; raises ConfigurationError naming what is wrong with its form, and where."""
    if path.suffix in (".yaml", ".yml"):
        source = Source.read(path)
        return Document(str(path), source.data, source)
    document = Document(str(path), _parsed(path))
    _check(document)
    return document


def _parsed(path: Path) -> Any:
    file = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _malformed(file, f"is larger than {MAX_BYTES:,} bytes", "import the part that describes one record")
        text = path.read_text(encoding="utf-8-sig")
        hooks: dict[str, Callable[[str], Any]] = {
            "parse_float": _decimal, "parse_int": _integer, "parse_constant": _decimal,
        }  # fmt: skip
        return json.loads(text, object_pairs_hook=_once, **hooks)  # type: ignore[arg-type]  # the pairs hook takes pairs
    except OSError as exc:
        raise _malformed(file, f"cannot be read: {exc.strerror or exc}", "name a file") from exc
    except json.JSONDecodeError as exc:
        message = f"is not JSON: {exc.msg}"
        raise ConfigurationError([Fault(file, exc.lineno, exc.colno, message, "YAML needs the ending .yaml")]) from exc
    except UnicodeDecodeError as exc:
        raise _malformed(file, f"is not UTF-8 at byte {exc.start}", "write it as UTF-8") from exc
    except RecursionError as exc:
        raise _malformed(file, f"nests deeper than {MAX_DEPTH} levels", "import the part of one record") from exc
    except _Unfit as exc:
        raise _malformed(file, str(exc), "correct it in the file") from exc


class _Unfit(Exception):
    """Part of a JSON text that stands for no value here."""


def _malformed(file: str, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Fault(file, 0, 0, message, hint)])


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise _Unfit(f"the name {doubled[:60]!r} occurs twice in one object")
    return found


def _decimal(text: str) -> Decimal:
    number = Decimal(text if len(text) <= MAX_DIGITS + 10 else "NaN")
    if number_of(number) is None:
        raise _Unfit(f"holds a number that is none, or is beyond {MAX_DIGITS} digits: {text[:20]}")
    return number


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _Unfit(f"holds a number of {len(text):,} digits")
    return int(text)


def number_of(value: object) -> Decimal | None:
    """A number within bounds, exactly as it is written; None for anything else.

    >>> number_of(0.07), number_of("1.50"), number_of(True), number_of("1e99")
    (Decimal('0.07'), Decimal('1.50'), None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value) if len(str(value)) <= MAX_DIGITS + 10 else "NaN")
    except (InvalidOperation, ValueError):
        return None
    exponent = number.as_tuple().exponent
    small = isinstance(exponent, int) and abs(exponent) <= MAX_DIGITS and abs(number.adjusted()) <= MAX_DIGITS
    return number if small else None


def whole(value: object) -> int | None:
    """A whole number that may be written with a point, as 5.0; None for anything else."""
    number = number_of(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


def _check(document: Document) -> None:
    """Depth and texts, without recursion."""
    waiting: list[tuple[Any, Steps]] = [(document.data, ())]
    while waiting:
        node, steps = waiting.pop()
        if len(steps) > MAX_DEPTH:
            document.refuse((), f"nests deeper than {MAX_DEPTH} levels", "import the part that describes one record")
        texts = [node] if isinstance(node, str) else list(node) if isinstance(node, Mapping) else []
        if any(map(_HALF.search, texts)):
            document.refuse(steps[:-1], "holds half of a surrogate pair, which is no text", "correct it in the file")
        below = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
        waiting += [(child, (*steps, key)) for key, child in below]
