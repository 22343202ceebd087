"""What ODBC drivers differ in before a connection stands: which package brings them, which options they need.

They are told by words in their name, registered name and path of the library alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Driver(NamedTuple):
    """``words`` name it; ``package`` is what to type to have it; ``options`` go into every connection, unless the
    connection itself says otherwise. ``braces`` tells whether it understands a value in braces, ``port`` whether it has
    a key for that, ``listens`` which port a server has where none is named, ``file`` whether its database is a file
    here.
    """

    words: tuple[str, ...]
    package: str
    options: Mapping[str, str] = {}
    braces: bool = True
    port: bool = True
    file: bool = False
    listens: int = 0
    refused: str = ""
    """Why this driver is not taken, empty where it is."""


DRIVERS: Final = (
    Driver(
        ("psqlodbca", "postgresql ansi"),
        "apt-get install odbc-postgresql",
        refused="it gives texts in a code page of its own: name the driver PostgreSQL Unicode (psqlodbcw.so)",
    ),
    Driver(
        ("psqlodbc", "postgres"),
        "apt-get install odbc-postgresql",
        {
            "BoolsAsChar": "0",
            "ByteaAsLongVarBinary": "1",
            "KeepaliveTime": "30",
            "KeepaliveInterval": "10",
            "LFConversion": "0",
            "MaxLongVarcharSize": "0",
            "TextAsLongVarchar": "1",
            "UnknownsAsLongVarchar": "0",
            "UseServerSidePrepare": "1",
        },
        listens=5432,
    ),
    Driver(
        ("maodbc", "mariadb", "myodbc", "mysql"),
        "apt-get install odbc-mariadb",
        {"CHARSET": "utf8mb4", "OPTION": "2"},  # 2: an UPDATE counts the rows it found, not those it changed
        listens=3306,
    ),
    Driver(
        ("sqlite",),
        "apt-get install libsqliteodbc",
        {"NoCreat": "1", "Timeout": "10000", "StepAPI": "0"},
        braces=False,
        port=False,
        file=True,
    ),
    Driver(("odbc driver", "msodbcsql"), "Microsoft's package msodbcsql18", port=False, listens=1433),
    Driver(
        ("freetds", "tdsodbc"),
        "apt-get install tdsodbc",
        {"TDS_Version": "7.4", "ClientCharset": "UTF-8"},
        listens=1433,
    ),
    Driver(("db2", "ibm", "informix", "ifx"), "the driver package of IBM's client"),
    Driver(("oracle",), "Oracle's Instant Client with its ODBC package", listens=1521),
)
UNKNOWN: Final = Driver((), "the driver package of its vendor")


def driver_of(name: str) -> Driver:
    """The row for a driver, by its registered name or the path of its library.

    >>> driver_of("/usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so").package
    'apt-get install odbc-postgresql'
    """
    words = name.lower()
    return next((row for row in DRIVERS if any(word in words for word in row.words)), UNKNOWN)
