"""Writes what became of a batch, and sees to it that one row which cannot be written spoils no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from adapters.odbc.exchange import Batch, Exchange
from adapters.odbc.faults import DatabaseFault, Verdict
from adapters.odbc.outcomes import NOT_WRITTEN, Failed, Outcome, OutcomeReader
from gateway.spi import Log

T = TypeVar("T")
TRIES: Final = 5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 2.0


def transacted(transaction: Callable[[], T]) -> T:
    """Do it again where the database says so: after a deadlock, or where a lock was not had in time."""
    again = Retrying(
        retry=retry_if_exception(lambda exc: isinstance(exc, DatabaseFault) and exc.verdict is Verdict.TRANSIENT),
        wait=wait_random_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S),
        stop=stop_after_attempt(TRIES),
        reraise=True,
    )
    return again(transaction)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answers of one batch on their way into one database."""

    exchange: Exchange
    outcomes: OutcomeReader
    log: Log
    integration: str

    def write(self, batch: Batch, outcomes: Sequence[Outcome]) -> Counter[str]:
        """Write all at once; where a row spoils that, in halves, until it is alone and told so.

        What happened, counted.
        """
        try:
            return transacted(lambda: self.exchange.write(batch, outcomes))
        except DatabaseFault as fault:
            if fault.verdict is not Verdict.ROW:
                raise
            if len(outcomes) == 1:
                return self._spoilt(batch, outcomes[0], fault)
        half = len(outcomes) // 2
        first = self.write(batch._replace(rows=batch.rows[:half]), outcomes[:half])
        return first + self.write(batch._replace(rows=batch.rows[half:]), outcomes[half:])

    def _spoilt(self, batch: Batch, outcome: Outcome, fault: DatabaseFault) -> Counter[str]:
        """Code and text take the place of an answer that the database refuses.

        Where it refuses even those, the row stays claimed, and is tried again when its lease has run out.
        """
        told = {"code": fault.state, "cause": fault.text}
        self.log.error("answer_refused", integration=self.integration, correlation=batch.rows[0].name, **told)
        if isinstance(outcome, Failed):
            return Counter(stuck=1)
        text = f"the decision stands, but the database refuses its answer: {fault.text}, SQLSTATE {fault.state}"
        return self.write(batch, [self.outcomes.failed(NOT_WRITTEN, text)])
