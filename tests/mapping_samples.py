"""A small contract with a field of every kind, and integrations written against the published contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contracts.mapping.request import Mapped, RequestMap
from contracts.odcs import Contract
from contracts.source import Source
from contracts.types import Field

FIELDS = (
    Field("amount", "decimal", scale=2, unit="currency", required=True, personal=True),
    Field("months", "integer", unit="months", rejected="refer"),
    Field("name", "string", max_length=40, personal=True),
    Field("home", "code", codes=("owner", "rent"), rejected="impute"),
    Field("born", "date", rejected="refer"),
    Field("member", "boolean"),
)
CONTRACT = Contract("everything", "1.0.0", fields=FIELDS, unknown_fields="refuse")
PLAIN = {
    "amount": "loan.amount",
    "months": "loan.months",
    "name": "who.name",
    "home": {"from": "who.home", "codes": {"O": "owner", "R": "rent"}},
    "born": {"from": "who.born", "convert": ["date(DD.MM.YYYY)"]},
    "member": "who.member",
}
TREE: dict[str, Any] = {
    "loan": {"amount": "1234.50", "months": 36},
    "who": {"name": "Ada", "home": "O", "born": "31.03.1990", "member": True},
}

INTEGRATION = """\
integration: sample
adapter: memory
contract: loan_application@1.0.0
answer: loan_decision@1.0.0
product: consumer-instalment
keys: {business: id, request: header.key}
request:
  currency: {constant: EUR}
  loan_amount: amount
  purchase_price: price
  term_months: months
  monthly_income: {from: income, convert: [decimal(2), divide(12)], missing: {"99999999": rejected}}
  monthly_expenses: not_carried
  assets: not_carried
  debt: not_carried
  employment_years: not_carried
  employment_type: not_carried
  home_ownership: {from: home, codes: {O: owner, R: rent}}
  credit_records: {from: bureau, codes: {N: "no", Y: "yes"}}
  age_years: not_carried
  marital_status: not_carried
answer_map:
  id: business_key
  decision.result: {from: outcome, codes: {approve: A, refer: R, decline: D}}
  decision.score: {from: score, fit: integer(3)}
  decision.reasons[]: {each: reasons, code: code, text: {from: text, fit: chars(20)}}
limits: {deadline: 500ms, bytes: 64KB}
access: {principals: [tester]}
"""


def source(**request: Any) -> Source:
    """The plain mapping with some entries replaced, as a parsed file without positions of its own."""
    return Source("sample.yaml", {"request": {**PLAIN, **request}}, {(): (1, 1)})


def compiled(**request: Any) -> RequestMap:
    return RequestMap.parse(source(**request), ("request",), CONTRACT)


def read(tree: Any, **request: Any) -> Mapped:
    return compiled(**request).read(tree)


def value(mapped: Mapped, name: str) -> Any:
    return mapped.values[CONTRACT.index[name]]


def state(mapped: Mapped, name: str) -> int:
    return mapped.states[CONTRACT.index[name]]


def without(tree: dict[str, Any], group: str, name: str) -> dict[str, Any]:
    """The tree less one leaf."""
    return {**tree, group: {key: leaf for key, leaf in tree[group].items() if key != name}}


def put(group: str, name: str, leaf: Any) -> dict[str, Any]:
    """The sample tree with one leaf replaced."""
    return {**TREE, group: {**TREE[group], name: leaf}}


def write_integration(home: Path, text: str = INTEGRATION, name: str = "sample") -> Path:
    folder = home / "integrations" / name
    folder.mkdir(parents=True)
    (folder / "integration.yaml").write_text(text, encoding="utf-8")
    return folder
