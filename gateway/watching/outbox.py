"""Finished spans on their way to a collector: a thread sends them, and each that is not sent is counted.

The SDK's own processor drops what its queue cannot hold without a word to us, and its end sends all that waits, batch
by batch: with a collector that hangs, longer than a process that is told to end may take.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

QUEUE = 4096
"""Spans that may wait to be sent; those beyond are lost, and no answer waits for them."""
BATCH = 512
PERIOD_SECONDS = 1.0
PARTING_SECONDS = 2.0
"""How long the end of a process waits for a collector."""


class Outbox(SpanProcessor):
    """``lost`` is told how many spans were not sent, from any thread."""

    def __init__(self, exporter: SpanExporter, lost: Callable[[int], None]) -> None:
        self._exporter, self._lost = exporter, lost
        self._waiting: deque[ReadableSpan] = deque()
        self._under_way = 0
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._closing = self._over = False
        self._thread = threading.Thread(target=self._work, name="outbox", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.context and span.context.trace_flags.sampled):
            return
        if self._closing or len(self._waiting) >= QUEUE:
            self._lost(1)
            return
        self._waiting.append(span)
        if len(self._waiting) >= BATCH:
            self._due.set()

    def shutdown(self) -> None:
        """Send what waits, as far as that can be done in two seconds."""
        if self._closing:
            return
        self._closing = True
        self._due.set()
        self._thread.join(PARTING_SECONDS)
        with self._lock:
            self._over = True
            self._lost(self._under_way + len(self._waiting))
            self._waiting.clear()
        self._exporter.shutdown()

    def _work(self) -> None:
        while not self._closing:
            self._due.wait(PERIOD_SECONDS)
            self._due.clear()
            self._send()
        self._send()

    def _send(self) -> None:
        while batch := self._taken():
            try:
                sent = self._exporter.export(batch) is SpanExportResult.SUCCESS
            except Exception:  # noqa: BLE001 # whatever it is, spans are lost and nothing else
                sent = False
            with self._lock:
                if not sent and not self._over:
                    self._lost(len(batch))
                self._under_way = 0

    def _taken(self) -> list[ReadableSpan]:
        """The next batch; none once the end has given up."""
        with self._lock:
            if self._over:
                return []
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._under_way = len(batch)
            return batch
