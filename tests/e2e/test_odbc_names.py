# ruff: noqa: S608 # names are those of this file
"""Tables that nobody would name so today: schemas, blanks, points, reserved words, mixed case, long keys."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cobalt import APPROVED, DECLINED, FOLDER, TABLES, Cobalt, numbered, statements
from odbc_databases import Servers

from adapters.odbc import rows
from adapters.odbc.connecting import open_link
from gateway import settings
from gateway.bootstrap import install
from gateway.clock import never_back, utc_now
from gateway.ledger import Filters, Kind, Ledger
from gateway.service import ServingDesk

SCHEMA = "core Bank"
NAMES = {
    "CREDIT_REQUEST": f"{SCHEMA}.order SET a", "CREDIT_DECISION": f"{SCHEMA}.Group By",
    "CREDIT_REASON": f"{SCHEMA}.Reasons", "CREDIT_CAUSE": f"{SCHEMA}.select", "CREDIT_ESTIMATE": f"{SCHEMA}.from",
    "REQUEST_ID": "Request Id",
    "APPLICATION_NO": "applicationNo", "AMOUNT_MINOR": "Amount in cents", "TERM_MONTHS": "table", "STATUS": "no.where",
    "CLAIM_TOKEN": "claim Token", "CLAIM_UNTIL": "until", "ERROR_CODE": "Error", "ROW_VERSION": "row Version",
    "LINE_NO": "Line No", "CODE": "case", "POINTS": "points", "OUTCOME": "Out Come", "SCORE": "user",
}  # fmt: skip
"""What stands for Cobalt's names; beside the request's number there is ``Branch`` in every key."""
WORD = re.compile(rf"\b({'|'.join(NAMES)})\b")
KEYS = {
    "integration.yaml": [
        (r"key: \[REQUEST_ID\]", "key: [Branch, REQUEST_ID]"),
        (r"key: \{REQUEST_ID: REQUEST_ID\}", "key: {REQUEST_ID: REQUEST_ID, Branch: Branch}"),
        (r"ignore: \[", "ignore: [Branch, "),
    ],
    "tables.yaml": [
        (r"key: \[REQUEST_ID", "key: [Branch, REQUEST_ID"),
        (r"\n    REQUEST_ID: bigint not null", "\n    REQUEST_ID: bigint not null\n    Branch: smallint not null"),
    ],
    "ddl": [
        (r'"REQUEST_ID" bigint NOT NULL', '"REQUEST_ID" bigint NOT NULL, "Branch" smallint NOT NULL'),
        (r'\("REQUEST_ID"', '("Branch", "REQUEST_ID"'),
        (r'"STATUS", "REQUEST_ID"', '"STATUS", "Branch", "REQUEST_ID"'),
    ],
}
SAME_ROW = {
    "integration.yaml": [
        (r"  answer:\n    table.*?\n  batch", "  answer: {columns: [OUTCOME, SCORE]}\n  batch"),
        (r"    version: [^\n]*\n", ""),
        (r"ignore: \[", "ignore: [ROW_VERSION, "),
        (r"  APPLICATION_NO: business_key.*?  OUTCOME", "  OUTCOME"),
        (r"  SCORE_LOW.*?\n\n", "\n"),
    ],
    "tables.yaml": [
        ("    BRANCH_NAME", "    OUTCOME: char(1)\n    SCORE: smallint\n    BRANCH_NAME"),
        (r"\nCREDIT_DECISION.*", "\n"),
    ],
    "ddl": [('  "BRANCH_NAME"', '  "OUTCOME" char(1),\n  "SCORE" smallint,\n  "BRANCH_NAME"')],
}
"""What makes of tables of answers columns of the same row, and of a version a digest."""
Change = Mapping[str, list[tuple[str, str]]]


def changed(text: str, part: str, *changes: Change) -> str:
    for old, new in (pair for change in changes for pair in change[part]):
        text, count = re.subn(old, new, text, flags=re.DOTALL)
        assert count, old
    return text


class Named:
    """Cobalt in other words: its tables, an integration that knows them, and its rows."""

    def __init__(self, cobalt: Cobalt) -> None:
        self.cobalt = cobalt

    def quote(self, name: str) -> str:
        named = NAMES.get(name, name)
        bare = named.removeprefix(f"{SCHEMA}.")  # no other point is more than a letter
        return self.cobalt.quote(bare) if bare == named else f"{self.cobalt.quote(SCHEMA)}.{self.cobalt.quote(bare)}"

    def make(self, *changes: Change) -> None:
        schema = "DATABASE" if self.cobalt.database.kind == "mariadb" else "SCHEMA"
        own = self.cobalt.quote(SCHEMA)
        self.cobalt.database.run(f"DROP {schema} IF EXISTS {own}", f"CREATE {schema} {own}")
        ddl = changed(";".join(statements("postgresql")), "ddl", *changes)
        if self.cobalt.database.kind == "mariadb":
            ddl = ddl.replace(" timestamp", " datetime(6)")
        worded = re.sub(r'"(\w+)"', lambda name: self.quote(name[1]), ddl)
        self.cobalt.database.run(*filter(None, worded.split(";")))

    def insert(self, branch: int, row: Mapping[str, Any]) -> None:
        columns = {column.name: column for column in TABLES["CREDIT_REQUEST"].columns}
        values = {name: rows.bound(columns[name], value) for name, value in row.items() if name in columns}
        names = ", ".join(map(self.quote, ["Branch", *values]))
        link = open_link(self.cobalt.database.connection())
        into = f"INSERT INTO {self.quote('CREDIT_REQUEST')} ({names})"
        link.execute(f"{into} VALUES ({', '.join('?' * (len(values) + 1))})", [branch, *values.values()])
        link.commit()
        link.close()

    def read(self, table: str, *names: str) -> list[tuple[Any, ...]]:
        columns = ", ".join(map(self.quote, ("Branch", "REQUEST_ID", *names)))
        return self.cobalt.database.rows(f"SELECT {columns} FROM {self.quote(table)} ORDER BY 1, 2")


@pytest.fixture(params=["postgresql", "mariadb"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def named(
    request: pytest.FixtureRequest, kind: str, built_home: Path, servers: Servers, ledger: Ledger, tmp_path: Path
) -> Iterator[Named]:
    """``request.param`` is what is changed besides keys and names; three rows wait, two of the same number."""
    home = tmp_path / "home"
    for part in ("bundles", "policies"):
        shutil.copytree(built_home / part, home / part)
    folder = shutil.copytree(FOLDER, home / "integrations" / "cobalt-core")
    for name in ("integration.yaml", "tables.yaml"):
        text = changed((folder / name).read_text(), name, *request.param)
        (folder / name).write_text(WORD.sub(lambda found: NAMES[found[1]], text))
    made = install(settings.load(home=home), with_ledger=False)
    desk = made.desk("cobalt-core")
    own = ServingDesk(desk.lines, desk.codec, lambda: ledger, never_back(utc_now))
    found = Named(Cobalt(servers.database(kind, tmp_path), own))
    found.make(*request.param)
    found.insert(1, numbered(APPROVED, 7))
    found.insert(2, {**numbered(DECLINED, 7), "APPLICATION_NO": "CB-2"})
    found.insert(2, {**numbered(APPROVED, 8), "CURRENCY": "USD"})
    yield found
    made.close()


def decided(ledger: Ledger) -> list[str]:
    return sorted(entry.decision_id for entry in ledger.list(Filters(kind=Kind.DECISION), 100))


@pytest.mark.parametrize("named", [(KEYS,)], indirect=True)
def test_tables_of_answers_of_any_names_get_each_answer_under_its_whole_key(named: Named, ledger: Ledger) -> None:
    for _ in range(2):  # the second time in place of the first
        named.cobalt.poll()
        assert named.read("CREDIT_REQUEST", "STATUS", "ERROR_CODE") == [
            ("1", "7", "D", None), ("2", "7", "D", None), ("2", "8", "E", "invalid_record")
        ]  # fmt: skip
        answers = named.read("CREDIT_DECISION", "OUTCOME", "SCORE", "APPLICATION_NO", "DECISION_NO")
        assert [row[:5] for row in answers] == [
            ("1", "7", "A", "586", "CB-2027-000007"), ("2", "7", "D", "438", "CB-2")
        ]  # fmt: skip
        assert {row[5] for row in answers} <= {*decided(ledger)}
        assert [row[:2] for row in named.read("CREDIT_REASON", "CODE")].count(("2", "7")) == 4
        assert not [row for row in named.read("CREDIT_REASON", "CODE") if row[:2] == ("2", "8")]
        status, version = named.quote("STATUS"), named.quote("ROW_VERSION")
        named.cobalt.database.run(f"UPDATE {named.quote('CREDIT_REQUEST')} SET {status} = 'N', {version} = 2")
    assert len(decided(ledger)) == 4
    assert "index_missing" not in named.cobalt.events


@pytest.mark.parametrize("named", [(KEYS, SAME_ROW)], indirect=True)
def test_the_same_row_of_any_names_gets_its_answer_by_its_whole_key(named: Named, ledger: Ledger) -> None:
    expected = [
        ("1", "7", "D", None, "A", "586"), ("2", "7", "D", None, "D", "438"),
        ("2", "8", "E", "invalid_record", None, None),
    ]  # fmt: skip
    for _ in range(2):  # the second time the same row is the same asking
        named.cobalt.poll()
        assert named.read("CREDIT_REQUEST", "STATUS", "ERROR_CODE", "OUTCOME", "SCORE") == expected
        named.cobalt.database.run(f"UPDATE {named.quote('CREDIT_REQUEST')} SET {named.quote('STATUS')} = 'N'")
    assert len(decided(ledger)) == 2
