"""Traces of OpenTelemetry: a span for every exchange and, below it, for each stage. Off unless the settings say where.

A span holds what a log line holds: names, codes, the correlation id; never a value of an application, nor an address
with its keys. Stages tell their times anyway, so their spans are made afterwards, from those: nothing else on the way
knows of traces, and where they are off nothing is asked.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from contracts.errors import MissingLibrary
from gateway.watching.catalog import SPANS_UNSENT
from gateway.watching.tally import Tally

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

R = TypeVar("R")

INSTALL = "pip install 'scoregate[tracing]'"
CONSOLE = "console"
_REQUEST: ContextVar[Any] = ContextVar("request", default=None)
"""The context of the exchange under way, as the parent of its stages; None where it is not recorded."""


class Tracing:
    """Makes spans and hands them to an exporter. Raises MissingLibrary where the SDK is not installed.

    ``share`` is of the exchanges whose caller says nothing of traces; a caller's ``traceparent`` decides for itself.
    Spans that are not sent are counted.
    """

    def __init__(self, exporter: SpanExporter, share: float = 1.0, tally: Tally | None = None) -> None:
        sdk = _sdk()
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        from gateway.watching.outbox import Outbox

        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # the log is ours; what is lost is counted
        about = Resource({"service.name": "scoregate", "service.version": version("scoregate")})
        self._provider = sdk.TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)), resource=about, shutdown_on_exit=False
        )
        self._tally = tally or Tally()
        self._provider.add_span_processor(Outbox(exporter, self._lost))
        self._tracer = self._provider.get_tracer("scoregate", version("scoregate"))
        self._extract = TraceContextTextMapPropagator().extract

    @contextmanager
    def exchange(self, name: str, carried: Mapping[str, str], attributes: Mapping[str, str]) -> Iterator[Span]:
        """A span around one exchange, below the one its caller names in ``traceparent``."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, set_span_in_context

        above = self._extract(carried, Context())
        span = self._tracer.start_span(name, above, SpanKind.SERVER, attributes)
        token = _REQUEST.set(set_span_in_context(span, Context()) if span.is_recording() else None)
        try:
            yield span
        finally:
            _REQUEST.reset(token)
            span.end()

    def failed(self) -> None:
        """The exchange under way failed by our own fault."""
        from opentelemetry.trace import StatusCode, get_current_span

        request = _REQUEST.get()
        if request is not None:
            get_current_span(request).set_status(StatusCode.ERROR)

    def stage(self, name: str, observe: Callable[[float], None]) -> Callable[[float], None]:
        """What takes a stage's seconds once it is over, and makes a span of them below the exchange."""

        def observed(seconds: float) -> None:
            observe(seconds)
            request = _REQUEST.get()
            if request is not None:
                now = time.time_ns()
                self._tracer.start_span(name, request, start_time=now - int(seconds * 1e9)).end(now)

        return observed

    def close(self) -> None:
        """Send what waits; returns within two seconds though the collector hangs."""
        self._provider.shutdown()

    def _lost(self, spans: int) -> None:
        for _ in range(spans):
            self._tally.count((SPANS_UNSENT,))


def carried(work: Callable[..., R]) -> Callable[..., R]:
    """The same for another thread, where its stages still belong to the exchange under way here."""
    if _REQUEST.get() is None:
        return work
    context = copy_context()
    return lambda *arguments: context.run(work, *arguments)


def tracing(where: str, share: float, tally: Tally) -> Tracing | None:
    """Traces to an OTLP endpoint, or ``console``: a line of JSON each on stderr; None where the setting is empty."""
    if not where:
        return None
    sdk = _sdk()
    if where == CONSOLE:
        console = sdk.export.ConsoleSpanExporter(
            out=sys.stderr, formatter=lambda span: f"{span.to_json(indent=None)}\n"
        )
        return Tracing(console, share, tally)
    from gateway.watching.otlp import exporter

    return Tracing(exporter(where), share, tally)


def _sdk() -> Any:
    try:
        import opentelemetry.sdk.trace.export
    except ModuleNotFoundError as exc:
        raise MissingLibrary("opentelemetry-sdk", INSTALL) from exc
    return opentelemetry.sdk.trace
