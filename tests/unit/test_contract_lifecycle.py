"""How long a version lives: what its dates say today, who may set them, and what callers are told."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.rest.transport import lifecycle_headers
from contracts.errors import ConfigurationError
from contracts.lifecycle import Lifecycle, soonest
from contracts.store import ContractStore
from gateway.watching.catalog import SUNSET_DAYS
from gateway.watching.facts import facts
from gateway.watching.pulse import Health

LIFE = Lifecycle("c@1.0.0", "active", date(2026, 11, 1), date(2031, 12, 31), "c@2.0.0")

SINCE = "c@1.0.0 is deprecated since 2026-11-01"


def put(home: Path, text: str, name: str = "loan_application") -> ContractStore:
    file = home / "contracts" / name / "lifecycle.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return ContractStore(home)


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 10, 31), None),
        (date(2026, 11, 1), ("warning", f"{SINCE}; 1886 days left until its sunset on 2031-12-31")),
        (date(2031, 12, 30), ("warning", f"{SINCE}; 1 day left until its sunset on 2031-12-31")),
        (date(2031, 12, 31), ("warning", f"{SINCE}; 0 days left until its sunset on 2031-12-31")),
        (date(2032, 1, 1), ("error", "c@1.0.0 is past its sunset of 2031-12-31")),
    ],
)  # fmt: skip
def test_a_version_warns_from_its_deprecation_on_and_is_an_error_after_its_sunset(
    today: date, expected: tuple[str, str] | None
) -> None:
    assert LIFE.warning(today) == expected
    assert LIFE.cure == "move to c@2.0.0"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", None), ("", None), ("deprecated", ("warning", "c@1.0.0 is deprecated")),
        ("retired", ("error", "c@1.0.0 is retired")), ("draft", ("warning", "c@1.0.0 is a draft and may still change")),
        ("proposed", ("warning", "c@1.0.0 is a proposal and may still change")),
    ],
)  # fmt: skip
def test_the_status_in_the_file_counts_too(status: str, expected: tuple[str, str] | None) -> None:
    assert Lifecycle("c@1.0.0", status).warning(date(2026, 1, 1)) == expected


def test_the_product_says_until_when_it_supports_its_versions() -> None:
    store = ContractStore()
    old, newest = store.lifecycle("loan_application@1.0.0"), store.lifecycle("loan_application@2.0.0")
    assert old.deprecated is not None
    assert old.sunset is not None
    assert old.successor == "loan_application@2.0.0"
    assert newest == Lifecycle("loan_application@2.0.0")


def test_what_a_home_says_of_a_version_counts_alone(tmp_path: Path) -> None:
    store = put(tmp_path, "1.0.0: {sunset: 2027-06-30}\n")
    assert store.lifecycle("loan_application@1.0.0")[2:4] == (None, date(2027, 6, 30))
    assert store.lifecycle("loan_application@1.1.0").deprecated is not None
    assert store.lint() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1.0.1: {sunset: 2027-06-30}\n", r"lifecycle\.yaml:1:1: .*no version 1\.0\.1.*did you mean '1\.0\.0'"),
        ("1.0.0: {sunset: soon}\n", r"lifecycle\.yaml:1:9: .*'sunset' must be a day, as 2031-12-31"),
        ("1.0.0: {sunset: 2027-02-30}\n", "must be a day"),
        ("1.0.0: {sunset: 20270630}\n", "'sunset' must be a text"),
        ("1.0.0: {sunrise: 2027-06-30}\n", "unknown key 'sunrise'.*did you mean 'sunset'"),
        ("1.0.0: {deprecated: 2027-06-30, sunset: 2027-06-29}\n", "the sunset lies before the deprecation"),
        ("1.0.0: 2027\n", "expected a mapping"),
        ("- 1\n", "expected a mapping"),
    ],
)
def test_dates_with_a_fault_are_refused_with_their_place(tmp_path: Path, text: str, says: str) -> None:
    store = put(tmp_path, text)
    with pytest.raises(ConfigurationError, match=says):
        store.lifecycle("loan_application@1.0.0")


def test_lint_finds_a_fault_in_the_dates_of_a_home_of_its_own(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "contracts/catalog/loan_application/1.0.0.odcs.yaml"
    store = put(tmp_path, "1.0.0: {sunset: soon}\n", "own")
    shutil.copy(source, tmp_path / "contracts/own/1.0.0.odcs.yaml")
    file = tmp_path / "contracts/own/1.0.0.odcs.yaml"
    file.write_text(file.read_text().replace("id: loan_application", "id: own"))
    store = ContractStore(tmp_path)
    assert ["'sunset' must be a day" in fault.message for fault in store.lint()] == [True]


def test_of_two_contracts_the_dates_that_come_first_count() -> None:
    other = Lifecycle("d@1.0.0", "active", date(2025, 1, 1), date(2040, 1, 1))
    both = soonest(LIFE, other)
    assert (both.ref, both.deprecated, both.sunset) == ("c@1.0.0", date(2025, 1, 1), date(2031, 12, 31))
    assert soonest(Lifecycle("x@1.0.0"), Lifecycle("y@1.0.0")).deprecated is None


def test_rest_tells_both_dates_in_its_own_way() -> None:
    """RFC 9745, 2.1: ``Deprecation: @1688169599`` is an sf-date; RFC 8594, 3: ``Sunset`` is an HTTP-date."""
    assert lifecycle_headers(LIFE) == [("Deprecation", "@1793491200"), ("Sunset", "Wed, 31 Dec 2031 23:59:59 GMT")]
    assert lifecycle_headers(Lifecycle("c@1.0.0")) == lifecycle_headers(None) == []


def test_a_gauge_counts_the_days_of_each_integration() -> None:
    found = list(facts(Health("", 1, None), {"juniper": LIFE, "new": Lifecycle("c@2.0.0"), "off": None}))
    days = [sample for sample in found if sample.name == SUNSET_DAYS]
    assert [(sample.labels, sample.value) for sample in days] == [
        (("juniper", "c@1.0.0"), (date(2031, 12, 31) - datetime.now(UTC).date()).days)
    ]
