"""What lint says of a whole home, and of one integration in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from mapping_samples import INTEGRATION, write_integration

import adapters
from contracts.errors import ConfigurationError, Fault
from contracts.store import CATALOG
from gateway.bootstrap import install
from gateway.lint import lint
from gateway.settings import Settings
from gateway.spi import Codec, Connections

JUNIPER = Path("integrations/juniper-api/integration.yaml")
POLICY = Path("policies/consumer-instalment.policy.yaml")


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    """A home in which Juniper is the only integration."""
    copied = tmp_path / "home"
    others = ("meridian-los", "cobalt-core")
    shutil.copytree(built_home, copied, ignore=shutil.ignore_patterns("state", "principals.yaml", *others))
    return copied


def change(home: Path, file: Path, old: str, new: str) -> None:
    path = home / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def told(home: Path, folder: Path | None = None, **settings: list[str]) -> list[Fault]:
    """Linted on a day on which no version of a contract was deprecated yet."""
    return lint(home, adapters.load, folder, today=date(2026, 10, 1), **settings)


def messages(home: Path, folder: Path | None = None) -> str:
    return "\n".join(str(fault) for fault in told(home, folder))


def test_the_sample_home_is_clean_and_tells_what_to_expect(home: Path) -> None:
    found = told(home)
    assert [fault.severity for fault in found] == ["note"]
    assert "of applications would be referred under consumer-instalment@1.0.0 (not carried: debt)" in str(found[0])


def test_one_integration_can_be_linted_alone(home: Path) -> None:
    write_integration(home, INTEGRATION.replace("adapter: memory", "adapter: rest").replace("mode:", "mod:"))
    found = told(home, home / "integrations" / "juniper-api")
    assert {Path(fault.file).parent.name for fault in found} == {"juniper-api"}


def test_faults_of_several_files_come_together(home: Path) -> None:
    change(home, JUNIPER, "loan.months", "loan.mnths")
    change(home, POLICY, "validity_days", "valid_days")
    (home / "integrations" / "empty").mkdir()
    (home / "principals.yaml").write_text("principals: [{name: JUNIPER}]\n", encoding="utf-8")
    found = messages(home)
    assert "the wire schema has no loan.mnths (did you mean 'loan.months'?)" in found
    assert "unknown key 'valid_days' (did you mean 'validity_days'?)" in found
    assert "empty: warning: holds no integration.yaml" in found
    assert "principals.yaml:1:15: error: 'JUNIPER' is not a name" in found


def test_a_refer_share_above_the_policy_is_an_error(home: Path) -> None:
    change(home, POLICY, "max_refer_share: 0.5", "max_refer_share: 0.01")
    found = [fault for fault in told(home) if fault.severity == "error"]
    assert len(found) == 1
    assert "which allows 1% (not carried: debt)" in str(found[0])
    assert found[0].line == 15


def test_two_policies_of_a_product_may_not_begin_on_the_same_day(home: Path) -> None:
    text = (home / POLICY).read_text(encoding="utf-8")
    other = home / "policies" / "other.policy.yaml"
    other.write_text(text.replace("approve: 527", "approve: 600"), encoding="utf-8")
    assert "consumer-instalment.policy.yaml decides 'consumer-instalment' from the same day on" in messages(home)
    with pytest.raises(ConfigurationError, match="from the same day on"):
        install(Settings(home=home), with_ledger=False)
    other.write_text(other.read_text(encoding="utf-8").replace("2025-01-01", "2025-01-02"), encoding="utf-8")
    assert "from the same day on" not in messages(home)
    assert len(install(Settings(home=home), with_ledger=False).policies) == 2


def test_a_constant_for_what_the_model_weighs_is_worth_a_warning(home: Path) -> None:
    change(home, JUNIPER, "debt: not_carried", "debt: {constant: 0}")
    found = [fault for fault in told(home) if fault.severity == "warning"]
    assert [(fault.line, "would count as sent" in fault.message) for fault in found] == [(26, True)]


def test_a_rule_that_reads_what_is_not_carried_is_worth_a_warning(home: Path) -> None:
    change(home, POLICY, "when: loan_amount > 50000", "when: debt > 50000")
    found = [fault for fault in told(home) if fault.severity == "warning"]
    assert [(fault.line, "reads it, and never applies" in fault.message) for fault in found] == [(26, True)]


def test_a_sentinel_inside_what_training_saw_is_worth_a_warning(home: Path) -> None:
    change(home, JUNIPER, '"-1": blank', '"24000": blank, "-1": blank')
    found = [fault for fault in told(home) if fault.severity == "warning"]
    assert len(found) == 1
    assert "24000 stands for missing, but training saw values from" in found[0].message


def test_a_demonstration_bundle_does_not_go_live_unless_allowed(home: Path) -> None:
    change(home, JUNIPER, "mode: test", "mode: live")
    assert "SCOREGATE_ALLOW_DEMONSTRATION=juniper-api" in messages(home)
    assert [fault.severity for fault in told(home, allow_demonstration=["juniper-api"])] == ["note"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("adapter: rest", "adapter: rust", "rust"),
        ("currency: loan.currency", "currency: {constant: USD}", "was not trained for 'USD' (trained for: EUR)"),
        ("lookups: {}", "lookups: {x: {adapter: rest, key: applicationId}}", "the adapter 'rest' does no look-ups"),
        ("lookups: {}", "lookups: {x: {adapter: rust, key: applicationId}}", "rust"),
        ("  evidence.bundle: bundle\n", "  evidence.bndle: bundle\n", "did you mean 'evidence.bundle'?"),
        ("  decision.id: decision_id\n", "", "the answer does not name the decision"),
        ("schema: application", "schema: aplication", "did you mean 'application.schema.json'?"),
    ],
)
def test_an_integration_is_held_against_what_it_needs(home: Path, old: str, new: str, message: str) -> None:
    change(home, JUNIPER, old, new)
    found = messages(home)
    assert message in found
    assert "juniper-api/integration.yaml:" in found


class Bureau:
    """Looks up a debt and nothing else; it must not be asked while a home is linted."""

    name = "bureau"

    def wire(self, section: Mapping[str, Any], folder: Path) -> Codec:
        raise AssertionError("nobody calls it")

    def lookup(self, section: Mapping[str, Any], connections: Connections) -> Bureau:
        if "odd" in section:
            raise ConfigurationError("'odd' is no key of a look-up")
        return self

    def fetch(self, key: str) -> dict[str, Any]:
        raise AssertionError("lint asks nobody")

    def paths(self) -> tuple[str, ...]:
        return ("debt",)

    def check(self) -> None:
        raise AssertionError("lint asks nobody")


@pytest.mark.parametrize(
    ("keys", "field", "said"),
    [
        ("timeout: 5s", "debt", "error: waits 5s for its source, and the integration has 5s for everything"),
        ("odd: 1", "debt", "error: 'odd' is no key of a look-up"),
        ("cache: 1m", "dept", "the look-up 'bureau' does not give dept (did you mean 'debt'?)"),
        ("cache: 1m", "", "warning: nothing reads what 'bureau' finds, and submissions wait for it"),
        ("connection: core-bnak", "debt", "has no bureau connection 'core-bnak' (did you mean 'core-bank'?)"),
        ("connection: mainframe", "debt", "connections.yaml:2:13: error: is for 'other', and 'bureau' asks for it"),
    ],
)
def test_a_look_up_is_held_against_its_source_and_the_home(home: Path, keys: str, field: str, said: str) -> None:
    (home / "connections.yaml").write_text("core-bank: {adapter: bureau}\nmainframe: {adapter: other}\n")
    change(home, JUNIPER, "lookups: {}", f"lookups: {{bureau: {{adapter: bureau, key: applicationId, {keys}}}}}")
    if field:
        change(home, JUNIPER, "debt: not_carried", f"debt: lookup.bureau.{field} #")
    own = {"bureau": Bureau()}
    found = lint(home, lambda name: own.get(name) or adapters.load(name), today=date(2026, 10, 1))
    faults = [str(fault) for fault in found if fault.severity != "note"]
    assert len(faults) == 1
    assert said in faults[0]
    assert ":0:" not in faults[0]


def test_a_connection_that_is_not_there_is_told_for_the_wire_of_any_adapter(home: Path) -> None:
    (home / "connections.yaml").unlink()
    change(home, JUNIPER, "wire: {", "wire: {connection: core-bank, ")
    said = "connections.yaml has no rest connection 'core-bank'"
    assert [fault.severity for fault in told(home) if said in fault.message] == ["note"]
    (home / "connections.yaml").write_text("core-bnak: {adapter: rest}\n")
    (found,) = [fault for fault in told(home) if said in fault.message]
    assert (Path(found.file).name, found.line, found.severity) == ("integration.yaml", 8, "error")
    assert found.hint == "did you mean 'core-bnak'?"


def test_the_connections_that_are_used_are_held_against_what_their_adapter_takes(home: Path) -> None:
    kept = "adapter: odbc, drivr: x, passwort: geheim, port: 99999999, within: {login: soon}"
    (home / "connections.yaml").write_text(f"unused: {{adapter: odbc, drivr: y}}\ncobalt-core: {{{kept}}}\n")
    lookup = "{adapter: odbc, key: applicationId, connection: cobalt-core, table: T, by: K, columns: [debt]}"
    change(home, JUNIPER, "lookups: {}", f"lookups: {{bank: {lookup}}}")
    change(home, JUNIPER, "debt: not_carried", "debt: lookup.bank.debt #")
    faults = [fault for fault in told(home) if fault.file.endswith("connections.yaml")]
    assert [(fault.line, fault.severity) for fault in faults] == [(2, "error")] * 5
    assert "geheim" not in str(faults)
    assert {fault.message.split()[0] for fault in faults} == {"'drivr'", "'passwort'", "needs", "must", "'soon'"}


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("contract: loan_application@1.0.0", "contract: loan_outcome@1.0.0", "yaml:4:1: error: loan_outcome"),
        ("contract: loan_application@1.0.0", "contract: loan_decision@1.0.0", "yaml:4:1: error: loan_dec"),
        ("answer: loan_decision@1.0.0", "answer: loan_application@1.0.0", "yaml:5:1: error: loan_applic"),
    ],
)
def test_a_contract_in_the_wrong_place_is_named_with_the_right_one_and_keeps_the_integration_off(
    home: Path, old: str, new: str, place: str
) -> None:
    change(home, JUNIPER, old, new)
    found = messages(home)
    assert place in found
    assert f"did you mean '{old.partition(': ')[2]}'?" in found
    with pytest.raises(ConfigurationError, match="here the kind"):
        install(Settings(home=home), with_ledger=False).desk("juniper-api")


def test_a_contract_that_does_not_say_product_and_currency_is_none_of_applications(home: Path) -> None:
    text = (CATALOG / "loan_application/1.0.0.odcs.yaml").read_text(encoding="utf-8")
    own = home / "contracts/own/1.0.0.odcs.yaml"
    own.parent.mkdir(parents=True)
    for old, new in (("id: loan_application", "id: own"), ("- name: product", "- name: kind_of_loan")):
        text = text.replace(old, new)
    own.write_text(text, encoding="utf-8")
    change(home, JUNIPER, "contract: loan_application@1.0.0", "contract: own@1.0.0")
    assert "integration.yaml:4:1: error: own@1.0.0 has no required text 'product'" in messages(home)


def test_a_caller_nobody_knows_is_worth_a_warning(home: Path) -> None:
    (home / "principals.yaml").write_text(
        f"principals:\n- {{name: junipr, key_sha256: [{'a' * 64}], integrations: ['*'], operations: [score]}}\n",
        encoding="utf-8",
    )
    assert "warning: principals.yaml has no 'juniper' (did you mean 'junipr'?)" in messages(home)


def test_a_signing_secret_that_is_not_here_is_worth_a_warning(home: Path) -> None:
    caller = "name: juniper, integrations: ['*'], operations: [score], credentials: [{kind: signature, secret: "
    (home / "principals.yaml").write_text(f"principals:\n- {{{caller}'file:/nowhere/secret'}}]}}\n", encoding="utf-8")
    assert "principal juniper: warning: the signing secret of juniper is missing" in messages(home)


def test_an_integration_that_nobody_calls_needs_no_caller(home: Path) -> None:
    change(home, JUNIPER, "adapter: rest", "adapter: odbc")
    (home / "principals.yaml").write_text("principals: []\n", encoding="utf-8")
    assert not [message for message in messages(home) if "principals.yaml has no 'juniper'" in message]


def test_a_policy_names_a_bundle_that_is_there(home: Path) -> None:
    shutil.rmtree(home / "bundles")
    assert "which is not in bundles/ (there is no bundle at all)" in messages(home)


def test_an_altered_bundle_is_found(home: Path) -> None:
    card = next((home / "bundles").glob("*/*/card.json"))
    card.write_bytes(card.read_bytes() + b" ")
    assert "card.json" in messages(home)


def test_a_product_needs_a_policy(home: Path) -> None:
    change(home, POLICY, "product: consumer-instalment", "product: mortgage")
    assert "error: no policy for 'consumer-instalment' (there are policies for: mortgage)" in messages(home)
    shutil.rmtree(home / "policies")
    assert "warning: no policy for 'consumer-instalment'" in messages(home)


@pytest.mark.parametrize(
    ("old", "new"), [("mode: test", "mode: live"), ("product: consumer-instalment", "product: mortgage")]
)
def test_what_switches_an_integration_off_is_said_by_lint_in_the_same_words(home: Path, old: str, new: str) -> None:
    change(home, JUNIPER, old, new)
    off = install(Settings(home=home), with_ledger=False).faulty["juniper-api"]
    assert isinstance(off, ConfigurationError)
    (fault,) = off.faults
    assert fault in told(home)


def test_a_policy_without_its_bundle_is_told_by_the_start_as_by_lint(home: Path) -> None:
    shutil.rmtree(home / "bundles")
    with pytest.raises(ConfigurationError) as caught:
        install(Settings(home=home), with_ledger=False)
    assert set(caught.value.faults) <= set(told(home))


def test_a_folder_that_is_neither_says_so(tmp_path: Path) -> None:
    assert "is neither a home nor an integration" in messages(tmp_path, tmp_path)
