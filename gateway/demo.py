"""The demonstration: a home made of the sample systems, a real gateway process, real applications, answers to read."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from contracts.errors import SetupError
from gateway import demo_tables, examples, show
from gateway.access import principals
from gateway.canonical import canonical
from gateway.settings import Settings
from models.bundle import Bundle

FIXTURES = Path(__file__).parents[1] / "fixtures"


class System(NamedTuple):
    """A sample system: its integration, who calls it, and where."""

    integration: str
    principal: str
    path: str


SYSTEMS = (
    System("juniper-api", "juniper", "/v1/juniper-api/score"),
    System("meridian-los", "meridian", "/soap/meridian-los"),
)
SAMPLE = {"data": "credit_data.csv", "spec": "credit_risk.spec.yaml", "policy": "consumer-instalment.policy.yaml"}
START_SECONDS = 60
TURN_SECONDS = 0.02
MARKER = ".demonstration"
"""A file of the demonstration's home that holds its path: a copy of that home is somebody's."""


def run(settings: Settings, console: Console, *, keep: bool) -> int:
    """Prepare, serve, send, print; returns the exit code. ``keep`` leaves the gateway serving until Ctrl-C."""
    require_free(settings.port)
    home = begin(settings)
    prepare(home, console)
    keys = {system: _key(home, system) for system in SYSTEMS}
    base = f"http://127.0.0.1:{settings.port}"
    with gateway(home, settings.port) as process, httpx.Client(base_url=base) as client:
        console.print(f"gateway serving {base}, ready after {wait_until_ready(client, process, log_of(home)):.1f} s")
        outcomes = [_show(console, client, home, system, key) for system, key in keys.items()]
        outcomes.append(demo_tables.run(home, console))
        passed = all(outcomes)
        console.print(Rule(style="dim"))
        console.print("every answer came as expected" if passed else "an answer was not as expected", style="bold")
        if keep:
            stay(console, base, keys[SYSTEMS[0]])
    return 0 if passed else 1


def require_free(port: int) -> None:
    """Raise SetupError where somebody listens on the port: that one would be sent what is meant for our gateway."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        message = f"port {port} cannot be listened on ({error.strerror}); name another with --port, or make demo PORT=…"
        raise SetupError(message) from error


def begin(settings: Settings) -> Path:
    """The home with an empty ledger and our marker in it, as an absolute path.

    Raises SetupError, with nothing touched, where what is in the home is not the demonstration's or what it would write
    leads out of it.
    """
    home = settings.home.resolve()
    _refuse_what_leads_out(settings, home)
    marker = home / MARKER
    if not _ours(marker) and (_anything_in(home / "state") or (home / principals.FILE).exists()):
        raise SetupError(
            f"{home} holds a ledger or callers this demonstration did not make (an earlier version may have); "
            "name another --home, or remove it if nothing in it is needed"
        )
    home.mkdir(parents=True, exist_ok=True)
    marker.write_text(str(home), encoding="utf-8")
    if (home / "state").exists():
        shutil.rmtree(home / "state")
    return home


def _refuse_what_leads_out(settings: Settings, home: Path) -> None:
    elsewhere = {
        "STATE": settings.state.resolve() != home / "state",
        "LEDGER": settings.ledger,
        "ANCHOR": settings.anchor,
    }
    for name in [name for name, leads_out in elsewhere.items() if leads_out]:
        raise SetupError(f"SCOREGATE_{name} is set, and a demonstration writes into its own home only; unset it")


def _ours(marker: Path) -> bool:
    return marker.is_file() and marker.read_text(encoding="utf-8", errors="replace") == str(marker.parent)


def _anything_in(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _key(home: Path, system: System) -> str:
    """A fresh key for the caller of a sample system."""
    return principals.replace(home / principals.FILE, system.principal, [system.integration], ["score", "read"])


def _show(console: Console, client: httpx.Client, home: Path, system: System, key: str) -> bool:
    """Send every example of one system, and the first one again; False when an answer is not what its case says."""
    client.headers["Authorization"] = f"Bearer {key}"
    cases = examples.cases(home / "integrations" / system.integration)
    outcomes = [send(console, client, system.path, case) for case in cases]
    return all([*outcomes, send_twice(console, client, system.path, cases[0])])


def prepare(home: Path, console: Console) -> None:
    """Bring the sample systems, the bundle and the policy into ``home``; what is there already is kept or renewed."""
    source = FIXTURES / "credit_data"
    if not source.is_dir():
        raise SetupError(f"{FIXTURES} is missing: the demonstration runs from a checkout, with: make demo")
    for sample in sorted((FIXTURES / "integrations").iterdir()):
        shutil.copytree(sample, home / "integrations" / sample.name, dirs_exist_ok=True)
    demo_tables.connect(home)
    bundle = ensure_bundle(home, source, console)
    policy = (source / SAMPLE["policy"]).read_text(encoding="utf-8").replace("{bundle-digest}", bundle.digest)
    target = home / "policies" / SAMPLE["policy"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(policy, encoding="utf-8")


def ensure_bundle(home: Path, source: Path, console: Console) -> Bundle:
    """The default bundle; trained if this home has none made of the same data, spec and code."""
    out, stamp = home / "bundles" / "credit_risk" / "1.0.0", home / "bundles" / ".made-of"
    inputs = made_of(source)
    if (out / "bundle.json").is_file() and stamp.is_file() and stamp.read_text() == inputs:
        return Bundle.load(out)
    from models.training import train

    console.print("training the default model on the public credit data")
    shutil.rmtree(out, ignore_errors=True)
    bundle = train(source / SAMPLE["data"], source / SAMPLE["spec"], out, lambda line: console.print(f"  {line}"))
    stamp.write_text(inputs)
    return bundle


def made_of(source: Path) -> str:
    """One digest over everything the default bundle is made of."""
    packages = [Path(__file__).parents[1] / name for name in ("contracts", "models")]
    code = sorted(path for package in packages for path in package.rglob("*") if path.suffix in {".py", ".yaml"})
    hasher = hashlib.sha256()
    for path in [source / SAMPLE["data"], source / SAMPLE["spec"], *code]:
        hasher.update(hashlib.sha256(path.read_bytes()).digest())
    return hasher.hexdigest()


@contextmanager
def gateway(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway process on loopback, stopped at the end as an operator would stop it."""
    command = [sys.executable, "-m", "gateway.launch", "--home", str(home), "serve", "--port", str(port)]
    log_of(home).parent.mkdir(parents=True, exist_ok=True)
    with log_of(home).open("ab") as stream:
        process = subprocess.Popen(command, stderr=stream, stdout=stream)  # noqa: S603 # our own command
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def log_of(home: Path) -> Path:
    return home / "state" / "gateway.log"


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> float:
    """Seconds until the gateway can make a decision durable; raises SetupError if it ends before, or never does."""
    started = time.monotonic()
    while time.monotonic() - started < START_SECONDS:
        with suppress(httpx.TransportError):
            if client.get("/readyz").status_code == httpx.codes.OK:
                return time.monotonic() - started
        if process.poll() is not None:
            raise SetupError(f"the gateway ended with {process.returncode}: {_last_line(log)} (all of it: {log})")
        time.sleep(TURN_SECONDS)
    raise SetupError(f"the gateway at {client.base_url} is not ready after {START_SECONDS} s: see {log}")


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")


def send(console: Console, client: httpx.Client, path: str, case: examples.Case) -> bool:
    """Send one example as its system would and print what comes back; False when it is not what the case says."""
    console.print(Rule(Text(case.shows, style="bold"), align="left", style="dim"))
    response, took = _post(client, path, case)
    _print_exchange(console, case, response, took)
    seen, expected = response.content, case.answer
    if case.canonical:
        seen, expected = (canonical(text, case.ignore) for text in (seen, expected))
    if seen.strip() == expected.strip():
        return True
    console.print("not as the example says", style="bold red")
    return False


def send_twice(console: Console, client: httpx.Client, path: str, case: examples.Case) -> bool:
    """The same asking again: the stored answer comes back, byte for byte, and nothing is decided twice."""
    console.print(Rule(Text("The same asking again", style="bold"), align="left", style="dim"))
    (first, _), (second, took) = (_post(client, path, case) for _ in range(2))
    same = first.content == second.content
    replayed = second.headers.get("Idempotency-Replayed", "false")
    console.print(f"  {second.status_code} in {took:.1f} ms, Idempotency-Replayed: {replayed}")
    console.print(f"  the stored answer, byte for byte: {'yes' if same else 'NO'}")
    return same and replayed == "true"


def _post(client: httpx.Client, path: str, case: examples.Case) -> tuple[httpx.Response, float]:
    headers = {"Content-Type": "application/json", **{name.title(): value for name, value in case.header.items()}}
    started = time.perf_counter()
    response = client.post(path, content=case.request, headers=headers)
    return response, 1000 * (time.perf_counter() - started)


def _print_exchange(console: Console, case: examples.Case, response: httpx.Response, took: float) -> None:
    for name, value in case.header.items():
        console.print(f"  {name}: {value}", style="dim")
    show.native(console, case.request.decode("utf-8", errors="replace"))
    console.print(f"[bold]→ {response.status_code}[/bold] in {took:.1f} ms")
    show.native(console, response.text)


def stay(console: Console, base: str, key: str) -> None:
    """Leave the gateway serving and say how to talk to it."""
    console.print(f"\nstill serving {base}; stop with Ctrl-C. Try:\n")
    console.print(
        f"  curl -s {base}/v1/juniper-api/score -H 'Authorization: Bearer {key}' \\\n"
        f"    -H 'Content-Type: application/json' \\\n"
        "    -d @fixtures/integrations/juniper-api/examples/01-complete__approves/request.json",
        soft_wrap=True,
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("stopping")
