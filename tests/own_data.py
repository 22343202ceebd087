"""CSV files a lender might have: made by a seed, each trouble in a column of its own."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

ROWS = 600
Columns = dict[str, list[str]]


def columns(rows: int = ROWS, seed: int = 7) -> Columns:
    """A clean file: income and debt drive the outcome, the channel a little."""
    random = np.random.default_rng(seed)
    income = np.round(random.lognormal(7.5, 0.5, rows), 2)
    debt = np.round(random.gamma(2, 1500, rows), 2)
    channel = random.choice(["branch", "web", "broker"], rows, p=[0.5, 0.3, 0.2])
    risk = -1.2 - 1.2 * (np.log(income) - 7.5) + debt / 4000 + 0.5 * (channel == "broker")
    bad = random.random(rows) < 1 / (1 + np.exp(-risk))
    return {
        "monthlyIncome": [f"{value:.2f}" for value in income],
        "debt": [f"{value:.2f}" for value in debt],
        "channel": [str(value) for value in channel],
        "instalments": [str(value) for value in random.integers(6, 72, rows)],
        "outcome": ["bad" if value else "good" for value in bad],
    }


def write(path: Path, data: Columns, *, delimiter: str = ",", encoding: str = "utf-8", quoting: int = 0) -> Path:
    """The columns as a CSV file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]  # a number of csv's own
    writer.writerow(data)
    writer.writerows(zip(*data.values(), strict=True))
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def bads(data: Columns) -> list[bool]:
    return [value == "bad" for value in data["outcome"]]
