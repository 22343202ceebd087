"""Settings: environment and command line become one frozen object at start; nothing reads the environment afterwards.

Every setting is an environment variable ``SCOREGATE_<NAME>``; the command line wins. Secrets are given by reference
only: ``env:NAME`` or ``file:PATH``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.errors import ConfigurationError, Fault, SetupError
from contracts.source import nearest
from gateway.access.proxies import trusted
from gateway.secret import REFERENCE, is_reference

PREFIX = "SCOREGATE_"
KEPT = ("decision", "refusal", "fault", "human")
"""The kinds of entries whose payload may be kept for so many days; the others say what was destroyed, and stay."""


def split(text: str) -> tuple[str, ...]:
    """The parts of a list in one variable, separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


class Settings(BaseSettings):
    """The whole of what can be set. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    home: Path = Path()
    """Folder that holds integrations, contracts, bundles and policies; serving only reads it."""
    state: Path = Path("state")
    """Folder of all that serving writes: keys, ledger, objects; not given: ``state`` in the home."""
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str = Field("", pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$")
    """Where callers reach this gateway, as descriptions such as a WSDL name it; empty: ``http://host:port``."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses and networks of proxies in front, separated by commas: they say in ``X-Forwarded-For`` who calls."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that share the port and the ledger; more than the machine has cores gains nothing."""
    ledger: str = ""
    """A SQLite file, a database URL without password, or the reference of a URL; empty: ``state/ledger.db``."""
    ledger_password: str = Field("", pattern=rf"{REFERENCE}|^$")
    """Reference of the password for the URL in ``ledger``."""
    anchor: Path | None = None
    """The append-only file of block heads, best on another disk; empty: ``state/ledger.anchor``."""
    master_key: str = ""
    """Reference of the key that wraps payload keys, or several, newest first, separated by commas; empty: a key file
    under ``state/keys``, made on first use."""
    signing_key: str = ""
    """Reference of the key that signs ledger heads, or several, as above; empty: a key file under ``state/keys``."""
    retention: Annotated[dict[str, int], NoDecode] = Field(default_factory=dict)
    """Days a payload is kept, by kind of entry, as ``decision=3650,refusal=365``; a kind not named is kept for good.
    It is set when a payload is written: what is there keeps the date it has."""
    allow_demonstration: Annotated[tuple[str, ...], NoDecode] = ()
    """Who may use a bundle marked for demonstration in mode live, separated by commas: ``integration`` for all its
    callers, ``integration/principal`` for one."""
    queue: int = Field(4096, ge=1)
    """Submissions that may wait for the ledger before callers are told to come back later."""
    disk_reserve: int = Field(64_000_000, ge=1_000_000)
    """Bytes that should be free where state, ledger and anchor lie; below that this gateway warns, and is not ready
    once a decision could not be made durable.
    """
    tracing: str = Field("", pattern=r"^(console|https?://[^@\s]+)?$")
    """Where traces go: the base address of an OTLP collector, or ``console``; empty: nowhere."""
    tracing_share: float = Field(1.0, ge=0, le=1)
    """The share of exchanges traced whose callers do not say themselves, in ``traceparent``."""
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")

    @model_validator(mode="before")
    @classmethod
    def _state_in_home(cls, values: dict[str, Any]) -> dict[str, Any]:
        return values | {"state": values.get("state") or Path(values.get("home") or "") / "state"}

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        trusted(value)
        return value

    @field_validator("allow_demonstration", "trusted_proxies", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return split(value) if isinstance(value, str) else value

    @field_validator("master_key", "signing_key")
    @classmethod
    def _references(cls, value: str) -> str:
        if not all(is_reference(one) for one in split(value)):
            raise ValueError("expected env:NAME or file:PATH, or several of them separated by commas")
        return value

    @field_validator("retention", mode="before")
    @classmethod
    def _days(cls, value: Any) -> Any:
        pairs = [one.partition("=") for one in split(value)] if isinstance(value, str) else []
        wrong = [name for name, _, days in pairs if name not in KEPT or not days.isdecimal() or int(days) < 1]
        if wrong:
            raise ValueError(f"expected KIND=DAYS, separated by commas, with kinds from {', '.join(KEPT)}")
        return {name: int(days) for name, _, days in pairs} if isinstance(value, str) else value

    @property
    def public(self) -> str:
        """The public URL, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def master_keys(self) -> tuple[str, ...]:
        return split(self.master_key)

    @property
    def signing_keys(self) -> tuple[str, ...]:
        return split(self.signing_key)

    @field_validator("ledger")
    @classmethod
    def _ledger_without_password(cls, value: str) -> str:
        from gateway.ledger.connect import holds_password  # only who names a server needs to load what reads URLs

        try:
            secret = "://" in value and not is_reference(value) and holds_password(value)
        except SetupError as exc:
            raise ValueError(exc.message) from exc
        if secret:
            raise ValueError("holds a password; leave it out and give its reference in SCOREGATE_LEDGER_PASSWORD")
        return value

    @field_validator("anchor", mode="before")
    @classmethod
    def _no_anchor_given(cls, value: Any) -> Any:
        return value or None

    @property
    def keys(self) -> Path:
        """Where the keys lie that no setting names."""
        return self.state / "keys"

    @property
    def objects(self) -> Path:
        """Where everything lies that ever decided: gateway/objects.py."""
        return self.state / "objects"

    @property
    def anchor_file(self) -> Path:
        return self.anchor or self.state / "ledger.anchor"


def misspelt(environ: Mapping[str, str]) -> list[Fault]:
    """A fault for every SCOREGATE_ variable that sets nothing; one that a reference names may be called so."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    named = {one.removeprefix("env:") for name, value in environ.items() if name in known for one in split(value)}
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in known | named)
    otherwise = "see the table in the README"
    return [Fault(name, 0, 0, "is no setting", nearest(name, known) or otherwise) for name in strange]


def load(**given: Any) -> Settings:
    """Read the environment once; raises ConfigurationError naming every setting that is wrong.

    ``given`` holds command-line values; None means not given.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if strange := misspelt(os.environ):
        raise ConfigurationError(strange)
    try:
        settings = Settings(**given)
    except ValidationError as exc:
        raise ConfigurationError([_fault(error) for error in exc.errors()]) from exc
    _refuse_product_folder(settings.home)
    return settings


def _fault(error: Any) -> Fault:
    name = ".".join(str(part) for part in error["loc"])
    return Fault(f"SCOREGATE_{name.upper()}", 0, 0, error["msg"].removeprefix("Value error, "))


def _refuse_product_folder(home: Path) -> None:
    project = home / "pyproject.toml"
    if project.is_file() and 'name = "scoregate"' in project.read_text(encoding="utf-8", errors="replace"):
        raise SetupError(f"home is {home.resolve()}, the product's own folder; name another with --home DIR")
