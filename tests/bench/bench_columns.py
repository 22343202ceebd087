"""The column engine on the bench bundle, one process and one thread: beside bare ``predict_proba`` and the row engine.

Applications are the complete ones of the public data, drawn with replacement, every one with an application id of its
own. A decision is counted with its reasons, digests, keys and decision id.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from bench_kernel import BLOCK, Bench, best_in_turn, made
from bench_model import CREDIT
from figures import Row, at_least, at_most, shown

from contracts.columns import ColumnEngine
from contracts.mapping.natives import Natives
from contracts.mapping.tables import from_frame
from contracts.types import Field
from gateway import settings as settings_
from gateway.batch import Batch
from gateway.batch_input import opened, uncollected
from gateway.bootstrap import install
from gateway.columns import ColumnLine, DecidedColumns
from gateway.decision_frame import decision_frame
from gateway.pipeline import Line
from gateway.service import ServingDesk
from models.features import value_of

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
ROW_CALLS = 20_000
MILLION = 1_000_000
ROOT = Path(__file__).parents[2]


class House(NamedTuple):
    """A home with the bench bundle and two integrations: ``whole`` carries every field the bundle reads, ``gap`` all
    but debt."""

    home: Path
    bench: Bench
    desks: dict[str, ServingDesk]
    frame: pl.DataFrame

    def line(self, name: str) -> Line:
        return self.desks[name].line_at(NOON)


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        house = built(Path(folder))
        return [*_engines(house), *_decisions(house), *_streams(house)]


def built(folder: Path) -> House:
    bench = made(folder)
    home = folder / "home"
    bench.bundle.save(home / "bundles" / "bench" / "1.0.0")
    text = (CREDIT / "consumer-instalment.policy.yaml").read_text(encoding="utf-8")
    text = text.replace("{bundle-digest}", bench.bundle.digest).replace("name: credit_risk", "name: bench")
    (home / "policies").mkdir()
    (home / "policies" / "bench.yaml").write_text(text, encoding="utf-8")
    fields = bench.material.spec.contract.fields
    carried = {field.name for field in bench.bundle.fields} | {"currency"}
    for name, left_out in (("whole", ()), ("gap", ("debt",))):
        target = home / "integrations" / name
        target.mkdir(parents=True)
        wired = "".join(_entry(field, field.name in carried and field.name not in left_out) for field in fields)
        target.joinpath("integration.yaml").write_text(_INTEGRATION.format(name=name, request=wired), encoding="utf-8")
    installation = install(settings_.load(home=home), with_ledger=False)
    assert not installation.faulty, installation.faulty
    for desk in installation.desks.values():
        desk.warm()
    return House(home, bench, installation.desks, applications(bench, BLOCK))


_INTEGRATION = """\
integration: {name}
adapter: rest
contract: loan_application@2.0.0
answer: loan_decision@1.0.0
product: consumer-instalment
keys: {{business: id}}
ignore: [debt]
request:
{request}"""


def _entry(field: Field, carried: bool) -> str:
    if field.name == "product":
        return ""
    return f"  {field.name}: {field.name if carried else 'not_carried'}\n"


def applications(bench: Bench, count: int, first: int = 0) -> pl.DataFrame:
    """Complete applications as typed columns: decimals, whole numbers, texts."""
    whole = bench.material.x[~np.isnan(bench.material.x).any(axis=1)]
    chosen = np.random.default_rng(first).integers(0, len(whole), count)
    columns: dict[str, Any] = {"id": [f"A-{number}" for number in range(first, first + count)], "currency": "EUR"}
    for field, numbers in zip(bench.bundle.fields, whole.T, strict=True):
        known = [value_of(field, number) for number in numbers.tolist()]
        series = pl.Series([field.text(value) for value in known])
        columns[field.name] = {
            "decimal": series.cast(pl.Decimal(18, field.scale), strict=False),
            "integer": series.cast(pl.Int64, strict=False),
        }.get(field.type, series).gather(chosen)
    return pl.DataFrame(columns)


def _engines(house: House) -> list[Row]:
    """Mapping and validation alone."""
    line = house.line("whole")
    request, wanted = line.integration.request, ColumnLine(line).wanted
    engine = ColumnEngine(line.contract, request)
    natives = from_frame(house.frame, wanted, request.unknown)
    assert not len(engine.read(natives).left)
    tree = natives.tree(0)

    def by_row() -> None:
        for _ in range(ROW_CALLS):
            mapped = request.read(tree)
            line.rows.check(mapped.values, mapped.states)

    row, column = best_in_turn(by_row, lambda: engine.read(natives))
    each, fast = row / ROW_CALLS, column / BLOCK
    return [
        shown("columns: mapping and validation, one record by row", each * 1e6, "us"),
        shown("columns: mapping and validation in columns", 1 / fast, "rows/s"),
        at_least("columns: mapping and validation, times the row engine", each / fast, "x", 20),
    ]


def _decisions(house: House) -> list[Row]:
    bench = house.bench
    chosen = np.random.default_rng(0).integers(0, len(bench.material.x), BLOCK)
    features = np.ascontiguousarray(bench.material.features[chosen])
    lines = house.home / "applications.jsonl"
    lines.write_bytes(b"\n".join(json_lines(house.frame)))
    whole, gap = ColumnLine(house.line("whole")), ColumnLine(house.line("gap"))
    bare, columns, one_gap, from_json, to_bytes = best_in_turn(
        lambda: bench.model.predict_proba(features),
        lambda: decided(whole, _table(whole, house.frame)),
        lambda: decided(gap, _table(gap, house.frame)),
        lambda: read_and_decided(house.desks["whole"], whole, lines),
        lambda: answered(house, lines),
    )
    return [
        shown("columns: bare predict_proba, ready features", BLOCK / bare, "rows/s"),
        shown("columns: native columns to decisions", BLOCK / columns, "rows/s"),
        at_least("columns: native columns to decisions, times predict_proba", bare / columns, "x", 0.8),
        shown("columns: JSON lines to decisions", BLOCK / from_json, "rows/s"),
        at_least("columns: JSON lines to decisions, times predict_proba", bare / from_json, "x", 0.25),
        shown("columns: JSON lines to files of answers, as the batch command makes them", BLOCK / to_bytes, "rows/s"),
        shown("columns: JSON lines to files of answers, times predict_proba", bare / to_bytes, "x"),
        shown("columns: one field not carried in every record", BLOCK / one_gap, "rows/s"),
        at_least("columns: one field not carried, times predict_proba", bare / one_gap, "x", 0.05),
    ]


def decided(columns: ColumnLine, natives: Natives) -> pl.DataFrame:
    assessed = columns.assess(natives)
    assert not len(assessed.left)
    return decision_frame(DecidedColumns(columns, assessed, "test", NOON))


def read_and_decided(desk: ServingDesk, columns: ColumnLine, lines: Path) -> None:
    """As the batch command goes through a file, part by part."""
    with uncollected() as collect:
        for part in opened(lines, desk, columns.wanted).parts():
            decided(columns, part.natives)
            collect()


def answered(house: House, lines: Path) -> None:
    """All that the batch command does: read, decide, render every native answer and write the files."""
    with tempfile.TemporaryDirectory(dir=house.home) as folder:
        Batch(house.desks["whole"], lines, NOON).run(Path(folder) / "out", lambda _: None)


def _table(columns: ColumnLine, frame: pl.DataFrame) -> Natives:
    return from_frame(frame, columns.wanted, columns.line.integration.request.unknown)


def _streams(house: House) -> list[Row]:
    """A Parquet file of one and of four million through the command, each in a process of its own."""
    _through_the_command(house, 1)  # compiles the kernels
    (one, small), (four, large) = (_through_the_command(house, 10 * millions) for millions in (1, 4))
    return [
        shown("columns: batch command, one million from Parquet", MILLION / one, "rows/s"),
        shown("columns: batch command, four million from Parquet", 4 * MILLION / four, "rows/s"),
        at_most("columns: time of four million by four times that of one", four / one / 4, "x", 1.15),
        shown("columns: most memory of the batch command, one million", small, "MB"),
        at_most("columns: most memory of four million by that of one", large / small, "x", 1.1),
    ]


def _through_the_command(house: House, blocks: int) -> tuple[float, float]:
    """Seconds, and megabytes at most, for so many blocks of applications."""
    file, out = house.home / f"{blocks}.parquet", house.home / f"out-{blocks}"
    parts = [applications(house.bench, BLOCK, BLOCK * number).to_arrow() for number in range(min(blocks, 10))]
    with pq.ParquetWriter(file, parts[0].schema) as writer:
        for number in range(blocks):
            writer.write_table(parts[number % 10])
    command = [sys.executable, "-m", "gateway.launch", "--home", str(house.home), "batch", "whole", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    child = subprocess.Popen(
        [*command, "--out", str(out)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peak = _watched(child)
    seconds = time.perf_counter() - started
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert child.returncode == 0
    assert summary["decided"] == blocks * BLOCK
    return seconds, peak


def _watched(child: subprocess.Popen[bytes]) -> float:
    """Wait for a process; the most megabytes it held. What ``wait4`` tells counts in the parent it was forked from."""
    peak = 0.0
    while child.poll() is None:
        status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        peak = max(peak, int(found[1]) / 1024 if found else 0.0)
        time.sleep(0.1)
    return peak


def json_lines(frame: pl.DataFrame) -> list[bytes]:
    """The applications as a JSON-speaking system writes them: amounts as numbers with their decimals."""
    texts = frame.with_columns(pl.col(pl.Decimal).cast(pl.String)).rows(named=True)
    amounts = [name for name, kind in frame.schema.items() if kind.is_decimal()]
    pattern = re.compile(rf'"({"|".join(amounts)})": "([0-9.]+)"')
    return [pattern.sub(r'"\1": \2', json.dumps(row)).encode() for row in texts]
