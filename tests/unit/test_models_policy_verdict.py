"""What a policy makes of a scored record: values in, verdict out."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from contracts.errors import InvalidRecord
from contracts.types import Field, Origin, Record, State
from models.reasons import Ranker, ReasonGroup
from models.types import Imputation, Reason, Scored
from models.verdict import Judge, Verdict, watched_fields

FIELDS = (
    Field("income", "decimal", 2),
    Field("debt", "decimal", 2, rejected="refer"),
    Field("assets", "decimal", 2, rejected="impute"),
    Field("term", "integer", blank="refuse"),
    Field("age", "integer", protected=True),
)
READ = ("income", "debt", "assets", "term")
GROUPS = Ranker(
    [
        ReasonGroup("income", "R1", "Income too low", "Income not provided", "Unable to verify income", (0,)),
        ReasonGroup("debt", "R2", "Debt too high", "Debt not provided", "Unable to verify debt", (1,)),
        ReasonGroup("wealth", "R3", "Assets too low", "Assets not provided", "Unable to verify assets", (1, 2)),
        ReasonGroup("term", "R4", "Term too long", "Term not provided", "Unable to verify term", (3,)),
    ]
)
GOOD, MIDDLE, BAD = (40.0, 5.0, 5.0, 0.0), (-3.0, -1.0, 2.0, 0.0), (-40.0, -9.0, -2.0, -2.0)
BASE = 518.0


def judge(**changes) -> Judge:
    return Judge(
        **{
            "approve": 527,
            "decline": 505,
            "knock_outs": [],
            "refer_rules": [],
            "flip_tolerance": 0.2,
            "most_reasons": 4,
            "automatic_decline": True,
            "reasons": GROUPS,
            "watched": watched_fields(FIELDS, READ, {"income": True}),
        }
        | changes
    )


def record(origins: dict[str, Origin] | None = None, **states: State) -> Record:
    names = [field.name for field in FIELDS]
    state = bytes(states.get(name, State.GIVEN) for name in names)
    values = tuple(None if s else 1 for s in state)
    origin = bytes((origins or {}).get(name, Origin.WIRE) for name in names)
    causes = {names.index(name): "channel" for name, s in states.items() if s == State.NOT_CARRIED}
    return Record("loan@1.0.0", values, state, origin, causes)


def scored(points=GOOD, *, information=0.0, draws=None, imputed=None) -> Scored:
    score = BASE + sum(points) + information
    spread = np.array(draws) if draws is not None else None
    low, high = (score, score) if spread is None else (float(spread.min()), float(spread.max()))
    return Scored(0.25, score, low, high, BASE, np.array(points), information, spread, imputed or {})


def decide(points=GOOD, rec: Record | None = None, **kinds) -> Verdict:
    judged = {name: kinds.pop(name) for name in list(kinds) if name in Judge.__init__.__annotations__}
    return judge(**judged).judge(rec or record(), scored(points, **kinds))


@pytest.mark.parametrize("points", [(900.0, 0, 0, 0), (-900.0, 0, 0, 0)])
def test_a_score_beyond_what_an_answer_has_room_for_counts_as_it_is_published(points):
    """Where nothing is approved and nothing declined by its score, no draw however far out turns an outcome."""
    draws = [*np.linspace(-2000, 2000, 50)]
    verdict = decide(points, record(debt=State.NOT_CARRIED), draws=draws, approve=1000, decline=0)
    assert (verdict.outcome, verdict.refer_causes) == ("refer", ("between_cut_offs",))
    assert verdict.score in (0, 999)


def test_cut_offs_compare_the_published_score():
    """526.5 is published as 526 (half to even), so it is not approved; 526.51 is published as 527."""
    assert decide((8.5, 0, 0, 0)).outcome == "refer"
    assert decide((8.51, 0, 0, 0)).outcome == "approve"
    assert decide((-13.5, 0, 0, 0)).score == 504
    assert decide((-13.5, 0, 0, 0)).outcome == "decline"
    assert decide((-13.49, 0, 0, 0)).outcome == "refer"


def test_a_score_between_the_cut_offs_is_referred_and_says_so():
    verdict = decide(MIDDLE)
    assert (verdict.outcome, verdict.refer_causes) == ("refer", ("between_cut_offs",))


def test_an_approval_gives_no_reasons_and_a_decline_its_adverse_groups_in_order():
    assert decide(GOOD).reasons == ()
    reasons = decide(BAD).reasons
    assert [reason.code for reason in reasons] == ["R1", "R2", "R3", "R4"]
    assert reasons[0] == Reason("income", "R1", "Income too low", Decimal("-40.00"), "given")


def test_equal_points_are_ordered_as_the_bundle_orders_its_groups():
    assert [r.code for r in decide((-5.0, -20.0, -5.0, -5.0)).reasons] == ["R2", "R1", "R3", "R4"]


def test_no_more_reasons_are_given_than_the_policy_says():
    assert [r.code for r in decide(BAD, most_reasons=2).reasons] == ["R1", "R2"]


def test_published_points_and_information_sum_to_the_score():
    points = (-40.111, -9.222, -2.333, -2.004)
    verdict = decide(points, information=-0.333, rec=record(debt=State.NOT_CARRIED), draws=[400.0])
    assert verdict.information_not_available == Decimal("-0.33")
    assert verdict.pd == Decimal("0.250000")
    assert str(verdict.reasons[0].points) == "-40.11"


def test_a_rejected_field_is_never_approved_and_may_be_declined_only_where_the_contract_says_impute():
    assert decide(GOOD, record(debt=State.REJECTED)).refer_causes == ("rejected_field",)
    assert decide(BAD, record(debt=State.REJECTED)).outcome == "refer"
    assert decide(GOOD, record(assets=State.REJECTED)).refer_causes == ("rejected_field_cannot_approve",)
    assert decide(BAD, record(assets=State.REJECTED)).outcome == "decline"


def test_a_rejected_field_the_bundle_does_not_read_is_not_approved_either():
    assert decide(GOOD, record(age=State.REJECTED)).outcome == "refer"


def test_an_unsupported_blank_refers_and_a_supported_one_is_scored():
    assert decide(GOOD, record(debt=State.BLANK)).refer_causes == ("unsupported_blank",)
    assert decide(GOOD, record(income=State.BLANK)).outcome == "approve"
    assert decide(GOOD, record(age=State.BLANK)).outcome == "approve"


def test_a_field_that_only_a_rule_reads_cannot_be_left_blank_to_escape_it():
    unread = ("income", "assets", "term")
    watched = watched_fields(FIELDS, unread, {"income": True}, ruled={"debt"})
    assert decide(GOOD, record(debt=State.BLANK), watched=watched).refer_causes == ("unsupported_blank",)
    ignored = watched_fields(FIELDS, unread, {"income": True})
    assert decide(GOOD, record(debt=State.BLANK), watched=ignored).outcome == "approve"


def test_an_unsupported_blank_the_contract_refuses_is_a_problem_of_the_record():
    with pytest.raises(InvalidRecord) as caught:
        decide(GOOD, record(term=State.BLANK))
    assert [(p.code, p.path) for p in caught.value.problems] == [("blank_not_supported", "term")]


def test_reasons_of_blank_and_rejected_fields_say_so_under_a_code_of_their_own():
    reasons = decide(BAD, record(income=State.BLANK, assets=State.REJECTED)).reasons
    assert [(r.code, r.text, r.state) for r in reasons[:3]] == [
        ("R1B", "Income not provided", "blank"),
        ("R2", "Debt too high", "given"),
        ("R3U", "Unable to verify assets", "rejected"),
    ]


def test_a_decline_whose_principal_factor_was_not_carried_is_referred_and_gives_no_invented_reason():
    verdict = decide(BAD, record(debt=State.NOT_CARRIED), draws=[400.0] * 64)
    assert (verdict.outcome, verdict.refer_causes) == ("refer", ("principal_factor_not_carried",))
    assert [r.code for r in verdict.reasons] == ["R1", "R4"], "both groups that touch debt are silent"


def test_a_decline_stands_when_the_factor_not_carried_is_not_a_principal_one():
    points = (-40.0, 1.0, 1.0, -2.0)
    verdict = decide(points, record(debt=State.NOT_CARRIED), draws=[400.0] * 64)
    assert (verdict.outcome, [r.code for r in verdict.reasons]) == ("decline", ["R1", "R4"])


def test_what_imputation_leaves_unexplained_counts_as_a_factor_not_carried():
    points = (-40.0, 1.0, 1.0, -2.0)
    verdict = decide(points, record(debt=State.NOT_CARRIED), draws=[400.0] * 64, information=-3.0)
    assert verdict.refer_causes == ("principal_factor_not_carried",)


def test_what_imputation_leaves_unexplained_of_a_rejected_field_names_that_field_once():
    known = decide((-40.0, 1.0, -2.0, -2.0), record(assets=State.REJECTED), draws=[400.0] * 64, information=-3.0)
    assert [r.code for r in known.reasons] == ["R1", "R3U", "R4"]
    hidden = decide((-40.0, 1.0, 2.0, -2.0), record(assets=State.REJECTED), draws=[400.0] * 64, information=-3.0)
    assert [(r.code, str(r.points)) for r in hidden.reasons] == [("R1", "-40.00"), ("R3U", "-3.00"), ("R4", "-2.00")]


def test_it_refers_when_more_draws_than_tolerated_would_decide_otherwise():
    declines = [400.0] * 51 + [600.0] * 13
    assert decide(BAD, record(income=State.BLANK), draws=declines).refer_causes == ("flip_tolerance_exceeded",)
    assert decide(BAD, record(income=State.BLANK), draws=[400.0, *declines[:-1]]).outcome == "decline"


def test_a_knock_out_declines_whatever_the_score_with_the_policys_reason():
    reason = Reason("too_much", "K1", "More than we lend", Decimal("0.00"), "given")
    rules = [(lambda values, states: values[0] == 1, reason)]
    verdict = decide(GOOD, record(debt=State.REJECTED), knock_outs=rules)
    assert (verdict.outcome, verdict.refer_causes, verdict.reasons) == ("decline", (), (reason,))
    unknown = [(lambda values, states: None, reason)]
    assert decide(GOOD, knock_outs=unknown).outcome == "approve"


def test_a_refer_rule_refers():
    assert decide(GOOD, refer_rules=[lambda values, states: True]).refer_causes == ("refer_rule",)
    assert decide(GOOD, refer_rules=[lambda values, states: None]).outcome == "approve"


def test_where_no_machine_may_decline_a_decline_becomes_a_referral_that_keeps_its_reasons():
    verdict = decide(BAD, automatic_decline=False)
    assert (verdict.outcome, verdict.refer_causes) == ("refer", ("human_decision_required",))
    assert len(verdict.reasons) == 4


def test_every_field_not_sent_as_such_is_listed():
    states = {"income": State.BLANK, "debt": State.NOT_CARRIED, "assets": State.REJECTED, "age": State.BLANK}
    rec = record(origins={"term": Origin.LOOKUP}, **states)
    drawn = {1: ("0.00", "5000.00"), 2: ("10.00", "90.00")}
    assert decide(GOOD, rec, draws=[600.0] * 64, imputed=drawn).imputations == (
        Imputation("income", "blank", "wire", "", "", ""),
        Imputation("debt", "not_carried", "imputed", "channel", "0.00", "5000.00"),
        Imputation("assets", "rejected", "imputed", "", "10.00", "90.00"),
        Imputation("term", "given", "lookup", "lookup", "", ""),
    )
    assert decide(GOOD).imputations == ()
