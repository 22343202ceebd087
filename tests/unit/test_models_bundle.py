"""A bundle as a folder: the same bytes from the same inputs, and nothing taken on trust."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_parts import CONTRACT, FEATURES, FIELDS, GROUPS, REASONS, applicants, bundle, record

from contracts.errors import ConfigurationError
from models.archive import canonical, pack, unpack
from models.bundle import Bundle
from models.features import Feature
from models.imputer import Imputer
from models.reason_map import Group, Wording
from models.scoring import Scorer

WORDS = Wording("", "", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle().save(tmp_path / "bundle")
    return tmp_path / "bundle"


def relist(folder: Path, **changes: Any) -> None:
    """Write a manifest that is right about the files as they are now, with ``changes``: what an attacker would do."""
    manifest = json.loads((folder / "bundle.json").read_bytes()) | changes
    manifest["files"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "bundle.json"
    }
    (folder / "bundle.json").write_bytes(canonical(manifest))


def test_a_bundle_comes_back_as_it_was_saved(folder: Path) -> None:
    loaded = Bundle.load(folder, bundle().digest)
    assert loaded == bundle()
    assert loaded.digest == hashlib.sha256((folder / "bundle.json").read_bytes()).hexdigest()
    assert Scorer(loaded).score(record()).score == Scorer(bundle()).score(record()).score
    loaded.check(CONTRACT)


def test_the_same_inputs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    b = bundle()
    again = Bundle.create(
        name=b.name,
        version=b.version,
        use=b.use,
        contract=CONTRACT,
        products=b.products,
        currencies=b.currencies,
        features=FEATURES,
        reason_map=REASONS,
        tables=b.tables,
        imputer=Imputer.fit(applicants()[0], b.feature_set.fields, draws=64),
        blank_support=dict(reversed(list(b.blank_support.items()))),
        ranges=b.ranges,
        card={"limits": ["made up"], "validation": {"auc": 0.9}},
    )
    again.save(tmp_path / "again")
    assert again.digest == b.digest
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()
    }


def test_what_the_bundle_read_is_known(folder: Path) -> None:
    loaded = Bundle.load(folder)
    assert [f.name for f in loaded.fields] == ["income", "debt", "years", "job", "owner"]
    assert loaded.positions == (1, 2, 3, 4, 5)
    assert (loaded.supports_blank("income"), loaded.supports_blank("years")) == (True, False)
    assert loaded.ranges["job"].codes == ("fixed", "part_time")
    assert (loaded.use, loaded.ref, loaded.products) == ("demonstration", "small@1.0.0", ("consumer-instalment",))


@pytest.mark.parametrize("name", ["card.json", "imputer.npz", "reasons.json", "tables.npz"])
def test_an_altered_file_is_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"{name}.*SHA-256"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", ["bundle.json", "card.json", "reasons.json", "tables.npz"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ConfigurationError, match=name):
        Bundle.load(folder)


@pytest.mark.parametrize("name", ["model.pkl", "notes.txt", "tables.npz.bak"])
@pytest.mark.parametrize("listed", [False, True])
def test_a_file_that_does_not_belong_is_refused_listed_or_not(folder: Path, name: str, listed: bool) -> None:
    (folder / name).write_bytes(pickle.dumps({"a": 1}))
    if listed:
        relist(folder)
    with pytest.raises(ConfigurationError, match=f"{name}.*no part of a bundle"):
        Bundle.load(folder)


def test_a_pickle_in_an_archive_is_never_opened(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return (Path.touch, (str(folder.parent / "burst"),))  # type: ignore[return-value]

    archive = io.BytesIO()
    np.savez(archive, allow_pickle=True, thresholds=np.array([Bomb()], dtype=object))
    (folder / "tables.npz").write_bytes(archive.getvalue())
    relist(folder)
    with pytest.raises(ConfigurationError, match="not laid out as a bundle"):
        Bundle.load(folder)
    assert not (folder.parent / "burst").exists()


def test_an_archive_with_compressed_or_foreign_members_is_refused() -> None:
    for name, method in (("a.npy", zipfile.ZIP_DEFLATED), ("a.pkl", zipfile.ZIP_STORED)):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", method) as archive:
            archive.writestr(name, b"x" * 100)
        with pytest.raises(ValueError, match="not a stored array"):
            unpack(content.getvalue())


def test_an_archive_depends_on_its_arrays_only() -> None:
    arrays = {"b": np.arange(3), "a": np.array([[1.5, np.nan]])}
    content = pack(arrays)
    assert content == pack(dict(reversed(list(arrays.items()))))
    assert all((unpack(content)[name] == array).all() or name == "a" for name, array in arrays.items())
    with pytest.raises(ValueError, match="Object arrays"):
        pack({"a": np.array([object()])})


def test_a_link_in_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "card.json").rename(folder.parent / "card.json")
    (folder / "card.json").symlink_to(folder.parent / "card.json")
    with pytest.raises(ConfigurationError, match=r"card.json.*not a plain file"):
        Bundle.load(folder)


def test_another_bundle_than_the_one_named_is_refused(folder: Path) -> None:
    relist(folder, name="other")
    Bundle.load(folder)
    with pytest.raises(ConfigurationError, match=f"expected was {bundle().digest[:12]}"):
        Bundle.load(folder, bundle().digest)


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"files": 3}', '{"files": {}, "format": 1}'])
def test_a_manifest_of_another_shape_is_refused(folder: Path, text: str) -> None:
    (folder / "bundle.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"bundle\.json|no part of a bundle"):
        Bundle.load(folder)


def test_a_manifest_in_another_layout_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "bundle.json").read_bytes())
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigurationError, match="canonical"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 3},
        {"use": "anything"},
        {"features": [{"name": "x"}]},
        {"features": [{"name": "x", "expression": "wealth", "group": "money", "monotone": 0}]},
        {"products": []},
        {"fields": []},
        {"scale": {"pdo": 20}},
    ],
    ids=str,
)
def test_a_manifest_that_contradicts_itself_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    relist(folder, **changes)
    with pytest.raises(ConfigurationError):
        Bundle.load(folder)


def test_saving_twice_is_harmless_and_over_another_bundle_is_refused(folder: Path) -> None:
    bundle().save(folder)
    other = Bundle.create(
        **{name: getattr(bundle(), name) for name in
           ("name", "use", "products", "currencies", "features", "reason_map", "tables", "imputer", "blank_support",
            "ranges", "card")},
        version="1.0.1",
        contract=CONTRACT,
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match="never changes"):
        other.save(folder)


def changed(name: str, **what: Any) -> Any:
    fields = tuple(replace(f, **what) if f.name == name else f for f in FIELDS)
    return replace(CONTRACT, fields=fields)


@pytest.mark.parametrize(
    ("contract", "named"),
    [
        (changed("job", codes=("part_time", "fixed", "freelance")), "'job' with codes"),
        (changed("income", scale=0), "'income' with scale"),
        (changed("debt", unit="cents"), "'debt' with unit"),
        (changed("years", type="decimal"), "'years' with type"),
        (changed("owner", protected=True), "'owner', which is protected"),
        (replace(CONTRACT, fields=FIELDS[1:]), "position"),
        (replace(CONTRACT, fields=FIELDS[:4]), "'job', which the contract does not have"),
        (replace(CONTRACT, version="1.1.0"), r"made for application@1.0.0, not for application@1.1.0"),
        (replace(CONTRACT, digest="cd" * 32), "published version never changes"),
    ],
)
def test_a_contract_the_bundle_was_not_made_for_is_refused_by_field(contract: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        bundle().check(contract)


def test_every_field_that_does_not_fit_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        bundle().check(replace(CONTRACT, fields=FIELDS[:3]))
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"reason_map": replace(REASONS, groups=GROUPS[:2])}, "unknown group 'home'"),
        ({"reason_map": replace(REASONS, groups=(*GROUPS, Group("home", "R4", {"en": WORDS})))}, "same name"),
        ({"reason_map": replace(REASONS, groups=(*GROUPS[:2], Group("home", "R3", {"de": WORDS})))}, "in common"),
        ({"features": FEATURES[:4]}, "tables read 5 features, there are 4"),
        ({"features": (*FEATURES[:4], Feature("owner", "given(owner) and wealth > 1", "home"))}, "'wealth'"),
        ({"features": (*FEATURES[:4], Feature("old", "age > 60", "home"))}, "protected"),
        ({"products": ()}, "no product"),
    ],
)
def test_parts_that_do_not_fit_make_no_bundle(changes: dict[str, Any], named: str) -> None:
    names = ("name", "version", "use", "products", "currencies", "features", "reason_map", "tables", "imputer",
             "blank_support", "ranges", "card")  # fmt: skip
    parts = {name: getattr(bundle(), name) for name in names}
    with pytest.raises(ConfigurationError, match=named):
        Bundle.create(contract=CONTRACT, **{**parts, **changes})
