"""Records of a contract as rows of the tables that its DDL makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_records import Row

from contracts.export import ddl
from contracts.export.sql_dialects import DIALECTS
from contracts.odcs import Contract
from contracts.types import Field

KEYS = {"business_key": "B-1", "request_key": "R-1"}


def fill(contract: Contract, row: Row, key: str, insert: Callable[[str, dict[str, Any]], Any], sql: str) -> None:
    """Insert one record: a row in the first table, one in each of the others."""
    first, *lists = ddl.tables(contract)
    values = KEYS | {path: ddl_value(contract.paths[path], value) for path, value in row.items() if "[" not in path}
    names = {column.name for column in first.columns}
    insert(DIALECTS[sql].name(*first.words), {n: v for n, v in values.items() if n in names} | {"request_key": key})
    for table in lists:
        paths = [path for path in row if path.startswith(f"{table.words[-1]}[]")]
        below = {
            path.rpartition(".")[2].removesuffix("[]"): ddl_value(contract.paths[path], row[path]) for path in paths
        }
        insert(DIALECTS[sql].name(*table.words), {"request_key": key, "position": 1} | below)


def ddl_value(field: Field, value: Any) -> Any:
    return field.text(value) if field.type in ("decimal", "date") and value is not None else value
