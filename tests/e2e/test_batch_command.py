"""``scoregate batch`` as an operator meets it: what it prints, leaves behind, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api" / "examples"
SENT = json.loads((EXAMPLES / "01-complete__approves" / "request.json").read_text(encoding="utf-8"))


def written(file: Path, count: int, *more: bytes) -> Path:
    with file.open("wb") as stream:
        for number in range(count):
            stream.write(json.dumps({**SENT, "applicationId": f"JN-{number}"}).encode() + b"\n")
        stream.writelines(line + b"\n" for line in more)
    return file


def command(home: Path, file: Path, out: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "gateway.launch", "--home", str(home), "batch", "juniper-api", str(file)]
    return [*words, "--out", str(out), *more]


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done


def test_a_batch_says_what_it_did_and_run_again_that_it_is_done(built_home: Path, tmp_path: Path) -> None:
    file, out = written(tmp_path / "in.jsonl", 20, b"{"), tmp_path / "out"
    first = run(command(built_home, file, out))
    assert first.returncode == 1
    assert first.stdout.splitlines()[0] == "21 records: approve 20, refer 0, decline 0, refused 1"
    assert "  reject code not_json: 1" in first.stdout
    assert sorted(path.name for path in out.iterdir()) == ["decisions.jsonl", "rejects.jsonl", "summary.json"]
    again = run(command(built_home, file, out))
    assert again.returncode == 1
    assert again.stdout.splitlines()[0] == f"done already, {out} is left as it is"
    other = run(command(built_home, file, out, "--as-of", "2026-03-31"))
    assert (other.returncode, other.stdout) == (2, "")
    assert "holds another batch" in other.stderr


def test_what_is_no_file_or_no_integration_ends_with_one_line(built_home: Path, tmp_path: Path) -> None:
    missing = run(command(built_home, tmp_path / "none.jsonl", tmp_path / "out"))
    assert missing.returncode == 2
    assert missing.stderr.strip() == f"scoregate: {tmp_path / 'none.jsonl'}: No such file or directory"
    assert not (tmp_path / "out").exists()


def test_ctrl_c_leaves_nothing_half_written(built_home: Path, tmp_path: Path) -> None:
    file, out = written(tmp_path / "in.jsonl", 150_000), tmp_path / "out"
    child = subprocess.Popen(command(built_home, file, out), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    began = time.monotonic()
    while not (out / ".part" / "decisions.jsonl").exists():
        assert child.poll() is None
        assert time.monotonic() - began < 60
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert said.strip().splitlines()[-1] == "stopped, nothing was left half written"
    assert list(out.iterdir()) == []
