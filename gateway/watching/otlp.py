"""Spans as OTLP over HTTP, in its JSON encoding: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.

The SDK's own exporter brings protobuf, requests and five more libraries into a process that decides about credit; this
one needs what is there. It tries once: traces are worth less than the memory to keep them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

PATH = "/v1/traces"
SECONDS = 3.0
"""How long a collector may take to accept a batch."""


def exporter(endpoint: str) -> SpanExporter:
    """What sends finished spans to ``endpoint`` + ``/v1/traces``."""
    import httpx
    from opentelemetry.sdk.trace import export as sdk

    client = httpx.Client(base_url=endpoint.rstrip("/"), timeout=SECONDS, trust_env=False)

    class Otlp(sdk.SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> sdk.SpanExportResult:
            try:
                client.post(PATH, json=document(spans)).raise_for_status()
            except httpx.HTTPError:
                return sdk.SpanExportResult.FAILURE
            return sdk.SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            client.close()

    return Otlp()


def document(spans: Sequence[ReadableSpan]) -> dict[str, Any]:
    """An ExportTraceServiceRequest; all spans are of one resource and one scope, ours."""
    scope = spans[0].instrumentation_scope
    named = {"name": scope.name, "version": scope.version} if scope else {}
    scoped = {"scope": named, "spans": [_span(span) for span in spans]}
    about = {"attributes": _attributes(spans[0].resource.attributes)}
    return {"resourceSpans": [{"resource": about, "scopeSpans": [scoped]}]}


def _span(span: ReadableSpan) -> dict[str, Any]:
    context, parent = span.get_span_context(), span.parent
    return {
        "traceId": f"{context.trace_id:032x}" if context else "",
        "spanId": f"{context.span_id:016x}" if context else "",
        "parentSpanId": f"{parent.span_id:016x}" if parent else "",
        "name": span.name,
        "kind": span.kind.value + 1,  # the SDK counts from 0, the protocol keeps that for "unspecified"
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "status": {"code": span.status.status_code.value},
    }


def _attributes(attributes: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: object) -> dict[str, str]:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}
