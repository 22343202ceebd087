"""A regular expression that holds for exactly the decimals of a range, written with all their digits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TypeAlias

Digits: TypeAlias = tuple[str, ...]
"""One character class a digit, from the left."""


def pattern(low: int, high: int, scale: int) -> str:
    """Matches the text of every scaled integer from ``low`` to ``high``, and no other text.

    Both ends count; leading zeros, a plus sign and minus nought have no place in it.

    >>> pattern(100, 99999, 2)
    '^(?:[1-9][0-9]{0,2}\\\\.[0-9]{2})$'
    >>> pattern(-5, 120, 1)
    '^(?:-0\\\\.[1-5]|[0-9]\\\\.[0-9]|1[01]\\\\.[0-9]|12\\\\.0)$'
    """
    below = [f"-{one}" for one in _positive(max(1, -high), -low, scale)] if low < 0 else []
    above = list(_positive(max(0, low), high, scale)) if high >= 0 else []
    return f"^(?:{'|'.join([*below, *above])})$"


def _positive(low: int, high: int, scale: int) -> Iterator[str]:
    """Alternatives by growing length; lengths that are whole, as 100 to 9999, become one."""
    whole: list[int] = []
    for length in range(len(str(low).zfill(scale + 1)), len(str(high).zfill(scale + 1)) + 1):
        shortest = length == scale + 1
        first, last = 0 if shortest else 10 ** (length - 1), 10**length - 1
        if last <= high and (low == 10 ** (length - 1) if shortest else low <= first):
            whole.append(length)
            continue
        yield from _run(whole, scale)
        whole = []
        ends = str(max(low, first)).zfill(length), str(min(high, last)).zfill(length)
        yield from (_written(digits, scale) for digits in _between(*ends))
    yield from _run(whole, scale)


def _run(lengths: list[int], scale: int) -> Iterator[str]:
    if lengths:
        fewest, most = lengths[0] - scale - 1, lengths[-1] - scale - 1
        count = f"{{{fewest}}}" if fewest == most else f"{{{fewest},{most}}}"
        yield f"[1-9][0-9]{count}{_tail(('[0-9]',) * scale)}"


def _between(low: str, high: str) -> list[Digits]:
    """Both ends have the same number of digits."""
    if not low:
        return [()]
    first, last, rest = low[0], high[0], len(low) - 1
    if set(low) == {"0"} and set(high) == {"9"}:
        return [("[0-9]",) * len(low)]
    if first == last:
        return [(first, *digits) for digits in _between(low[1:], high[1:])]
    found: list[Digits] = []
    start, end = int(first), int(last)
    if low[1:].strip("0"):
        found += [(first, *digits) for digits in _between(low[1:], "9" * rest)]
        start += 1
    stop = end + 1 if not high[1:].strip("9") else end
    if start < stop:
        found.append((_class(start, stop - 1), *("[0-9]",) * rest))
    if stop == end:
        found += [(last, *digits) for digits in _between("0" * rest, high[1:])]
    return found


def _class(low: int, high: int) -> str:
    if low == high:
        return str(low)
    return f"[{low}{'-' * (high - low > 1)}{high}]"


def _written(digits: Digits, scale: int) -> str:
    cut = len(digits) - scale
    return _runs(digits[:cut]) + _tail(digits[cut:])


def _tail(digits: Digits) -> str:
    return rf"\.{_runs(digits)}" if digits else ""


def _runs(digits: Digits) -> str:
    counted = ((one, len(list(same))) for one, same in groupby(digits))
    return "".join(one * count if count == 1 or len(one) * count < 4 else f"{one}{{{count}}}" for one, count in counted)
