"""Bring the system packages the tests need: installed where we are root, else named with their install line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).parents[1] / "docker" / "apt-packages.txt"


def wanted(text: str, use: str | None = None) -> list[str]:
    """Package names of the list, of one use (``run`` or ``test``) or of all."""
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [row[0] for row in rows if use is None or row[1] == use]


def installed(package: str) -> bool:
    """Whether it is there. A program of its name is enough: npm, say, may have come with a Node.js that is not
    Debian's, and Debian's own would then be in conflict with it.
    """
    if shutil.which(package) is not None:
        return True
    if shutil.which("dpkg-query") is None:
        return False
    answer = subprocess.run(["dpkg-query", "-W", "-f=${Status}", package], capture_output=True, text=True, check=False)
    return answer.stdout.endswith("ok installed")


def main() -> int:
    missing = [package for package in wanted(LIST.read_text()) if not installed(package)]
    if not missing:
        return 0
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"system packages missing, what needs them is skipped and named at the end: {line}", file=sys.stderr)
        return 0
    quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update", "-qq"], check=True, **quiet)
    return subprocess.run(line.split(), check=False, **quiet).returncode


if __name__ == "__main__":
    sys.exit(main())
