"""What one desk tells of each submission: its times and what became of it, at a few list appends each."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter as perf_counter
from typing import get_args

from contracts.errors import InternalFault
from contracts.types import Problem
from gateway.modes import Mode
from gateway.watching.catalog import (
    FAULTS,
    IMPUTED,
    LATE,
    PROBLEMS,
    REFER_CAUSES,
    REPEATS,
    SCORED,
    STAGE_SECONDS,
)
from gateway.watching.exchange import named
from gateway.watching.lookout import Lookout
from models.types import Decision

STAGES = ("decode", "gather", "map", "score", "ledger", "encode")


class Stages:
    """The counters of one integration; every attribute named after a stage takes seconds."""

    def __init__(self, lookout: Lookout, integration: str) -> None:
        tally, self._events = lookout.tally, lookout.events
        self.integration, self._count = integration, tally.count
        timers = {stage: tally.timer(STAGE_SECONDS, integration, stage) for stage in STAGES}
        if lookout.tracing is not None:
            timers = {stage: lookout.tracing.stage(stage, timer) for stage, timer in timers.items()}
        self.decode, self.gather, self.map, self.score, self.ledger, self.encode = timers.values()
        self._scored, self._repeat, self._told_late = (SCORED, integration), (REPEATS, integration), lookout.late
        faults = [(FAULTS, integration, mode, InternalFault.code) for mode in get_args(Mode)]
        for key in (self._scored, self._repeat, (LATE, integration), *faults):
            tally.begin(*key)

    def decided(self, decision: Decision) -> None:
        """A decision was made, and is durable."""
        count = self._count
        count(self._scored)
        for cause in decision.refer_causes:
            count((REFER_CAUSES, self.integration, decision.mode, cause))
        for imputation in decision.imputations:
            count((IMPUTED, self.integration, imputation.field, imputation.state))

    def settled(self, decision_id: str, repeated: bool, correlation: str) -> None:
        """It is durable, and about to be answered."""
        if repeated:
            self._count(self._repeat)
        if self._events.least == 0:
            self._events.debug(
                "settled",
                integration=self.integration,
                correlation=named(correlation),
                decision=decision_id,
                repeated=repeated,
            )

    def late(self, correlation: str, count: int = 1) -> None:
        """The deadline came first, for so many submissions of one exchange."""
        self._told_late(self.integration, named(correlation), count)

    def refused(self, code: str, problems: Iterable[Problem], correlation: str) -> None:
        """A message was refused; ``problems`` are on contract fields."""
        for problem in problems:
            self._count((PROBLEMS, self.integration, problem.rule, problem.code))
        self._events.debug("refused", integration=self.integration, correlation=named(correlation), code=code)

    def unavailable(self, code: str, correlation: str) -> None:
        """No decision could be made durable for this one."""
        self._events.error("unavailable", integration=self.integration, correlation=named(correlation), code=code)

    def broken(self, error: Exception, correlation: str) -> None:
        """A submission was lost to a fault of ours."""
        self._events.fault(error, integration=self.integration, correlation=named(correlation))
