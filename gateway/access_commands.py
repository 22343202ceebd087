"""``scoregate principal …`` and ``scoregate audit …``: who may call, and who did."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.access.audit import Event
from gateway.access.entries import Kind, Principal
from gateway.modes import Mode
from gateway.spi import OPERATIONS
from gateway.terminal import Json, console, settings

if TYPE_CHECKING:
    from gateway.access.issue import Issued

principals = typer.Typer(help="Who may call.", no_args_is_help=True)
audit = typer.Typer(help="Who came in, and who was turned away.", no_args_is_help=True)

USUAL = ("score", "read")
_SHOWN: dict[Kind, str] = {
    "api_key": "API key",
    "password": "password",
    "signature": "signing secret",
    "certificate": "certificate",
}
_UNPROVED = "note: it lets nobody in yet: no adapter of this version proves that a caller holds a certificate's key"
Operation = Annotated[
    list[str] | None, typer.Option(help=f"{', '.join(OPERATIONS)}; default {' and '.join(USUAL)}; repeat for more.")
]
Secret = Annotated[str, typer.Option(help="Where a given secret lies: env:NAME or file:PATH.")]
User = Annotated[str, typer.Option(help="The user name it is sent with, default NAME.")]
Certificate = Annotated[Path | None, typer.Option(help="The caller's certificate, in PEM.")]
When = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])]


@principals.command()
def add(
    name: str,
    integration: Annotated[list[str], typer.Option(help="What it may call; repeat for more.")],
    operation: Operation = None,
    mode: Annotated[Mode, typer.Option(help="live: what it asks of live integrations counts.")] = "test",
    kind: Annotated[Kind, typer.Option(help="How it proves who it is.")] = "api_key",
    secret: Secret = "",
    user: User = "",
    certificate: Certificate = None,
) -> None:
    """Add a caller and print its new secret: once, for only a digest is kept."""
    from gateway.access.issue import issue
    from gateway.access.principals import insert, unlisted
    from gateway.home import require_integrations

    home = settings().home
    require_integrations(home, integration)
    issued = issue(kind, name, secret=secret, user=user, certificate=certificate)
    insert(_file(), name, integration, operation or USUAL, mode, issued.credential)
    for line in unlisted(home, name, integration):
        console(stderr=True).print(f"note: {line}", markup=False)
    _show(issued, name)


@principals.command("list")
def list_(as_json: Json = False) -> None:
    """Every caller: what it may do, its credentials with their age, and whether it is disabled. No secrets."""
    from gateway.access.principals import Principals

    found = [_described(one) for one in Principals.read(_file()).by_name.values()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for one in found:
        state = f"disabled {one['disabled']}" if one["disabled"] else one["mode"]
        console().print(
            f"{one['name']}  {state}  {', '.join(one['operations'])} on {', '.join(one['integrations'])}", markup=False
        )
        for held in one["credentials"]:
            user = f" as {held['user']}" if held["user"] not in ("", one["name"]) else ""
            until = f", until {held['expires']}" if held["expires"] else ""
            console().print(f"  {held['kind']}{user}, made {held['made'] or 'at an unknown time'}{until}", markup=False)
    console(stderr=True).print(f"{len(found)} caller(s)")


@principals.command()
def rotate(
    name: str,
    kind: Annotated[Kind | None, typer.Option(help="Which, where it has several kinds.")] = None,
    finish: Annotated[bool, typer.Option("--finish", help="Drop the old secret: only the newest is taken.")] = False,
    until: When = None,
    secret: Secret = "",
    user: User = "",
    certificate: Certificate = None,
) -> None:
    """Give a caller a second secret and print it. The old one is taken --until a time (UTC), or until --finish."""
    from gateway.access import principals as file
    from gateway.access.issue import issue

    chosen = _only_kind(name, kind)
    if finish:
        dropped = file.finish(_file(), name, chosen)
        console().print(f"{name}: {dropped} old {chosen} dropped" if dropped else f"{name}: nothing to finish")
        return
    issued = issue(chosen, name, secret=secret, user=user or _user(name, chosen), certificate=certificate)
    file.rotate(_file(), name, issued.credential, until.replace(tzinfo=UTC) if until else None)
    _show(issued, name)
    ends = f"until {until:%Y-%m-%d %H:%M} UTC" if until else f"until: scoregate principal rotate {name} --finish"
    console(stderr=True).print(f"the old one is taken {ends}", markup=False)


@principals.command()
def disable(name: str) -> None:
    """Turn a caller away from now on. Its entry stays; take the line 'disabled' out to let it in again."""
    from gateway.access.principals import disable as turn_away

    turn_away(_file(), name, datetime.now(UTC))
    console().print(f"{name}: disabled; a running gateway knows within a second")


@audit.command("list")
def events(
    event: Annotated[Event | None, typer.Option(help="Only these.")] = None,
    principal: Annotated[str, typer.Option(help="Only this caller.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """Admissions and refusals, newest first: one line per hour, caller, address, credential and cause."""
    from gateway.access.store import SharedAccess
    from gateway.ledger.connect import connect
    from gateway.opening import existing_place

    store = SharedAccess(connect(existing_place(settings())))
    try:
        found = store.events(event=event or "", principal=principal, limit=limit)
    finally:
        store.close()
    rows = [
        one.written.line._asdict()
        | {"times": one.written.times, "first": _time(one.written.first), "last": _time(one.written.last)}
        for one in found
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        who = " ".join(filter(None, (row["principal"] or "(unknown)", row["credential"], row["integration"])))
        place = f" from {row['address']}" if row["address"] else ""
        cause = f": {row['cause']}" if row["cause"] else ""
        console().print(f"{row['last']}  {row['event']}  {row['times']} x {who}{place}{cause}", markup=False)
    console(stderr=True).print(f"{len(rows)} line(s)")


def _file() -> Path:
    from gateway.access.principals import FILE

    return settings().home / FILE


def _principal(name: str) -> Principal | None:
    from gateway.access.principals import Principals

    return Principals.read(_file()).by_name.get(name)


def _only_kind(name: str, kind: Kind | None) -> Kind:
    """The kind that is asked for, or the only one the caller has."""
    if kind:
        return kind
    principal = _principal(name)
    kinds: set[Kind] = {credential.kind for credential in principal.credentials} if principal else {"api_key"}
    if len(kinds) > 1:
        raise typer.BadParameter(f"{name} has several kinds; say which: --kind {' or '.join(sorted(kinds))}")
    return kinds.pop()


def _user(name: str, kind: Kind) -> str:
    principal = _principal(name)
    found = [one.user for one in principal.credentials if one.kind == kind] if principal else []
    return found[-1] if found else ""


def _show(issued: Issued, name: str) -> None:
    if issued.shown:
        console(stderr=True).print(f"{_SHOWN[issued.credential.kind]} of {name}, shown once:", markup=False)
        print(issued.shown)
    else:
        console().print(f"{name}: {_SHOWN[issued.credential.kind]} kept", markup=False)
    if issued.credential.kind == "certificate":
        console(stderr=True).print(_UNPROVED, markup=False)


def _described(one: Principal) -> dict[str, Any]:
    from gateway.access.principals import written

    def shown(moment: datetime | None) -> str:
        return written(moment) if moment else ""

    return {
        "name": one.name,
        "mode": one.mode,
        "operations": sorted(one.operations),
        "integrations": sorted(one.integrations),
        "disabled": shown(one.disabled),
        "credentials": [
            {"kind": held.kind, "user": held.user, "made": shown(held.made), "expires": shown(held.expires)}
            for held in one.credentials
        ],
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
