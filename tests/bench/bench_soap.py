"""SOAP at the door: durable, explained answers per second beside the no-op, and what a larger envelope costs."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

from bench_service import BUILD, ROUNDS, fsync_loop, load, serving
from figures import Row, at_least, at_most, shown
from rich.console import Console

KIND = "text/xml; charset=utf-8"
TARGET = "/soap/meridian-los"
SMALL, LARGE = 1_600, 10_000
"""Bytes of an envelope."""
PARTS = ("noop", "soap", "large", "fsync")


def rows() -> list[Row]:
    home, key = prepare()
    small, large = bodies("small", SMALL), bodies("large", LARGE)
    found = {name: [] for name in PARTS}
    with serving(home, answer_bytes=1500):
        for turn in range(ROUNDS):
            found["noop"].append(load("/noop", key, small, f"n{turn}", kind=KIND))
            found["soap"].append(load(TARGET, key, small, f"s{turn}", kind=KIND))
            found["large"].append(load(TARGET, key, large, f"l{turn}", kind=KIND))
            found["fsync"].append(fsync_loop())

    def middle(name: str, part: str) -> float:
        return statistics.median(getattr(one, part) for one in found[name])

    def ratio(name: str, other: str) -> float:
        return statistics.median(a.per_second / b.per_second for a, b in zip(found[name], found[other], strict=True))

    allowed = max(15.0, 3 * middle("fsync", "p99")) + 5
    return [
        shown("no-op, requests per second", middle("noop", "per_second"), "/s"),
        shown("durable explained decisions by SOAP, complete", middle("soap", "per_second"), "/s"),
        at_least("SOAP against the no-op", ratio("soap", "noop"), "ratio", 0.25),
        shown("SOAP, p50", middle("soap", "p50"), "ms"),
        at_most("SOAP, p99", middle("soap", "p99"), "ms", allowed),
        at_least("envelopes of 10 KB against small ones", ratio("large", "soap"), "ratio", 0.5),
        at_most("errors", sum(one.errors for name in PARTS[:3] for one in found[name]), "requests", 0),
    ]


def prepare() -> tuple[Path, str]:
    """A fresh ledger in a home of Meridian alone, which here carries all fields."""
    from gateway import demo
    from gateway.access import principals

    home = BUILD / "soap-home"
    shutil.rmtree(home, ignore_errors=True)
    demo.prepare(home, Console(quiet=True))
    for other in (home / "integrations").iterdir():
        shutil.rmtree(other) if other.name != "meridian-los" else None
    file = home / "integrations" / "meridian-los" / "integration.yaml"
    text = file.read_text()
    for old, new in (
        ("  debt: not_carried", "  debt: {from: Applicant.Liabilities, convert: [decimal(2)]} #"),
        ("Applicant.Liabilities, Applicant.NotEmployed", "Applicant.NotEmployed"),
        ("[meridian]", "[bench]"),
    ):
        if old not in text:
            raise SystemExit(f"the sample integration no longer holds: {old}")
        text = text.replace(old, new)
    file.write_text(text)
    return home, principals.replace(home / "principals.yaml", "bench", ["meridian-los"], ["score", "read"])


def bodies(name: str, size: int) -> Path:
    """Complete applications, varied in their amounts, with the number of the request to fill in; what lacks in size
    is a header block of the caller's own.
    """
    lines = []
    for step in range(500):
        line = envelope(step, "")
        entry = f'<x:Entry key="k{step}"><x:Value>some text of the caller\'s own, {step}</x:Value></x:Entry>'
        block = entry * ((size - len(line) - 50) // len(entry))
        lines.append(envelope(step, f'<x:Context xmlns:x="urn:bench:context">{block}</x:Context>'))
    target = BUILD / f"soap-{name}.txt"
    target.write_text("\n".join(lines) + "\n")
    return target


def envelope(step: int, header: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="urn:meridian:los:credit-decision:v3"'
        f' xmlns:t="urn:meridian:los:types:v3"><e:Header>{header}</e:Header><e:Body><m:ScoreApplication>'
        f"<m:Application><m:Reference>@N@</m:Reference></m:Application><m:Loan>"
        f'<t:Amount currency="EUR">{4000 + 3 * step}.00</t:Amount>'
        f"<t:PurchasePrice>{9000 + 2 * step}.00</t:PurchasePrice>"
        f"<t:TermMonths>{12 * (1 + step % 5)}</t:TermMonths></m:Loan><m:Applicant><t:Age>{20 + step % 45}</t:Age>"
        f"<t:MaritalStatus>M</t:MaritalStatus><t:Income><t:Annual>{9000 + 12 * step}.00</t:Annual></t:Income>"
        f"<t:MonthlyOutgoings>{350 + step % 700}.00</t:MonthlyOutgoings><t:Assets>{50 * step}.00</t:Assets>"
        f'<t:Liabilities>{10 * (step % 90)}.00</t:Liabilities><t:Residence status="{"OR"[step % 2]}"/><t:Employment>'
        f"<t:Kind>{(10, 30, 20)[step % 3]}</t:Kind><t:Years>{step % 20}</t:Years></t:Employment>"
        f"<t:AdverseRecords>N</t:AdverseRecords></m:Applicant></m:ScoreApplication></e:Body></e:Envelope>"
    )
