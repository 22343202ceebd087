"""What an attacker on the wire or on the machine would try first, against the real gateway."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live_gateway import COMMAND, ENVIRONMENT, EXAMPLE, SCORE, Caller, Live, copied, serving

BATCH = "/v1/juniper-api/batch"
CROWD, BATCH_BYTES = 60, 10_000_000
"""Connections at once, and the largest batch an integration takes by default."""
MOST_HELD = 64_000_000
"""What README says of bodies held at a time."""


@pytest.fixture(scope="module")
def flooded(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Caller, Live]]:
    caller = copied(built_home, tmp_path_factory.mktemp("flooded") / "home")
    with serving(caller) as live:
        yield caller, live


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
    done = subprocess.run([*COMMAND, str(home), "lint"], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
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


def test_keys_that_anybody_may_have_put_there_are_not_used(built_home: Path, tmp_path: Path) -> None:
    home = copied(built_home, tmp_path / "home").home
    keys = home / "state" / "keys"
    keys.mkdir(parents=True)
    (keys / "master.key").write_text("00" * 32)
    keys.chmod(0o777)
    command = [*COMMAND, str(home), "score", "juniper-api", str(EXAMPLE), "--record"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, f"chmod o-w {keys}" in done.stderr) == (2, True), done.stderr
    assert not (home / "state" / "ledger.db").exists()


def test_links_in_the_state_folder_lead_no_write_astray(built_home: Path, tmp_path: Path) -> None:
    home, victim = copied(built_home, tmp_path / "home").home, tmp_path / "victim"
    victim.write_text("somebody else's")
    (home / "state" / "objects").mkdir(parents=True)
    request = hashlib.sha256((home / "policies" / "consumer-instalment.policy.yaml").read_bytes()).hexdigest()
    for name in ("run", "keys"):
        (home / "state" / name).mkdir()
    for name in ("ledger.db", f"objects/{request}", "keys/signing.key", "run/retired.json"):
        (home / "state" / name).symlink_to(victim)
    command = [*COMMAND, str(home), "score", "juniper-api", str(EXAMPLE), "--record"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert victim.read_text() == "somebody else's"
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


def sending(address: tuple[str, int], headers: str, body: bytes, together: threading.Barrier) -> int:
    """The status that a body gets which is sent up to its last byte, and that one when all others are as far."""
    head = f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(address) as connection:
        connection.settimeout(60)
        try:
            connection.sendall(f"{head}{headers}\r\n".encode() + body[:-1])
            together.wait(60)
            connection.sendall(body[-1:])
        except (OSError, threading.BrokenBarrierError):
            pass  # it was answered before it had sent all
        said = connection.recv(64)
    return int(said.split()[1]) if said else 0


@pytest.mark.parametrize("known", [True, False], ids=["a caller", "anybody with a signature"])
def test_large_bodies_on_many_connections_fill_no_memory_and_hold_up_nobody(
    known: bool, flooded: tuple[Caller, Live]
) -> None:
    caller, live = flooded
    address = (live.client.base_url.host, live.client.base_url.port or 0)
    body = b'{"items":["' + b"x" * (BATCH_BYTES - 14) + b'"]}'
    unsigned = "webhook-id: a\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,AAAA\r\n"
    headers = f"Authorization: Bearer {caller.key}\r\n" if known else unsigned
    before = resident(live.process.pid)
    together = threading.Barrier(CROWD)
    with ThreadPoolExecutor(CROWD) as pool:
        sent = [pool.submit(sending, address, headers, body, together) for _ in range(CROWD)]
        scored = [live.client.post(SCORE, content=EXAMPLE.read_bytes(), timeout=120).status_code for _ in range(20)]
        together.abort()
        statuses = Counter(one.result() for one in sent)
    assert set(scored) == {200}
    assert statuses[503] >= CROWD // 2, statuses
    assert resident(live.process.pid) - before < 6 * MOST_HELD < CROWD * BATCH_BYTES


def resident(pid: int) -> int:
    """The most memory a process ever held, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024
