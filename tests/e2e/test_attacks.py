"""What an attacker on the wire or on the machine would try first, against the real gateway."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from live_gateway import COMMAND, ENVIRONMENT, EXAMPLE, copied


def test_whatever_is_kept_is_its_owners_alone_even_without_a_umask(built_home: Path, tmp_path: Path) -> None:
    home = copied(built_home, tmp_path / "home").home
    command = [*COMMAND, str(home), "score", "juniper-api", str(EXAMPLE), "--record"]
    subprocess.run(command, env=ENVIRONMENT, umask=0, check=True, capture_output=True)
    kept = [home / "state", *(home / "state").rglob("*")]
    assert {"ledger.db", "ledger.anchor", "master.key", "signing.key", "objects"} <= {path.name for path in kept}
    assert not [f"{path} {path.stat().st_mode:o}" for path in kept if path.stat().st_mode & 0o077]


BOMBS = {
    "aliases": "a: &a [1, 2]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a tag that runs code": "a: !!python/object/apply:os.system ['exit']\n",
    "brackets without end": "[" * 50_000,
    "levels without end": "".join(f"{' ' * level}a:\n" for level in range(1_000)),
    "a path out of the folder": "wire: {schema: ../../../../etc/passwd}",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_configuration_cannot_reach_out_or_blow_up(text: str, built_home: Path, tmp_path: Path) -> None:
    home = copied(built_home, tmp_path / "home").home
    file = home / "integrations" / "juniper-api" / "integration.yaml"
    outward = text.startswith("wire:")
    file.write_text(re.sub("^wire:.*$", text, file.read_text(), flags=re.MULTILINE) if outward else text)
    done = subprocess.run([*COMMAND, str(home), "lint"], env=ENVIRONMENT, capture_output=True, text=True, timeout=30)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr[-2000:]
    assert "integration.yaml:" in done.stdout
    assert "root:" not in done.stdout


def test_a_link_out_of_an_integration_takes_nothing_along(built_home: Path, tmp_path: Path) -> None:
    home, secret = copied(built_home, tmp_path / "home").home, tmp_path / "secret"
    secret.write_text("not part of any integration")
    (home / "integrations" / "juniper-api" / "note.txt").symlink_to(secret)
    command = [*COMMAND, str(home), "score", "juniper-api", str(EXAMPLE), "--record"]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    assert hashlib.sha256(secret.read_bytes()).hexdigest() not in {p.name for p in (home / "state/objects").iterdir()}
