"""The house keeps its shape: who may import what, how long a file may be, what may stand at the top."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ["contracts", "models", "gateway", "adapters"]
PRODUCT = sorted(path for package in ORDER for path in (ROOT / package).rglob("*.py"))
TOP = {
    "README.md", "pyproject.toml", "gateway", "adapters", "contracts", "models", "tests", "fixtures", "docker",
    "Makefile", "LICENSE", ".ci", ".gitignore", ".gitattributes", ".dockerignore", "CHANGELOG.md", "CONTRIBUTING.md",
}  # fmt: skip
WEB = ("fastapi", "starlette", "uvicorn")
LEGACY = ("zeep", "lxml", "signxml", "pyodbc", "fsspec")
HEAVY = ("sklearn", "shap", "skops", "polars", "pyarrow", "pandas", "scipy")
WORLD = ("os", "time", "socket", "subprocess", "random", "structlog", "logging", "sqlalchemy", "httpx", "threading")
SPI_OF_ADAPTERS = ("gateway.spi", "contracts", "models.types", "adapters")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module of a file, and whether it is imported when the file is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    outer = {id(node) for node in _at_import(tree.body)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, id(node) in outer) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{name.name}", id(node) in outer) for name in node.names)


def _at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            yield from _at_import(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from _at_import(node.body)


def reaches(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def offenders(package: str, names: tuple[str, ...], *, but: tuple[str, ...] = (), eager: bool = False) -> list[str]:
    """``file imports module`` for every import of ``names`` below ``package`` outside the places of ``but``."""
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith(but or ("-",)):
            found += [f"{place} imports {m}" for m, at in imports(path) if reaches(m, names) and (at or not eager)]
    return found


@pytest.mark.parametrize("package", ORDER)
def test_arrows_run_one_way(package: str) -> None:
    later = tuple(ORDER[ORDER.index(package) + 1 :])
    assert not offenders(package, later, but=("gateway/bootstrap.py",))


def test_who_may_call_is_known_without_a_protocol() -> None:
    assert not offenders("gateway/access", ("gateway.http", *WEB))


def test_adapters_know_only_the_spi_the_contracts_and_the_types() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / "adapters").rglob("*.py"))
        for module, _ in imports(path)
        if reaches(module, tuple(ORDER)) and not reaches(module, SPI_OF_ADAPTERS)
    ]
    assert not found


def test_web_frameworks_stay_at_the_doors() -> None:
    for package in ORDER:
        assert not offenders(package, WEB, but=("gateway/http/", *transports()))


def test_legacy_libraries_stay_in_adapters() -> None:
    for package in ("contracts", "models", "gateway"):
        assert not offenders(package, LEGACY)


def test_heavy_libraries_load_only_when_first_needed() -> None:
    for package in ORDER:
        assert not offenders(package, HEAVY, eager=True)


def test_the_core_reads_nothing_of_the_world() -> None:
    core = ["contracts/mapping", "models"]
    allowed = ("models/training", "models/bundle.py")
    assert not [line for place in core for line in offenders(place, WORLD, but=allowed)]
    assert not [m for m, _ in imports(ROOT / "gateway" / "pipeline.py") if reaches(m, WORLD)]


def test_no_error_knows_a_protocol() -> None:
    text = (ROOT / "contracts" / "errors.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not {name for name in names if name.lower() in {"status", "http_status", "faultcode", "sqlstate"}}


def test_the_error_tree_stays_small_and_is_drawn_whole() -> None:
    import contracts.errors as errors

    def below(kind: type) -> Iterator[type]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    ours = {kind for kind in below(errors.ScoregateError) if kind.__module__ == "contracts.errors"}
    assert len(ours) + 1 <= 14
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in ours)


def test_secrets_are_compared_in_constant_time() -> None:
    """``==`` ends at the first byte that differs; what callers send meets what is kept in ``compare_digest`` alone."""
    guarded = ("digest", "secret", "signature", "sha256", "password", "expected")
    found = []
    for path in sorted((ROOT / "gateway" / "access").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
                text = ast.unparse(node)
                if any(word in text.lower() for word in guarded) and "len(" not in text and "'" not in text:
                    found.append(f"{path.name}:{node.lineno}: {text}")
    assert not found
    layer = (ROOT / "gateway/access/layer.py").read_text() + (ROOT / "gateway/access/passwords.py").read_text()
    assert layer.count("hmac.compare_digest(") >= 3


def test_files_stay_short() -> None:
    ours = [*PRODUCT, *sorted((ROOT / "tests").rglob("*.py"))]
    assert not [f"{p.relative_to(ROOT)}: {n}" for p in ours if (n := len(p.read_text().splitlines())) > 500]


def test_nothing_else_stands_at_the_top() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {line.split("/")[0] for line in listed.splitlines()} - TOP


def test_the_wheel_ships_exactly_the_four_packages() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["gateway", "adapters", "contracts", "models"]
    assert not list((ROOT / "tests").rglob("__init__.py"))


def transports() -> tuple[str, ...]:
    return tuple(p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "adapters").glob("*/transport.py")))
