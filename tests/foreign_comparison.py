"""Runs in an environment of its own, with datacontract-cli and none of ours: what it makes of contracts.

Reads from stdin, as JSON, ``{"lint": [file, …], "pairs": [[before, after, perspective], …]}``, the perspective being
``producer`` or ``consumer``. Writes ``{"lint": [faults, …], "pairs": [errors, …]}``: paths of what it calls an error.
"""

from __future__ import annotations

import json
import sys
from functools import cache

from datacontract.data_contract import DataContract


@cache
def resolved(file: str) -> DataContract:
    return DataContract(data_contract=DataContract(data_contract_file=file).get_data_contract())


def errors(before: str, after: str, perspective: str) -> list[str]:
    found = resolved(before).breaking(resolved(after), perspective=perspective)
    return [entry.path for entry in found.entries if entry.level.value == "error"]


def faults(file: str) -> list[str]:
    run = DataContract(data_contract_file=file).lint()
    return [f"{check.name}: {check.reason}" for check in run.checks if check.result.value != "passed"]


asked = json.load(sys.stdin)
answer = {"lint": [faults(file) for file in asked["lint"]], "pairs": [errors(*pair) for pair in asked["pairs"]]}
json.dump(answer, sys.stdout)
