"""``train --policy``: a policy takes another bundle, or is left as it was and says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_bundle import CONTRACT, small_bundle
from typer.testing import CliRunner

from contracts.errors import ConfigurationError
from gateway.cli import app
from gateway.drafting.adopt import Adoption
from models.policy import Policy

POLICY = """\
# Decided by the credit committee.
name: consumer
version: 1.3.2 # counted up at every change
product: consumer-instalment
bundle: {name: old, digest: "0000000000000000000000000000000000000000000000000000000000000000"} # the champion
cut_offs: {approve: 527, decline: 505}
refer_rules:
  - {id: large, when: amount > 15000}
validity_days: 30
effective: {from: 2025-01-01}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "consumer.policy.yaml").write_text(POLICY, encoding="utf-8")
    return tmp_path / "consumer.policy.yaml"


def test_it_names_the_bundle_and_counts_its_version_up_and_changes_nothing_else(file: Path) -> None:
    done = Adoption(file).write(small_bundle(), CONTRACT)
    text = file.read_text(encoding="utf-8")
    expected = (
        POLICY.replace("1.3.2", "1.4.0").replace("name: old", "name: small").replace("0" * 64, small_bundle().digest)
    )
    assert text == expected
    assert (done.before, done.after) == ("1.3.2", "1.4.0")
    assert Policy.read(file).bundle_digest == small_bundle().digest
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_rule_that_does_not_fit_the_bundle_leaves_the_policy_as_it_was(file: Path) -> None:
    file.write_text(POLICY.replace("amount > 15000", "wealth > 3"), encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match=r"consumer\.policy\.yaml:8.*wealth"):
        Adoption(file).write(small_bundle(), CONTRACT)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("bundle: {", "bundle:\n  {"), "no line of its own for 'bundle'"),
        (lambda text: text.replace("validity_days", "validity_dys"), "did you mean 'validity_days'?"),
        (lambda text: text.replace("product: consumer-instalment", "product: mortgage"), "the model is made for"),
        (lambda text: "", "consumer.policy.yaml"),
        (None, "consumer.policy.yaml"),
    ],
    ids=["another layout", "a typing error", "another product", "empty", "not there"],
)  # fmt: skip
def test_what_is_wrong_with_the_policy_is_said_before_anything_is_trained(
    tmp_path: Path, file: Path, change, says
) -> None:  # type: ignore[no-untyped-def]
    file.write_text(change(POLICY), encoding="utf-8") if change else file.unlink()
    credit = Path(__file__).parents[2] / "fixtures" / "credit_data"
    out = tmp_path / "bundle"
    words = ["train", "--data", str(credit / "credit_data.csv"), "--spec", str(credit / "credit_risk.spec.yaml"),
             "--out", str(out), "--policy", str(file)]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, ConfigurationError)
    assert says in str(done.exception)
    assert not out.exists()
