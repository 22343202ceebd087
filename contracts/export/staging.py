"""What a table of requests carries beside its records, so that a gateway may poll it: whose turn each row is.

The legacy system inserts a row and leaves these columns as they are. When it changes a row, it counts the version up
and sets the status back to waiting. All else in them is the gateway's.
"""

from __future__ import annotations

from typing import Final

from contracts.types import Field

VERSION: Final = Field(
    "row_version", "integer", required=True, minimum=1, maximum=2**31 - 1,
    description="Counted up by whoever changes the row; another version is another asking.",
)  # fmt: skip
STATUS: Final = Field("status", "code", required=True, codes=("N", "P", "D", "E"), description="Whose turn the row is.")
STATES: Final = {"N": "waits to be decided", "P": "is being decided", "D": "is decided", "E": "was refused"}
TOKEN: Final = Field("claim_token", "string", max_length=32, description="The gateway that is deciding the row.")
UNTIL: Final = Field("claim_until", "timestamp", description="Until when it has the row, by the database's clock.")
CODE: Final = Field("error_code", "string", max_length=30, description="Why the row was refused, as a stable code.")
TEXT: Final = Field("error_text", "string", max_length=255, description="Why the row was refused, for people.")
QUEUE: Final = (VERSION, STATUS, TOKEN, UNTIL, CODE, TEXT)
DEFAULTS: Final = {VERSION.name: "1", STATUS.name: "'N'"}
"""What a row begins with, in SQL."""
