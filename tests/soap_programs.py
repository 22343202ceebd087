"""The SOAP clients that are programs: each brought here once, under build/, and again only when what it is made of
changes. Where a system package is missing, the test is skipped and names it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import system_packages
from soap_peers import PROGRAMS, Call, Client, Outcome, Service, with_program

BUILD = Path(__file__).parents[1] / "build"
HEADERS = Path("/usr/share/gsoap/import")


def require(*packages: str) -> None:
    missing = [package for package in packages if not system_packages.installed(package)]
    if missing:
        pytest.skip(f"{' '.join(missing)} missing; install with: apt-get install {' '.join(missing)}")


def node() -> Client:
    require("npm")
    folder = _built("soap-node", (PROGRAMS / "package-lock.json").read_bytes(), _npm_install)
    return with_program("node", str(PROGRAMS / "node_client.cjs"), NODE_PATH=str(folder))


def php() -> Client:
    require("php-cli", "php-soap")
    return with_program("php", str(PROGRAMS / "php_client.php"))


def gsoap(service: Service) -> Client:
    """gSOAP's client of this service alone, made from its WSDL as it is served; of Meridian's operations only."""
    require("gcc", "gsoap", "libc6-dev", "libgsoap-dev")
    wsdl = httpx.get(service.wsdl, auth=(service.user, service.password)).raise_for_status().content
    sources = (wsdl.replace(service.wsdl.partition("?")[0].encode(), b""), (PROGRAMS / "gsoap_client.c").read_bytes())
    folder = _built("soap-gsoap", b"".join(sources), lambda here: _generate(here, service))
    return lambda asked, version, calls: _gsoap_calls(str(folder / "client"), asked, version, calls)


def _built(name: str, source: bytes, make: Callable[[Path], None]) -> Path:
    """The folder made from a source, made once; a half-made one is never seen."""
    folder = BUILD / f"{name}-{hashlib.sha256(source).hexdigest()[:16]}"
    if not folder.exists():
        BUILD.mkdir(exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=BUILD, prefix=name))
        make(half)
        try:
            half.rename(folder)
        except OSError:  # somebody else was first
            shutil.rmtree(half)
    return folder


def _run(here: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def _npm_install(here: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PROGRAMS / name, here)
    _run(here, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def _generate(here: Path, service: Service) -> None:
    _run(here, "wsdl2h", "-c", f"-r:{service.user}:{service.password}", "-o", "read.h", service.wsdl)
    header = (here / "read.h").read_text(encoding="utf-8", errors="replace")
    (here / "service.h").write_text(f'#import "wsa5.h"\n{header}')
    _run(here, "soapcpp2", "-c", "-C", "-L", "-w", "-x", f"-I{HEADERS}", "service.h")
    shutil.copy(PROGRAMS / "gsoap_client.c", here)
    _run(here, "gcc", "-w", "gsoap_client.c", "soapC.c", "soapClient.c", "-lgsoap", "-o", "client")


def _gsoap_calls(program: str, service: Service, version: str, calls: Sequence[Call]) -> list[Outcome]:
    endpoint = service.wsdl.partition("?")[0]
    command = (program, endpoint, version, service.user, service.password)
    lines = "".join(f"{_line(call)}\n" for call in calls)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [_outcome(told) for told in done.stdout.split("\n\n")[:-1]]


def _line(call: Call) -> str:
    """A call as gsoap_client.c reads it."""
    tree: Any = call.arguments
    if call.operation == "FetchDecision":
        return f"fetch {tree['Reference']}"
    loan, person, job = tree["Loan"], tree["Applicant"], tree["Applicant"]["Employment"]
    values = (
        tree["Application"]["Reference"], call.message_id or "-", "yes" if "CoApplicant" in tree else "no",
        loan["Amount"]["#text"], loan["Amount"]["@currency"], loan["PurchasePrice"], loan["TermMonths"],
        person["Age"], person["MaritalStatus"], person["Income"]["Annual"] or "-",
        person["Income"].get("@proven", "false"), person["MonthlyOutgoings"], person["Assets"],
        person["Residence"]["@status"], job["Kind"], job["Years"], person["AdverseRecords"],
    )  # fmt: skip
    return " ".join(["score", *map(str, values)])


def _outcome(told: str) -> Outcome:
    """``[]`` begins a new one at the first name that comes again."""
    tree: dict[str, Any] = {}
    for line in told.strip("\n").split("\n"):
        path, _, value = line.partition("\t")
        _put(tree, path.split("."), value)
    related = tree.pop("RelatesTo", "")
    fault = tree.pop("fault", "")
    return Outcome(None if fault else tree, fault, tree.pop("detail", None), related)


def _put(tree: dict[str, Any], steps: list[str], value: str) -> None:
    name, *below = steps
    key = name.removesuffix("[]")
    if not below:
        tree[key] = value
    elif key == name:
        _put(tree.setdefault(key, {}), below, value)
    else:
        listed = tree.setdefault(key, [])
        if not listed or below[0] in listed[-1]:
            listed.append({})
        _put(listed[-1], below, value)
