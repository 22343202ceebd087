"""What an expression means as a feature: one value per case, and every way in which one does not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from contracts.errors import ConfigurationError
from contracts.types import Field, Value
from models.features import Feature, compile_features, number_of, value_of

NAN = math.nan
FIELDS = (
    Field("income", "decimal", scale=2),
    Field("debt", "decimal", scale=2),
    Field("years", "integer"),
    Field("job", "code", codes=("fixed", "part_time", "freelance")),
    Field("home", "code", codes=("owner", "rent")),
    Field("insured", "boolean"),
    Field("currency", "string"),
    Field("born", "integer", protected=True),
)


def evaluated(expression: str, **numbers: float) -> float:
    """The feature of one record that has these numbers and no others."""
    compiled = compile_features([Feature("f", expression, "g")], FIELDS)
    row = np.array([[numbers.get(field.name, NAN) for field in compiled.fields]])
    return float(compiled.matrix(row)[0, 0])


@pytest.mark.parametrize(
    ("expression", "numbers", "expected"),
    [
        ("income", {"income": 12.5}, 12.5),
        ("-income + 2 * debt - 1", {"income": 12.5, "debt": 4}, -5.5),
        ("income / debt", {"income": 1, "debt": 3}, 1 / 3),
        ("income / debt", {"income": 1, "debt": 0}, NAN),
        ("debt / income", {"debt": 0, "income": 0}, NAN),
        ("min(income / debt, 5)", {"income": 1, "debt": 0}, NAN),
        ("log1p(income)", {"income": 1}, math.log1p(1)),
        ("log1p(income)", {"income": -1}, NAN),
        ("sqrt(income)", {"income": 2.25}, 1.5),
        ("sqrt(income)", {"income": -2.25}, NAN),
        ("abs(income - debt)", {"income": 1, "debt": 3}, 2),
        ("min(income, debt, 3)", {"income": 4, "debt": 5}, 3),
        ("max(income, debt, 3)", {"income": 4, "debt": 5}, 5),
        ("max(income, debt)", {"income": 4}, NAN),
        ("income > 3", {"income": 4}, 1),
        ("income >= 4", {"income": 4}, 1),
        ("income < 4", {"income": 4}, 0),
        ("income <= 4", {"income": 4}, 1),
        ("income != 4", {"income": 4}, 0),
        ("1 < income < 3", {"income": 2}, 1),
        ("income > 3", {}, NAN),
        ("income == 0.1", {"income": 0.1}, 1),
        ("job", {"job": 2}, 2),
        ("job == 'part_time'", {"job": 1}, 1),
        ("'part_time' != job", {"job": 1}, 0),
        ("job in ('fixed', 'freelance')", {"job": 2}, 1),
        ("job not in ('fixed', 'freelance')", {"job": 2}, 0),
        ("job not in ('fixed', 'freelance')", {}, NAN),
        ("years in (1, 2.5)", {"years": 2.5}, 1),
        ("insured", {"insured": 1}, 1),
        ("not insured", {"insured": 1}, 0),
        ("not insured", {}, NAN),
        ("insured and income > 3", {"insured": 0}, 0),
        ("insured and income > 3", {"insured": 1}, NAN),
        ("insured or income > 3", {"insured": 1}, 1),
        ("insured or income > 3", {"insured": 0}, NAN),
        ("given(income)", {}, 0),
        ("given(income)", {"income": 0}, 1),
        ("where(income > 3, income, debt)", {"income": 4, "debt": 1}, 4),
        ("where(income > 3, income, debt)", {"income": 2, "debt": 1}, 1),
        ("where(income > 3, income, debt)", {"income": 4}, NAN),
        ("where(given(income), income, 0)", {}, NAN),
    ],
)
def test_an_expression_has_this_value(expression: str, numbers: dict[str, float], expected: float) -> None:
    found = evaluated(expression, **numbers)
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_rows_do_not_influence_each_other() -> None:
    compiled = compile_features([Feature("a", "log1p(income) / sqrt(years)", "g"), Feature("b", "job", "g")], FIELDS)
    random = np.random.default_rng(0)
    rows = np.abs(random.normal(size=(300, 3)))
    rows[random.random(rows.shape) < 0.2] = NAN
    alone = np.vstack([compiled.matrix(rows[k : k + 1]) for k in range(len(rows))])
    assert compiled.matrix(rows).tobytes() == alone.tobytes()


def test_fields_are_those_read_in_contract_order() -> None:
    compiled = compile_features([Feature("a", "years + debt", "g"), Feature("b", "income", "g")], FIELDS)
    assert [field.name for field in compiled.fields] == ["income", "debt", "years"]
    assert compiled.features[0].reads == {"years", "debt"}


def test_every_feature_that_does_not_fit_is_named_at_once() -> None:
    wrong = {
        "typo": "incom + 1",
        "grammar": "1 +",
        "shielded": "born + 1",
        "text": "given(currency)",
        "code": "job == 'retired'",
        "codes": "job == home",
        "constant": "1 + 1",
        "mixed": "job + 1",
    }
    with pytest.raises(ConfigurationError) as caught:
        compile_features([Feature(name, text, "g") for name, text in wrong.items()], FIELDS, "spec.yaml")
    named = [str(fault) for fault in caught.value.faults]
    assert [name for name in wrong if not any(f"feature {name!r}" in fault for fault in named)] == []
    assert "did you mean 'income'?" in named[0]
    assert all(fault.startswith("spec.yaml") for fault in named)


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="defined twice"):
        compile_features([Feature("a", "income", "g"), Feature("a", "debt", "g")], FIELDS)


@pytest.mark.parametrize(
    ("field", "value", "number"),
    [
        (FIELDS[0], 1234567, 12345.67),
        (FIELDS[0], -5, -0.05),
        (FIELDS[2], 7, 7.0),
        (FIELDS[3], "freelance", 2.0),
        (FIELDS[5], True, 1.0),
        (FIELDS[5], False, 0.0),
    ],
)
def test_a_value_becomes_this_number_and_back(field: Field, value: Value, number: float) -> None:
    assert number_of(field)(value) == number
    assert value_of(field, number) == value


@pytest.mark.parametrize("field", FIELDS[:6], ids=lambda field: field.name)
def test_no_value_is_nan_and_back(field: Field) -> None:
    assert math.isnan(number_of(field)(None))
    assert value_of(field, NAN) is None
