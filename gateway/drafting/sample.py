"""The example of a drafted integration: one request that the legacy system's description allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.yaml_text import flow, key
from gateway.drafting.examples import AS_OF
from gateway.drafting.lines import Line
from gateway.spi import Sketch

NAME = "01-drafted__is_answered"
CHANGING = ("decision_id", "as_of", "valid_until", "notice_due_by", "contract", "bundle", "policy", "integration")
"""What is another for every folder, bundle or clock."""
_CASE = """\
# Made up by `scoregate new integration`: the contract's own example where a field is mapped, else the first legal
# value. Replace it by what the system really sends, with made-up applicants, then run: scoregate test --renew
shows: A message as the description allows it is answered
header:
{header}
as_of: {as_of}
compare: canonical
{ignored}"""
_IGNORED = """\
ignore: {paths}
because: digests name the very bundle and folder, and a live gateway has its own clock
"""


def write_example(
    folder: Path, sketch: Sketch, values: Mapping[str, str], answer: Sequence[Line] | None, name: str
) -> Path:
    """Write request and case; the answer is written once a gateway has given it."""
    case = folder / "examples" / NAME
    case.mkdir(parents=True)
    (case / f"request.{sketch.suffix}").write_bytes(sketch.example(values))
    beside = {} if sketch.keyed else {"X-Correlation-ID": f"{name}-drafted"}
    header = {**sketch.header, **beside}
    paths = _changing(answer, sketch)
    ignored = _IGNORED.format(paths=flow(paths)) if paths else ""
    written = "\n".join(f"  {key(one)}: {flow(value)}" for one, value in header.items())
    (case / "case.yaml").write_text(_CASE.format(header=written, as_of=AS_OF, ignored=ignored), encoding="utf-8")
    return case


def _changing(answer: Sequence[Line] | None, sketch: Sketch) -> list[str]:
    if answer is None:
        return list(CHANGING)
    return [sketch.shown(line.key) for line in answer if _source(line) in CHANGING]


def _source(line: Line) -> str:
    return str(line.value.get("from", "")) if isinstance(line.value, dict) else str(line.value)
