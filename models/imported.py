"""A classifier fitted elsewhere, read from a skops file: only types listed here, only the bytes the spec names.

skops files hold JSON and arrays. Every type in one is looked up in ``ALLOWED`` before anything is built, whatever skops
itself would trust; a pickle is never read. Needed to train, never to serve.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.errors import MissingLibrary
from models.archive import MAX_BYTES, refusal
from models.kinds import Estimator

ALLOWED = frozenset({
    "builtins.bool", "builtins.dict", "builtins.float", "builtins.int", "builtins.list", "builtins.slice",
    "builtins.str", "builtins.tuple", "numpy.bool", "numpy.dtype", "numpy.float32", "numpy.float64", "numpy.int32",
    "numpy.int64", "numpy.ndarray", "numpy.random._generator.Generator", "numpy.random.mtrand.RandomState",
    "numpy.uint64", "numpy.uint8", "sklearn._loss._loss.CyExponentialLoss", "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss.link.HalfLogitLink", "sklearn._loss.link.Interval", "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.ExponentialLoss", "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.calibration.CalibratedClassifierCV", "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration", "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis", "sklearn.dummy.DummyClassifier",
    "sklearn.ensemble._bagging.BaggingClassifier", "sklearn.ensemble._forest.ExtraTreesClassifier",
    "sklearn.ensemble._forest.RandomForestClassifier", "sklearn.ensemble._gb.GradientBoostingClassifier",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.ensemble._weight_boosting.AdaBoostClassifier", "sklearn.impute._base.MissingIndicator",
    "sklearn.impute._base.SimpleImputer", "sklearn.isotonic.IsotonicRegression",
    "sklearn.linear_model._logistic.LogisticRegression", "sklearn.linear_model._logistic.LogisticRegressionCV",
    "sklearn.linear_model._ridge.RidgeClassifier", "sklearn.linear_model._stochastic_gradient.SGDClassifier",
    "sklearn.model_selection._split.KFold", "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.pipeline.Pipeline", "sklearn.preprocessing._data.MaxAbsScaler", "sklearn.preprocessing._data.MinMaxScaler",
    "sklearn.preprocessing._data.RobustScaler", "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._encoders.OneHotEncoder", "sklearn.preprocessing._encoders.OrdinalEncoder",
    "sklearn.preprocessing._function_transformer.FunctionTransformer", "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.preprocessing._label.LabelEncoder", "sklearn.svm._classes.LinearSVC",
    "sklearn.tree._classes.DecisionTreeClassifier", "sklearn.tree._classes.DecisionTreeRegressor",
    "sklearn.tree._classes.ExtraTreeClassifier", "sklearn.tree._tree.Tree",
})  # fmt: skip
"""Every type a file may hold: plain data, arrays, and the parts of the estimators that can be taken apart."""
_SAVE = "save it with skops.io.dump(model, path)"


def load_estimator(model: Estimator) -> Any:
    """The fitted classifier of a spec's ``model: {kind: file, path, sha256}``.

    Raises ConfigurationError naming the file: bytes that are not the ones named, a pickle, a type that is not allowed,
    another version of scikit-learn.
    """
    file = model.file or Path()
    content = _content(file, model.sha256)
    for name in sorted({*_types(file, content)} - ALLOWED):
        hint = f"allowed are {_families()}; another kind of model cannot be explained exactly"
        raise refusal(file, f"holds the type {name}, which is not on the list of what may be loaded", hint)
    try:
        from skops.io import loads
    except ImportError as exc:
        raise MissingLibrary("skops", "pip install skops") from exc
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            return loads(content, trusted=sorted(ALLOWED))
        except InconsistentVersionWarning as exc:
            seen = f"was made with scikit-learn {exc.original_sklearn_version}, here is {exc.current_sklearn_version}"
            hint = (
                "save it again from that version into this one: fit it anew, or train where that version is installed"
            )
            raise refusal(file, seen, hint) from exc
        except Exception as exc:  # whatever a broken file makes skops do, it is the file that is wrong
            raise refusal(file, f"cannot be read by skops: {type(exc).__name__}", _SAVE) from exc


def _content(file: Path, sha256: str) -> bytes:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise refusal(file, f"is larger than {MAX_BYTES} bytes", "fit fewer or smaller trees")
        content = file.read_bytes()
    except OSError as exc:
        raise refusal(file, f"cannot be read: {exc.strerror or exc}", "'path' is relative to the spec") from exc
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise refusal(file, f"has the SHA-256 {found}, the spec names {sha256}", "name the digest of the file you mean")
    return content


def _types(file: Path, content: bytes) -> Iterator[str]:
    """Every type named in the file, in dotted form."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                if name != "schema.json" and not name.endswith(".npy"):
                    raise refusal(file, f"holds {name!r}, which is neither JSON nor an array", _SAVE)
            yield from _named(json.loads(archive.read("schema.json")))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as exc:
        raise refusal(file, "is not a skops file; pickles are never read", _SAVE) from exc


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "__class__" in node:
            yield f"{node.get('__module__')}.{node['__class__']}"
        for below in node.values():
            yield from _named(below)
    elif isinstance(node, list):
        for below in node:
            yield from _named(below)


def _families() -> str:
    from models.encoding import STEPS
    from models.estimators import KNOWN

    return ", ".join(sorted({*KNOWN, *STEPS}))
