"""Where compiled kernels are kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ASK = """
import sys
from pathlib import Path
from models.compilation import cache_folder
print(cache_folder(Path('/x')), 'numba' in sys.modules)
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
