"""How kernels are compiled, and where they are kept."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASK = """
import sys
from pathlib import Path
from models.compilation import cache_folder
print(cache_folder(Path('/x')), 'numba' in sys.modules)
"""

WARM = """
import sys
sys.path.insert(0, 'tests')
from small_bundle import small_bundle
from models.scoring import Scorer
Scorer(small_bundle()).warm()
"""


def asked(root: Path) -> str:
    run = subprocess.run([sys.executable, "-c", ASK], cwd=root, capture_output=True, text=True, check=True)
    folder, loaded = run.stdout.split()
    assert loaded == "False"
    return folder


def test_the_folder_changes_with_any_source_of_the_core_and_is_found_without_numba(tmp_path: Path) -> None:
    """numba itself does not notice when a kernel changes that is called from another file."""
    shutil.copytree(ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    before = asked(tmp_path)
    assert before.startswith("/x/kernels-")
    assert asked(tmp_path) == before
    with (tmp_path / "models" / "imputer.py").open("a") as source:
        source.write("# another line\n")
    assert asked(tmp_path) != before


def test_python_has_no_way_into_a_part_of_a_kernel() -> None:
    """Called from Python it would end the process, so only compiled functions may name it."""
    places = [*sorted((ROOT / "models").glob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
    trees = {f"{path.parent.name}.{path.stem}": ast.parse(path.read_text()) for path in places}
    parts = {name: {part.name for part in decorated(tree, {"part"})} for name, tree in trees.items()}
    assert sum(map(len, parts.values())) > 20
    for name, tree in trees.items():
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        brought = {
            alias.name for node in imports for alias in node.names if alias.name in parts.get(str(node.module), ())
        }
        inside = {id(node) for function in decorated(tree, {"part", "compiled"}) for node in ast.walk(function)}
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in inside}
        assert not named & (parts[name] | brought), name


def decorated(tree: ast.Module, names: set[str]) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and names & {ast.unparse(one) for one in node.decorator_list}:
            yield node


@pytest.mark.soak
def test_a_cold_start_compiles_every_kernel_once(tmp_path: Path) -> None:
    """A second form of one function, for a constant or another order of memory, costs as much as the first."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", WARM], cwd=ROOT, env=environment, check=True)
    kept = Counter(path.name.split("-")[0] for path in tmp_path.rglob("*.nbc"))
    assert kept["kernel.attribute"] and set(kept.values()) == {1}
