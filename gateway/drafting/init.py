"""`scoregate init`: draft, train the draft, let it answer its own examples, and only then move all of it into the home.

Nothing of the home is overwritten, and nothing is left behind where a step fails.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from contracts.errors import ConfigurationError, Fault
from contracts.store import SUFFIX, ContractStore
from gateway import examples as cases
from gateway.drafting import examples, files
from gateway.settings import load
from models.bundle import Bundle
from models.drafting.draft import Draft, draft
from models.drafting.files import contract_text, spec_text
from models.drafting.findings import Placed, place, report
from models.drafting.words import NO_NAMES
from models.kinds import DEFAULT, KINDS

Report = Callable[[str], None]
REPORT = "init.report.md"
VERSION = "0.1.0"
_MODEL = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PRODUCT = re.compile(r"[a-z][a-z0-9-]{0,39}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PROVISIONAL = (500, 480)
"""Cut-offs of the spec while those of the draft are not known yet."""


class Asked(NamedTuple):
    """What the command line says. ``bad`` is None where the target is to tell by itself; ``codes`` names columns whose
    numbers are codes; ``kind`` is the kind of model, None for the default."""

    model: str
    data: Path
    target: str
    bad: str | None
    currency: str
    product: str
    codes: tuple[str, ...] = ()
    kind: str | None = None


class Drafted(NamedTuple):
    """Where the files of a draft stand, below the home, and what a person must decide, ranked."""

    files: dict[str, Path]
    findings: list[Placed]


def init(home: Path, asked: Asked, report_line: Report) -> Drafted:
    """Draft into ``home``; raises ConfigurationError for unusable data or names, or where something is in the way."""
    _check_names(asked)
    found = draft(
        asked.data, asked.target, asked.bad, model=asked.model, product=asked.product, currency=asked.currency,
        codes=asked.codes, kind=asked.kind or DEFAULT,
    )  # fmt: skip
    paths = _paths(found)
    _check_free(home, paths)
    with _workshop(home) as shop:
        bundle, cut = _train(shop, found, paths, report_line)
        _write(shop / paths["policy"], files.policy_text(found, cut, bundle))
        _write(shop / paths["integration"], files.integration_text(found))
        _let_answer(shop, found, (shop / paths["integration"]).parent)
        placed = place([*found.findings, examples.FINDING], _texts(paths), found.data, shop)
        shown = [Placed(entry.finding, _in_home(entry.where, home)) for entry in placed]
        _write(shop / paths["report"], report(found.model, found.data, placed, _texts(paths)))
        _move(shop, home)
    return Drafted({name: home / path for name, path in paths.items()}, shown)


def _check_names(asked: Asked) -> None:
    wanted = (
        ("MODEL", asked.model, _MODEL, "small letters, digits and '_', at most 40, as credit_risk"),
        ("--product", asked.product, _PRODUCT, "small letters, digits and '-', as consumer-loan"),
        ("--currency", asked.currency, _CURRENCY, "an ISO 4217 code, as EUR"),
    )
    faults = [
        Fault("", 0, 0, f"{name} {value!r} is no name to use here", f"expected {expected}")
        for name, value, pattern, expected in wanted
        if not pattern.fullmatch(value) or value in NO_NAMES
    ]
    fitted_here = [kind for kind in KINDS if kind != "file"]
    if asked.kind and asked.kind not in fitted_here:
        faults.append(Fault("", 0, 0, f"--kind {asked.kind!r} is no kind of model", f"one of {', '.join(fitted_here)}"))
    if faults:
        raise ConfigurationError(faults)


def _paths(draft: Draft) -> dict[str, Path]:
    """Every file of the draft, below the home."""
    specs = Path("specs") / draft.model
    return {
        "contract": Path("contracts") / draft.contract / f"1.0.0{SUFFIX}",
        "spec": specs / f"{draft.model}.spec.yaml",
        "report": specs / REPORT,
        "bundle": Path("bundles") / draft.model / VERSION,
        "policy": Path("policies") / f"{draft.product}.policy.yaml",
        "integration": Path("integrations") / files.integration_name(draft) / "integration.yaml",
    }


def _texts(paths: dict[str, Path]) -> dict[str, Path]:
    return {name: paths[name] for name in ("contract", "spec", "policy", "integration")}


def _check_free(home: Path, paths: dict[str, Path]) -> None:
    there = [path for name, path in paths.items() if (home / path).exists()]
    there += [path.parent for name, path in paths.items() if name == "integration" and (home / path).parent.exists()]
    if there:
        hint = "draft under another name (MODEL, --product), or remove it first"
        raise ConfigurationError([Fault(str(home / path), 0, 0, "is there already", hint) for path in there])


@contextmanager
def _workshop(home: Path) -> Iterator[Path]:
    """A home of its own inside the home, so that moving is renaming; faults do not name its files, soon gone."""
    new = not home.exists()
    home.mkdir(parents=True, exist_ok=True)
    shop = Path(tempfile.mkdtemp(prefix=".init-", dir=home))
    try:
        yield shop
    except ConfigurationError as exc:
        of_draft = [fault._replace(file=fault.file.replace(f"{shop}/", "the draft's ")) for fault in exc.faults]
        raise ConfigurationError(of_draft) from exc
    finally:
        shutil.rmtree(shop, ignore_errors=True)
        if new and not any(home.iterdir()):
            home.rmdir()


def _train(shop: Path, draft: Draft, paths: dict[str, Path], report_line: Report) -> tuple[Bundle, tuple[int, int]]:
    """Train by the drafted spec, whose cut-offs only the scores of its own validation can give."""
    from models.drafting.cut_offs import cut_offs
    from models.spec import TrainingSpec
    from models.training import complete, read_material, validate

    _write(shop / paths["contract"], contract_text(draft))
    spec, store = shop / paths["spec"], ContractStore(shop)
    _write(spec, spec_text(draft, _PROVISIONAL))
    material = read_material(draft.data, spec, store)
    validation = validate(material)
    cut = cut_offs(material, validation)
    _write(spec, spec_text(draft, cut))
    material = replace(material, spec=TrainingSpec.read(spec, store))
    return complete(material, validation, draft.data, shop / paths["bundle"], report_line), cut


def _let_answer(shop: Path, draft: Draft, integration: Path) -> None:
    """Write the examples with the answers the gateway gives them."""
    from gateway.bootstrap import install

    for example in examples.make_examples(draft):
        example.write(integration / "examples")
    desk = install(load(home=shop), with_ledger=False).desk(integration.name)
    for case in sorted((integration / "examples").iterdir()):
        cases.renew(desk, case)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _in_home(where: str, home: Path) -> str:
    inside = where.startswith(("contracts/", "specs/", "policies/", "integrations/"))
    return str(home / where) if inside else where


def _move(shop: Path, home: Path) -> None:
    for part in sorted(path for path in shop.rglob("*") if path.is_file()):
        if part.relative_to(shop).parts[0] == "state":
            continue
        target = home / part.relative_to(shop)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
