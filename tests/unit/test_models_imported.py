"""A classifier fitted elsewhere: only the bytes the spec names, only listed types, never a pickle."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from estimator_parts import KINDS, NETWORKS, changed, data, fitted
from sklearn.naive_bayes import GaussianNB

from contracts.errors import ConfigurationError
from models.imported import load_estimator
from models.kinds import Estimator


def named(folder: Path, content: bytes, sha256: str = "") -> Estimator:
    (folder / "model.skops").write_bytes(content)
    digest = sha256 or hashlib.sha256(content).hexdigest()
    return Estimator("file", {}, file=folder / "model.skops", sha256=digest)


@pytest.mark.parametrize("name", [*KINDS, *NETWORKS])
def test_a_saved_classifier_comes_back(name: str, tmp_path: Path) -> None:
    x, _ = data()
    loaded: Any = load_estimator(named(tmp_path, skops.io.dumps(fitted(name))))
    assert np.array_equal(loaded.predict_proba(x), fitted(name).predict_proba(x))


def test_other_bytes_pickles_unlisted_types_and_other_versions_are_refused_with_the_way_out(tmp_path: Path) -> None:
    x, bad = data()
    forest = skops.io.dumps(fitted("random forest"))
    version = json.dumps("1.0.2").encode().replace(b'"', b'\\"')
    import sklearn

    now = json.dumps(sklearn.__version__).encode().replace(b'"', b'\\"')
    cases = [
        (named(tmp_path, forest, "0" * 64), "the spec names 0000.*name the digest of the file you mean"),
        (forest[:500], "not a skops file; pickles are never read.*skops.io.dump"),
        (pickle.dumps(fitted("random forest")), "pickles are never read.*skops.io.dump"),
        (changed(forest, inner_pkl=pickle.dumps(1)), "holds 'inner.pkl', which is neither JSON nor an array"),
        (skops.io.dumps(GaussianNB().fit(np.nan_to_num(x), bad)), "type sklearn.naive_bayes.GaussianNB.*allowed are"),
        (changed(forest, now, version), r"made with scikit-learn 1\.0\.2.*fit it anew"),
    ]
    for content, message in cases:
        model = content if isinstance(content, Estimator) else named(tmp_path, content)
        with pytest.raises(ConfigurationError, match=message):
            load_estimator(model)
