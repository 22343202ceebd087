"""Traces: one span for each exchange below its caller's, its stages below it, nothing personal, nothing by default."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from http_parts import KEY, SCORE, ask, headers
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from contracts.errors import MissingLibrary
from gateway import settings
from gateway.access import principals
from gateway.bootstrap import install
from gateway.doors import application
from gateway.installation import Installation
from gateway.watching import outbox
from gateway.watching.catalog import REQUESTS, SPANS_UNSENT
from gateway.watching.lookout import Lookout
from gateway.watching.tally import Tally
from gateway.watching.tracing import Tracing, tracing

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "fixtures/integrations/juniper-api/examples/01-complete__approves/request.json"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STAGES = {"decode", "map", "score", "encode", "ledger"}


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def installation(built_home: Path, tmp_path: Path, kept: InMemorySpanExporter) -> Iterator[Installation]:
    """The demonstration's home with traces kept in memory."""
    home = shutil.copytree(built_home, tmp_path / "home", ignore=shutil.ignore_patterns("state", "principals.yaml"))
    lookout = Lookout.to(io.BytesIO())
    lookout.tracing = Tracing(kept)
    made = install(settings.load(home=home), with_ledger=True, lookout=lookout)
    yield made
    made.close()


def traced(installation: Installation, kept: InMemorySpanExporter, body: bytes, **sent: str) -> list[ReadableSpan]:
    """The spans of one exchange, in the order they ended."""
    key = principals.replace(installation.settings.home / "principals.yaml", "juniper", ["*"], ["score"])
    asyncio.run(ask(application(installation), sent=headers(key, **sent), body=body))
    assert installation.lookout.tracing is not None
    installation.lookout.tracing.close()
    return list(kept.get_finished_spans())


def test_an_exchange_is_a_span_below_its_callers_and_its_stages_lie_below_it(
    installation: Installation, kept: InMemorySpanExporter
) -> None:
    spans = traced(
        installation, kept, EXAMPLE.read_bytes(), traceparent=f"00-{TRACE}-{CALLER}-01", x_correlation_id="corr-1"
    )
    (exchange,) = [span for span in spans if span.name == f"POST {SCORE}"]
    assert exchange.parent and f"{exchange.parent.span_id:016x}" == CALLER
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    below = [span for span in spans if span.parent and span.parent.span_id == exchange.context.span_id]
    assert {span.name for span in below} == STAGES
    assert all(exchange.start_time <= span.start_time <= span.end_time <= exchange.end_time for span in below)
    assert dict(exchange.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": SCORE,
        "http.response.status_code": 200,
        "scoregate.integration": "juniper-api",
        "scoregate.operation": "score",
        "scoregate.correlation": "corr-1",
    }


def test_a_caller_that_does_not_record_its_trace_gets_none(
    installation: Installation, kept: InMemorySpanExporter
) -> None:
    assert traced(installation, kept, EXAMPLE.read_bytes(), traceparent=f"00-{TRACE}-{CALLER}-00") == []


def test_no_span_holds_a_value_of_the_application(installation: Installation, kept: InMemorySpanExporter) -> None:
    body = json.loads(EXAMPLE.read_bytes())
    body["applicationId"], body["applicant"]["annualNetIncome"] = "JN-PRIVATE-4711", 23457
    told = "".join(span.to_json() for span in traced(installation, kept, json.dumps(body).encode()))
    assert told and not [value for value in ("PRIVATE", "23457", KEY) if value in told]


def test_a_callers_fault_is_no_error_of_ours_even_where_its_protocol_says_500(
    installation: Installation, kept: InMemorySpanExporter
) -> None:
    key = principals.replace(installation.settings.home / "principals.yaml", "meridian", ["*"], ["score"])
    sent = headers(key, content_type="text/xml")
    reply = asyncio.run(ask(application(installation), path="/soap/meridian-los", sent=sent, body=b"<broken"))
    assert reply.status == 500 and b"soap:Client" in reply.body
    assert installation.lookout.tracing is not None
    installation.lookout.tracing.close()
    (exchange,) = [span for span in kept.get_finished_spans() if span.name == "POST /soap/meridian-los"]
    assert exchange.status.status_code is StatusCode.UNSET
    counts = installation.lookout.snapshot().counts
    assert counts[(REQUESTS, "meridian-los", "test", "500", "caller")] == 1


class Collector(BaseHTTPRequestHandler):
    """Takes what an OTLP collector takes."""

    taken: list[tuple[str, Any]] = []  # noqa: RUF012 # one collector per test run
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append((self.path, json.loads(body)))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize(("status", "lost"), [(200, 0), (503, 1)])
def test_a_collector_gets_spans_as_the_protocol_writes_them(
    status: int, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collector, "status", status)
    Collector.taken.clear()
    tally = Tally()
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        traces = tracing(f"http://127.0.0.1:{server.server_port}/", 1.0, tally)
        assert traces is not None
        parent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        with traces.exchange("POST /x", parent, {"http.route": "/x"}) as span:
            span.set_attribute("http.response.status_code", 200)
        traces.close()
        server.shutdown()
        thread.join()
    ((path, document),) = Collector.taken
    (sent,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert path == "/v1/traces"
    assert (sent["traceId"], sent["parentSpanId"], sent["kind"]) == (TRACE, CALLER, 2)
    assert {"key": "http.response.status_code", "value": {"intValue": "200"}} in sent["attributes"]
    assert tally.snapshot().counts[(SPANS_UNSENT,)] == lost


def test_a_collector_that_never_answers_holds_up_no_end_and_every_span_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"QUEUE": 40, "BATCH": 10, "PERIOD_SECONDS": 0.01, "PARTING_SECONDS": 0.2}.items():
        monkeypatch.setattr(outbox, name, value)
    tally = Tally()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        traces = tracing(f"http://127.0.0.1:{silent.getsockname()[1]}", 1.0, tally)
        assert traces is not None
        for _ in range(100):
            with traces.exchange("POST /x", {}, {}):
                pass
        before = time.monotonic()
        traces.close()
        traces.close()
        assert time.monotonic() - before < 1
    assert tally.snapshot().counts[(SPANS_UNSENT,)] == 100


def test_without_the_setting_there_is_nothing_and_without_the_library_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert tracing("", 1.0, Tally()) is None
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    with pytest.raises(MissingLibrary, match=r"pip install 'scoregate\[tracing\]'"):
        tracing("console", 1.0, Tally())
