"""schemathesis against a real gateway: every address of the generated OpenAPI document, no finding."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from live_gateway import Caller, copied, serving

SEED = "20261125"
SAMPLE = re.compile(r'^scoregate_http_requests_total\{.*status="(\d+)".*\} (\S+)$', re.MULTILINE)
CONFIG = """
# A schema says what can be read. What a contract refuses beyond that (a currency nobody trained for, a rule over two
# fields) is 422, with every problem by pointer. Wrong keys are sent once to each address, to see them refused, and not
# made up for every request: a few of them lock the address out, and nothing but 429 would be seen.
[checks.positive_data_acceptance]
expected-statuses = ["200", "404", "409", "410", "422"]
[generation]
with-security-parameters = false
"""


class Outcome(NamedTuple):
    """What schemathesis said, and how often the gateway gave each status."""

    passed: bool
    report: str
    statuses: Counter[str]


def fuzz(caller: Caller, folder: Path, examples: int) -> Outcome:
    (folder / "schemathesis.toml").write_text(CONFIG)
    with serving(caller) as live:
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{live.client.base_url}/openapi.json",
            "--header", f"Authorization: Bearer {caller.key}", "--checks", "all",
            "--seed", SEED, "--max-examples", str(examples), "--continue-on-failure",
            "--request-timeout", "60", "--max-response-time", "60",  # how long an answer takes is not asked here
        ]  # fmt: skip
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=3_000)
        metrics = live.client.get("/metrics").text
    statuses: Counter[str] = Counter()
    for status, count in SAMPLE.findall(metrics):
        statuses[status] += int(float(count))
    return Outcome(done.returncode == 0, done.stdout + done.stderr, statuses)


def assert_nothing_found(outcome: Outcome, examples: int) -> None:
    """No finding; and it was no empty run: applications were decided, refused and found again."""
    assert outcome.passed, outcome.report[-6000:]
    assert outcome.statuses.total() > examples, outcome
    assert {"200", "400", "404", "422"} <= outcome.statuses.keys(), outcome.statuses


def test_schemathesis_finds_nothing(built_home: Path, tmp_path: Path) -> None:
    assert_nothing_found(fuzz(copied(built_home, tmp_path / "home"), tmp_path, 60), 60)


@pytest.mark.soak
def test_schemathesis_finds_nothing_in_a_long_run(built_home: Path, tmp_path: Path) -> None:
    assert_nothing_found(fuzz(copied(built_home, tmp_path / "home"), tmp_path, 4_000), 4_000)
