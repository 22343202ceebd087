"""schemathesis against a real gateway: every address of the generated OpenAPI document, no finding."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from live_gateway import Caller, copied, serving

from gateway.access import principals

SEED = "20261125"
SYSTEMS = ("juniper-api", "juniper-de")
SAMPLE = re.compile(r'^scoregate_http_requests_total\{.*integration="([^"]*)".*status="(\d+)".*\} (\S+)$', re.MULTILINE)
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
    """What schemathesis said, and how often each integration gave each status."""

    passed: bool
    report: str
    statuses: dict[str, Counter[str]]


@pytest.fixture
def caller(built_home: Path, tmp_path: Path) -> Caller:
    """A home of both Junipers: one whose messages have a schema of their own, one whose schema is derived."""
    caller = copied(built_home, tmp_path / "home")
    shutil.copytree(built_home / "integrations/juniper-de", caller.home / "integrations/juniper-de")
    key = principals.replace(caller.home / "principals.yaml", "juniper", list(SYSTEMS), ["score", "batch", "read"])
    return Caller(caller.home, key)


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
    statuses: dict[str, Counter[str]] = {system: Counter() for system in SYSTEMS}
    for integration, status, count in SAMPLE.findall(metrics):
        statuses.setdefault(integration, Counter())[status] += int(float(count))
    return Outcome(done.returncode == 0, done.stdout + done.stderr, statuses)


def assert_nothing_found(outcome: Outcome, examples: int) -> None:
    """No finding; and it was no empty run: each integration decided applications, refused and found some again."""
    assert outcome.passed, outcome.report[-6000:]
    for system in SYSTEMS:
        seen = outcome.statuses[system]
        assert seen.total() > examples, outcome
        assert {"200", "400", "404", "422"} <= seen.keys(), seen


def test_schemathesis_finds_nothing(caller: Caller, tmp_path: Path) -> None:
    assert_nothing_found(fuzz(caller, tmp_path, 25), 25)


@pytest.mark.soak
def test_schemathesis_finds_nothing_in_a_long_run(caller: Caller, tmp_path: Path) -> None:
    assert_nothing_found(fuzz(caller, tmp_path, 4_000), 4_000)
