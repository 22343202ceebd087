"""`scoregate new integration`: from what a legacy system says of itself to an integration that lints.

The adapter reads the description (``gateway.spi.Sketch``); what is drafted from it is the same for all adapters. It is
written beside the integrations, linted, given its example's answer where there is a bundle to decide, and moved into
place last: nothing half-written is ever there, and nothing is overwritten.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from contracts.errors import ConfigurationError, Fault, SetupError
from contracts.odcs import Contract
from contracts.source import nearest
from contracts.store import ContractStore, version_key
from gateway import examples as cases
from gateway.bootstrap import install, open_desk
from gateway.clock import utc_now
from gateway.connections import Connections
from gateway.drafting.answering import draft_answer
from gateway.drafting.integration_file import Draft, text
from gateway.drafting.keys import draft_keys
from gateway.drafting.reading import draft_request, left_over
from gateway.drafting.sample import write_example
from gateway.home import read_bundles, read_policies
from gateway.integrations import INTEGRATION_FILE, NAME
from gateway.lint import lint
from gateway.settings import Settings
from gateway.spi import Adapter, Described, DraftingAdapter, RoutedAdapter, Sketch
from models.drafting.findings import Placed, place

ANSWER = "loan_decision"
APPLICATION = "loan_application"


class Asked(NamedTuple):
    """What the command line says. ``source`` is a file or the name of a connection, ``choice`` what of it is meant,
    ``answer`` where answers go; those two, ``contract`` and ``product`` are empty where they are to be chosen."""

    name: str
    adapter: str
    source: str
    choice: str = ""
    contract: str = ""
    product: str = ""
    answer: str = ""


class Drafted(NamedTuple):
    """Where the integration stands; what a person must decide, ranked; what the adapter chose; what lint says; how
    many fields are mapped and how many there are; whether its example has an answer; whether it is called, or calls.
    """

    folder: Path
    files: list[str]
    findings: list[Placed]
    notes: list[str]
    faults: list[Fault]
    mapped: tuple[int, int]
    answered: bool
    is_called: bool


class Grounds(NamedTuple):
    """What the integration speaks; ``decided`` whether a policy of its product is there to decide by."""

    product: str
    contract: Contract
    answer: Contract
    decided: bool


def new_integration(settings: Settings, asked: Asked, load: Callable[[str], Adapter]) -> Drafted:
    """Draft into the home; raises SetupError, mostly ConfigurationError, where nothing can be drafted."""
    target = _target(settings.home, asked.name)
    adapter = load(asked.adapter)
    if not isinstance(adapter, DraftingAdapter):
        raise ConfigurationError([Fault("", 0, 0, f"the adapter {asked.adapter!r} drafts nothing")])
    grounds = _grounds(settings.home, asked)
    connections = partial(Connections(settings.home), adapter=asked.adapter)
    sketch = adapter.draft(Described(asked.source, asked.choice, asked.answer, connections))
    draft, values = compose(asked, grounds, sketch)
    if draft.answer_lines == []:
        message, hint = "the answer has no place that a decision could be written to", "choose another operation"
        raise ConfigurationError([Fault(asked.source, 0, 0, message, hint)])
    with _workshop(settings.home) as shop:
        folder = shop / asked.name
        _write(folder, sketch.files)
        draft = _checked(draft, adapter, folder)
        (folder / INTEGRATION_FILE).write_text(text(draft), encoding="utf-8")
        write_example(folder, sketch, values, draft.answer_lines, asked.name)
        answered = grounds.decided and _answer(settings, folder)
        faults = lint(settings.home, load, folder, allow_demonstration=settings.allow_demonstration)
        findings = place(draft.findings(), {"integration": Path(INTEGRATION_FILE)}, Path(asked.source), folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        _check_free(target)
        folder.rename(target)
    here = str(target / INTEGRATION_FILE)
    at = [Placed(entry.finding, entry.where.replace(INTEGRATION_FILE, here)) for entry in findings]
    told = [fault._replace(file=fault.file.replace(str(folder), str(target))) for fault in faults]
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    carried = sum(line.value != "not_carried" for line in draft.request_lines)
    notes = [*sketch.notes, *draft.notes]
    mapped, is_called = (carried, len(draft.request_lines)), isinstance(adapter, RoutedAdapter)
    return Drafted(target, files, at, notes, told, mapped, answered, is_called)


def _target(home: Path, name: str) -> Path:
    if not NAME.fullmatch(name):
        hint = "use small letters, digits and hyphens, at most 63, as northwind-los"
        raise ConfigurationError([Fault("", 0, 0, f"NAME {name!r} is no name of an integration", hint)])
    target = home / "integrations" / name
    _check_free(target)
    return target


def _check_free(target: Path) -> None:
    if target.exists() or target.is_symlink():
        hint = "draft under another name, or remove it first"
        raise ConfigurationError([Fault(str(target), 0, 0, "is there already", hint)])


def _grounds(home: Path, asked: Asked) -> Grounds:
    """Product and contract as asked, else those of the one policy and its bundle, else what is published."""
    store, bundles = ContractStore(home), read_bundles(home)
    policies = read_policies(home, bundles)
    products = sorted({policy.product for policy in policies})
    product = asked.product or (products[0] if len(products) == 1 else "")
    if len(products) > 1 and not product:
        message = f"there are policies for several products: {', '.join(products)}"
        raise ConfigurationError([Fault("", 0, 0, message, "say which one with --product")])
    of_product = [bundles[policy.bundle_digest].contract for policy in policies if policy.product == product]
    ref = asked.contract or (of_product[-1] if of_product else _newest(store))
    contract = store.get(ref, "request")
    if not product:
        product = _only_product(contract)
    return Grounds(product, contract, store.get(store.versions(ANSWER)[-1], "answer"), bool(of_product))


def _newest(store: ContractStore) -> str:
    """The newest version of the home's own contract of applications, where it has one, else of the published one."""
    published = ContractStore().refs()
    own = {ref.partition("@")[0] for ref in store.refs() if ref not in published and store.get(ref).kind == "request"}
    if len(own) > 1:
        message = f"there are several contracts of applications: {', '.join(sorted(own))}"
        raise ConfigurationError([Fault("", 0, 0, message, "say which one with --contract NAME@VERSION")])
    return max(store.versions(own.pop() if own else APPLICATION), key=version_key)


def _only_product(contract: Contract) -> str:
    codes = next(field.codes for field in contract.fields if field.name == "product")
    if len(codes) != 1:
        hint = "say which one with --product" + (f": {nearest('', codes) or ', '.join(codes)}" if codes else "")
        raise ConfigurationError([Fault("", 0, 0, f"{contract.ref} knows more than one product", hint)])
    return codes[0]


def compose(asked: Asked, grounds: Grounds, sketch: Sketch) -> tuple[Draft, dict[str, str]]:
    """The draft, and texts for its example by native path."""
    contract = grounds.contract
    request = draft_request(contract, sketch.request, {"product": grounds.product})
    keys = draft_keys(request.rest, sketch.keys, keyed=sketch.keyed)
    rest = [leaf for leaf in request.rest if leaf.native.path not in keys.read]
    read = [*keys.read, *(reading.leaf.native.path for reading in request.readings.values())]
    answer = None if sketch.answer is None else draft_answer(grounds.answer, sketch.answer)
    told = draft_answer(sketch.told.contract, sketch.told.leaves) if sketch.told else []
    draft = Draft(
        name=asked.name,
        adapter=asked.adapter,
        source=Path(asked.source).name,
        contract=contract.ref,
        answer=grounds.answer.ref,
        product=grounds.product,
        wire=sketch.wire,
        left=sketch.left,
        told=(tuple(sketch.told.place), told) if sketch.told and told else None,
        keys=keys.lines,
        request_lines=request.lines,
        joint=request.joint,
        ignore=list(left_over(rest, read)) if contract.unknown_fields == "refuse" else [],
        answer_lines=answer,
    )
    if sketch.told and not told:
        draft = draft.without(sketch.told.place[0], "no declared fault can hold a refusal")
    values = {
        reading.leaf.native.path: reading.native(given[0])
        for name, reading in request.readings.items()
        if (given := contract.examples.get(name)) and given[0] is not None
    }
    if keys.business is not None:
        values[keys.business.native.path] = "DRAFT-1" if keys.business.accepts("DRAFT-1") else keys.business.sample
    return draft, {path: value for path, value in values.items() if value}


def _checked(draft: Draft, adapter: Adapter, folder: Path) -> Draft:
    """The draft without what else the wire section says, where the adapter cannot serve that."""
    if draft.told is None:
        return draft
    try:
        adapter.wire(draft.whole_wire(), folder)
    except ConfigurationError as error:
        return draft.without(draft.told[0][0], error.faults[0].message)
    return draft


@contextmanager
def _workshop(home: Path) -> Iterator[Path]:
    """A folder inside the home, so that moving is renaming, and never seen as an integration."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        shop = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    except OSError as exc:
        raise SetupError(f"cannot write into {home}: {exc.strerror}; name another home with --home DIR") from exc
    try:
        yield shop
    finally:
        shutil.rmtree(shop, ignore_errors=True)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        if name.partition("/")[0] in (INTEGRATION_FILE, "examples"):
            raise ConfigurationError([Fault(name, 0, 0, "has a name that an integration needs itself", "rename it")])
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _answer(settings: Settings, folder: Path) -> bool:
    """Write the answer of each example, where the home can decide; whether it could."""
    try:
        (settings.home / "integrations").mkdir(exist_ok=True)
        desk = open_desk(install(settings, with_ledger=False), folder, utc_now)
    except SetupError:
        return False
    for case in sorted((folder / "examples").iterdir()):
        cases.renew(desk, case)
    return True
