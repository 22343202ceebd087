"""Log lines: one schema, whatever is put into them; and a stream that stalls stops nobody."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import SetupError, UpstreamError
from gateway.ledger import Ledger
from gateway.opening import Opening
from gateway.watching.catalog import LOG_UNWRITTEN, SPANS_UNSENT
from gateway.watching.events import FIRST, MAX_LINES, MEMBERS
from gateway.watching.lookout import Lookout
from gateway.watching.tally import Tally
from gateway.watching.totals import Totals


def written(lookout: Lookout, stream: io.BytesIO) -> list[dict[str, Any]]:
    lookout.flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_begins_with_the_same_members() -> None:
    stream = io.BytesIO()
    lookout = Lookout.to(stream, "debug", 3)
    lookout.events.warning("late", correlation="c", integration="juniper-api", code="late")
    (line,) = written(lookout, stream)
    assert tuple(line)[:6] == FIRST
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "warning", "event": "late", "worker": 3, "integration": "juniper-api", "correlation": "c",
        "code": "late",
    }  # fmt: skip


@given(st.dictionaries(st.sampled_from([*MEMBERS[2:], "income", "name"]), st.text() | st.integers() | st.binary()))
def test_whatever_is_put_in_comes_out_as_one_line_of_known_members(members: dict[str, Any]) -> None:
    stream = io.BytesIO()
    lookout = Lookout.to(stream, "debug")
    members.pop("event", None)
    lookout.events.info("settled", **members)
    lookout.flush()
    text = stream.getvalue().decode("ascii")
    assert text.count("\n") == 1
    assert set(json.loads(text)) <= set(MEMBERS)


def test_a_fault_shows_kinds_and_places_and_never_its_text() -> None:
    stream = io.BytesIO()
    lookout = Lookout.to(stream)
    try:
        try:
            int("4711 private")
        except ValueError as cause:
            raise LookupError("also 4711") from cause
    except LookupError as error:
        lookout.events.fault(error, integration="juniper-api", correlation="c-1")
    (line,) = written(lookout, stream)
    assert (line["kind"], line["correlation"]) == ("LookupError from ValueError", "c-1")
    assert "test_watching_events.py" in line["where"]
    assert b"4711" not in stream.getvalue()


def test_a_fault_of_the_installation_shows_its_text_which_says_the_cure() -> None:
    stream = io.BytesIO()
    lookout = Lookout.to(stream)
    lookout.events.fault(SetupError("fsync is off: turn it on"))
    (line,) = written(lookout, stream)
    assert (line["kind"], line["message"]) == ("SetupError", "fsync is off: turn it on")


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_a_level_leaves_out_what_is_below_it(level: str, count: int) -> None:
    stream = io.BytesIO()
    lookout = Lookout.to(stream, level)
    for name in ("debug", "info", "warning", "error"):
        getattr(lookout.events, name)("x")
    assert len(written(lookout, stream)) == count


def drain(reader: int) -> None:
    while os.read(reader, 1 << 20):
        pass


def test_a_log_nobody_reads_costs_lines_and_neither_memory_nor_the_end_of_the_process(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    before = set(threading.enumerate())
    with os.fdopen(writer, "wb", buffering=0) as stream:
        lookout = Lookout.to(stream)
        lookout.start(tmp_path)
        for _ in range(3 * MAX_LINES):
            lookout.events.info("x" * 100)
        time.sleep(0.5)  # the thread is stuck in the full pipe now
        for _ in range(2 * MAX_LINES):
            lookout.events.info("x" * 100)
        began = time.monotonic()
        lookout.close()
        assert time.monotonic() - began < 10
        reading = threading.Thread(target=drain, args=(reader,))
        reading.start()
        until = time.monotonic() + 10
        while set(threading.enumerate()) - before - {reading} and time.monotonic() < until:
            time.sleep(0.02)
    reading.join()
    os.close(reader)
    lookout.flush()
    assert lookout.tally.snapshot().counts[(LOG_UNWRITTEN,)] >= 2 * MAX_LINES


def test_counts_are_told_though_nobody_reads_the_log(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb", buffering=0) as stream:
        lookout = Lookout.to(stream)
        lookout.start(tmp_path)
        for _ in range(MAX_LINES):
            lookout.events.info("x" * 100)
        time.sleep(0.5)  # a thread is stuck in the full pipe now
        lookout.tally.count((SPANS_UNSENT,))
        other = Totals(tmp_path, Tally())
        until = time.monotonic() + 10
        while other.read().counts[(SPANS_UNSENT,)] != 1:
            assert time.monotonic() < until
            time.sleep(0.02)
        other.close()
        threading.Thread(target=drain, args=(reader,), daemon=True).start()
        lookout.close()


class Sip(io.RawIOBase):
    """A stream without a buffer that takes few bytes at a time, and after some of them none."""

    def __init__(self, room: int) -> None:
        self.taken, self._room = b"", room

    def write(self, text: Any) -> int | None:
        part = bytes(text)[: min(7, self._room - len(self.taken))]
        self.taken += part
        return len(part) or None


def test_a_stream_that_takes_lines_in_parts_gets_them_whole() -> None:
    stream = Sip(10_000)
    lookout = Lookout.to(stream)  # type: ignore[arg-type] # as binary as any
    lookout.events.info("one")
    lookout.events.info("two")
    lookout.flush()
    assert [json.loads(line)["event"] for line in stream.taken.splitlines()] == ["one", "two"]


def test_what_a_stream_may_not_wait_to_take_is_counted() -> None:
    lookout = Lookout.to(Sip(20))  # type: ignore[arg-type] # as binary as any
    lookout.events.info("one")
    lookout.flush()
    assert lookout.tally.snapshot().counts[(LOG_UNWRITTEN,)] == 1


def test_the_log_says_which_ledger_is_awaited_and_what_to_do() -> None:
    def open_() -> Ledger:
        raise UpstreamError("cannot open the ledger L: no server listens there; start it", code="ledger_down")

    log = io.BytesIO()
    lookout = Lookout.to(log)
    Opening(open_, lookout.events, patient=True)
    lookout.flush()
    line = json.loads(log.getvalue())
    assert (line["event"], line["cause"]) == ("ledger_awaited", "ledger_down")
    assert line["message"] == "cannot open the ledger L: no server listens there; start it"
