"""A process that writes into a ledger, driven by tests/e2e/test_ledger_processes.py.

ledger_child.py load FOLDER TAG          submit new keys without end, eight at a time; print each once acknowledged
ledger_child.py hasten FOLDER TAG        the same, and the write-ahead log counts as long after 1 MiB
ledger_child.py keys FOLDER TAG COUNT    submit keys 0..COUNT-1 in this order, print decision, answer and repeated
ledger_child.py equals FOLDER TAG COUNT  submit one key COUNT times at once, print the same
ledger_child.py ask FOLDER               settle one proposal per line read, answer each line
ledger_child.py full FOLDER              fill the disk (a limit on file size), free it, go on; print what happened
"""

from __future__ import annotations

import itertools
import os
import resource
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

from ledger_samples import open_ledger, proposal

from contracts.errors import UpstreamError
from gateway.ledger import Ledger, Settled
from gateway.ledger.checkpoint import Rhythm


def say(*words: object) -> None:
    """One line in one write: a kill leaves whole lines only."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def load(ledger: Ledger, tag: str) -> None:
    waiting: dict[Future[Settled], str] = {}
    for number in itertools.count():
        key = f"{tag}-{number}"
        waiting[ledger.submit(proposal(key, key, f"app-{number % 7}"))] = key
        while len(waiting) >= 8:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                asked = waiting.pop(future)
                try:
                    say(asked, future.result().decision_id)
                except UpstreamError:  # a server that is longer away than the patience: asked again, as a caller would
                    time.sleep(0.1)
                    waiting[ledger.submit(proposal(asked, asked, f"app-{number % 7}"))] = asked


def answer_all(futures: list[Future[Settled]], first: int = 0) -> None:
    for number, future in enumerate(futures, first):
        settled = future.result()
        say(number, settled.decision_id, settled.answer.hex(), settled.repeated)


def keys(ledger: Ledger, tag: str, count: int) -> None:
    say("ready")
    sys.stdin.readline()
    for start in range(0, count, 10):
        some = range(start, min(start + 10, count))
        answer_all([ledger.submit(proposal(f"key-{i}", str(i), f"app-{i}", tag=tag)) for i in some], start)


def equals(ledger: Ledger, tag: str, count: int) -> None:
    say("ready")
    sys.stdin.readline()
    answer_all([ledger.submit(proposal("one", "one", "app", tag=tag)) for _ in range(count)])


def ask(ledger: Ledger) -> None:
    say("ready")
    while key := sys.stdin.readline().strip():
        say("done", key, ledger.submit(proposal(key, key)).result().decision_id)


def full(ledger: Ledger) -> None:
    """A limit on the size of files stands in for a full disk: SQLite's writes fail half-way, as they do there."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, unlimited[1]))
    submit_until_refused(ledger, "before")
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    for number in range(20):
        say("after", number, ledger.submit(proposal(f"after-{number}")).result().decision_id)


def submit_until_refused(ledger: Ledger, tag: str) -> None:
    for number in range(10_000):
        try:
            say(tag, number, ledger.submit(proposal(f"{tag}-{number}", "x" * 5000)).result().decision_id)
        except UpstreamError as error:
            say("refused", error.retry_after, error.message)
            return


def main() -> None:
    command, folder, *rest = sys.argv[1:]
    ledger = open_ledger(Path(folder), rhythm=Rhythm(64, 256) if command == "hasten" else Rhythm())
    if command in ("keys", "equals"):
        {"keys": keys, "equals": equals}[command](ledger, rest[0], int(rest[1]))
    elif command in ("load", "hasten"):
        load(ledger, rest[0])
    else:
        {"ask": ask, "full": full}[command](ledger)
    ledger.close()


if __name__ == "__main__":
    main()
