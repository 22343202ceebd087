"""A file of applications: what is written, what is refused, what is left behind when it goes wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from contracts.errors import InternalFault, MalformedPayload, MissingLibrary, SetupError
from contracts.lazy import Lazy
from gateway import settings as settings_
from gateway.batch import Batch
from gateway.bootstrap import install
from gateway.disk import sha256_of
from gateway.installation import Installation
from gateway.spi import Asked
from gateway.trace import answer_once

JUNIPER = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api"
SENT = json.loads((JUNIPER / "examples/01-complete__approves/request.json").read_text(encoding="utf-8"))
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def installation(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("batch") / "home"
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, home / part)
    made = install(settings_.load(home=home), with_ledger=True, clock=lambda: NOON)
    yield made
    made.close()


def applications(count: int) -> list[dict[str, Any]]:
    """Juniper's complete application, each with other amounts."""
    random = Random(7)  # noqa: S311 # the same on every run
    found = []
    for number in range(count):
        loan = {**SENT["loan"], "amountCents": random.randint(90_000, 1_000_000), "months": random.choice((12, 36, 60))}
        who = {**SENT["applicant"], "annualNetIncome": random.choice((-1, 12_000, 31_000)), "housing": "TENANT"}
        found.append({"applicationId": f"JN-{number}", "loan": loan, "applicant": who})
    return found


def written(folder: Path, lines: list[bytes]) -> Path:
    file = folder / "applications.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def run(installation: Installation, file: Path, out: Path, *, record: bool = False) -> tuple[dict[str, Any], bool]:
    ledger = installation.ledger if record else None
    return Batch(installation.desk("juniper-api"), file, NOON, ledger).run(out, lambda _progress: None)


def rejects(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rejects.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_batch_is_its_singles_byte_for_byte(installation: Installation, tmp_path: Path) -> None:
    lines = [json.dumps(tree).encode() for tree in applications(40)]
    lines[7] = json.dumps({**json.loads(lines[7]), "loan": "text"}).encode()
    lines[9] = json.dumps(json.loads(lines[9]) | {"applicant": SENT["applicant"] | {"monthlyOutgoings": "x"}}).encode()
    summary, _ = run(installation, written(tmp_path, lines), tmp_path / "out")
    desk = installation.desk("juniper-api")
    alone = [answer_once(desk, Asked(line, {}, "batch"), NOON, record=False) for line in lines]
    expected = [payload for payload, refused in alone if not refused]
    assert (tmp_path / "out" / "decisions.jsonl").read_bytes().splitlines() == expected
    assert (summary["decided"], summary["rejected"]) == (39, 1)
    assert sum(summary["outcomes"].values()) == 39


def test_one_bad_line_spoils_one_record_and_is_told_by_its_number(installation: Installation, tmp_path: Path) -> None:
    good = [json.dumps(tree).encode() for tree in applications(4)]
    long = b'{"applicationId": "' + b"x" * 70_000 + b'"}'
    unknown = json.dumps({**json.loads(good[0]), "nickname": "J"}).encode()
    lines = [good[0], b"{", b"\xff\xfe", long, b"", good[1] + b"\r", b"[]", unknown, good[2], good[3]]
    run(installation, written(tmp_path, lines), tmp_path / "out")
    found = rejects(tmp_path / "out")
    assert [(one["record"], one["code"]) for one in found] == [
        (2, "not_json"), (3, "not_utf8"), (4, "too_large"), (7, "not_an_object"), (8, "invalid_record"),
    ]  # fmt: skip
    assert found[-1]["problems"][0]["path"] == "/nickname"
    assert "J" not in json.dumps(found[-1]["problems"]).replace("JN", "")
    assert len((tmp_path / "out" / "decisions.jsonl").read_bytes().splitlines()) == 4


@pytest.mark.parametrize("fault", [InternalFault("the answer breaks its schema at /x"), KeyError("x")])
def test_an_answer_that_cannot_be_written_spoils_its_record_alone(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    codec = type(installation.desk("juniper-api").codec)
    encode = codec.encode  # type: ignore[attr-defined]

    def broken(self: Any, tree: dict[str, Any]) -> bytes:
        if tree["applicationId"] == "JN-2":
            raise fault
        return bytes(encode(self, tree))

    monkeypatch.setattr(codec, "encode", broken)
    file = written(tmp_path, [json.dumps(tree).encode() for tree in applications(4)])
    summary, _ = run(installation, file, tmp_path / "out")
    answers = (tmp_path / "out" / "decisions.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["applicationId"] for line in answers] == ["JN-0", "JN-1", "JN-3"]
    assert [(one["record"], one["code"]) for one in rejects(tmp_path / "out")] == [(3, "internal_fault")]
    assert (summary["records"], summary["decided"], summary["rejected"]) == (4, 3, 1)
    assert sum(summary["outcomes"].values()) == 3


@pytest.mark.parametrize("kind", ["lines", "columns"])
def test_a_slip_of_ours_on_a_record_the_columns_leave_spoils_that_record(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("4711")

    monkeypatch.setattr("gateway.batch.assess", broken)
    trees = applications(3)
    trees[1]["loan"]["amountCents"] = -5
    lines = [json.dumps(tree).encode() for tree in trees]
    file = written(tmp_path, lines) if kind == "lines" else parquet(tmp_path, [flat(tree) for tree in trees])
    summary, _ = run(installation, file, tmp_path / "out")
    (found,) = rejects(tmp_path / "out")
    assert (found["record"], found["code"]) == (2, "internal_fault")
    assert "KeyError at test_gateway_batch.py" in found["message"]
    assert "4711" not in found["message"]
    assert (summary["decided"], summary["rejected"]) == (2, 1)


def flat(tree: dict[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, leaf in tree.items():
        found |= flat(leaf, f"{above}{name}.") if isinstance(leaf, dict) else {f"{above}{name}": leaf}
    return found


def parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    file = folder / "applications.parquet"
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(file)
    return file


def test_parquet_and_json_lines_lead_to_the_same_decisions(installation: Installation, tmp_path: Path) -> None:
    trees = applications(30)
    trees[3]["applicant"]["annualNetIncome"] = 999_999_999
    trees[4]["loan"]["amountCents"] = -5
    del trees[5]["applicant"]["job"]["kind"]
    run(installation, written(tmp_path, [json.dumps(tree).encode() for tree in trees]), tmp_path / "lines")
    summary, _ = run(installation, parquet(tmp_path, [flat(tree) for tree in trees]), tmp_path / "columns")
    lines = (tmp_path / "lines" / "decisions.jsonl").read_bytes().splitlines()
    answers = [json.loads(line, parse_float=Decimal) for line in lines]
    frame = pl.read_parquet(tmp_path / "columns" / "decisions.parquet")
    assert frame["record"].to_list() == [number for number in range(1, 31) if number != 5]
    assert frame["decision_id"].to_list() == [answer["decision"]["id"] for answer in answers]
    assert frame["score"].to_list() == [answer["decision"]["creditScore"] for answer in answers]
    assert frame["pd"].to_list() == [answer["decision"]["defaultProbability"] for answer in answers]
    found = [[(one["code"], one["points"]) for one in row] for row in frame["reasons"].to_list()]
    assert found == [[(one["code"], one["points"]) for one in answer["decision"]["reasons"]] for answer in answers]
    assert any(found)
    estimated = [[(one["field"], one["low"]) for one in row] for row in frame["imputations"].to_list()]
    assert estimated == [[(one["field"], one["low"]) for one in answer["decision"]["estimated"]] for answer in answers]
    assert rejects(tmp_path / "columns") == rejects(tmp_path / "lines")
    assert summary["records"] == 30


def test_a_fraction_in_a_floating_point_column_spoils_its_record(installation: Installation, tmp_path: Path) -> None:
    rows = [flat(tree) for tree in applications(3)]
    for row, amount in zip(rows, (500_000.0, 500_000.5, float("nan")), strict=True):
        row["loan.amountCents"] = amount
    run(installation, parquet(tmp_path, rows), tmp_path / "out")
    assert [one["record"] for one in rejects(tmp_path / "out")] == [2, 3]
    assert {one["problems"][0]["code"] for one in rejects(tmp_path / "out")} == {"wrong_type"}


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("nickname", "columns that no field stands for: nickname"),
        ("lookup.bureau.score", "'lookup' is a reserved name"),
        ("loan", "'loan' is a column, and other columns lie below it"),
        ("loan.at", "columns whose type has no exact value here: loan.at"),
    ],
)
def test_columns_that_cannot_be_read_refuse_the_file(
    installation: Installation, tmp_path: Path, column: str, said: str
) -> None:
    rows = [flat(tree) | {column: NOON if column == "loan.at" else "x"} for tree in applications(2)]
    with pytest.raises(MalformedPayload, match=said):
        run(installation, parquet(tmp_path, rows), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_damaged_parquet_file_leaves_nothing_behind(installation: Installation, tmp_path: Path) -> None:
    file = parquet(tmp_path, [flat(tree) for tree in applications(50)])
    content = bytearray(file.read_bytes())
    content[20:400] = b"\0" * 380
    file.write_bytes(content)
    with pytest.raises(MalformedPayload, match="cannot be read as Parquet"):
        run(installation, file, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_run_again_it_finds_itself_done_and_a_missing_part_is_made_again(
    installation: Installation, tmp_path: Path
) -> None:
    file = written(tmp_path, [json.dumps(tree).encode() for tree in applications(5)])
    first, fresh = run(installation, file, tmp_path / "out")
    content = (tmp_path / "out" / "decisions.jsonl").read_bytes()
    assert fresh
    assert run(installation, file, tmp_path / "out") == (first, False)
    (tmp_path / "out" / "decisions.jsonl").write_bytes(content[:-10])
    assert run(installation, file, tmp_path / "out") == (first, True)
    assert (tmp_path / "out" / "decisions.jsonl").read_bytes() == content


def test_a_folder_with_anything_else_is_refused(installation: Installation, tmp_path: Path) -> None:
    file = written(tmp_path, [json.dumps(tree).encode() for tree in applications(2)])
    run(installation, file, tmp_path / "out")
    written(tmp_path, [json.dumps(tree).encode() for tree in applications(3)])
    with pytest.raises(SetupError, match="another batch"):
        run(installation, file, tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(SetupError, match=r"holds other files \(letter.txt\)"):
        run(installation, file, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_an_interrupted_batch_leaves_nothing_half_written(installation: Installation, tmp_path: Path) -> None:
    file = written(tmp_path, [json.dumps(tree).encode() for tree in applications(5)])

    def interrupt(_progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Batch(installation.desk("juniper-api"), file, NOON).run(tmp_path / "out", interrupt)
    assert list((tmp_path / "out").iterdir()) == []
    assert run(installation, file, tmp_path / "out")[1]


def test_a_file_that_changes_while_its_digest_is_taken_is_read_again(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, [json.dumps(tree).encode() for tree in applications(3)])

    def changed_meanwhile(path: Path) -> str:
        digest = sha256_of(path)
        written(tmp_path, [json.dumps(tree).encode() for tree in applications(2)])
        return digest

    monkeypatch.setattr("gateway.batch.sha256_of", changed_meanwhile)
    with pytest.raises(SetupError, match="changed while it was read; run the batch again"):
        run(installation, file, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_empty_file_is_a_batch_of_nothing(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "nothing.jsonl").write_bytes(b"")
    summary, _ = run(installation, tmp_path / "nothing.jsonl", tmp_path / "out")
    assert (summary["records"], summary["decided"], summary["rates"]["approve"]) == (0, 0, None)
    rows = parquet(tmp_path, [flat(tree) for tree in applications(1)])
    pl.read_parquet(rows).clear().write_parquet(rows)
    assert run(installation, rows, tmp_path / "out-columns")[0]["records"] == 0
    assert pl.read_parquet(tmp_path / "out-columns" / "decisions.parquet").height == 0


def test_a_recorded_batch_is_in_the_ledger_and_recorded_again_it_is_repeated(
    installation: Installation, tmp_path: Path
) -> None:
    lines = [json.dumps(tree).encode() for tree in applications(6)]
    file = written(tmp_path, [*lines, b"{"])
    assert installation.ledger is not None
    before = len(installation.ledger.list())
    first, _ = run(installation, file, tmp_path / "one", record=True)
    again, _ = run(installation, file, tmp_path / "two", record=True)
    dry, _ = run(installation, file, tmp_path / "dry")
    assert [summary["repeated"] for summary in (first, again, dry)] == [0, 6, 0]
    assert first["outcomes"] == again["outcomes"] == dry["outcomes"]
    answers = [(tmp_path / name / "decisions.jsonl").read_bytes() for name in ("one", "two", "dry")]
    assert answers[0] == answers[1] == answers[2]
    ids = [json.loads(line)["decision"]["id"] for line in answers[0].splitlines()]
    assert [installation.ledger.open_payload(name).raw for name in ids] == lines
    assert len(installation.ledger.list()) == before + 6 + 2  # six decisions once, the refusal twice


def test_a_parquet_file_is_not_what_the_legacy_system_sent(installation: Installation, tmp_path: Path) -> None:
    file = parquet(tmp_path, [flat(tree) for tree in applications(2)])
    with pytest.raises(SetupError, match="only JSON lines can be recorded"):
        run(installation, file, tmp_path / "out", record=True)


def test_a_missing_library_names_the_line_that_installs_it() -> None:
    with pytest.raises(MissingLibrary, match=r"install it with: pip install 'scoregate\[columns\]'"):
        _ = Lazy("no_such_library", "pip install 'scoregate[columns]'").DataFrame
