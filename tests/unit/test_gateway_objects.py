"""The object store is asked by digest, and by nothing that would lead out of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from contracts.errors import NotFound
from gateway.objects import ObjectStore


@pytest.mark.parametrize("name", ["../secret", "/dev/zero", "", ".", "A" * 64, "0" * 63, f"{'0' * 64}\n"])
def test_a_path_is_no_name_of_an_object(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("not an object")
    store = ObjectStore(tmp_path / "objects")
    store.put(b"an object")
    with pytest.raises(NotFound, match="no digest"):
        store.get(name)


def test_a_manifest_that_leads_out_of_its_folder_or_out_of_the_store_writes_nothing(tmp_path: Path) -> None:
    store, kept = ObjectStore(tmp_path / "objects"), hashlib.sha256(b"content").hexdigest()
    store.put(b"content")
    for line in (f"{kept}  ../escaped", f"{kept}  /{tmp_path}/escaped", "../../secret  inside", "no manifest"):
        digest = store.put(line.encode())
        with pytest.raises(NotFound):
            store.lay_out(digest, tmp_path / "scratch")
    assert not (tmp_path / "escaped").exists()
    assert not (tmp_path / "scratch" / "inside").exists()
