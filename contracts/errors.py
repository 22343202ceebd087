"""The one tree of errors, branched by who must act.

::

    ScoregateError
    ├── CallerError             the caller changes the message
    │   ├── MalformedPayload    the bytes cannot be read as what they claim to be; reading stops at the first fault
    │   ├── InvalidRecord       the message breaks the contract; carries every problem found
    │   ├── Conflict            this key already stands for another record
    │   ├── AccessDenied        who calls is unknown, or may not do this
    │   ├── NotFound            no such integration, decision or path
    │   └── DecisionExpired     the stored decision is past its validity; ask with a new request key
    ├── UpstreamError           something outside is down, busy or late; says when to retry
    ├── InternalFault           our own fault; the caller may retry, we must look
    └── SetupError              the installation is wrong; raised only before serving
        ├── ConfigurationError  a file or setting is wrong; carries every fault with file, line and column
        └── MissingLibrary      an optional library is not installed; names the line that installs it

No error knows an HTTP status, a SOAP fault or a SQLSTATE: each adapter's ``faults.py`` maps them, both ways. Messages
say what was seen, what was expected, where, and what to do. They never hold a personal value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from contracts.types import Problem


class Fault(NamedTuple):
    """One fault in a configuration file. ``line`` and ``column`` count from 1; 0 means the file as a whole."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{where}{self.severity}: {self.message}{f' ({self.hint})' if self.hint else ''}"


class ScoregateError(Exception):
    """Root of all errors this product raises on purpose. ``code`` is stable and part of every native refusal."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail_code = code or self.code


class CallerError(ScoregateError):
    code = "caller_error"


class MalformedPayload(CallerError):
    """The bytes are not what they claim to be. ``detail_code`` narrows it: ``not_json``, ``too_large`` …"""

    code = "malformed_payload"

    def __init__(self, message: str, *, code: str | None = None, path: str = "") -> None:
        super().__init__(message, code=code)
        self.path = path


class InvalidRecord(CallerError):
    """The message was read but breaks the contract. ``problems`` holds all of them, on contract fields."""

    code = "invalid_record"

    def __init__(self, problems: Iterable[Problem], message: str = "") -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(message or f"the application breaks its contract in {len(self.problems)} place(s)")


class Conflict(CallerError):
    """A key stands for another record already; ``decision_id`` names what it stands for, if there is a decision."""

    code = "conflict"

    def __init__(self, message: str, *, code: str | None = None, decision_id: str | None = None) -> None:
        super().__init__(message, code=code)
        self.decision_id = decision_id


class AccessDenied(CallerError):
    """One generic text outward; ``cause`` goes to the audit only. ``known`` tells 'who are you' from 'may not'.

    ``retry_after``, in whole seconds, is not 0 where too many attempts failed: nothing was checked.
    """

    code = "access_denied"

    def __init__(self, cause: str, *, known: bool = False, retry_after: int = 0) -> None:
        message = "access denied: check the credentials and what they are allowed to do"
        super().__init__(message, code="too_many_attempts" if retry_after else None)
        self.cause = cause
        self.known = known
        self.retry_after = retry_after


class NotFound(CallerError):
    code = "not_found"


class DecisionExpired(CallerError):
    """The decision asked for is past ``valid_until``; it is named, but no longer acted on."""

    code = "decision_expired"

    def __init__(self, message: str, *, decision_id: str) -> None:
        super().__init__(message)
        self.decision_id = decision_id


class UpstreamError(ScoregateError):
    """Something outside may recover. ``retry_after`` is in whole seconds."""

    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 1) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class InternalFault(ScoregateError):
    """``noted`` once it stands in the log: whoever met it first, recorded it and told its place."""

    code = "internal_fault"
    noted = False


class SetupError(ScoregateError):
    """``faults`` says what is wrong, where that has a place."""

    code = "setup_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.faults: tuple[Fault, ...] = (Fault("", 0, 0, message),)


class ConfigurationError(SetupError):
    """Every fault of a configuration at once, each with file, line and column."""

    code = "configuration_error"

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        super().__init__(faults if isinstance(faults, str) else "\n".join(map(str, faults)))
        if not isinstance(faults, str):
            self.faults = tuple(faults)


class MissingLibrary(SetupError):
    """An optional library is missing; the message ends with the command that installs it, ``install``."""

    code = "missing_library"

    def __init__(self, library: str, install: str) -> None:
        super().__init__(f"{library} is not installed; install it with: {install}")
        self.install = install
