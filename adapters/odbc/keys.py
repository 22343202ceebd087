"""The keys of an odbc connection in ``connections.yaml``, checked, and as the driver manager is given them.

::

    cobalt-core:
      adapter: odbc
      driver: PostgreSQL Unicode          # as odbcinst -q -d lists it, or the path of its library; or dsn: NAME
      server: db.example
      port: 5432
      database: core                      # for SQLite a file, below the folder of connections.yaml
      user: scoregate
      password: env:CORE_PASSWORD
      options: {SSLmode: verify-full}     # the driver's own keys, beside those it is given anyway
      within: {login: 5s, statement: 30s}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.odbc.drivers import Driver, driver_of
from contracts.errors import ConfigurationError, Fault
from contracts.source import nearest

if TYPE_CHECKING:
    from gateway.spi import Connection

KEYS: Final = ("driver", "dsn", "server", "port", "database", "user", "password", "options", "within")
WITHIN: Final[Mapping[str, int]] = {"login": 5, "statement": 30}
"""Seconds that are waited for a connection, and for the end of a statement."""
_SECONDS: Final = re.compile(r"([1-9][0-9]{0,3})s", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9._/:-]*", re.ASCII)
"""What needs no braces; psqlodbc decodes a percent sign that stands outside of them."""
_FORBIDDEN: Final = ("pwd", "password", "uid", "driver", "dsn")
"""Keys of the driver that have a place of their own above; a secret among the options would stand in the file."""


def connection_string(connection: Connection, behind: str = "") -> str:
    """What the driver manager is given; ``behind`` is the driver of the data source, where one is named. Raises
    ConfigurationError with every fault of the section.
    """
    faults = list(connection_faults(connection)) + list(refused_driver(connection, behind))
    if faults:
        raise ConfigurationError(faults)
    section = connection.section
    driver = driver_of(str(section.get("driver", behind)))
    named = {"DSN": section["dsn"]} if "dsn" in section else {"DRIVER": section["driver"]}
    words = {**named, **driver.options}
    for key, word in (("server", "SERVER"), ("port", "PORT"), ("database", "DATABASE"), ("user", "UID")):
        if key in section:
            words[word] = str(section[key])
    if "PORT" in words and not driver.port:
        words["SERVER"] = f"{words['SERVER']},{words.pop('PORT')}"
    if driver.file and "database" in section:
        words["DATABASE"] = str(database_file(connection))
    for key, value in section.get("options", {}).items():
        words = {word: given for word, given in words.items() if word.lower() != key.lower()} | {key: str(value)}
    if "password" in section:
        words["PWD"] = connection.secret("password")
    return ";".join(f"{word}={_escaped(connection, driver, word, str(value))}" for word, value in words.items())


def _escaped(connection: Connection, driver: Driver, word: str, value: str) -> str:
    """A value so that nothing in it ends it. Raises ConfigurationError where the driver cannot be given it."""
    key = next((ours for ours, theirs in (("password", "PWD"), ("database", "DATABASE")) if theirs == word), "options")
    if "\0" in value or "\n" in value:
        raise ConfigurationError([connection.fault((key,), "a line break cannot stand in it")])
    if word == "DRIVER" or driver.braces:
        return value if _PLAIN.fullmatch(value) else f"{{{value.replace('}', '}}')}}}"
    if ";" in value or value.startswith("{"):
        raise ConfigurationError([connection.fault((key,), "this driver takes no ';' in a value, and no '{' first")])
    return value


def database_file(connection: Connection) -> Path:
    """Where a database in a file lies: a relative path is below the folder of ``connections.yaml``."""
    return Path(connection.fault((), "").file).parent / str(connection.section["database"])


def connection_faults(connection: Connection) -> Iterator[Fault]:
    """Everything that can be said of the section without connecting, and without what its references stand for."""
    section, fault = connection.section, connection.fault
    for key in section:
        if key not in KEYS:
            hint = nearest(key, KEYS) or "keys of the driver stand below options"
            yield fault((str(key),), f"{key!r} is no key of an odbc connection", hint)
    if ("driver" in section) == ("dsn" in section):
        yield fault((), "needs either driver or dsn", "scoregate doctor lists the drivers that are here")
    for key in ("driver", "dsn", "server", "database", "user"):
        if key in section and (type(section[key]) is not str or not section[key]):
            yield fault((key,), f"{key} must be a text")
    yield from refused_driver(connection, str(section.get("driver", "")))
    yield from _port_faults(connection)
    yield from _option_faults(connection)
    yield from _time_faults(connection)


def refused_driver(connection: Connection, name: str) -> Iterator[Fault]:
    """The fault where a driver is not taken, at the place that names it or its data source."""
    if refused := driver_of(name).refused:
        yield connection.fault(("dsn" if "dsn" in connection.section else "driver",), f"cannot be used: {refused}")


def _port_faults(connection: Connection) -> Iterator[Fault]:
    section, driver = connection.section, driver_of(str(connection.section.get("driver", "")))
    port = section.get("port", 1)
    if type(port) is not int or not 0 < port < 65536:
        yield connection.fault(("port",), "must be a number between 1 and 65535")
    elif "port" in section and driver.file:
        yield connection.fault(("port",), "a database in a file has no port", "leave it out")
    elif "port" in section and not driver.port and "server" not in section:
        yield connection.fault(("port",), "this driver takes a port beside its server", "name the server")


def _option_faults(connection: Connection) -> Iterator[Fault]:
    options = connection.section.get("options", {})
    if not isinstance(options, Mapping):
        yield connection.fault(("options",), "must be keys of the driver with their values")
        return
    for key, value in options.items():
        place, word = ("options", str(key)), str(key).replace("_", "").replace(" ", "")
        if str(key).lower() in _FORBIDDEN:
            yield connection.fault(place, f"{key} does not belong here", "see driver, dsn, user and password")
        elif type(key) is not str or not isinstance(value, str | int) or not word.isalnum():
            yield connection.fault(place, "must be a word with a text or a number")


def seconds(connection: Connection, key: str) -> int:
    """What the connection says under ``within``, of a section without faults."""
    found = _SECONDS.fullmatch(str(connection.section.get("within", {}).get(key, "")))
    return int(found[1]) if found else WITHIN[key]


def _time_faults(connection: Connection) -> Iterator[Fault]:
    within = connection.section.get("within", {})
    if not isinstance(within, Mapping):
        yield connection.fault(("within",), "must say login and statement, as {login: 5s, statement: 30s}")
        return
    for key, value in within.items():
        if key not in WITHIN:
            hint = nearest(str(key), WITHIN) or "login, statement"
            yield connection.fault(("within", str(key)), f"unknown key {key!r}", hint)
        elif not _SECONDS.fullmatch(str(value)):
            yield connection.fault(("within", key), f"{value!r} is no time, expected seconds, as 30s")
