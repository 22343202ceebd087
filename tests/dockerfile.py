"""A small interpreter of docker/Dockerfile for a machine without a container engine.

Every stage is made in one clean folder that stands for ``/``; paths of the image in commands and variables are
rewritten to it. What such a machine cannot do is checked as far as it can be, and named in ``Build.report``:

* the base image is not pulled: the Python that runs this stands in for it;
* system packages are not installed: the selection from the list is made as the step makes it;
* requirements are not downloaded: each pin must be installed here in that very version, and is linked in, so that the
  image sees the pinned packages and nothing else of this machine;
* the root file system is not mounted read-only: nothing in it can be written by the user the gateway runs as. That
  user may read everywhere, because the Python of this machine may lie where only root can look.

``python tests/dockerfile.py`` builds and prints what it did.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
OURS = re.compile(r"(?<![\w./-])/(?=(?:opt|src|state|home/scoregate|usr/share/scoregate)\b)")
"""Where a path of the image begins; all others are the machine's."""
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^ \\;]+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
RESTORED = ("PYTHONPATH", "NUMBA_CACHE_DIR", "OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS")


class Instruction(NamedTuple):
    keyword: str
    options: dict[str, str]
    text: str


def parse(text: str) -> list[Instruction]:
    """The instructions in order, continued lines joined, comments left out, options (``--from=x``) apart."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, rest = line.partition(" ")
        options = {}
        while match := re.match(r"\s*--([a-z-]+)=(\S+)\s+", rest):
            options[match[1]] = match[2]
            rest = rest[match.end() :]
        text = rest.strip() if keyword == "RUN" else " ".join(rest.split())
        found.append(Instruction(keyword.upper(), options, text))
    return found


@dataclass
class Build:
    """The state of the stage that is being built; at the end, what the image says about itself."""

    place: Path
    """Holds ``root``, the folder that stands for ``/``, and the stages built before."""
    base: str = ""
    stage: str = ""
    user: str = "0:0"
    folder: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    """Instructions that only declare something, by keyword."""
    report: list[str] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.place / "root"

    def here(self, text: str) -> str:
        """A text with every path of the image as it is on this machine."""
        return OURS.sub(f"{self.root}/", text)

    def at(self, path: str) -> Path:
        return self.root / os.path.normpath(PurePosixPath(self.folder, path)).lstrip("/")

    def environment(self) -> dict[str, str]:
        """What a process in the image would see, and what the machine needs to run it."""
        machine = {name: value for name, value in os.environ.items() if not name.startswith("SCOREGATE_")}
        for name in RESTORED:
            machine.pop(name, None)
        return {**machine, "TMPDIR": str(self.root / "tmp"), **{k: self.here(v) for k, v in self.env.items()}}

    def exec_form(self, keyword: str) -> list[str]:
        return [self.here(part) for part in json.loads(self.said[keyword])]


def build(place: Path, dockerfile: Path = DOCKERFILE, context: Path = ROOT) -> Build:
    """Run every instruction; raises CalledProcessError or AssertionError where a step fails."""
    state = Build(place)
    for instruction in parse(dockerfile.read_text(encoding="utf-8")):
        step = _STEPS.get(instruction.keyword)
        if step is None:
            state.said[instruction.keyword] = re.sub(r"^CMD ", "", instruction.text)
        else:
            step(state, instruction, context)
    return state


def _arg(state: Build, instruction: Instruction, _context: Path) -> None:
    name, _, value = instruction.text.partition("=")
    state.arguments[name] = value.strip('"')


def _from(state: Build, instruction: Instruction, _context: Path) -> None:
    if state.root.exists():
        state.root.rename(state.place / state.stage)
    image, _, name = instruction.text.partition(" AS ")
    state.base = re.sub(r"\$\{(\w+)\}", lambda match: state.arguments[match[1]], image)
    python = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
    assert state.base.startswith(python), f"the base is {state.base}; this suite runs on {python}"
    state.stage, state.folder = name, "/"
    state.env = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for folder in ("tmp", "usr/share"):
        (state.root / folder).mkdir(parents=True, exist_ok=True)
    (state.root / "tmp").chmod(0o1777)
    state.report.append(f"not run   FROM {state.base}: stands in {sys.executable}")


def _env(state: Build, instruction: Instruction, _context: Path) -> None:
    for pair in shlex.split(instruction.text):
        name, _, value = pair.partition("=")
        state.env[name] = re.sub(r"\$\{?(\w+)\}?", lambda match: state.env[match[1]], value)


def _workdir(state: Build, instruction: Instruction, _context: Path) -> None:
    state.folder = str(PurePosixPath(state.folder, instruction.text))
    state.at(".").mkdir(parents=True, exist_ok=True)


def _user(state: Build, instruction: Instruction, _context: Path) -> None:
    state.user = instruction.text


def _copy(state: Build, instruction: Instruction, context: Path) -> None:
    *sources, target = instruction.text.split()
    assert sources, instruction
    for source in sources:
        to = state.at(target)
        if "from" in instruction.options:
            shutil.copytree(state.place / instruction.options["from"] / source.lstrip("/"), to, symlinks=True)
            continue
        _copy_context(context, source, to if len(sources) == 1 and not target.endswith("/") else to / source)
    state.report.append(f"run       COPY {instruction.text}")


def _copy_context(context: Path, source: str, to: Path) -> None:
    """A file or folder of the context, less what .dockerignore keeps out of it."""
    ignored = [line for line in (context / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    origin, copied = context / source, 0
    for path in [origin] if origin.is_file() else sorted(origin.rglob("*")):
        if path.is_file() and not _is_ignored(path.relative_to(context).as_posix(), ignored):
            target = to if origin.is_file() else to / path.relative_to(origin)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
            copied += 1
    assert copied, f"COPY {source}: there is nothing of it in the context; see .dockerignore"


def _is_ignored(path: str, patterns: list[str]) -> bool:
    """The last pattern that fits a path or a folder above it decides."""
    places = [path, *(parent.as_posix() for parent in Path(path).parents if parent.name)]
    ignored = False
    for pattern in patterns:
        bare = pattern.lstrip("!")
        if bare.startswith("**/"):
            fits = any(fnmatch.fnmatch(step, bare[3:]) for step in path.split("/"))
        else:
            fits = any(fnmatch.fnmatch(place, bare) for place in places)
        if fits:
            ignored = not pattern.startswith("!")
    return ignored


def _run(state: Build, instruction: Instruction, _context: Path) -> None:
    command = instruction.text
    if "apt-get" in command:
        selected = _selection(state, command)
        state.report.append(f"not run   RUN apt-get …: it would install {selected or 'no package'}")
        return
    if match := re.search(r"--require-hashes -r (\S+)", command):
        linked = link_pins(state.at(match[1]), next(state.at("/opt/scoregate").glob("lib/*/site-packages")))
        state.report.append(f"checked   RUN … {match[0]}: {linked} pins, each here in that version, are linked in")
        return
    if os.geteuid() != 0:
        command = re.sub(r"-[og] \d+ ", "", command)
    _shell(state, command)
    state.report.append(f"run       RUN {' '.join(command.split())[:100]}")


def _shell(state: Build, command: str) -> str:
    done = subprocess.run(
        ["sh", "-ec", state.here(command)], cwd=state.at("."), env=state.environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, f"RUN {command}\n{done.stdout}{done.stderr}"
    return done.stdout


def _selection(state: Build, command: str) -> str:
    """What the ``$(…)`` of the step gives."""
    match = re.search(r"\$\((awk .*?)\) *(?:&&|$)", command)
    assert match, f"no selection from the list of system packages in: {command}"
    return " ".join(_shell(state, match[1]).split())


def link_pins(requirements: Path, site: Path) -> int:
    """Link every pinned package into ``site``; raises AssertionError for one without hash, or not here as pinned."""
    pins = PIN.findall(requirements.read_text(encoding="utf-8"))
    for name, version, rest in pins:
        assert "--hash=sha256:" in rest, f"{name} has no hash"
        distribution = metadata.distribution(name)
        assert distribution.version == version, f"{name} {version} is pinned, {distribution.version} is here"
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return len(pins)


_STEPS = {"ARG": _arg, "FROM": _from, "ENV": _env, "WORKDIR": _workdir, "USER": _user, "COPY": _copy, "RUN": _run}


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        print(*build(Path(place)).report, sep="\n")


if __name__ == "__main__":
    main()
