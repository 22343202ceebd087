"""An adapter in memory: lines of ``path=value`` in, lines out. It proves the ``run()`` shape with queues alone."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.errors import MalformedPayload, ScoregateError
from gateway.spi import Answer, Asked, Desk, Fields, Refusal, Site, Tree


class LinesCodec:
    """``a.b=value`` per line, UTF-8; an empty value is an empty text."""

    def fields(self) -> Fields:
        return Fields(None, None)

    def decode(self, raw: bytes, header: Mapping[str, str]) -> Tree:
        try:
            lines = raw.decode("utf-8").splitlines()
        except UnicodeDecodeError as exc:
            raise MalformedPayload(f"is not UTF-8 at byte {exc.start}", code="not_text") from exc
        tree: Tree = {}
        for number, line in enumerate(lines, 1):
            path, equals, value = line.partition("=")
            if not equals or not path:
                raise MalformedPayload(f"line {number} is not path=value", code="not_lines")
            _put(tree, path.split("."), value)
        tree["header"] = dict(header)
        return tree

    def encode(self, tree: Tree) -> bytes:
        return "".join(f"{path}={value}\n" for path, value in _leaves(tree, "")).encode()

    def refuse(self, refusal: Refusal) -> bytes:
        lines = [f"refused={refusal.error.detail_code}", *(f"{p['path']}={p['code']}" for p in refusal.problems)]
        return "\n".join(lines).encode()

    def native_path(self, path: str) -> str:
        return path


@dataclass
class MemoryAdapter:
    """Takes submissions from ``inbox`` in batches of what is there, puts (submission, result) pairs into ``outbox``."""

    name: str = "memory"
    inbox: queue.Queue[Asked] = field(default_factory=queue.Queue)
    outbox: queue.Queue[tuple[Asked, Answer | ScoregateError]] = field(default_factory=queue.Queue)

    def wire(self, section: Mapping[str, Any], folder: Path) -> LinesCodec:
        return LinesCodec()

    def run(self, desk: Desk, site: Site) -> None:
        while not ((site.once or site.stop.is_set()) and self.inbox.empty()):
            batch = self._batch()
            for asked, result in zip(batch, desk.decide_many(batch), strict=True):
                self.outbox.put((asked, result))

    def _batch(self) -> list[Asked]:
        try:
            batch = [self.inbox.get(timeout=0.05)]
        except queue.Empty:
            return []
        while not self.inbox.empty():
            batch.append(self.inbox.get())
        return batch


def _put(tree: Tree, steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            raise MalformedPayload("a path runs through a value", code="not_lines")
        tree = below
    tree[steps[-1]] = value


def _leaves(node: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(node, dict):
        return [leaf for key, below in node.items() for leaf in _leaves(below, f"{path}.{key}" if path else key)]
    if isinstance(node, list):
        return [leaf for place, below in enumerate(node) for leaf in _leaves(below, f"{path}[{place}]")]
    return [(path, node)]
