"""Measure every figure that must hold, print them, write build/bench.json; exits 1 when one does not hold."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ.setdefault(name, "1")
sys.path[:0] = [str(HERE)]

from figures import Row  # noqa: E402 # the path and the thread limits come first


def measure(wanted: list[str]) -> list[Row]:
    rows: list[Row] = []
    for path in sorted(HERE.glob("bench_*.py")):
        if wanted and path.stem.removeprefix("bench_") not in wanted:
            continue
        started = time.monotonic()
        print(f"\n{path.stem.removeprefix('bench_')}", flush=True)
        found = importlib.import_module(path.stem).rows()
        for row in found:
            verdict = "" if row.bound == "shown" else "holds" if row.holds else "FALLS SHORT"
            print(f"  {row.name:<68} {row.value:>12,.4g} {row.unit:<10} {row.bound:<10} {verdict}", flush=True)
        print(f"  ({time.monotonic() - started:.0f} s)", flush=True)
        rows += found
    return rows


def main() -> int:
    rows = measure(sys.argv[1:])
    target = HERE.parents[1] / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    target.write_text(json.dumps({"machine": machine, "figures": [row._asdict() for row in rows]}, indent=1) + "\n")
    short = [row.name for row in rows if not row.holds]
    print(f"\n{len(rows)} figures, {len(short)} fall short; written to {target.relative_to(HERE.parents[1])}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
