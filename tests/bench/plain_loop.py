"""The loop anybody would write with pyodbc: read a batch of rows, write the same answer for each, commit, again.

The connection string comes on stdin; seconds from the end of the first batch to the end are printed.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime

import pyodbc

READ = """SELECT "REQUEST_ID", "APPLICATION_NO", "CURRENCY", "AMOUNT_MINOR", "PRICE_MINOR", "TERM_MONTHS",
 "INCOME_YEAR", "OUTGOINGS_MONTH", "ASSETS_TOTAL", "EMPLOYED_MONTHS", "EMPLOYMENT_CODE", "HOUSING_CODE",
 "BUREAU_FLAG", "AGE_YEARS", "CIVIL_STATUS", "DEBT", "ROW_VERSION" FROM "CREDIT_REQUEST"
 WHERE "STATUS" = 'N' ORDER BY "REQUEST_ID" LIMIT """
DECIDE = 'INSERT INTO "CREDIT_DECISION" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
REASON = 'INSERT INTO "CREDIT_REASON" VALUES (?, ?, ?, ?, ?)'
DONE = 'UPDATE "CREDIT_REQUEST" SET "STATUS" = \'D\' WHERE "REQUEST_ID" = ?'


def main(batch: int) -> None:
    link = pyodbc.connect(sys.stdin.read(), autocommit=False)
    cursor = link.cursor()
    at = datetime(2026, 1, 15, 9, 30)  # noqa: DTZ001 # a column without a zone
    began = 0.0
    while found := cursor.execute(READ + str(batch)).fetchall():
        keys = [(row[0],) for row in found]
        cursor.executemany(DECIDE, [
            (row[0], row[1], "a" * 32, "", "A", 586, 575, 588, 0.031518, -0.32, at, at, "test") for row in found
        ])  # fmt: skip
        text = "Income after outgoings too low for the loan requested"
        cursor.executemany(REASON, [(row[0], line, f"R0{line}", text, -7.3) for row in found for line in (1,)])
        cursor.executemany(DONE, keys)
        link.commit()
        began = began or time.perf_counter()
    print(json.dumps({"seconds": time.perf_counter() - began}))


main(int(sys.argv[1]))
