"""Training data as people export it: every dialect gives the same numbers, every fault its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import ConfigurationError
from contracts.store import ContractStore
from models.csv_file import Dialect, read_csv
from models.dataset import Dataset, read_dataset
from models.spec import TrainingSpec

CREDIT = Path(__file__).parents[2] / "fixtures" / "credit_data"
SPEC = (CREDIT / "credit_risk.spec.yaml").read_text(encoding="utf-8").replace("Home", "Höhle")
ROWS = list(csv.reader((CREDIT / "credit_data.csv").read_text(encoding="ascii").replace("Home", "Höhle").splitlines()))
AMOUNTS = ("Income", "Debt", "Amount", "Price")


def written(delimiter: str, quoting: int = csv.QUOTE_MINIMAL, ends: str = "\n", number: str = "{:.0f}") -> str:
    """The first 300 loans; ``number`` says how amounts are spelled."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=ends)  # type: ignore[arg-type]
    amounts = [ROWS[0].index(name) for name in AMOUNTS]
    for line, row in enumerate(ROWS[:301]):
        cells = list(row)
        for place in amounts if line else ():
            cells[place] = cells[place] if cells[place] == "NA" else number.format(float(cells[place]))
        writer.writerow(cells)
    return out.getvalue()


def read(folder: Path, content: bytes, dialect: str = "{}") -> Dataset:
    (folder / "loans.csv").write_bytes(content)
    (folder / "own.spec.yaml").write_text(f"{SPEC}csv: {dialect}\n", encoding="utf-8")
    return read_dataset(folder / "loans.csv", TrainingSpec.read(folder / "own.spec.yaml", ContractStore(None)))


def german(text: str) -> str:
    return text.replace(",", "'").replace(".", ",").replace("'", ".")


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        (written(",").encode("utf-8-sig"), "{}"),
        (written(",", csv.QUOTE_ALL, "\r\n").encode(), "{}"),
        (written(",", csv.QUOTE_ALL, "\r").encode("utf-16"), "{encoding: utf-16}"),
        (written(";", ends="\r\n").encode("cp1252"), '{delimiter: ";", encoding: cp1252}'),
        (written("\t").encode("latin-1"), '{delimiter: "\\t", encoding: latin-1}'),
        (written("|", number="{:,.2f}").encode(), '{delimiter: "|"}'),
        (written(",", number="{:,.0f}").encode(), "{}"),
        (german(written(";", number="{:.1f}")).encode(), '{delimiter: ";", decimal: ","}'),
        (german(written(";", number="{:,.2f}")).encode(), '{delimiter: ";", decimal: ","}'),
        (("\n\n" + written(",")).replace("\n", "\n\n", 40).lstrip().encode() + b"\n\n", "{}"),
    ],
    ids=[
        "mark",
        "quoted",
        "utf-16, CR",
        "cp1252",
        "tab",
        "points",
        "thousands",
        "comma",
        "both",
        "blank lines",
    ],
)
def test_every_dialect_gives_the_same_numbers(tmp_path: Path, content: bytes, dialect: str) -> None:
    plain, other = read(tmp_path, written(",").encode()), read(tmp_path, content, dialect)
    np.testing.assert_array_equal(plain.x, other.x)
    np.testing.assert_array_equal(plain.bad, other.bad)
    assert np.isnan(plain.x).any()


FAULTS: list[tuple[str, Callable[[], bytes], str, str]] = [
    ("a short row", lambda: b"a,b\n1,2\n3\n", ":3:0: error: has 1 cells, the header has 2", "quoted"),
    ("a long row below a quoted line break", lambda: b'a,b\n"1\n1",2\n\n3,4,5\n', ":5:0: error: has 3 cells", "quoted"),
    ("a quote that is never closed", lambda: b'a,b\n1,2\n"3,4\n5,6\n', ":3:0: error: cannot be read as CSV", "closed"),
    ("a bare quote", lambda: b'a,b\n1,2\n3,"4"5\n', ":3:0: error: cannot be read as CSV", "doubled"),
    ("another encoding", lambda: "a,b\n1,2\nä,4\n".encode("cp1252"), ":3:0: error: is not text in utf-8", "cp1252"),
    ("another delimiter", lambda: b"a;b\n1;2\n", ":1:0: error: has one column", 'csv: {delimiter: ";"}'),
    ("a doubled name", lambda: b"a,a\n1,2\n", ":1:0: error: the column 'a' occurs more than once", "rename"),
    ("no header", lambda: b"\n\n", "error: is empty", "the first line names the columns"),
    ("no rows", lambda: b"a,b\n\n", ":1:0: error: holds no rows", ""),
    ("a workbook", lambda: b"PK\x03\x04\x00\x00", "zero bytes", "export it as CSV"),
]


@pytest.mark.parametrize(("make", "seen", "way_out"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_a_fault_of_form_names_its_line_and_the_way_out(
    tmp_path: Path, make: Callable[[], bytes], seen: str, way_out: str
) -> None:
    (tmp_path / "own.csv").write_bytes(make())
    with pytest.raises(ConfigurationError) as caught:
        read_csv(tmp_path / "own.csv", Dialect())
    assert seen in str(caught.value)
    assert way_out in str(caught.value)


def test_many_short_rows_are_counted_and_the_first_named(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes(b"a,b\n" + b"1\n" * 5000)
    with pytest.raises(ConfigurationError) as caught:
        read_csv(tmp_path / "own.csv", Dialect())
    assert [fault.line for fault in caught.value.faults] == [*range(2, 12), 0]
    assert "5,000 lines in all" in caught.value.faults[-1].message


def test_a_row_that_breaks_the_contract_is_named_by_the_line_it_begins_at(tmp_path: Path) -> None:
    lines = written(",").splitlines()
    lines[5] = lines[5].replace(lines[5].split(",")[3], "-3", 1)
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, "\n\n".join(lines).encode())
    assert {fault.line for fault in caught.value.faults} == {0, 11}
