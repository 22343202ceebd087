"""What an attacker on the wire or on the machine would try first, against the real gateway."""

from __future__ import annotations

import subprocess
from pathlib import Path

from live_gateway import COMMAND, ENVIRONMENT, EXAMPLE, copied


def test_whatever_is_kept_is_its_owners_alone_even_without_a_umask(built_home: Path, tmp_path: Path) -> None:
    home = copied(built_home, tmp_path / "home").home
    command = [*COMMAND, str(home), "score", "juniper-api", str(EXAMPLE), "--record"]
    subprocess.run(command, env=ENVIRONMENT, umask=0, check=True, capture_output=True)
    kept = [home / "state", *(home / "state").rglob("*")]
    assert {"ledger.db", "ledger.anchor", "master.key", "signing.key", "objects"} <= {path.name for path in kept}
    assert not [f"{path} {path.stat().st_mode:o}" for path in kept if path.stat().st_mode & 0o077]
