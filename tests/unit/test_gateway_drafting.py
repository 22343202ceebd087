"""``scoregate init`` around the draft: names, what is in the way, and columns that no syntax expects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import own_data
import pytest
from typer.testing import CliRunner

from contracts.errors import ConfigurationError
from contracts.store import SUFFIX, ContractStore
from gateway.cli import app
from gateway.drafting.examples import make_examples
from models.dataset import read_dataset
from models.drafting.draft import Draft, draft
from models.drafting.files import contract_text, spec_text
from models.spec import TrainingSpec

HOSTILE = (
    'a "quoted" name', "it's", "with: colon", "#hash", "née", "日本", "class", "x" * 200, "1st", "a.b[0]", "{brace}",
    "back\\slash", "- dash", "@at", "%percent", "true", "!tag", "&anchor", "*alias", "and", "a,b;c",
)  # fmt: skip


def drafted(path: Path) -> Draft:
    return draft(path, "outcome", None, model="shop", product="shop", currency="EUR")


def refused(home: Path, *words: str | Path) -> str:
    done = CliRunner().invoke(app, ["--home", str(home), "init", *map(str, words)])
    assert isinstance(done.exception, ConfigurationError), done.output
    return str(done.exception)


def test_columns_and_codes_of_any_spelling_become_files_that_read_the_data_again(tmp_path: Path) -> None:
    data = own_data.columns()
    random = np.random.default_rng(2)
    for place, name in enumerate(HOSTILE):
        numbers = [str(value) for value in random.integers(10, 5000, own_data.ROWS)]
        data[name] = numbers if place % 2 else [str(value) for value in random.choice(HOSTILE, own_data.ROWS)]
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    contract = tmp_path / "contracts" / found.contract / f"1.0.0{SUFFIX}"
    contract.parent.mkdir(parents=True)
    contract.write_text(contract_text(found), encoding="utf-8")
    (tmp_path / "own.spec.yaml").write_text(spec_text(found, (500, 480)), encoding="utf-8")
    spec = TrainingSpec.read(tmp_path / "own.spec.yaml", ContractStore(tmp_path))
    read = read_dataset(found.data, spec)
    assert {*spec.columns.values()} == {*data} - {"outcome"}
    by_name = {field.column.name: field for field in found.fields}
    place_of = {field.name: place for place, field in enumerate(read.fields)}
    for place, name in enumerate(HOSTILE):
        column = read.x[:, place_of[by_name[name].name]]
        if place % 2:
            np.testing.assert_array_equal(column, [float(cell) for cell in data[name]])
        else:
            assert not np.isnan(column).any()
            assert len(np.unique(column)) == len(HOSTILE)


def test_letters_with_marks_are_spelled_without_them(tmp_path: Path) -> None:
    data = own_data.columns() | {"Größe": [("Büro", "Straße")[row % 2] for row in range(own_data.ROWS)]}
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    field = next(field for field in found.fields if field.column.name == "Größe")
    assert (field.name, {*field.codes.values()}) == ("grosse", {"buro", "strasse"})


def test_no_example_is_an_applicant_of_the_file(tmp_path: Path) -> None:
    data = own_data.columns()
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    rows = set(zip(*(data[field.column.name] for field in found.fields), strict=True))
    for example in make_examples(found):
        assert tuple(str(example.message[field.column.name]) for field in found.fields) not in rows


def test_many_features_for_few_bad_loans_are_told(tmp_path: Path) -> None:
    data = own_data.columns()
    plain = drafted(own_data.write(tmp_path / "plain.csv", data))
    random = np.random.default_rng(4)
    data |= {f"q{place}": [str(value) for value in random.integers(10, 5000, own_data.ROWS)] for place in range(40)}
    many = drafted(own_data.write(tmp_path / "many.csv", data))
    (told,) = [finding for finding in many.findings if finding.what == "many features for few bad loans"]
    assert not [finding for finding in plain.findings if finding.what == told.what]
    assert f"{sum(own_data.bads(data))} bad loans for 45 features" in told.evidence


def test_every_name_that_cannot_be_used_is_named_at_once(tmp_path: Path) -> None:
    path = own_data.write(tmp_path / "own.csv", own_data.columns())
    said = refused(tmp_path / "home", "My Shop", "--data", path, "--target", "outcome", "--product", "Shop loans",
                   "--currency", "euro", "--kind", "forest")  # fmt: skip
    for name in ("'My Shop'", "'Shop loans'", "'euro'", "--kind 'forest'", "random_forest"):
        assert name in said
    assert not (tmp_path / "home").exists()


def test_a_draft_that_cannot_be_trained_leaves_no_home_and_names_no_file_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_data.write(tmp_path / "own.csv", own_data.columns())
    monkeypatch.setattr("models.drafting.draft.DraftField.low", property(lambda self: "9" * 12))
    said = refused(tmp_path / "home", "shop", "--data", path, "--target", "outcome")
    assert "the draft's specs/shop/shop.spec.yaml" in said
    assert ".init-" not in said
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "there",
    [
        "contracts/shop_application/1.0.0.odcs.yaml",
        "specs/shop/shop.spec.yaml",
        "policies/shop.policy.yaml",
        "integrations/shop-api/notes.txt",
        "bundles/shop/0.1.0/bundle.json",
    ],
)
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    path = own_data.write(tmp_path / "own.csv", own_data.columns())
    home = tmp_path / "home"
    (home / there).parent.mkdir(parents=True)
    (home / there).write_text("mine")
    said = refused(home, "shop", "--data", path, "--target", "outcome")
    assert "is there already (draft under another name" in said
    assert [(file.relative_to(home).as_posix(), file.read_text()) for file in home.rglob("*") if file.is_file()] == [
        (there, "mine")
    ]
