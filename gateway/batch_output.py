"""What a batch leaves behind: answers or decision columns, rejects, a summary; written beside, put in place at the end.

Until everything is written, it lies in a folder ``.part`` inside the target. The summary is put in place last: where it
stands, all is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

from contracts.errors import SetupError
from contracts.lazy import COLUMNS, Lazy
from gateway.batch_input import Format
from gateway.disk import sha256_of, sync

if TYPE_CHECKING:
    import polars as pl
    import pyarrow.parquet as pq
else:
    pl, pq = Lazy("polars", COLUMNS), Lazy("pyarrow.parquet", COLUMNS)

SUMMARY: Final = "summary.json"
REJECTS: Final = "rejects.jsonl"
DECISIONS: Final = {"json": "decisions.jsonl", "parquet": "decisions.parquet"}
_BESIDE: Final = ".part"


class Output:
    """The files of one batch. Leaving it by an exception, Ctrl-C among them, takes away what was half written."""

    def __init__(self, folder: Path, form: Format) -> None:
        self._folder, self._beside, self._form = folder, folder / _BESIDE, form
        self._decisions: IO[bytes] | None = None
        self._columns: Any = None

    def __enter__(self) -> Self:
        shutil.rmtree(self._beside, ignore_errors=True)  # what a run that was killed left
        self._beside.mkdir(parents=True)
        self._rejects = (self._beside / REJECTS).open("wb")
        if self._form == "json":
            self._decisions = (self._beside / DECISIONS["json"]).open("wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close()
        shutil.rmtree(self._beside, ignore_errors=True)

    def answers(self, payloads: Sequence[bytes]) -> None:
        """Add native answers, one a line."""
        if self._decisions is not None and payloads:
            self._decisions.write(b"\n".join(payloads) + b"\n")

    def frame(self, decisions: pl.DataFrame) -> None:
        """Add decision columns."""
        table = decisions.to_arrow()
        if self._columns is None:
            self._columns = pq.ParquetWriter(self._beside / DECISIONS["parquet"], table.schema, compression="zstd")
        self._columns.write_table(table)

    def reject(self, entry: dict[str, Any]) -> None:
        self._rejects.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")

    def finish(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Make the files durable and put them in place, the summary with their digests last."""
        self._close()
        written = sorted(path for path in self._beside.iterdir())
        outputs = {path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size} for path in written}
        whole = {**summary, "outputs": outputs}
        target = self._beside / SUMMARY
        target.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for path in (*written, target):
            sync(path)
            path.replace(self._folder / path.name)
        sync(self._folder)
        return whole

    def _close(self) -> None:
        for stream in (self._rejects, self._decisions, self._columns):
            if stream is not None:
                stream.close()


def earlier(folder: Path) -> dict[str, Any] | None:
    """The summary of the batch that lies whole in the folder; raises SetupError where anything else lies there."""
    target = folder / SUMMARY
    ours = {SUMMARY, REJECTS, _BESIDE, *DECISIONS.values()}
    others = {path.name for path in folder.iterdir()} - ours if folder.is_dir() else set()
    if others:
        raise SetupError(f"{folder} holds other files ({min(others)}); name a new or an empty folder")
    if not target.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
        whole = all(sha256_of(folder / name) == seen["sha256"] for name, seen in found["outputs"].items())
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise SetupError(f"{target} is not the summary of a batch; name another folder") from exc
    except FileNotFoundError:
        whole = False
    return found if whole else None
