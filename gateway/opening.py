"""Opening the ledger the settings name: at once, or for a gateway as soon as it can be had.

A gateway that starts while its ledger is locked, or the ledger's server is down, serves all the same: whoever asks is
told natively to come back later, and /readyz why. It does not end, as one that was running would not; an orchestrator
would only start it again. What is wrong for good, a password or a schema, ends it as soon as it is seen.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event

from contracts.errors import ScoregateError, SetupError, UpstreamError
from gateway.clock import Clock
from gateway.ledger import Kind, Ledger, make_key_file
from gateway.ledger.connect import locate, sqlite_file
from gateway.ledger.migrate import holds_ledger
from gateway.private import anybody_writes
from gateway.settings import Settings
from gateway.watching.events import Events
from gateway.watching.lookout import Lookout
from gateway.watching.pulse import Folders, Standing

if TYPE_CHECKING:
    from sqlalchemy import URL

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_RETRY_AFTER_S = 5
PATIENCE_S = 3.0


class Opening:
    """How a ledger is had: called, it gives the ledger, or raises UpstreamError while that cannot be opened yet.

    ``open_`` opens it or raises; UpstreamError says that it may work later. The first try is made at once. Where it
    fails and ``patient`` says so, a thread tries again from ``go_on`` on; ``events`` are told once that the ledger is
    awaited and once that it is open. An error for good that is met then is kept for ``check``, and the process told to
    end.
    """

    def __init__(self, open_: Callable[[], Ledger], events: Events, *, patient: bool) -> None:
        self._open, self._events = open_, events
        self._ledger: Ledger | None = None
        self._cause = ""
        self._fatal: ScoregateError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_trying, name="ledger-opening", daemon=True)
        try:
            self._ledger = open_()
        except UpstreamError as error:
            if not patient:
                raise
            self._cause = error.detail_code
            events.error("ledger_awaited", cause=error.detail_code, message=error.message)

    def go_on(self) -> None:
        """Try again where the first try failed, until it works; the process must be one that heeds SIGTERM by now."""
        if self._ledger is None:
            self._thread.start()

    def __call__(self) -> Ledger:
        if self._ledger is None:
            raise UpstreamError("the ledger cannot be opened yet; ask again later", retry_after=_RETRY_AFTER_S)
        return self._ledger

    def check(self) -> None:
        """Raise what ended the trying for good, if something did."""
        if self._fatal is not None:
            raise self._fatal

    def close(self) -> None:
        """Stop trying; close what was opened."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._ledger is not None:
            self._ledger.close()

    def standing(self) -> Standing:
        return self().standing()

    def unwritable(self) -> str:
        return self._cause if self._ledger is None else self._ledger.unwritable()

    def last_commit(self) -> tuple[float, float]:
        return (0.0, 0.0) if self._ledger is None else self._ledger.last_commit()

    def oldest_pending(self) -> float:
        return 0.0 if self._ledger is None else self._ledger.oldest_pending()

    def _keep_trying(self) -> None:
        trying = Retrying(
            retry=retry_if_exception_type(UpstreamError),
            stop=stop_when_event_set(self._over),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S),
            sleep=sleep_using_event(self._over),
            before_sleep=self._note,
            reraise=True,
        )
        try:
            self._ledger = trying(self._open)
        except UpstreamError:
            return  # told to stop
        except ScoregateError as error:
            self._fatal = error
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self._events.info("ledger_opened")

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ScoregateError):
            self._cause = error.detail_code


def open_ledger(
    settings: Settings,
    clock: Clock,
    lookout: Lookout | None = None,
    *,
    examine: bool = False,
    existing: bool = False,
) -> Ledger:
    """The ledger the settings name, else the embedded one; made on first use, with keys where the settings name none.

    ``existing`` says to make nothing: SetupError where there is no ledger yet. ``examine``: as ``Ledger`` has it.
    """
    if existing:
        existing_place(settings)
    else:
        _make_folders(settings)
    if settings.keys.is_dir() and anybody_writes(settings.keys):
        raise SetupError(
            f"anybody can write {settings.keys}: what is there may not be yours; look, then: chmod o-w {settings.keys}"
        )
    return Ledger(
        ledger_place(settings),
        master_key=settings.master_keys or _key(settings, "master"),
        signing_key=settings.signing_keys or _key(settings, "signing"),
        anchor=settings.anchor_file,
        bound=settings.queue,
        retention={Kind[kind.upper()]: days for kind, days in settings.retention.items()},
        now=clock,
        lookout=lookout,
        examine=examine,
    )


@contextmanager
def existing_ledger(
    settings: Settings, clock: Clock, *, examine: bool = False, counted: bool = False
) -> Iterator[Ledger]:
    """The ledger that is there, for a command: closed in the end. SetupError where there is none; nothing is made.

    ``counted``: what is written is counted with what the gateways write: /metrics tells of it.
    """
    lookout = Lookout.silent()
    ledger = open_ledger(settings, clock, lookout, examine=examine, existing=True)
    try:
        if counted:
            lookout.start(settings.state / "run")
        yield ledger
    finally:
        ledger.close()
        lookout.close()


def _make_folders(settings: Settings) -> None:
    keys = settings.keys
    try:
        settings.state.parent.mkdir(parents=True, exist_ok=True)
        settings.state.mkdir(mode=0o700, exist_ok=True)
        keys.mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        raise SetupError(f"cannot make {keys}: {exc.strerror}; make the state directory writable") from exc


def _key(settings: Settings, purpose: str) -> str:
    """The key file of the home. One is made for a new ledger only: beside one that was made with another key it would
    be of no use, and the next backup of the keys would put it in the place of the right one.
    """
    file = settings.keys / f"{purpose}.key"
    if not _is_there(file):
        there = _earlier_ledger(settings)
        if not there:
            return make_key_file(file)
        if not _is_there(file):  # another process, that starts as well, makes its keys before the ledger
            raise SetupError(
                f"{there} is there, but its {purpose} key is not: {file} is missing; put it back from your backup of "
                "the keys (a new one would open nothing)"
            )
    return f"file:{file}"


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as exc:
        raise SetupError(f"cannot read {file}: {exc.strerror}; make its folder readable") from exc


def _earlier_ledger(settings: Settings) -> str:
    """What shows that a ledger was made here before: itself, or the anchor that names its blocks; empty if nothing."""
    place, anchor = ledger_place(settings), settings.anchor_file
    if holds_ledger(place, PATIENCE_S):
        return named(place)
    return str(anchor) if _is_there(anchor) and anchor.stat().st_size else ""


def existing_place(settings: Settings) -> Path | URL:
    """As ``ledger_place``; SetupError where no ledger lies there. Nothing is made."""
    place = ledger_place(settings)
    if not holds_ledger(place, PATIENCE_S):
        raise SetupError(
            f"there is no ledger at {named(place)}, and none was made; name the home it belongs to with --home DIR, or "
            "the ledger itself in SCOREGATE_LEDGER"
        )
    return place


def named(place: Path | URL) -> str:
    """Where a ledger lies, for messages; never a password."""
    return str(place.resolve()) if isinstance(place, Path) else place.render_as_string()


def folders(settings: Settings) -> Folders:
    """Where serving writes, each disk of which must have room; raises as ``ledger_place``."""
    place = ledger_place(settings)
    file = place if isinstance(place, Path) else sqlite_file(place)
    return Folders(settings.state, file.parent if file else None, settings.anchor_file.parent)


def ledger_place(settings: Settings) -> Path | URL:
    """Where the ledger lies: the file or database URL of the settings, else the file of the home."""
    return locate(settings.ledger or str(settings.state / "ledger.db"), settings.ledger_password)
