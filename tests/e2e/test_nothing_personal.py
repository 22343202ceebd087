"""Nothing of an application leaves but in its answer: not in the log, the metrics, or the ledger in clear.

Every sample system sends all its examples, good and spoilt, in its own protocol to one gateway that tells all it can.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from live_cobalt import polling, states, there, waiting
from live_gateway import ENVIRONMENT, ROOT, Caller, serving, until
from lxml import etree
from soap_meridian import SAID

from gateway.access import principals
from gateway.watching.events import MEMBERS

OPEN = {"at", "ms", "pid", "port", "status", "worker", "line", "count", "correlation", "correlations", "where"}
"""Members that are numbers of ours, or the caller's own name for the exchange."""
REQUEST_MEMBERS = {*MEMBERS, "operation", "principal", "mode", "status", "ms"}
HOSTILE = ['c-1"},{"level":"error', "a\\u000afaked", "%0a%0d", "${jndi:x}", "c" * 128]
COMMON = {"EUR", "USD", "true", "false"}
"""Values that say nothing of anybody, and are words of ours too."""
SYSTEMS = ("juniper-api", "juniper-de", "meridian-los", "cobalt-core")
CALLERS = {"juniper": ["juniper-api", "juniper-de"], "meridian": ["meridian-los"], "cobalt": ["cobalt-core"]}
WRITTEN_BY_HAND = {
    "REQUEST_ID": "9001", "APPLICATION_NO": 'CB-9\n{"level":"error"}', "INCOME_YEAR": "eighteen thousand",
    "BUREAU_FLAG": "Q", "CIVIL_STATUS": "widowed in 2019",
}  # fmt: skip
"""A row as SQLite takes it from anybody: texts where numbers belong, and a line of a log."""


class Told(NamedTuple):
    """Where one gateway wrote, its metrics, the keys of its callers, and the values each system sent."""

    caller: Caller
    metrics: str
    keys: dict[str, str]
    sent: dict[str, set[str]]

    @property
    def every_value(self) -> set[str]:
        return set().union(*self.sent.values())


def requests_of(system: str) -> list[bytes]:
    folder = ROOT / "fixtures/integrations" / system / "examples"
    return [path.read_bytes() for path in sorted(folder.glob("*/request.*"))]


def values(body: bytes) -> set[str]:
    """Every value of a message that is long enough to be told from chance, whole and word by word."""
    whole = {text.strip() for text in (xml_values(body) if body.startswith(b"<") else json_values(json.loads(body)))}
    words = {word for text in whole for word in text.split()}
    return {value for value in whole | words if len(value) >= 3} - COMMON


def json_values(node: Any) -> Iterator[str]:
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from json_values(child)
    elif node is not None and not isinstance(node, bool):
        yield str(node)


def xml_values(body: bytes) -> Iterator[str]:
    for element in etree.fromstring(body).iter("*"):
        yield element.text or ""
        yield from map(str, element.attrib.values())


@pytest.fixture(scope="module")
def told(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Everything a gateway of all sample systems told at level debug."""
    home = tmp_path_factory.mktemp("told") / "home"
    shutil.copytree(built_home, home, ignore=shutil.ignore_patterns("state", "principals.yaml"))
    operations = ["score", "batch", "read"]
    keys = {name: principals.add(home / "principals.yaml", name, may, operations) for name, may in CALLERS.items()}
    caller = Caller(home, keys["juniper"])
    rows = [json.loads(body) for body in requests_of("cobalt-core")]
    waiting(home, [*rows, rows[0] | WRITTEN_BY_HAND])
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ENVIRONMENT, "SCOREGATE_LOG_LEVEL", "debug")
        with serving(caller) as live, polling(caller, there()):
            for system in ("juniper-api", "juniper-de"):
                Juniper(live.client, f"/v1/{system}").ask_all(requests_of(system))
            live.client.headers["Authorization"] = f"Bearer {keys['meridian']}"
            ask_meridian(live.client, requests_of("meridian-los"))
            until(lambda: states(home).keys() <= {"D", "E"})
            until(lambda: polled(live.client.get("/metrics").text) == {"answered", "failed"})
            metrics = live.client.get("/metrics").text
    sent = {system: set().union(*map(values, requests_of(system))) for system in SYSTEMS}
    sent["cobalt-core"] |= values(json.dumps(WRITTEN_BY_HAND).encode())
    yield Told(caller, metrics, keys, sent)


def counted(metrics: str, name: str, label: str = "integration") -> set[str]:
    """The values of a label whose counter is not at nought."""
    found = re.findall(rf'^{name}_total\{{.*\b{label}="([^"]+)".*\}} [1-9]', metrics, re.MULTILINE)
    return set(found)


def polled(metrics: str) -> set[str]:
    """How rows of Cobalt's table ended, as far as it was counted."""
    return counted(metrics, "scoregate_polled_rows", "result")


class Juniper:
    """A caller over REST that does everything wrong once."""

    def __init__(self, client: httpx.Client, base: str) -> None:
        self.client, self.base = client, base

    def ask_all(self, bodies: list[bytes]) -> None:
        for number, body in enumerate(bodies):
            self.ask(body, f"scan-{self.base[-3:]}-{number}", HOSTILE[number % len(HOSTILE)])
        items = [
            {"idempotency_key": f"batch-{number}", "application": json.loads(body)}
            for number, body in enumerate(bodies)
        ]
        assert self.client.post(f"{self.base}/batch", content=json.dumps({"items": items})).status_code == 200

    def ask(self, body: bytes, key: str, hostile: str) -> None:
        """As it is, repeated, contradicted, cut off, twice in one, with a wrong key, under a hostile correlation id;
        and the decision fetched by its business key.
        """
        named = {"Idempotency-Key": f'"{key}"'}
        for sent in (body, body, body.replace(b"60", b"48"), body[:-20], body + body):
            self.client.post(f"{self.base}/score", content=sent, headers=named)
        self.client.post(f"{self.base}/score", content=body, headers={"Authorization": "Bearer sg_scanned-wrong-key"})
        self.client.post(f"{self.base}/score", content=body, headers={"X-Correlation-ID": hostile})
        business_key = next(json_values(json.loads(body)))
        self.client.get(f"{self.base}/decisions/{business_key}")


def ask_meridian(client: httpx.Client, bodies: list[bytes]) -> None:
    """Each envelope as it is, repeated, contradicted, cut off, with a document type, with a wrong password."""
    for body in bodies:
        for sent in (body, body, body.replace(b">60<", b">48<"), body[:-20], b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + body):
            client.post("/soap/meridian-los", content=sent, headers=SAID)
        client.post("/soap/meridian-los", content=body, headers=SAID | {"Authorization": "Basic bWVyaWRpYW46d3Jvbmc="})


def lines(told: Told) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.caller.log.read_text().splitlines()]


def test_every_system_was_answered_and_told_its_faults(told: Told) -> None:
    assert counted(told.metrics, "scoregate_decisions") == set(SYSTEMS)
    assert counted(told.metrics, "scoregate_refusals") == set(SYSTEMS)
    assert all(told.sent.values())


def test_the_log_holds_no_value_of_any_application(told: Told) -> None:
    assert {"request", "settled", "refused", "polling"} <= {line["event"] for line in lines(told)}
    for line in lines(told):
        assert set(line) <= REQUEST_MEMBERS
        words = {word for name, value in line.items() if name not in OPEN for word in re.split(r"[\s/,:]", str(value))}
        assert not words & told.every_value, line


def test_neither_log_nor_metrics_hold_a_key(told: Told) -> None:
    for text in (told.caller.log.read_text(), told.metrics):
        assert not [key for key in told.keys.values() if key in text]
        assert "sg_" not in text


def test_no_label_of_a_metric_holds_a_value_of_any_application(told: Told) -> None:
    labels = set(re.findall(r'="((?:[^"\\]|\\.)*)"', told.metrics))
    assert set(SYSTEMS) <= labels
    assert not labels & told.every_value


def test_a_hostile_correlation_id_stays_inside_its_line(told: Told) -> None:
    assert set(HOSTILE) <= {line.get("correlation") for line in lines(told)}


def test_the_state_on_disk_holds_no_payload_in_clear(told: Told) -> None:
    names = [b'"applicant"', b'"annualNetIncome"', b"MonthlyOutgoings", b'"kreditbetrag"', b"INCOME_YEAR"]
    long = {value for value in told.every_value if len(value) >= 8}
    assert {value[:3] for value in long} >= {"JN-", "JD-", "MER", "CB-"}
    fragments = [*names, *(value.encode() for value in long)]
    for file in (
        file for file in (told.caller.home / "state").rglob("*") if file.is_file() and "objects" not in file.parts
    ):
        content = file.read_bytes()
        assert not [fragment for fragment in fragments if fragment in content], file
