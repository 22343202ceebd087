"""A policy that shall decide with another bundle: its ``bundle`` and ``version`` lines are set, nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import ConfigurationError, Fault
from contracts.odcs import Contract
from gateway.drafting.files import bundle_line
from models.bundle import Bundle
from models.policy import Policy

_BUNDLE = re.compile(r"^bundle:[ \t]*\{[^}\n]*\}", re.MULTILINE)
_VERSION = re.compile(r"^version:[ \t]*(\d+)\.(\d+)\.\d+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Adopted:
    """The policy as it decides now, and the versions before and after."""

    policy: Policy
    before: str
    after: str


class Adoption:
    """One policy file, read before anything is trained, so that nobody waits for a training to hear of a typing error.

    Raises ConfigurationError where the file cannot be read as a policy, or its two lines are not written as lines.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._policy = file, Policy.read(file)
        self._text = file.read_text(encoding="utf-8")
        lacking = [name for name, line in (("bundle", _BUNDLE), ("version", _VERSION)) if not line.search(self._text)]
        if lacking:
            raise ConfigurationError([self._fault(f"has no line of its own for {name!r}") for name in lacking])

    def check(self, product: str) -> None:
        """Raise ConfigurationError where the policy decides for another product than the model is made for."""
        if self._policy.product != product:
            message = f"decides for {self._policy.product!r}, the model is made for {product!r}"
            raise ConfigurationError([Fault(str(self._file), 0, 0, message, "name the policy of that product")])

    def write(self, bundle: Bundle, contract: Contract) -> Adopted:
        """Set the bundle, count the version up, check the whole and put it in place in one step.

        Raises ConfigurationError where a rule of the policy does not fit the bundle or its contract; the file is then
        as it was.
        """
        text = _BUNDLE.sub(lambda _: bundle_line(bundle), self._text, count=1)
        text = _VERSION.sub(lambda found: f"version: {found[1]}.{int(found[2]) + 1}.0", text, count=1)
        beside = self._file.with_name(f".{self._file.name}.new")
        try:
            beside.write_text(text, encoding="utf-8")
            policy = Policy.read(beside).bind(contract, bundle)
            beside.replace(self._file)
        except ConfigurationError as exc:
            raise ConfigurationError([fault._replace(file=str(self._file)) for fault in exc.faults]) from exc
        finally:
            beside.unlink(missing_ok=True)
        return Adopted(policy, self._policy.version, policy.version)

    def _fault(self, message: str) -> Fault:
        hint = 'write "bundle: {name: …, digest: …}" and "version: 1.0.0", each on one line'
        return Fault(str(self._file), 0, 0, message, hint)
