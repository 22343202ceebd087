"""The policy: a versioned file per product that says what a score means, named by the digest of its bytes.

::

    name, version, product
    bundle: {name, digest}                 the one bundle it decides with
    cut_offs: {approve, decline}           published scores, 0 to 1000; approve from, decline below
    knock_outs: [{id, when, reason: {code, text}}]    text: one in English, or one for each language tag
    refer_rules: [{id, when}]
    validity_days, notice_days (30)
    effective: {from, until}               days, the first and the last in force; until may be left out
    automatic_decline (true), flip_tolerance (0.2), max_refer_share (1.0), reasons: {max} (4, at most 5)

``when`` is an expression of the contract's language over contract fields; where a field it reads is not given, the rule
does not apply. A field left blank that a rule reads, and whose blanks the bundle never learned, is never approved. No
rule may read a protected field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from contracts import expressions
from contracts.errors import ConfigurationError, Fault
from contracts.language import DEFAULT, Texts, read_texts
from contracts.odcs import Contract
from contracts.section import Section
from contracts.source import Source, nearest
from contracts.types import Record
from models.bundle import Bundle
from models.policy_faults import untold
from models.reason_map import CutOffs as CutOffs
from models.reason_spec import read_cut_offs
from models.reasons import MOST_REASONS, Ranker, ReasonGroup
from models.types import Reason, Scored
from models.verdict import Judge, Rule, Verdict, Watched, watched_fields

_TOP = (
    "name", "version", "product", "bundle", "cut_offs", "knock_outs", "refer_rules", "validity_days", "notice_days",
    "effective", "automatic_decline", "flip_tolerance", "max_refer_share", "reasons",
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BEGINNING = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A knock-out (with ``code`` and ``texts``) or a refer rule; ``path`` is where it stands in the file."""

    id: str
    when: expressions.Expr
    path: tuple[str | int, ...]
    code: str = ""
    texts: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy as read from its file; ``digest`` is the SHA-256 of the file's bytes, in hex."""

    name: str
    version: str
    product: str
    bundle_name: str
    bundle_digest: str
    cut_offs: CutOffs
    knock_outs: tuple[PolicyRule, ...]
    refer_rules: tuple[PolicyRule, ...]
    validity_days: int
    notice_days: int
    effective_from: date
    effective_until: date | None
    automatic_decline: bool
    flip_tolerance: float
    max_refer_share: float
    most_reasons: int
    digest: str
    source: Source = field(repr=False, compare=False)
    judge: Judge | None = field(default=None, repr=False, compare=False)

    @classmethod
    def read(cls, path: Path) -> Policy:
        """Read a policy file; raises ConfigurationError with every fault, each with line, column and nearest name."""
        source = Source.read(path)
        try:
            return _read(source, hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError as exc:
            raise ConfigurationError([Fault(str(path), 0, 0, f"cannot be read: {exc.strerror}")]) from exc

    @property
    def reads(self) -> frozenset[str]:
        """The contract fields its rules read; a rule whose field is not given does not apply."""
        rules = (*self.knock_outs, *self.refer_rules)
        return frozenset[str]().union(*(expressions.names(rule.when) for rule in rules))

    def in_force(self, day: date) -> bool:
        """Whether the policy decides on that day; both ends are included."""
        return self.effective_from <= day and (self.effective_until is None or day <= self.effective_until)

    def faults(self, contract: Contract, bundle: Bundle) -> list[Fault]:
        """What keeps the policy from deciding records of this contract with this bundle."""
        found = [fault for rule in (*self.knock_outs, *self.refer_rules) for fault in self._rule_faults(rule, contract)]
        if self.bundle_name != bundle.name:
            found.append(self._fault(("bundle", "name"), f"names the bundle {self.bundle_name!r}, not {bundle.name!r}"))
        if self.bundle_digest != bundle.digest:
            seen = f"{self.bundle_digest[:12]}…, the bundle's is {bundle.digest[:12]}…"
            found.append(self._fault(("bundle", "digest"), f"names the bundle with digest {seen}"))
        if self.product not in bundle.products:
            known = f"trained for: {', '.join(bundle.products)}"
            found.append(self._fault(("product",), f"the bundle was not trained for {self.product!r}", known))
        return found

    def bind(self, contract: Contract, bundle: Bundle, language: str = DEFAULT) -> Policy:
        """The policy compiled for a contract, a bundle and the language its reasons are told in; raises
        ConfigurationError with its ``faults``, and where something has no text in that language.
        """
        found = self.faults(contract, bundle)
        found += [self._fault(("bundle",), message, hint) for message, hint in untold(self, bundle, language)]
        if found:
            raise ConfigurationError(found)
        compile_rule: Callable[[PolicyRule], Rule] = lambda rule: expressions.row_printer(rule.when, contract.fields)  # noqa: E731
        judge = Judge(
            approve=self.cut_offs.approve,
            decline=self.cut_offs.decline,
            knock_outs=[(compile_rule(rule), knock_out_reason(rule, language)) for rule in self.knock_outs],
            refer_rules=[compile_rule(rule) for rule in self.refer_rules],
            flip_tolerance=self.flip_tolerance,
            most_reasons=self.most_reasons,
            automatic_decline=self.automatic_decline,
            reasons=ranker(contract, bundle, language),
            watched=watched_in(contract, bundle, self),
        )
        return replace(self, judge=judge)

    def decide(self, record: Record, scored: Scored) -> Verdict:
        """The verdict on one scored record, a function of its arguments and the files behind them; needs ``bind``."""
        return self.bound.judge(record, scored)

    @property
    def bound(self) -> Judge:
        """The compiled policy; raises ConfigurationError before ``bind``."""
        if self.judge is None:
            raise ConfigurationError(f"policy {self.name} was not bound to a contract and a bundle")
        return self.judge

    def _rule_faults(self, rule: PolicyRule, contract: Contract) -> list[Fault]:
        fields = {f.name: f for f in contract.fields}
        unknown = sorted(expressions.names(rule.when) - fields.keys())
        if unknown:
            return [self._fault(rule.path, f"reads the unknown field {n!r}", nearest(n, fields)) for n in unknown]
        protected = sorted(n for n in expressions.names(rule.when) if fields[n].protected)
        messages = [f"reads the protected field {n!r}" for n in protected]
        messages += expressions.check(rule.when, fields, purpose="rule")
        return [self._fault(rule.path, message) for message in messages]

    def _fault(self, path: tuple[str | int, ...], message: str, hint: str = "") -> Fault:
        return self.source.fault(path, message, hint)


def ranker(contract: Contract, bundle: Bundle, language: str) -> Ranker:
    """The bundle's groups in one language, with the contract positions of the fields that their features read."""
    touched: dict[str, set[int]] = {group.name: set() for group in bundle.groups}
    for feature in bundle.features:
        touched[feature.group].update(contract.index[name] for name in feature.reads)
    told = [(group, group.wordings[language], tuple(sorted(touched[group.name]))) for group in bundle.groups]
    return Ranker([ReasonGroup(g.name, g.code, w.text, w.incomplete, w.unverified, at) for g, w, at in told])


def watched_in(contract: Contract, bundle: Bundle, policy: Policy) -> list[Watched]:
    """Every field of the contract, with what becomes of it where it is not given."""
    return watched_fields(contract.fields, [f.name for f in bundle.fields], supported(bundle), policy.reads)


def supported(bundle: Bundle) -> dict[str, bool]:
    """Per field the bundle reads: whether it saw enough blanks to score one."""
    return {f.name: bundle.supports_blank(f.name) for f in bundle.fields}


def knock_out_reason(rule: PolicyRule, language: str) -> Reason:
    """The reason a knock-out gives; it has no points."""
    from decimal import Decimal

    return Reason(rule.id, rule.code, rule.texts[language], Decimal("0.00"), "given")


def _read(source: Source, digest: str) -> Policy:
    faults: list[Fault] = []
    top = Section(source, faults, (), source.data, _TOP)
    bundle = top.section("bundle", ("name", "digest"))
    effective = top.section("effective", ("from", "until"))
    reasons = top.section("reasons", ("max",))
    policy = Policy(
        name=top.matching("name", _NAME, "lower-case letters, digits, '_', '.' and '-'"),
        version=top.version(),
        product=top.take("product", str),
        bundle_name=bundle.take("name", str),
        bundle_digest=bundle.matching("digest", _DIGEST, "the 64 hex digits that `scoregate train` printed"),
        cut_offs=read_cut_offs(top),
        knock_outs=_rules(top, "knock_outs", knock_out=True),
        refer_rules=_rules(top, "refer_rules", knock_out=False),
        validity_days=top.whole("validity_days", 1, 3650),
        notice_days=top.whole("notice_days", 1, 365, 30),
        effective_from=effective.day("from") or _BEGINNING,
        effective_until=effective.day("until", optional=True),
        automatic_decline=top.take("automatic_decline", bool, True),
        flip_tolerance=top.number("flip_tolerance", 0.0, 1.0, 0.2),
        max_refer_share=top.number("max_refer_share", 0.0, 1.0, 1.0),
        most_reasons=reasons.whole("max", 1, MOST_REASONS, 4),
        digest=digest,
        source=source,
    )
    if policy.effective_until is not None and policy.effective_until < policy.effective_from:
        effective.fault(("until",), "'until' lies before 'from'")
    if faults:
        raise ConfigurationError(faults)
    return policy


def _rules(top: Section, key: str, *, knock_out: bool) -> tuple[PolicyRule, ...]:
    rules: list[PolicyRule] = []
    known = ("id", "when", "reason") if knock_out else ("id", "when")
    for index, item in enumerate(top.take(key, list, [])):
        section = Section(top.source, top.faults, (*top.path, key, index), item, known)
        name = section.matching("id", _NAME, "lower-case letters, digits, '_', '.' and '-'")
        if name in {rule.id for rule in rules}:
            section.fault(("id",), f"the id {name!r} is taken")
        when = _expression(section)
        reason = section.section("reason", ("code", "text")) if knock_out else None
        code, texts = (reason.short("code", 16), read_texts(reason, "text", 200)) if reason else ("", {})
        if when is not None:
            rules.append(PolicyRule(name, when, (*section.path, "when"), code, texts))
    return tuple(rules)


def _expression(section: Section) -> expressions.Expr | None:
    text = section.take("when", str)
    try:
        return expressions.parse(text) if text else None
    except ValueError as exc:
        section.fault(("when",), str(exc))
        return None
