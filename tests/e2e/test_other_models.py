"""Classifiers of other kinds as a home serves them: trained, loaded, decided with, explained and proved by commands."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import skops.io
from command_line import here, process
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from contracts.store import ContractStore
from models.training import read_material

ROOT = Path(__file__).parents[2]
DATA = ROOT / "fixtures" / "credit_data"
EXAMPLES = ROOT / "fixtures" / "integrations" / "juniper-api" / "examples"
KINDS = {
    "logistic_regression": "{kind: logistic_regression}",
    "random_forest": "{kind: random_forest, trees: 20, depth: 4}",
    "deep_forest": "{kind: random_forest, trees: 20, depth: unlimited, min_samples_leaf: 1}",
    "neural_network": "{kind: neural_network, units: 8}",
    "calibrated": "{kind: gradient_boosting, trees: 20, depth: 2, calibrate: sigmoid}",
    "pipeline": "{kind: file, path: model.skops, sha256: …}",
}
LEAN = """
import sys
from gateway import cli, launch
sys.argv[0] = "scoregate"
try:
    launch.plainly(cli.main)
finally:
    print(sorted({"sklearn", "shap", "skops", "polars"} & set(sys.modules)), file=sys.stderr)
"""


def lean(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, which says in its last line what it loaded of ``LEAN``'s libraries."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LEAN, "--home", str(home), *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=180)


def briefly(spec: str) -> str:
    """Without what its card measures at length, of every model alike: protected groups, repeated validation."""
    spec, found = re.subn(r"(?m)^protected: .*$", "protected: []", spec)
    assert found == 1
    assert "folds: 5, repeats: 5" in spec
    return spec.replace("folds: 5, repeats: 5", "folds: 2, repeats: 1")


def model_of(kind: str, place: Path) -> str:
    """The ``model`` of a spec; one that names a file has it written beside the spec."""
    if "…" not in KINDS[kind]:
        return KINDS[kind]
    content = skops.io.dumps(pipeline(place))
    (place / "model.skops").write_bytes(content)
    return KINDS[kind].replace("…", hashlib.sha256(content).hexdigest())


def pipeline(place: Path) -> Any:
    """Fitted by scikit-learn alone, on the features of the sample spec: codes told apart, gaps filled, scaled."""
    read = read_material(DATA / "credit_data.csv", DATA / "credit_risk.spec.yaml", ContractStore(place))
    names = [feature.name for feature in read.spec.features]
    others = [at for at, name in enumerate(names) if name != "adverse_records"]
    filled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    codes = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("codes", codes, [names.index("adverse_records")]), ("others", filled, others)])
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(read.features, read.dataset.bad)


def some_applicants(place: Path) -> Path:
    """Every second applicant of the sample: what is shown here does not depend on how many there are."""
    names, *rows = (DATA / "credit_data.csv").read_text().splitlines(keepends=True)
    data = place / "credit_data.csv"
    data.write_text("".join([names, *rows[::2]]))
    return data


@pytest.fixture(scope="module", params=KINDS)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose one bundle is of this kind."""
    place = tmp_path_factory.mktemp("kinds") / "home"
    shutil.copytree(EXAMPLES.parent, place / "integrations" / "juniper-api")
    spec = (DATA / "credit_risk.spec.yaml").read_text()
    spec, found = re.subn(r"(?m)^model: .*$", f"model: {model_of(request.param, place)}", spec)
    assert found == 1
    (place / "spec.yaml").write_text(briefly(spec))
    out = place / "bundles" / "credit_risk" / "1.0.0"
    data = some_applicants(place)
    done = process(place, "train", "--data", str(data), "--spec", str(place / "spec.yaml"), "--out", str(out))
    assert done.returncode == 0, done.stderr
    digest = done.stdout.split()[1]
    policy = (DATA / "consumer-instalment.policy.yaml").read_text().replace("{bundle-digest}", digest)
    (place / "policies").mkdir()
    (place / "policies" / "consumer-instalment.policy.yaml").write_text(policy)
    return place


def decide(home: Path, example: str) -> dict[str, object]:
    request = EXAMPLES / example / "request.json"
    done = lean(home, "score", "juniper-api", str(request), "--record")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]", "serving loaded a library that only training needs"
    decision: dict[str, object] = json.loads(done.stdout)["decision"]
    return decision


def test_it_decides_explains_and_is_proved(home: Path) -> None:
    good = decide(home, "01-complete__approves")
    bad = decide(home, "02-complete__declines_with_reasons")
    assert (good["result"], bad["result"]) == ("APPROVED", "DECLINED")
    assert "Adverse entries" in str(bad["reasons"])
    proved = here(home, "verify", "--all")
    assert proved.returncode == 0, proved.stdout + proved.stderr


def test_its_parts_add_up_to_its_score(home: Path) -> None:
    request = EXAMPLES / "02-complete__declines_with_reasons" / "request.json"
    done = here(home, "trace", "juniper-api", str(request), "--json")
    assert done.returncode == 0, done.stderr
    score = json.loads(done.stdout)["score"]
    total = score["base"] + sum(score["points"].values()) + score["information_not_available"]
    assert abs(total - score["score"]) < 1e-6


def test_a_bundle_altered_by_a_byte_is_refused(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    bundle = copy / "bundles" / "credit_risk" / "1.0.0"
    arrays = bundle / "games.npz" if (bundle / "games.npz").exists() else bundle / "tables.npz"
    content = bytearray(arrays.read_bytes())
    content[len(content) // 2] ^= 1
    arrays.write_bytes(content)
    done = here(copy, "score", "juniper-api", str(EXAMPLES / "01-complete__approves" / "request.json"))
    assert done.returncode == 2
    assert arrays.name in done.stderr
    assert "Traceback" not in done.stderr
