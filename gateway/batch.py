"""A file of applications through one integration: read part by part, decided in columns, written with its rejects.

The same record gives the same decision as alone; one bad record spoils one record. A batch is named by the digest of
its input: run again into the same folder, it is found done. ``record`` writes the ledger as if every line had come by
wire, so a batch that was cut short is taken up where it stood: what was decided is repeated, not decided twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from contracts.errors import CallerError, InternalFault, ScoregateError, SetupError
from contracts.lazy import COLUMNS, Lazy
from gateway.batch_input import PRINCIPAL, JsonLines, Numbered, Part, opened, uncollected
from gateway.batch_output import Output, earlier
from gateway.columns import AssessedColumns, ColumnLine, DecidedColumns
from gateway.decision_frame import decision_frame, tree_frame
from gateway.disk import sha256_of
from gateway.ledger import Ledger
from gateway.modes import Mode
from gateway.pipeline import Line, assess, decision_tree
from gateway.service import ServingDesk
from gateway.slips import slip
from gateway.spi import Answer, Asked, Tree
from gateway.trace import foresee

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

GROUP: Final = 1_024
"""Submissions handed to the ledger at a time: a quarter of what may wait for it."""
T = TypeVar("T")
U = TypeVar("U")
OUTCOMES: Final = ("approve", "refer", "decline")


class Progress(NamedTuple):
    """How far a batch is; shown while it runs."""

    records: int
    rejected: int


class Batch:
    """One run over one file. ``ledger`` is None for a dry run, which leaves no trace but its files."""

    def __init__(self, desk: ServingDesk, path: Path, as_of: datetime, ledger: Ledger | None = None) -> None:
        self._desk, self._path, self._as_of, self._ledger = desk, path, as_of, ledger
        self._line: Line = desk.line_at(as_of)
        self._mode: Mode = desk.fit_mode(self._line, PRINCIPAL)
        self._columns = ColumnLine(self._line)
        self._input = opened(path, desk, self._columns.wanted)
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in ("records", *_SHOWN)}
        if ledger is not None and not isinstance(self._input, JsonLines):
            raise SetupError(
                "only JSON lines can be recorded: the ledger keeps what the legacy system sent, byte for byte, and "
                "that is not in a Parquet file; leave --record out"
            )

    def run(
        self, folder: Path, told: Callable[[Progress], None], *, any_time: bool = False
    ) -> tuple[dict[str, Any], bool]:
        """The summary, and whether anything was done: a batch that lies in the folder already is left as it is, with
        ``any_time`` whenever it was decided.

        Raises SetupError where the folder holds anything else, and MalformedPayload where the file is no batch.
        """
        before = self._path.stat()
        named = self._named()
        found = earlier(folder)
        if found is not None:
            same = {name: found.get(name) for name in named if name != "as_of" or not any_time}
            if same.items() <= named.items():
                return found, False
            raise SetupError(f"{folder} holds another batch or one by other versions; name another folder")
        folder.mkdir(parents=True, exist_ok=True)
        with Output(folder, self._input.format) as output, uncollected() as collect:
            for _ in self._written(output):
                collect()
                told(Progress(self._counts["records"].total(), self._counts["rejects"].total()))
            after = self._path.stat()
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise SetupError(f"{self._path} changed while it was read; run the batch again")
            if self._input.format == "parquet":
                output.frame(tree_frame([], []))
            return output.finish({**named, **self._summary()}), True

    def _written(self, output: Output) -> Iterator[None]:
        """Do the parts, one at each step."""
        if self._ledger is not None and isinstance(self._input, JsonLines):
            for lines in self._input.lines(GROUP):
                self._recorded(lines, output, self._ledger)
                yield
            return
        write = self._in_lines if isinstance(self._input, JsonLines) else self._in_columns
        for part in self._input.parts():
            write(part, output)
            yield

    def _in_lines(self, part: Part, output: Output) -> None:
        """Native answers in the order of the lines."""
        decided = self._decided(part)
        assessed = decided.assessed
        found: dict[int, Tree | ScoregateError] = {}
        found |= zip(assessed.records.rows.tolist(), decided.trees(), strict=True)
        found |= zip(assessed.left.tolist(), self._singles(part, assessed), strict=True)
        output.answers([*self._answers(found, part.natives.size)])
        self._reject(part, found, output)

    def _answers(self, found: dict[int, Tree | ScoregateError], size: int) -> Iterator[bytes]:
        """The payloads in the order of the rows, each counted; a decision that cannot be written becomes its fault."""
        for row in range(size):
            tree = found[row]
            if isinstance(tree, ScoregateError):
                continue
            payload = self._spoilt_alone(self._payload, tree)
            if isinstance(payload, ScoregateError):
                found[row] = payload
            else:
                self._count(tree["outcome"], tree["refer_causes"])
                yield payload

    def _in_columns(self, part: Part, output: Output) -> None:
        """Decision columns in the order of the rows."""
        decided = self._decided(part)
        results = dict(zip(decided.assessed.left.tolist(), self._singles(part, decided.assessed), strict=True))
        trees = {row: tree for row, tree in results.items() if isinstance(tree, dict)}
        numbers = part.numbers.tolist()
        frame = pl.concat(
            [decision_frame(decided, part.numbers), tree_frame([*trees.values()], [numbers[row] for row in trees])]
        )
        output.frame(frame.sort("record") if trees else frame)
        for outcome, causes in frame.select("outcome", "refer_causes").iter_rows():
            self._count(outcome, causes)
        self._reject(part, results, output)

    def _decided(self, part: Part) -> DecidedColumns:
        return DecidedColumns(self._columns, self._columns.assess(part.natives), self._mode, self._as_of)

    def _singles(self, part: Part, assessed: AssessedColumns) -> Iterator[Tree | ScoregateError]:
        """The rows the columns left, one by one."""

        def single(row: int) -> Tree:
            made = assess(self._line, part.natives.tree(row))
            return decision_tree(foresee(self._line, made, self._mode, self._as_of))

        return self._desk.side_by_side(lambda row: self._spoilt_alone(single, row), assessed.left.tolist())

    def _spoilt_alone(self, work: Callable[[T], U], record: T) -> U | ScoregateError:
        """What comes of one record; a fault in it spoils no other."""
        try:
            return work(record)
        except (CallerError, InternalFault) as error:
            return error
        except ScoregateError:  # about what all of them share
            raise
        except Exception as error:  # noqa: BLE001 # as where records come by wire
            return slip(error, self._desk.name, "cannot decide this record")

    def _payload(self, tree: Tree) -> bytes:
        return _on_a_line(self._desk, self._desk.codec.encode(self._desk.integration.answer_map.write(tree)))

    def _recorded(self, lines: Sequence[Numbered], output: Output, ledger: Ledger) -> None:
        """Through the ledger, whose answers are written: for a repeated record the stored one."""
        results = self._desk.decide_many([Asked(raw, {}, PRINCIPAL) for _, raw in lines])
        for (number, _), result in zip(lines, results, strict=True):
            self._counts["records"]["read"] += 1
            if isinstance(result, Answer):
                stored = json.loads(ledger.open_payload(result.decision_id).decision)
                self._count(stored["outcome"], stored["refer_causes"])
                self._counts["repeated"]["repeated"] += result.repeated
            elif isinstance(result, CallerError | InternalFault):
                self._reject_one(number, result, output)
            else:
                raise result  # the ledger is down: what is recorded is repeated when the batch is run again
        output.answers([_on_a_line(self._desk, result.payload) for result in results if isinstance(result, Answer)])

    def _reject(self, part: Part, found: Mapping[int, Tree | ScoregateError], output: Output) -> None:
        numbers = part.numbers.tolist()
        errors = [(numbers[row], error) for row, error in found.items() if isinstance(error, ScoregateError)]
        for number, error in sorted([*errors, *part.spoilt], key=lambda pair: pair[0]):
            self._reject_one(number, error, output)
        self._counts["records"]["read"] += part.natives.size + len(part.spoilt)

    def _reject_one(self, number: int, error: ScoregateError, output: Output) -> None:
        refusal = self._desk.refusal(error)
        entry = {"record": number, "code": error.detail_code, "message": error.message}
        output.reject({**entry, "problems": [dict(problem) for problem in refusal.problems]})
        self._counts["rejects"][error.detail_code] += 1

    def _count(self, outcome: str, causes: Sequence[str]) -> None:
        self._counts["outcomes"][outcome] += 1
        self._counts["refer_causes"].update(causes)

    def _named(self) -> dict[str, Any]:
        """What a batch is known by: the same names give the same files."""
        line, integration = self._line, self._desk.integration
        return {
            "input": {
                "sha256": sha256_of(self._path),
                "bytes": self._path.stat().st_size,
                "format": self._input.format,
            },
            "as_of": self._as_of.isoformat(),
            "mode": self._mode,
            "recorded": self._ledger is not None,
            "versions": {
                "scoregate": version("scoregate"),
                "contract": f"{line.spoken.ref}#{line.spoken.digest}",
                "answer": integration.answer,
                "bundle": line.versions.bundle,
                "policy": line.versions.policy,
                "integration": line.versions.integration,
            },
        }

    def _summary(self) -> dict[str, Any]:
        counts = self._counts
        records, decided = counts["records"].total(), counts["outcomes"].total()
        return {
            "records": records,
            "decided": decided,
            "rejected": counts["rejects"].total(),
            "repeated": counts["repeated"].total(),
            "outcomes": {name: counts["outcomes"][name] for name in OUTCOMES},
            "rates": {name: round(counts["outcomes"][name] / decided, 4) if decided else None for name in OUTCOMES},
            "refer_causes": dict(sorted(counts["refer_causes"].items())),
            "reject_codes": dict(sorted(counts["rejects"].items())),
        }


def _on_a_line(desk: ServingDesk, payload: bytes) -> bytes:
    if b"\n" in payload:
        raise SetupError(f"the answers of {desk.name} do not fit on lines: they are no JSON lines")
    return payload


_SHOWN: Final = ("outcomes", "refer_causes", "rejects", "repeated")
