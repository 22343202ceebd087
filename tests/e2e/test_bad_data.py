"""Data and model files no one should decide with, through the commands: refused with the way out, or told honestly."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import own_data
import pytest
import skops.io
from estimator_parts import Floats, changed, data, fitted
from own_data import ROWS, Columns
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner, Result

from contracts.errors import ConfigurationError
from gateway.cli import app

Make = Callable[[Columns], Columns]


def run(home: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *map(str, words)], env={"COLUMNS": "120"})


def refused(done: Result) -> str:
    assert isinstance(done.exception, ConfigurationError), done.output
    return str(done.exception)


def cells(name: str, value: Callable[[int], str]) -> Make:
    return lambda data: data | {name: [value(row) for row in range(len(data["outcome"]))]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drafted home; its spec and its first bundle are good."""
    folder = tmp_path_factory.mktemp("bad")
    path = own_data.write(folder / "own.csv", own_data.columns())
    done = run(folder / "home", "init", "shop", "--data", path, "--target", "outcome", "--kind", "logistic_regression")
    assert done.exit_code == 0, done.output
    return folder / "home"


NOT_DRAFTED: list[tuple[str, Make, str, str]] = [
    ("no positive cases", cells("outcome", lambda row: "good"), "in every row", "loans that went bad"),
    ("three values", cells("outcome", lambda row: ("paid", "late", "open")[row % 3]), "3 values", "--bad VALUE"),
    ("a target all missing", cells("outcome", lambda row: ""), "empty in every row", "--target"),
    ("all missing", lambda data: {"gap": ["NA"] * ROWS, "outcome": data["outcome"]}, "no column is left", "empty in"),
    ("all constant", lambda data: {"one": ["7"] * ROWS, "outcome": data["outcome"]}, "no column is left", "one value"),
    (
        "nothing but a leak",
        lambda data: {"flag": data["outcome"], "outcome": data["outcome"]},
        "no column is left",
        "a copy of the target; bring it back only if it is known when somebody applies",
    ),
]


@pytest.mark.parametrize(("make", "seen", "way_out"), [c[1:] for c in NOT_DRAFTED], ids=[c[0] for c in NOT_DRAFTED])
def test_data_no_model_can_be_made_of_are_refused_and_leave_nothing_behind(
    tmp_path: Path, make: Make, seen: str, way_out: str
) -> None:
    path = own_data.write(tmp_path / "own.csv", make(own_data.columns()))
    said = refused(run(tmp_path / "home", "init", "shop", "--data", path, "--target", "outcome"))
    assert seen in said
    assert way_out in said
    assert str(path) in said
    assert not (tmp_path / "home").exists()


def test_columns_no_model_should_read_are_left_out_and_said_so(tmp_path: Path) -> None:
    many = own_data.columns(12_000)
    random = np.random.default_rng(3)
    late = [str(random.integers(60, 90) if bad else random.integers(0, 62)) for bad in own_data.bads(many)]
    many |= {
        "town": [f"town {row % 10_000}" for row in range(12_000)],
        "constant": ["1"] * 12_000,
        "gone": ["NA"] * 12_000,
        "daysHandled": late,
    }
    path = own_data.write(tmp_path / "own.csv", many)
    done = run(tmp_path, "init", "shop", "--data", path, "--target", "outcome", "--kind", "logistic_regression")
    assert done.exit_code == 0, done.output
    report = (tmp_path / "specs/shop/init.report.md").read_text(encoding="utf-8")
    contract = (tmp_path / "contracts/shop_application/1.0.0.odcs.yaml").read_text(encoding="utf-8")
    for name, why in (
        ("town", "10,000 different texts are far too many for codes"),
        ("constant", "one value in every row"),
        ("gone", "empty in every row"),
        ("daysHandled", "alone it tells the outcome with an AUC of 0.9"),
    ):
        assert re.search(f"the column '{name}' is left out.*\n.*{why}", report), name
        assert f"Column {name}:" not in contract
    assert "the column 'daysHandled' is left out" in done.output.partition("Look at it")[0]


NOT_TRAINED: list[tuple[str, Make, str]] = [
    ("no positive cases", cells("outcome", lambda row: "good"), "no row has outcome 'bad' (a model needs both"),
    ("three values", cells("outcome", lambda row: ("bad", "good", "late")[row % 3]), "'late' (200 rows) (drop or"),
    ("three bad loans", cells("outcome", lambda row: "bad" if row < 3 else "good"), "only 3 of 600 rows have outcome"),
    ("one good loan", cells("outcome", lambda row: "bad" if row else "good"), "only 1 of 600 rows have outcome"),
    ("a constant column", cells("instalments", lambda row: "12"), "instalments holds one value"),
    ("all missing", cells("debt", lambda row: ""), "debt holds only blanks"),
    ("a marker nobody declared", cells("debt", lambda row: "k.A."), "own.csv:2:0: error: debt: not_a_number"),
    ("an unknown code", cells("channel", lambda row: ("web", "fax")[row == 4]), "own.csv:6:0: error: channel: unknown"),
    ("ten thousand codes", cells("channel", lambda row: f"c{row}"), "600 of 600 rows break the contract"),
    ("a column less", lambda data: {n: c for n, c in data.items() if n != "debt"}, "names the column 'debt'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "said"), [c[1:] for c in NOT_TRAINED], ids=[c[0] for c in NOT_TRAINED])
def test_data_that_do_not_fit_the_spec_are_refused_with_the_line(
    home: Path, tmp_path: Path, make: Make, said: str
) -> None:
    path = own_data.write(tmp_path / "own.csv", make(own_data.columns()))
    done = run(home, "train", "--data", path, "--spec", home / "specs/shop/shop.spec.yaml", "--out", tmp_path / "out")
    assert said in refused(done)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("bads", "trains"), [(9, False), (10, True)])
def test_a_calibrated_model_is_trained_where_each_fold_leaves_enough_for_its_own_folds(
    home: Path, tmp_path: Path, bads: int, trains: bool
) -> None:
    few = cells("outcome", lambda row: "bad" if row % 60 == 7 and row < bads * 60 else "good")(own_data.columns())
    spec = (home / "specs/shop/shop.spec.yaml").read_text(encoding="utf-8").replace("folds: 5", "folds: 2")
    spec = re.sub(r"(?m)^model: .*$", "model: {kind: logistic_regression, calibrate: sigmoid}", spec)
    (tmp_path / "own.spec.yaml").write_text(spec, encoding="utf-8")
    words = ("--data", own_data.write(tmp_path / "own.csv", few), "--spec", tmp_path / "own.spec.yaml")
    done = run(home, "train", *words, "--out", tmp_path / "out")
    if trains:
        assert done.exit_code == 0, done.output
    else:
        assert "only 9 of 600 rows have outcome 'bad' (10 are needed" in refused(done)


def test_a_leak_that_a_spec_reads_is_told_and_stands_in_the_card(home: Path, tmp_path: Path) -> None:
    leak = own_data.columns()
    leak["instalments"] = ["70" if bad else "6" for bad in own_data.bads(leak)]
    path = own_data.write(tmp_path / "own.csv", leak)
    spec = home / "specs/shop/shop.spec.yaml"
    done = run(home, "train", "--data", path, "--spec", spec, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "warning: the feature 'instalments' alone tells the outcome" in done.stderr
    assert "the feature 'instalments' alone tells the outcome" in (tmp_path / "out.card.md").read_text(encoding="utf-8")


def model_files() -> dict[str, tuple[bytes, str]]:
    x, bad = data()
    forest = skops.io.dumps(fitted("random forest"))
    return {
        "a pickle": (pickle.dumps(fitted("random forest")), "pickles are never read"),
        "a pickle inside": (changed(forest, inner_pkl=pickle.dumps(1)), "neither JSON nor an array"),
        "an unlisted type": (
            skops.io.dumps(GaussianNB().fit(np.nan_to_num(x), bad)),
            "GaussianNB, which is not on the",
        ),
        "another version": (changed(forest, *versions("1.0.2")), "was made with scikit-learn 1.0.2"),
        "another file": (forest + b" ", "the spec names"),
    }


def versions(other: str) -> tuple[bytes, bytes]:
    import sklearn

    return tuple(f'\\"{version}\\"'.encode() for version in (sklearn.__version__, other))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["a pickle", "a pickle inside", "an unlisted type", "another version", "another file"])
def test_a_model_file_is_not_taken_on_trust(home: Path, tmp_path: Path, name: str) -> None:
    content, said = model_files()[name]
    named = "f" * 64 if name == "another file" else hashlib.sha256(content).hexdigest()
    found = refused(trained_from_file(home, tmp_path, content, named))
    assert said in found
    assert "m.skops" in found
    assert not (tmp_path / "out").exists()


def trained_from_file(home: Path, folder: Path, content: bytes, named: str) -> Result:
    """The good spec, but for its model, on data with gaps."""
    gaps = cells("debt", lambda row: "" if row % 9 == 0 else str(row % 97))(own_data.columns())
    path = own_data.write(folder / "gaps.csv", gaps)
    (folder / "m.skops").write_bytes(content)
    spec = (home / "specs/shop/shop.spec.yaml").read_text(encoding="utf-8")
    spec = re.sub(r"(?m)^model: .*$", f"model: {{kind: file, path: m.skops, sha256: {named}}}", spec)
    (folder / "own.spec.yaml").write_text(spec, encoding="utf-8")
    return run(home, "train", "--data", path, "--spec", folder / "own.spec.yaml", "--out", folder / "out")


UNFIT: dict[str, tuple[Callable[[Floats, Floats], Any], str]] = {
    "another width": (
        lambda x, bad: DecisionTreeClassifier(max_depth=2).fit(x[:, :4], bad),
        "reads 4 features, the spec has 5",
    ),
    "no gaps": (
        lambda x, bad: LinearDiscriminantAnalysis().fit(np.nan_to_num(x), bad),
        "cannot score a record that lacks a feature",
    ),
    "other gaps": (
        lambda x, bad: make_pipeline(SimpleImputer(missing_values=-1), LinearDiscriminantAnalysis()).fit(
            np.nan_to_num(x), bad
        ),
        "fit it with missing_values=numpy.nan",
    ),
    "other classes": (
        lambda x, bad: DecisionTreeClassifier(max_depth=2).fit(x, bad + 1),
        "classes are 1.0, 2.0: fit it on 0 for good",
    ),
    "two outcomes": (
        lambda x, bad: DecisionTreeClassifier(max_depth=2).fit(x, np.stack([bad, bad], axis=1)),
        "fit it on 0 for good and 1 for bad",
    ),
    "no classifier": (lambda x, bad: StandardScaler().fit(x), "a StandardScaler is no classifier"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_model_file_that_cannot_score_the_features_is_refused_at_the_line_of_the_spec(
    home: Path, tmp_path: Path, name: str
) -> None:
    fit, said = UNFIT[name]
    content = skops.io.dumps(fit(*data()))
    found = refused(trained_from_file(home, tmp_path, content, hashlib.sha256(content).hexdigest()))
    assert said in found
    assert re.search(r"own\.spec\.yaml:\d+:\d+: error: ", found)
    assert not (tmp_path / "out").exists()


def flipped(folder: Path) -> str:
    content = bytearray((folder / "tables.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "tables.npz").write_bytes(content)
    return "tables.npz: error: is not what the manifest promises: its SHA-256 differs (restore the folder"


def stuffed(folder: Path) -> str:
    (folder / "model.pkl").write_bytes(pickle.dumps({}))
    return "model.pkl: error: is no part of a bundle (a bundle holds arrays and JSON only: remove it)"


def smuggled(folder: Path) -> str:
    """A pickle within an archive, with a manifest that is right about it."""
    archive = io.BytesIO()
    np.savez(archive, allow_pickle=True, thresholds=np.array([{}], dtype=object))
    before = hashlib.sha256((folder / "tables.npz").read_bytes()).hexdigest()
    (folder / "tables.npz").write_bytes(archive.getvalue())
    manifest = (folder / "bundle.json").read_text(encoding="utf-8")
    (folder / "bundle.json").write_text(manifest.replace(before, hashlib.sha256(archive.getvalue()).hexdigest()))
    return "is not laid out as a bundle"


@pytest.mark.parametrize("spoil", [flipped, stuffed, smuggled])
def test_a_spoilt_bundle_is_named_by_lint_and_decides_nothing(
    home: Path, tmp_path: Path, spoil: Callable[[Path], str]
) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    said = spoil(copy / "bundles" / "shop" / "0.1.0")
    lint = run(copy, "lint")
    assert lint.exit_code == 1
    assert said in lint.output
    request = next((copy / "integrations" / "shop-api" / "examples").glob("01-*")) / "request.json"
    assert said in refused(run(copy, "score", "shop-api", request))
