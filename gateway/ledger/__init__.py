"""The durable record of submissions, decisions, answers and refusals: encrypted, chained, one group commit at a time.

``settle.py`` holds the rules, ``jobs.py`` what can be asked, ``writer.py`` the one thread that writes, ``store.py`` its
connection, ``reader.py`` and ``verify.py`` everything that only reads.
"""

from gateway.ledger.ledger import Ledger
from gateway.ledger.on_loop import LoopLedger
from gateway.ledger.seal import make_key_file
from gateway.ledger.types import (
    Entry,
    Filters,
    Finding,
    Finished,
    HumanDecision,
    Kept,
    Kind,
    Payload,
    Proposal,
    Refusal,
    Settled,
    Status,
)

__all__ = [
    "Entry",
    "Filters",
    "Finding",
    "Finished",
    "HumanDecision",
    "Kept",
    "Kind",
    "Ledger",
    "LoopLedger",
    "Payload",
    "Proposal",
    "Refusal",
    "Settled",
    "Status",
    "make_key_file",
]
