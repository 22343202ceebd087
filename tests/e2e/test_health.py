"""What health checks hear of one real gateway: at its end, and of an integration that cannot even be read."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from live_gateway import COMMAND, ENVIRONMENT, EXAMPLE, ROOT, SCORE, Caller, copied, serving

NO_INTEGRATION = {
    "cut-off": b"integration: [",
    "empty": b"",
    "latin": "integration: juniper-api # für später".encode("latin-1"),
    "list": b"- integration: juniper-api\n",
    "packed": b"\x1f\x8b\x08\x00\x00",
}


@pytest.fixture
def caller(built_home: Path, tmp_path: Path) -> Caller:
    return copied(built_home, tmp_path / "home")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_health_check_on_an_open_connection_hears_that_the_gateway_drains(caller: Caller, workers: str) -> None:
    with serving(caller, "--workers", workers) as live:
        assert live.client.get("/readyz").status_code == 200
        live.process.send_signal(signal.SIGTERM)
        seen = [live.client.get("/readyz")]
        while seen[-1].headers.get("connection") != "close":  # the last answer says so: nobody's request is cut off
            seen.append(live.client.get("/readyz"))
        assert (seen[-1].status_code, seen[-1].json()["cause"]) == (503, "draining")
        assert live.process.wait(timeout=120) == 0


def test_an_integration_that_is_no_yaml_is_named_and_the_others_serve(caller: Caller) -> None:
    for name, content in NO_INTEGRATION.items():
        file = caller.home / "integrations" / name / "integration.yaml"
        file.parent.mkdir()
        file.write_bytes(content)
    with serving(caller) as live:
        ready = live.client.get("/readyz")
        scored = live.client.post(SCORE, content=EXAMPLE.read_bytes())
    off = {"state": "unavailable", "cause": "configuration_error"}
    assert ready.status_code == 200
    assert ready.json()["integrations"] == dict.fromkeys(NO_INTEGRATION, off) | {"juniper-api": {"state": "ready"}}
    assert scored.status_code == 200
    command = [*COMMAND, str(caller.home), "lint"]
    lint = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert lint.returncode == 1, lint.stderr
    assert {name for name in NO_INTEGRATION if f"{name}/integration.yaml" in lint.stdout} == set(NO_INTEGRATION)
    assert "Traceback" not in lint.stderr + caller.log.read_text()
