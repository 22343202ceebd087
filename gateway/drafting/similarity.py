"""How alike two names are, and two codes, as a number from 0 to 1.

A word counts 1 where both sides have it, .95 spelled short, .9 where both name a period (a conversion makes up for the
difference), .78 by another word for the same, .7 where the spelling differs a little. A name is as alike as the share
of its words that the other side has, weighed by how much they tell; words of the groups around a leaf count a little
less than its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from typing import Final, NamedTuple

from contracts.mapping.paths import Path
from gateway.drafting.vocabulary import ABBREVIATIONS, ALIASES, OPPOSED, PERIODS, SPANS, STOP, SYNONYMS, UNIMPORTANT
from models.drafting.words import tokens

SHORT, PERIOD, SYNONYM, SPELLING, ALIAS, AROUND = 0.95, 0.9, 0.78, 0.7, 0.95, 0.9
RECALL: Final = 0.65
"""Share of the similarity that goes by the words of the contract; the rest goes by the words of the leaf."""
_MEANINGS: Final[Mapping[str, frozenset[int]]] = {
    word: frozenset(at for at, group in enumerate(SYNONYMS) if word in group) for group in SYNONYMS for word in group
}
_PARTS: Final = re.compile(r"[a-z]+|[0-9]+")


class Word(NamedTuple):
    """A word of a name as it stands for: ``short`` where it was spelled as an abbreviation."""

    text: str
    short: bool = False


@cache
def words(name: str) -> tuple[Word, ...]:
    """The words of a name, abbreviations written out.

    >>> [word.text for word in words("EmpYrs")], [word.text for word in words("reason_code1")]
    (['employment', 'years'], ['reason', 'code', '1'])
    """
    found: list[Word] = []
    for token in tokens(name):
        for part in _PARTS.findall(token):
            long = ABBREVIATIONS.get(part)
            found += [Word(text, bool(long)) for text in (long or part).split()]
    return tuple(found)


def plain(name: str) -> list[str]:
    return [word.text for word in words(name)]


class Name(NamedTuple):
    """A native path as words: those of the leaf itself, and those of the groups around it."""

    own: tuple[Word, ...]
    around: tuple[Word, ...]

    @classmethod
    def of(cls, path: str) -> Name:
        """A leaf whose own words say little (``Years``, ``@status``) takes those of its group as its own."""
        steps = [step for step in Path.parse(path).steps if isinstance(step, str)]
        while len(steps) > 1 and steps[-1] == "#text":
            steps.pop()
        own = words(steps[-1].removeprefix("@xsi:"))
        above = steps[:-1]
        while above and sum(map(weight, own)) < 0.9:
            own = (*words(above.pop()), *own)
        return cls(own, tuple(word for step in above for word in words(step)))

    def texts(self) -> list[str]:
        return [word.text for word in (*self.own, *self.around)]


def weight(word: Word) -> float:
    return UNIMPORTANT.get(word.text, 1.0)


@cache
def alike(a: Word, b: Word) -> float:
    """How alike two words are."""
    if a.text == b.text or a.text.rstrip("s") == b.text.rstrip("s"):
        return SHORT if a.short or b.short else 1.0
    if {a.text, b.text} <= PERIODS.keys() | SPANS.keys():
        return PERIOD
    if _MEANINGS.get(a.text, frozenset()) & _MEANINGS.get(b.text, frozenset()):
        return SYNONYM
    if min(len(a.text), len(b.text)) < 4:
        return 0.0
    shared = SequenceMatcher(None, a.text, b.text).ratio()
    return SPELLING if shared >= 0.85 or a.text.startswith(b.text) or b.text.startswith(a.text) else 0.0


def likeness(field: str, leaf: Name) -> float:
    """How alike a contract field's name, or the best of its aliases, is to a native leaf.

    >>> likeness("loan_amount", Name.of("Loan.Amount.#text")) > 0.9, likeness("age_years", Name.of("Loan.Purpose"))
    (True, 0.0)
    """
    names = ((field, 1.0), *((alias, ALIAS) for alias in ALIASES.get(field, ())))
    return max(_likeness(words(name), leaf) * share for name, share in names)


def _likeness(field: Sequence[Word], leaf: Name) -> float:
    if not field or not leaf.own:
        return 0.0
    own = {word: max(alike(word, other) for other in leaf.own) for word in field}
    around = {word: max((alike(word, other) for other in leaf.around), default=0.0) * AROUND for word in field}
    telling = [word for word in field if weight(word) == max(map(weight, field))]
    if not any(own[word] for word in telling):
        return 0.0
    found = {word: max(own[word], around[word]) for word in field}
    recall = _mean([(weight(word), found[word]) for word in field])
    backward = [(weight(word), max(alike(word, other) for other in field)) for word in leaf.own]
    return RECALL * recall + (1 - RECALL) * _mean(backward)


def _mean(weighed: Sequence[tuple[float, float]]) -> float:
    total = sum(share for share, _ in weighed)
    return sum(share * value for share, value in weighed) / total if total else 0.0


def code_likeness(native: str, native_label: str, code: str, label: str) -> float:
    """How alike two codes are, by themselves and by what is said of them; a lone initial proves little.

    >>> code_likeness("PART_TIME", "", "part_time", ""), code_likeness("S", "", "single", "Never married")
    (1.0, 0.6)
    """
    ours, theirs = tokens(code), tokens(native)
    if ours == theirs:
        return 1.0
    best = max((_spoken(a, b) for a in (native, native_label) for b in (code, label)), default=0.0)
    if len(native) == 1 and native.isalpha():
        best = max(best, 0.6 if code[:1].lower() == native.lower() else 0.0)
    elif native.isalpha() and len(native) > 1 and code.replace("_", "").startswith(native.lower()):
        best = max(best, SPELLING)
    return best


def _spoken(native: str, ours: str) -> float:
    a = [Word(text) for text in tokens(native) if text not in STOP]
    b = [Word(text) for text in tokens(ours) if text not in STOP]
    if not a or not b:
        return 0.0
    if any({x.text, y.text} in OPPOSED for x in a for y in b):
        return 0.0
    forth = sum(max(alike(x, y) for y in b) for x in a)
    back = sum(max(alike(y, x) for x in a) for y in b)
    return round((forth + back) / (len(a) + len(b)), 4)


def pair_codes(
    native: Mapping[str, str], codes: Sequence[str], labels: Mapping[str, str]
) -> tuple[dict[str, str], float]:
    """Native codes by the contract code each stands for, and how sure that is: the mean over the native codes.

    Each contract code gets one native code, the surest pair first; an initial that fits two codes counts less. A native
    code that is left over joins a code that its words name.
    """
    scores = {
        (theirs, ours): code_likeness(theirs, said, ours, labels.get(ours, ""))
        for theirs, said in native.items()
        for ours in codes
    }
    found: dict[str, str] = {}
    sure: dict[str, float] = {}
    for (theirs, ours), score in sorted(scores.items(), key=lambda item: -item[1]):
        if theirs in found or score < LEAST:
            continue
        free = ours not in found.values()
        if free or score >= SYNONYM:
            rivals = [other for other in _rivals(scores, theirs, score) if other not in found.values()]
            found[theirs], sure[theirs] = ours, score if len(rivals) == 1 or score > SPELLING else score * 0.75
    ordered = {theirs: found[theirs] for theirs in native if theirs in found}
    return ordered, sum(sure.values()) / len(native) if native else 0.0


LEAST: Final = 0.4


def _rivals(scores: Mapping[tuple[str, str], float], theirs: str, score: float) -> Iterator[str]:
    return (ours for (other, ours), value in scores.items() if other == theirs and value == score)
