"""How fast a bundle scores, for the page of its card: no part of the bundle, whose bytes depend on no clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.game_tables import Compiled
from models.scoring import Scorer
from models.training_clock import seconds

Floats = NDArray[np.float64]
COMPLETE, DRAWN = 1000, 20
"""Records that are timed, without a missing field and with one."""
COMPLETE_WALKED, DRAWN_WALKED = 50, 1
"""The same where trees are walked or networks asked, which takes a thousand times as long."""


def records_per_second(bundle: Bundle, x: Floats) -> float:
    """Of complete records with their reasons, one thread; the better of two runs."""
    scorer, rows = Scorer(bundle), x[: COMPLETE_WALKED if _slow(bundle) else COMPLETE]
    missing = np.zeros(rows.shape, dtype=np.bool_)
    scorer.score_columns(rows[:1], missing[:1])
    return len(rows) / min(_seconds(scorer, rows, missing) for _ in range(2))


def drawn_per_second(bundle: Bundle, x: Floats) -> tuple[float, str]:
    """Of records one field of which is drawn, one thread: where that takes longest, and the field."""
    slow, found = _slow(bundle), {}
    scorer, rows = Scorer(bundle), x[: DRAWN_WALKED if slow else DRAWN]
    scorer.warm()
    for at in [_most_different(bundle, x[0])] if slow else range(len(bundle.fields)):
        missing = np.zeros(rows.shape, dtype=np.bool_)
        missing[:, at] = True
        found[at] = _seconds(scorer, rows, missing)
    slowest = max(found, key=lambda at: found[at])
    return len(rows) / found[slowest], bundle.fields[slowest].name


def _most_different(bundle: Bundle, row: Floats) -> int:
    """The field whose draws give the most different features: where a record takes long, equal draws are made once."""
    counts = []
    for at in range(len(row)):
        features = bundle.feature_set.matrix(bundle.imputer.draws(row, np.arange(len(row)) == at))
        counts.append(len(np.unique(np.nan_to_num(features), axis=0)))
    return int(np.argmax(counts))


def _seconds(scorer: Scorer, rows: Floats, missing: NDArray[np.bool_]) -> float:
    return seconds(lambda: scorer.score_columns(rows, missing))


def _slow(bundle: Bundle) -> bool:
    return Compiled(bundle.tables, bundle.games).slow
