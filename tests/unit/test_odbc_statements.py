"""The texts of an integration: names stand in them as they are, whatever they look like."""

from __future__ import annotations

import json
from pathlib import Path

from odbc_queue import TABLES, WIRE

from adapters.odbc.dialects import POSTGRESQL
from adapters.odbc.section import read_wire
from adapters.odbc.statements import Statements


def statements(folder: Path, **names: str) -> Statements:
    """Those of the small request table, with other names in place of its own."""
    tables, wire = TABLES, json.dumps(WIRE)
    for name, other in names.items():
        tables, wire = tables.replace(f"{name}:", f"{other}:"), wire.replace(f'"{name}"', f'"{other}"')
    (folder / "tables.yaml").write_text(tables)
    section = json.loads(wire)
    return Statements(read_wire(section, folder), POSTGRESQL)


def test_a_point_in_the_name_of_a_column_is_a_letter_like_others(tmp_path: Path) -> None:
    made = statements(tmp_path, id="No. of it", state="s.t", note="income p.a.", score="S.1")
    assert made.read.startswith('SELECT "No. of it", "No. of it", "income p.a." FROM "asked" WHERE "s.t" = ?')
    assert made.finish_one.startswith('UPDATE "asked" SET "S.1" = ?, "s.t" = ?')
    assert '"No. of it" = ?' in made.claim(1, expired=False)


def test_a_table_may_have_a_word_of_the_statement_in_its_name(tmp_path: Path) -> None:
    made = statements(tmp_path, asked="CREDIT SET A")
    assert made.finish_one.startswith('UPDATE "CREDIT SET A" SET "score" = ?, "state" = ?')
