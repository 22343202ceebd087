"""Answers that a codec will not write, as where a caller's own schema was narrowed since."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.rest.codec import RestCodec
from contracts.errors import InternalFault


def approvals_break_their_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on Juniper's approvals cannot be written; its other answers can."""
    encode = RestCodec.encode

    def refused(self: RestCodec, tree: dict[str, Any]) -> bytes:
        if tree["decision"]["result"] == "APPROVED":
            raise InternalFault("the answer breaks its schema at /decision: maximum")
        return encode(self, tree)

    monkeypatch.setattr(RestCodec, "encode", refused)
