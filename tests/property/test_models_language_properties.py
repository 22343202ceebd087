"""In every language the same is decided, for the same reasons, and only the words differ."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from small_bundle import CONTRACT, small_bundle
from small_records import NOT_SENT, ROW_NUMBERS, UNUSABLE, read_policy, record, turned

from models.policy import Policy
from models.reasons import MOST_REASONS
from models.scoring import Scorer
from models.verdict_columns import ColumnJudge

KNOCK_OUT = {"en": "More than we lend", "de": "Mehr, als wir verleihen"}


@cache
def policy(language: str) -> Policy:
    told = "{en: More than we lend, de: 'Mehr, als wir verleihen'}"
    return read_policy(small_bundle().digest, knock_out=told).bind(CONTRACT, small_bundle(), language)


@cache
def scorer() -> Scorer:
    return Scorer(small_bundle())


def texts(language: str) -> dict[str, set[str]]:
    """Every text a reason's code may have in a language, written out by group and state."""
    found = {"K1": {KNOCK_OUT[language]}}
    for group in small_bundle().groups:
        words = group.wordings[language]
        found |= {group.code: {words.text}, f"{group.code}B": {words.incomplete}, f"{group.code}U": {words.unverified}}
    return found


@given(ROW_NUMBERS, NOT_SENT, UNUSABLE | st.just(set()))
@settings(max_examples=200, deadline=None)
def test_only_the_words_differ(row, not_sent, unusable):
    rec = turned(turned(record(row), not_sent), unusable)
    scored = scorer().score(rec)
    told = {tag: policy(tag).decide(rec, scored) for tag in ("en", "de")}
    bare = [v._replace(reasons=tuple(r._replace(text="") for r in v.reasons)) for v in told.values()]
    assert bare[0] == bare[1]
    for tag, verdict in told.items():
        assert all(reason.text in texts(tag)[reason.code] for reason in verdict.reasons)
        assert len(verdict.reasons) <= MOST_REASONS
        assert "not_carried" not in {reason.state for reason in verdict.reasons}
        points = [reason.points for reason in verdict.reasons]
        assert points == sorted(points)


def test_columns_tell_the_reasons_of_rows_in_the_same_language():
    codes = []
    for tag in ("en", "de"):
        catalogue = ColumnJudge(policy(tag), CONTRACT, small_bundle()).catalogue
        told = {(reason.code, reason.text) for reason in catalogue if reason.text}
        assert told == {(code, text) for code, found in texts(tag).items() for text in found}
        codes.append([reason.code for reason in catalogue])
    assert codes[0] == codes[1]
