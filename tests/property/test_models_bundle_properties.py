"""Nothing in a bundle's folder can change unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_parts import bundle

from contracts.errors import ConfigurationError
from models.bundle import FILES, MANIFEST, Bundle


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        bundle().save(Path(name))
        yield Path(name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from((*FILES, MANIFEST)), place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_any_altered_byte_refuses_the_bundle(folder: Path, name: str, place: float, mask: int) -> None:
    content = (folder / name).read_bytes()
    altered = bytearray(content)
    altered[int(place * len(content))] ^= mask
    (folder / name).write_bytes(altered)
    try:
        with pytest.raises(ConfigurationError):
            Bundle.load(folder, bundle().digest)
    finally:
        (folder / name).write_bytes(content)


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from((*FILES, MANIFEST)), kept=st.floats(0, 1, exclude_max=True))
def test_any_truncated_file_refuses_the_bundle(folder: Path, name: str, kept: float) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(kept * len(content))])
    try:
        with pytest.raises(ConfigurationError):
            Bundle.load(folder)
    finally:
        (folder / name).write_bytes(content)
