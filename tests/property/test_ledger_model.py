"""Any sequence of submissions settles as a dictionary says it should."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from ledger_samples import NOON, VALID, open_ledger, proposal, refusal
from postgres_server import in_memory

from contracts.errors import Conflict, DecisionExpired, ScoregateError
from gateway.ledger import Filters, Kind, Proposal, Settled
from gateway.ledger.settle import renewed_key

KEYS = st.sampled_from(["k1", "k2", "k3"])
RECORDS = st.sampled_from(["a", "b"])
APPLICATIONS = st.sampled_from(["", "app-1", "app-2"])
RESUBMISSIONS = st.sampled_from(["supersede", "conflict"])


class Known(NamedTuple):
    decision_id: str
    answer: bytes
    record: str
    expires: int


class Asking(NamedTuple):
    key: str
    record: str
    application: str
    resubmission: str
    derived: bool

    def proposal(self, day: int) -> Proposal:
        # A derived key is a function of application and record, as the gateway makes it.
        key = f"derived {self.application} {self.record}" if self.derived else self.key
        return proposal(
            key,
            self.record,
            self.application,
            key_derived=self.derived,
            resubmission=self.resubmission,
            received_at=NOON + timedelta(days=day),
        )


ASKINGS = st.builds(Asking, KEYS, RECORDS, APPLICATIONS, RESUBMISSIONS, st.booleans())


class LedgerAgainstDictionary(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=in_memory())
        self.ledger = open_ledger(Path(self.folder.name))
        self.day = 0
        self.by_request: dict[str, Known] = {}
        self.by_application: dict[str, str] = {}
        self.refusals = 0

    def expected(self, asking: Asking) -> Settled | type[ScoregateError]:
        given, key, expired = asking.proposal(self.day), asking.proposal(self.day).request_key, ""
        while known := self.by_request.get(key):
            if known.record != asking.record:
                return Conflict
            if self.day <= known.expires:
                return Settled(known.decision_id, known.answer, True)
            if not asking.derived:
                return DecisionExpired
            expired = known.decision_id
            key = renewed_key(key, expired)
        predecessor = self.by_application.get(asking.application, "") or expired
        if asking.resubmission == "conflict" and predecessor not in ("", expired):
            return Conflict
        finished = given.finish(predecessor, key)
        expires = self.day + VALID.days
        self.by_request[key] = Known(finished.decision_id, finished.answer, asking.record, expires)
        if asking.application:
            self.by_application[asking.application] = finished.decision_id
        return Settled(finished.decision_id, finished.answer, False)

    @rule(askings=st.lists(ASKINGS, min_size=1, max_size=6))
    def submit_together(self, askings: list[Asking]) -> None:
        futures = [self.ledger.submit(asking.proposal(self.day)) for asking in askings]
        for asking, future in zip(askings, futures, strict=True):
            expected, error = self.expected(asking), future.exception()
            assert (type(error) if error else future.result()) == expected

    @rule(days=st.sampled_from([1, VALID.days, VALID.days + 1]))
    def time_passes(self, days: int) -> None:
        self.day += days

    @rule(application=APPLICATIONS)
    def refuse(self, application: str) -> None:
        self.ledger.refuse(refusal(business_key=application)).result()
        self.refusals += 1

    @rule()
    def open_again(self) -> None:
        self.ledger.close()
        self.ledger = open_ledger(Path(self.folder.name))

    @invariant()
    def the_ledger_holds_what_the_dictionary_holds(self) -> None:
        decisions = self.ledger.list(Filters(kind=Kind.DECISION), limit=1000)
        assert {one.decision_id for one in decisions} == {known.decision_id for known in self.by_request.values()}
        assert self.ledger.status().entries == len(self.by_request) + self.refusals

    def teardown(self) -> None:
        assert self.ledger.verify_chain() == ()
        self.ledger.close()
        self.folder.cleanup()


TestLedgerAgainstDictionary = LedgerAgainstDictionary.TestCase
TestLedgerAgainstDictionary.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
