"""Random contracts, mappings and native records, nasty ones among them, for what both engines must agree on.

Everything follows from one seed, so a record that parts the engines can be made again.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl

from contracts.errors import ConfigurationError
from contracts.expressions import check, parse
from contracts.mapping.request import RequestMap
from contracts.odcs import Contract, Rule
from contracts.source import Source
from contracts.types import Field

NASTY: tuple[Any, ...] = (
    None, "", " ", " 12 ", "12 ", "\t7", "1_000", "١٢", "１２", "inf", "-inf", "NaN", "nan", "1e5", "1E2", "+5", "-5",
    "--5", "-0", "+0", "007", "0099", "99", "99.0", "099", "12.", ".5", "-.5", ".", "+", "-", "12.345", "12.340",
    "1.005", "0x1F", "1,5", "1.000.000", "12" * 9, "9" * 18, "9" * 19, "1" + "0" * 17, "9" * 60, "true", "TRUE",
    "false", "1", "0", "yes", "2020-02-29", "2021-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "29.02.2020",
    "20200229", "2020-2-9", "２０２０-02-29", "a", "A", "ä", "ß", "ﬁ", "İ", "\x00", "x\x1fy", "\x7f", "\x85", "\u2028",
    "\ud800", "a\ud800", "x" * 4000, "x" * 4001, "a ", " a", "\u00a0a", "N/A", "n/a", "-1", 0, 1, -1, 5, 99, -99,
    2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**17, 10**18 - 1, 10**18, -(10**18), 10**40, True, False, 0.0,
    1.0, 1.5, -0.0, 1e300, float("inf"), float("nan"), Decimal("1.50"), Decimal("1.500"), Decimal("1.505"),
    Decimal("1E+3"), Decimal("1E-9"), Decimal("0E-30"), Decimal("-0.0"), Decimal("99.0"), Decimal("5.00"),
    Decimal("NaN"), Decimal("Infinity"), Decimal("9" * 30), Decimal("1E+30"), Decimal("12.10"),
    Decimal(999999999999999999), Decimal(1000000000000000000), Decimal("0.5"), Decimal("1E+1"), [], [1], ["a"],
    [1, 2], {}, {"x": 1}, [[1]], [None], [""], b"12", (1,), date(2020, 1, 1),
)  # fmt: skip
"""Native values of every kind; some could never come out of a codec, and must do no harm all the same."""

_KINDS = ("integer", "decimal", "decimal", "string", "code", "code", "date", "boolean")
_WORDS = ("owner", "rent", "other", "fixed", "A", "B", "ABC-D", "a\tb", "x\x1fy")
_RULES = (
    "{n} <= 3 * {m} + 99", "{n} * {m} > -1000000", "{n} * {m} * {n} != 7", "{n} + {m} + 3.25 >= 0",
    "abs({n} - {m}) <= 5000000", "min({n}, {m}) >= -3", "max({n}, {m}, 10) <= 100000000",
    "not given({n}) or {m} > 0.5 * {n}", "{n} not in (1, 2.5, 99)", "{n} not in (0, -1.25)",
    "where({t}, {n}, {m}) <= 50000", "-{n} < {m} + 90", "{t} or {n} > 3", "not {t} or {n} < 50", "{c} == '{w}'",
    "{c} != {k}", "{c} in ('{w}', '{v}')", "{d} <= {e}", "{t} == {u}", "{s} != 'abc'", "-9 < {n} <= {m} * 7 + 12",
    "given({c}) and given({d})", "{n} * {n} * {n} * {n} * {n} * {n} * {n} * {n} >= 0", "{s} == {c}", "1 == 1.0",
)  # fmt: skip


@dataclass(frozen=True)
class House:
    """One random contract with a mapping to it, and ``leaves``: where a native value goes, and what fits there."""

    contract: Contract
    request: RequestMap
    leaves: tuple[tuple[tuple[str, ...], Callable[[Random], Any]], ...]


def house(random: Random) -> House:
    """A contract of three to nine fields with rules, and a mapping with conversions, codes and literals."""
    while True:
        fields = tuple(_field(random, f"f{number}") for number in range(random.randint(3, 9)))
        rules = tuple(_rules(random, fields))
        unknown = random.choice(("refuse", "ignore"))
        contract = Contract("random", "1.0.0", fields=fields, rules=rules, unknown_fields=unknown)
        leaves: list[tuple[tuple[str, ...], Callable[[Random], Any]]] = []
        request = {field.name: _entry(random, field, leaves) for field in fields}
        try:
            source = Source("random.yaml", {"request": request}, {(): (1, 1)})
            compiled = RequestMap.parse(source, ("request",), contract)
        except ConfigurationError:
            continue
        return House(contract, compiled, tuple(leaves))


def records(random: Random, of: House, count: int, nasty: float) -> list[dict[str, Any]]:
    """Native trees; ``nasty`` is the share of leaves that hold something unexpected."""
    return [_tree(random, of, nasty) for _ in range(count)]


def _tree(random: Random, of: House, nasty: float) -> dict[str, Any]:
    tree: dict[str, Any] = {"header": {}}
    for path, fitting in of.leaves:
        if random.random() < nasty / 4:
            continue
        _place(tree, path, random.choice(NASTY) if random.random() < nasty else fitting(random), random, nasty)
    if random.random() < nasty / 8:
        tree[random.choice(("surprise", "g", "header", "lookup"))] = random.choice(NASTY)
    return tree


def _place(tree: dict[str, Any], path: tuple[str, ...], leaf: Any, random: Random, nasty: float) -> None:
    node = tree
    for name in path[:-1]:
        below = node.setdefault(name, {})
        if not isinstance(below, dict):
            return
        node = below
    node[path[-1]] = leaf
    if random.random() < nasty / 10 and len(path) > 1:
        tree[path[0]] = random.choice((None, "", 5, [], [tree[path[0]]], [tree[path[0]], tree[path[0]]], "text"))


def _field(random: Random, name: str) -> Field:
    kind = random.choice(_KINDS)
    low = random.choice((None, None, None, -(10**12), -1000, 0))
    high = random.choice((None, None, 10**9, 10**12, 10**15))
    scale = random.choice((0, 1, 2, 2, 5)) if kind == "decimal" else 0
    number = kind in ("integer", "decimal")
    return Field(
        name,
        kind,  # type: ignore[arg-type]
        scale=scale,
        unit="units" if number else None,
        required=random.random() < 0.3,
        minimum=date(1950, 1, 1) if kind == "date" and random.random() < 0.4 else low if number else None,
        maximum=date(2030, 1, 1) if kind == "date" and random.random() < 0.4 else high if number else None,
        min_length=random.choice((None, 1, 2)) if kind == "string" else None,
        max_length=random.choice((None, 3, 40)) if kind == "string" else None,
        pattern=random.choice((None, None, None, "^[A-Za-z0-9 äß]+$", "[a-zA-Z]")) if kind == "string" else None,
        codes=tuple(random.sample(_WORDS, random.randint(1, 5))) if kind == "code" else (),
        rejected=random.choice(("refuse", "refer", "impute")),
    )


def _rules(random: Random, fields: tuple[Field, ...]) -> list[Rule]:
    known = {field.name: field for field in fields}
    found = []
    for number in range(random.choice((0, 1, 1, 2, 4))):
        pick = lambda *kinds: random.choice([f.name for f in fields if f.type in kinds] or ["none"])  # noqa: E731
        numbers, codes = ("integer", "decimal"), [f for f in fields if f.type == "code"]
        words = random.choice(codes).codes if codes else ("x",)
        text = random.choice(_RULES).format(
            n=pick(*numbers), m=pick(*numbers), t=pick("boolean"), u=pick("boolean"), c=pick("code"), k=pick("code"),
            d=pick("date"), e=pick("date"), s=pick("string"), w=random.choice(words), v=random.choice(words),
        )  # fmt: skip
        tree = parse(text)
        if not check(tree, known, purpose="rule"):
            found.append(Rule(f"r{number}", tree, random.choice(("error", "warning")), "."))
    return found


def _entry(random: Random, field: Field, leaves: list[tuple[tuple[str, ...], Callable[[Random], Any]]]) -> Any:
    chance = random.random()
    if chance < 0.08:
        return "not_carried"
    convert, codes, fitting = _conversion(random, field)
    if chance < 0.12 and field.type in ("code", "boolean"):
        return {"constant": field.codes[0] if field.type == "code" else True}
    path = random.choice(((field.name,), ("g", field.name), ("g", "h", field.name)))
    leaves.append((path, fitting))
    text, joint = ".".join(path), None
    if random.random() < 0.06:
        text, joint = (f"{text}[]", "primary") if random.random() < 0.5 else (f"{text}[0]", None)
    entry = {"from": text, "convert": convert, "codes": codes, "joint": joint, "missing": _missing(random)}
    return {key: value for key, value in entry.items() if value}


def _missing(random: Random) -> dict[str, str]:
    words = ("absent", "empty", "nil", "99", "-1", "99.0", "N/A", "0", "2020-02-29", "A", "true")
    chosen = random.sample(words, random.choice((0, 0, 0, 1, 3)))
    return {word: random.choice(("blank", "blank", "rejected")) for word in chosen}


def _conversion(random: Random, field: Field) -> tuple[list[str], dict[str, Any], Callable[[Random], Any]]:
    """Steps, codes, and a maker of native values that mostly fit."""
    clean = random.choice(([], [], ["trim"], ["upper"], ["trim", "upper"]))
    form = "mixed" if random.random() < 0.05 else random.choice(("text", "native"))
    match field.type:
        case "integer" | "decimal":
            return _numeric(random, field, clean, form)
        case "code":
            native = [f"{letter}" for letter in random.sample(string.ascii_uppercase + string.digits, len(field.codes))]
            codes = dict(zip(native, field.codes, strict=True)) if random.random() < 0.7 else {}
            known = native if codes else list(field.codes)
            numbers = form != "text" and codes and random.random() < 0.3
            return clean, codes, lambda r: _as_number(r.choice(known)) if numbers else r.choice(known)
        case "boolean":
            if random.random() < 0.3:
                return clean, {"Y": True, "N": False}, lambda r: r.choice(("Y", "N"))
            given = {"text": ("true", "false", "1", "0"), "native": (True, False), "mixed": (1, 0, True, "0")}[form]
            return [*clean, "boolean"], {}, lambda r: r.choice(given)
        case "date":
            style = random.choice(("YYYY-MM-DD", "DD.MM.YYYY", "YYYYMMDD", "MM/DD/YYYY", "DDMMYYYY"))
            return [*clean, f"date({style})"], {}, lambda r: _day(r, style, whole=form != "text" and style.isalpha())
    length = field.max_length or 12
    return clean, {}, lambda r: "".join(r.choices(string.ascii_letters + "  äß9", k=r.randint(1, min(length, 12))))


def _numeric(
    random: Random, field: Field, clean: list[str], form: str
) -> tuple[list[str], dict[str, Any], Callable[[Random], Any]]:
    places = random.choice((None, 0, 1, 2, 3))
    exotic = (["multiply(1.5)", "divide(-7)"], ["multiply(0.001)"], ["multiply(999999999)", "divide(999999999)"])
    factors = random.choice(exotic if random.random() < 0.2 else ([], [], ["divide(12)"], ["multiply(10)"]))
    reads = random.choice(("integer", "integer(6)")) if places is None else f"decimal({places})"
    top = random.choice((100, 1000, 10**4))

    def fitting(r: Random) -> Any:
        whole = r.randint(-3, top) * r.choice((1, 1, 12))
        if not places or r.random() < 0.3:
            number: Any = whole
        else:
            number = Decimal(whole).scaleb(-min(places, field.scale))
        if form == "text" or (form == "mixed" and r.random() < 0.5):
            return f"{number:f}" if isinstance(number, Decimal) else str(number)
        return number

    return [*clean, reads, *factors], {}, fitting


def _as_number(text: str) -> Any:
    return int(text) if text.isdigit() else text


def _day(random: Random, style: str, *, whole: bool) -> Any:
    day = date(1945, 1, 1) + timedelta(days=random.randint(0, 40_000))
    text = style.replace("YYYY", f"{day.year:04d}").replace("MM", f"{day.month:02d}").replace("DD", f"{day.day:02d}")
    return int(text) if whole and random.random() < 0.7 else text


TYPED: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    (pl.Int64, (0, 1, -1, 99, 12, 20200229, 10**17, 10**18, 2**63 - 1)),
    (pl.Int16, (0, 1, 99, -99, 3210)),
    (pl.UInt64, (0, 1, 99, 2**53, 2**63, 2**64 - 1)),
    (pl.Float64, (0.0, 1.0, 99.0, 12.5, -0.0, 2.0**53, 2.0**60, float("nan"), float("inf"))),
    (pl.Decimal(18, 2), (Decimal("1.50"), Decimal("99.00"), Decimal("-0.01"), Decimal("1234567.89"))),
    (pl.Decimal(38, 0), (Decimal(7), Decimal(10**17), Decimal(10**30))),
    (pl.Decimal(38, 20), (Decimal("1.50000000000000000000"), Decimal("0.00000000000000000001"))),
    (pl.String, tuple(value for value in NASTY if isinstance(value, str) and value.isprintable())),
    (pl.Categorical, ("A", "B", "owner", "12", "", "true")),
    (pl.Boolean, (True, False)),
    (pl.Date, (date(2020, 2, 29), date(1, 1, 1), date(9999, 12, 31), date(1990, 3, 31))),
    (pl.Null, (None,)),
    (pl.List(pl.Int64), ([1], [], [1, 2], None)),
)
"""Types a file may have, and values of each."""


def frame(random: Random, of: House, count: int) -> pl.DataFrame:
    """A frame with a column of a random type for most paths, groups as structs or as names with dots."""
    columns: dict[str, Any] = {}
    for path, fitting in of.leaves:
        if random.random() < 0.05:
            continue
        made = [None if random.random() < 0.1 else fitting(random) for _ in range(count)]
        if random.random() < 0.8 and len({type(value) for value in made} - {type(None)}) == 1:
            columns[".".join(path)] = pl.Series(made)
            continue
        kind, pool = random.choice(TYPED)
        chosen = [None if random.random() < 0.1 else random.choice(pool) for _ in range(count)]
        columns[".".join(path)] = pl.Series(chosen, dtype=kind)
    whole = pl.DataFrame(columns) if columns else pl.DataFrame({of.leaves[0][0][0]: [1] * count})
    below = [name for name in whole.columns if name.startswith("g.")]
    flat = all(name.count(".") == 1 and whole[name].dtype != pl.Date for name in below)
    return _grouped(random, whole, below) if below and flat and random.random() < 0.7 else whole


def _grouped(random: Random, whole: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The columns below ``g`` as one struct, null in some rows."""
    group = whole.select(pl.struct(pl.col(name).alias(name[2:]) for name in names).alias("g")).to_series()
    holes = pl.Series([random.random() < 0.9 for _ in range(whole.height)])
    return whole.drop(names).with_columns(pl.select(pl.when(holes).then(group)).to_series().alias("g"))
