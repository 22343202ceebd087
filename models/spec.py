"""The training spec: everything that decides what a bundle becomes, in one YAML file, every key checked.

``fixtures/credit_data/credit_risk.spec.yaml`` is the spec of the demonstration bundle and shows every key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts import expressions
from contracts.errors import ConfigurationError, Fault
from contracts.mapping.reading import read_request
from contracts.mapping.tree import RequestTree, Wired
from contracts.odcs import Contract
from contracts.section import Section
from contracts.source import Source, nearest
from contracts.store import ContractStore
from contracts.types import Field
from models.bundle import USES
from models.csv_file import DELIMITERS, ENCODINGS, Dialect
from models.kinds import Model, read_model
from models.reason_map import CutOffs, ReasonMap
from models.reason_spec import read_baseline, read_cut_offs, read_reason_map

_TOP = (
    "contract", "name", "version", "product", "currencies", "use", "provenance", "csv", "target", "request", "groups",
    "reasons", "features", "model", "scale", "prior", "baseline", "protected", "unconditioned", "card", "seed",
)  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Target:
    """The outcome column of the data, the value that is bad and the one or several that are good."""

    column: str
    bad: str
    good: tuple[str, ...]

    @property
    def goods(self) -> str:
        return " or ".join(map(repr, self.good))


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One feature: an expression over contract fields, its reason group, the direction in which PD may move with it."""

    name: str
    expression: str
    group: str
    monotone: int


@dataclass(frozen=True, slots=True)
class CardSpec:
    """What the card measures: outcomes under these cut-offs, ``repeats`` times ``folds``-fold cross-validation."""

    cut_offs: CutOffs
    folds: int
    repeats: int


@dataclass(frozen=True, slots=True)
class Provenance:
    source: str
    assumptions: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """A training spec as read; ``request`` maps CSV columns to contract fields.

    ``population_bad_rate`` is None where the sample's own bad rate holds. ``fewest_compared`` applicants at least must
    make a chosen baseline. ``unconditioned`` fields inform no other field in the imputer. ``digest`` is the SHA-256 of
    the file's bytes.
    """

    contract: Contract
    name: str
    version: str
    product: str
    currencies: tuple[str, ...]
    use: str
    provenance: Provenance
    csv: Dialect
    target: Target
    request: RequestTree
    reason_map: ReasonMap
    features: tuple[FeatureSpec, ...]
    model: Model
    anchor_score: float
    anchor_odds: float
    points_to_double: float
    population_bad_rate: float | None
    fewest_compared: int
    protected: tuple[str, ...]
    unconditioned: tuple[str, ...]
    card: CardSpec
    seed: int
    digest: str
    source: Source

    @classmethod
    def read(cls, path: Path, contracts: ContractStore) -> TrainingSpec:
        """Read a spec; raises ConfigurationError with every fault, each with line, column and nearest legal name."""
        source = Source.read(path)
        faults: list[Fault] = []
        top = Section(source, faults, (), source.data, _TOP)
        contract = _contract(top, contracts)
        if contract is None:
            raise ConfigurationError(faults)
        spec = _read(top, contract, hashlib.sha256(path.read_bytes()).hexdigest())
        _check_features(spec, top)
        if faults:
            raise ConfigurationError(faults)
        return spec

    @property
    def columns(self) -> dict[str, str]:
        """The CSV column of each mapped contract field, by field name."""
        wired = [entry for entry in self.request.entries if isinstance(entry, Wired)]
        return {entry.field.name: str(entry.path.steps[0]) for entry in wired}

    @property
    def fields_read(self) -> tuple[Field, ...]:
        """The contract fields any feature reads, in contract order."""
        read = frozenset[str]().union(*(expressions.names(expressions.parse(f.expression)) for f in self.features))
        return tuple(field for field in self.contract.fields if field.name in read)


def _contract(top: Section, contracts: ContractStore) -> Contract | None:
    reference = top.take("contract", str)
    try:
        return contracts.get(reference, "request") if reference else None
    except ConfigurationError as exc:
        top.fault(("contract",), exc.faults[0].message, exc.faults[0].hint)
        return None


def _read(top: Section, contract: Contract, digest: str) -> TrainingSpec:
    names = [field.name for field in contract.fields]
    scale = top.section("scale", ("score", "odds", "pdo"))
    card, baseline = _card(top), read_baseline(top)
    name = top.matching("name", _NAME, "small letters, digits and '_', starting with a letter")
    version = top.version()
    reason_map = read_reason_map(top, name, version, card.cut_offs, baseline.baseline)
    return TrainingSpec(
        contract=contract,
        name=name,
        version=version,
        product=_product(top, contract),
        currencies=top.texts("currencies"),
        use=top.choice("use", USES),
        provenance=_provenance(top),
        csv=_csv(top),
        target=_target(top),
        request=_request(top, contract),
        reason_map=reason_map,
        features=_features(top, [group.name for group in reason_map.groups]),
        model=read_model(top),
        anchor_score=scale.number("score", -10_000, 10_000, 600.0),
        anchor_odds=scale.number("odds", 1e-3, 1e6, 50.0),
        points_to_double=scale.number("pdo", 1e-3, 1e4, 20.0),
        population_bad_rate=_prior(top),
        fewest_compared=baseline.fewest,
        protected=top.members("protected", names, []),
        unconditioned=top.members("unconditioned", names, []),
        card=card,
        seed=top.whole("seed", 0, 2**31 - 1, 0),
        digest=digest,
        source=top.source,
    )


def _request(top: Section, contract: Contract) -> RequestTree:
    """The mapping; a product that no column holds is the spec's own. Columns nobody reads are told, not refused."""
    product = {"product": str(top.data.get("product", ""))}
    tree, faults = read_request(top.source, ("request",), contract, defaults=product, unknown="ignore")
    top.faults.extend(faults)
    for entry in tree.entries if tree else ():
        if isinstance(entry, Wired) and len(entry.path.steps) != 1:
            top.fault(
                ("request", entry.field.name),
                f"{str(entry.path)!r} is no column",
                "quote a name with dots: '[\"a.b\"]'",
            )
    return tree or RequestTree(contract.ref, (), "ignore")


def _product(top: Section, contract: Contract) -> str:
    legal = next((field.codes for field in contract.fields if field.name == "product"), ())
    return top.choice("product", legal) if legal else top.take("product", str)


def _provenance(top: Section) -> Provenance:
    section = top.section("provenance", ("source", "assumptions", "limits"))
    source = section.take("source", str, "not stated")
    return Provenance(source, section.texts("assumptions", []), section.texts("limits", []))


def _target(top: Section) -> Target:
    section = top.section("target", ("column", "bad", "good"))
    several = isinstance(section.data.get("good"), list)
    good = section.texts("good") if several else (section.take("good", str),)
    target = Target(section.take("column", str), section.take("bad", str), good)
    if not good or (target.bad and target.bad in target.good):
        section.fault(("good",), "'good' and 'bad' are the same value" if good else "no value is good")
    return target


def _csv(top: Section) -> Dialect:
    section = top.section("csv", ("delimiter", "encoding", "decimal"))
    return Dialect(
        section.choice("delimiter", DELIMITERS, ","),
        section.choice("encoding", ENCODINGS, "utf-8"),
        section.choice("decimal", (".", ","), "."),
    )


def _features(top: Section, groups: Sequence[str]) -> tuple[FeatureSpec, ...]:
    features = []
    for name, section in top.section("features", None).sections(("expression", "group", "monotone")):
        if not _NAME.fullmatch(name):
            section.fault((), "a feature is named in small letters, digits and '_'")
        expression = section.take("expression", str)
        group = section.choice("group", groups)
        features.append(FeatureSpec(name, expression, group, section.whole("monotone", -1, 1, 0)))
    if not features:
        top.fault(("features",), "a model needs at least one feature")
    return tuple(features)


def _prior(top: Section) -> float | None:
    if isinstance(top.data.get("prior", "sample"), str):
        top.choice("prior", ("sample",), "sample")
        return None
    return top.section("prior", ("bad_rate",)).number("bad_rate", 1e-6, 1 - 1e-6)


def _card(top: Section) -> CardSpec:
    section = top.section("card", ("cut_offs", "folds", "repeats"))
    return CardSpec(
        cut_offs=read_cut_offs(section),
        folds=section.whole("folds", 2, 20, 5),
        repeats=section.whole("repeats", 1, 20, 1),
    )


def _check_features(spec: TrainingSpec, top: Section) -> None:
    fields = {field.name: field for field in spec.contract.fields}
    used = {feature.group for feature in spec.features}
    for feature in spec.features:
        for message, hint in _expression_faults(feature.expression, fields, {*spec.protected}):
            top.fault(("features", feature.name, "expression"), message, hint)
        bare = fields.get(feature.expression.strip())
        if bare and bare.monotone not in (0, feature.monotone):
            word = {1: "rise", -1: "fall"}[bare.monotone]
            message = f"the contract says that the probability of default may only {word} with {bare.name!r}"
            top.fault(("features", feature.name), message, f"monotone: {bare.monotone}")
    for group in spec.reason_map.groups:
        if group.name not in used:
            top.fault(("groups", group.name), "no feature belongs to this group")


def _expression_faults(text: str, fields: Mapping[str, Field], protected: set[str]) -> list[tuple[str, str]]:
    if not text:
        return []
    try:
        tree = expressions.parse(text)
    except ValueError as exc:
        return [(str(exc), "")]
    names = sorted(expressions.names(tree))
    unknown = [(f"{n!r} is not a field of the contract", nearest(n, fields)) for n in names if n not in fields]
    if unknown:
        return unknown
    banned = [n for n in names if fields[n].protected or n in protected]
    found = [(f"{n!r} is a protected field, which no feature may read", "") for n in banned]
    return found + [(message, "") for message in expressions.check(tree, fields, purpose="feature")]
