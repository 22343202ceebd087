"""Traces and decisions as a person reads them in a terminal. Only layout: every number comes ready."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from xml.parsers.expat import ExpatError

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.canonical import shown

STATE_STYLE = {"given": "green", "blank": "yellow", "not_carried": "cyan", "rejected": "red"}
OUTCOME_STYLE = {"approve": "bold green", "refer": "bold yellow", "decline": "bold red"}
WIDTH = 108
"""Longest line of laid-out JSON, in characters."""
WHOLE = ("decision", "refusal", "supersedes", "field")
"""Columns that are copied from: never broken over lines."""
BAR = 16
"""Width of the longest contribution bar, in characters to either side."""


def heading(console: Console, title: str, note: str = "") -> None:
    console.print()
    console.print(Text.assemble((title.upper(), "bold"), ("  " + note if note else "", "dim")))


def native(console: Console, content: str) -> None:
    """A native payload: JSON is laid out, one line for every part that fits in one, XML with an element a line;
    anything else stands as it came.
    """
    with contextlib.suppress(ValueError):
        content = folded(json.loads(content))
    if content.startswith("<?xml") and "<!" not in content:
        with contextlib.suppress(ValueError, ExpatError):
            content = shown(content.encode(), ()).decode()
    for line in content.splitlines():
        console.print(Text("  " + line), soft_wrap=True)


def folded(tree: Any, indent: int = 0) -> str:
    """JSON in which everything that fits in a line of ``WIDTH`` characters stands in one."""
    line = json.dumps(tree, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(tree, dict | list) or not tree:
        return line
    pairs = tree.items() if isinstance(tree, dict) else ((None, below) for below in tree)
    inner = indent + 2
    parts = [
        " " * inner + ("" if key is None else json.dumps(key, ensure_ascii=False) + ": ") + folded(below, inner)
        for key, below in pairs
    ]
    opening, closing = "{}" if isinstance(tree, dict) else "[]"
    return f"{opening}\n" + ",\n".join(parts) + f"\n{' ' * indent}{closing}"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for column in columns:
        grid.add_column(column, overflow="fold", no_wrap=column in WHOLE)
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return grid


def show_trace(console: Console, stages: Mapping[str, Any]) -> None:
    """Print every stage a trace reached, in the order of the path."""
    raw = stages["raw"]
    heading(console, "raw", f"{stages['integration']}, {raw['bytes']} bytes, sha256 {raw['sha256'][:16]}…")
    native(console, raw["text"])
    for name, show in _STAGES.items():
        if stages.get(name):
            show(console, stages)


def _lookups(console: Console, stages: Mapping[str, Any]) -> None:
    heading(console, "look-ups that failed", "what they know is not carried")
    console.print(table(("look-up", "why"), list(stages["lookups"].items())))


def _fields(console: Console, stages: Mapping[str, Any]) -> None:
    heading(console, "mapped", "contract field, where it came from, what it is")
    rows = [(f["field"], f["native"], f["value"], _state(f)) for f in stages["fields"]]
    console.print(table(("field", "native path", "value", "state"), rows))


def _upcast(console: Console, stages: Mapping[str, Any]) -> None:
    upcast = stages["upcast"]
    heading(console, "upcast", f"{upcast['from']} → {upcast['to']}; what is not named is as it was")
    rows = [(f["field"], f["source"], f["value"], _state(f)) for f in upcast["fields"]]
    console.print(table(("field", "made from", "value", "state"), rows))


def _state(field: Mapping[str, str]) -> Text:
    """The state, and why or from where unless it came plainly by wire."""
    more = field["cause"] or (field["origin"] if field["origin"] != "wire" else "")
    return Text(f"{field['state']} ({more})" if more else field["state"], STATE_STYLE[field["state"]])


def show_problems(console: Console, stages: Mapping[str, Any]) -> None:
    heading(console, "problems")
    rows = [[p.get(key, "") for key in ("code", "path", "seen", "expected")] for p in stages["problems"]]
    console.print(table(("code", "field", "seen", "expected"), rows))


def _imputed(console: Console, stages: Mapping[str, Any]) -> None:
    heading(console, "imputed", "the central 90 % of what the field may be, given the rest of the application")
    rows = [(i["field"], _state(i | {"origin": "wire"}), i["low"], i["high"]) for i in stages["imputed"]]
    console.print(table(("field", "state", "low", "high"), rows))


def _score(console: Console, stages: Mapping[str, Any]) -> None:
    score = stages["score"]
    heading(console, "score", f"{score['score']:.2f}   probability of default {score['pd']:.2%}")
    console.print(contributions(score))
    if score["score_min"] != score["score_max"]:
        span = f"{score['score_min']:.0f} to {score['score_max']:.0f}"
        console.print(f"  with what was not sent: {span} (90 %)")


def contributions(score: Mapping[str, Any]) -> Table:
    """Points per reason group as bars around zero: red pulls the score down, green lifts it."""
    points: dict[str, float] = {**score["points"]}
    if score["information_not_available"]:
        points["information not available"] = score["information_not_available"]
    longest = max((abs(value) for value in points.values()), default=1.0) or 1.0
    grid = Table.grid(padding=(0, 2))
    for justify in ("left", "left", "left", "right"):
        grid.add_column(justify=justify, no_wrap=True)
    grid.add_row("  starting point", "", "", f"{score['base']:8.2f}")
    for name, value in points.items():
        bar = Text("█" * max(round(abs(value) / longest * BAR), 1 if abs(value) >= 0.005 else 0))
        left = Text(bar.plain.rjust(BAR), "red") if value < 0 else Text(" " * BAR)
        right = Text(bar.plain.ljust(BAR), "green") if value >= 0 else Text(" " * BAR)
        grid.add_row("  " + name.replace("_", " "), left, right, f"{value:+8.2f}")
    grid.add_row("  score", "", "", Text(f"{score['score']:8.2f}", "bold"))
    return grid


def _decision(console: Console, stages: Mapping[str, Any]) -> None:
    decision = stages["decision"]
    policy = stages["policy"]
    cuts = f"{policy['policy']}: approve from {policy['approve_from']}, decline below {policy['decline_below']}"
    heading(console, "policy", cuts)
    show_outcome(console, decision)


def show_outcome(console: Console, decision: Mapping[str, Any]) -> None:
    """Outcome, refer causes and reasons, from a decision tree."""
    causes = f"  ({', '.join(decision['refer_causes'])})" if decision["refer_causes"] else ""
    outcome = Text(str(decision["outcome"]).upper(), OUTCOME_STYLE[decision["outcome"]])
    console.print(Text.assemble("  ", outcome, f"  score {decision['score']}", causes))
    for reason in decision["reasons"]:
        points = f"{float(reason['points']):+.2f}" if reason["points"] else ""
        console.print(Text.assemble("  • ", reason["text"], (f"  {reason['code']} {points}", "dim")))


def _answer(console: Console, stages: Mapping[str, Any]) -> None:
    heading(console, "answer", "as the legacy system receives it")
    native(console, stages["answer"])


_STAGES = {
    "lookups": _lookups,
    "fields": _fields,
    "upcast": _upcast,
    "problems": show_problems,
    "imputed": _imputed,
    "score": _score,
    "decision": _decision,
    "answer": _answer,
}
