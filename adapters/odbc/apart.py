"""Reads rows that a database or its driver cannot give together, as one of them holds what has no text: one by one.

A text that is not in the code page of its database, or a view that fails on one row, ends the statement that meets it,
and with it every other row. Such a row gets a token of its own, so that nothing that is done for its neighbours meets
it; it is submitted with what can be read of it, and refused for the column that cannot. One whose key cannot be read
cannot be named to the database: it is passed over, and waits.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from adapters.odbc.faults import DatabaseFault, Verdict
from adapters.odbc.outcomes import Claimed, Key, RowReader
from adapters.odbc.section import TOKEN
from adapters.odbc.sql_text import markers
from adapters.odbc.statements import Statements

if TYPE_CHECKING:
    from adapters.odbc.connecting import Link


MOST_PASSED_OVER: Final = 1000
"""So many rows that cannot be claimed are passed over at most."""


def new_token() -> str:
    """What no other claim has."""
    return secrets.token_hex(TOKEN // 2)


@dataclass(frozen=True, slots=True)
class OneByOne:
    """``claimed`` is the value of the status of rows that are claimed. What is read is read in transactions of its own,
    as a fault may have ended the one it came in.
    """

    link: Link
    sql: Statements
    reader: RowReader
    claimed: Any

    def read(self, token: str) -> list[Claimed]:
        """The rows under a token; those that cannot be read have one of their own from now on."""
        keys = self._keys(token)
        self.link.rollback()
        rows = [self._alone(token, key) for key in keys]
        return [row for row in rows if row is not None]

    def held(self, token: str) -> dict[Key, list[tuple[Any, ...]]]:
        """What is read for each row under a token, in the transaction there is; raises the fault of one that cannot be.

        A query may have read more than it gives, and failed on a row that is not among them.
        """
        ours = self.claimed, token
        return {key: list(map(tuple, self.link.rows(self.sql.read_alone, (*ours, *key)))) for key in self._keys(token)}

    def claimable(self, state: Any, most: int, expired: bool) -> tuple[list[Key], int]:
        """Keys of rows to claim, read one by one, and how many rows were passed over whose keys cannot be read."""
        keys: list[Key] = []
        for before in range(most + MOST_PASSED_OVER):
            found = self._key_after(before, state, expired=expired)
            if not isinstance(found, DatabaseFault):
                keys += found
                if not found or len(keys) == most:
                    return keys, before + bool(found) - len(keys)
        return keys, MOST_PASSED_OVER

    def _key_after(self, before: int, state: Any, *, expired: bool) -> Sequence[Key] | DatabaseFault:
        sql = self.sql.claimable_after(before, expired=expired)
        return self._tried(sql, [state] * markers(sql))

    def _keys(self, token: str) -> list[Key]:
        return [tuple(row) for row in self.link.rows(self.sql.held, (self.claimed, token))]

    def _alone(self, token: str, key: Key) -> Claimed | None:
        """One row; None where it is not ours any more."""
        found = self._tried(self.sql.read_alone, self._ours(token, key))
        if not isinstance(found, DatabaseFault):
            return self.reader.claimed(key, found) if found or self.sql.by_query else None
        own = new_token()
        taken = self.link.execute(self.sql.set_aside, (own, self.claimed, token, *key))
        self.link.commit()
        return self.by_columns(own, key) if taken else None

    def by_columns(self, token: str, key: Key) -> Claimed:
        """A row that has a token of its own, as far as it can be read.

        What is decided on is read by one statement: columns that were read one by one may be those of two versions.
        """
        values = [self._first(sql, token, key) for sql in self.sql.read_columns]
        if not any(isinstance(value, DatabaseFault) for value in values):
            whole = self._tried(self.sql.read_alone, self._ours(token, key))
            if not isinstance(whole, DatabaseFault):
                return self.reader.claimed(key, whole)._replace(token=token)
            values[-1] = whole
        return self.reader.apart(key, values)._replace(token=token)

    def _first(self, sql: str, token: str, key: Key) -> Any:
        found = self._tried(sql, self._ours(token, key))
        return found if isinstance(found, DatabaseFault) else found[0][0] if found else None

    def _ours(self, token: str, key: Key) -> Sequence[Any]:
        return self.claimed, token, *key

    def _tried(self, sql: str, parameters: Sequence[Any]) -> Sequence[tuple[Any, ...]] | DatabaseFault:
        """What a SELECT gives, or why it cannot."""
        try:
            return [tuple(row) for row in self.link.rows(sql, parameters)]
        except DatabaseFault as fault:
            if fault.verdict is not Verdict.ROW:
                raise
            return fault
        finally:
            self.link.rollback()
