"""``scoregate train``: one bundle, and the policy that shall decide with it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from contracts.store import ContractStore
from gateway.drafting.adopt import Adoption
from gateway.home import read_bundles
from models.scoring import Scorer
from models.spec import TrainingSpec
from models.training import train as build


def train(
    home: Path | None, data: Path, spec: Path, out: Path, policy: Path | None, console: Console, progress: Console
) -> None:
    """Train and print; raises ConfigurationError with every fault of spec, data or policy."""
    store = ContractStore(home)
    adoption = Adoption(policy) if policy else None
    if adoption:
        adoption.check(TrainingSpec.read(spec, store).product)
    others = read_bundles(home).values() if home else ()
    bundle = build(data, spec, out, lambda line: progress.print(line, markup=False), store, others)
    Scorer(bundle).warm()  # what cannot score is not announced; and the kernels are compiled for the gateway to come
    console.print(f"{bundle.name}@{bundle.version} {bundle.digest} {out}", markup=False)
    if adoption:
        done = adoption.write(bundle, store.get(bundle.contract))
        cut = done.policy.cut_offs
        console.print(f"{policy}: {done.before} → {done.after}, decides with it", markup=False)
        console.print(f"its cut-offs are what they were: approve from {cut.approve}, decline below {cut.decline}")
        console.print("next: scoregate test --renew, and look at what changed")
