"""What look-ups add to a submission before it is mapped: *gather*, the shell's part of the path.

Three things come of a look-up, and a mapping tells them apart. Something is found: its values, of origin ``lookup``.
Nothing is found, or the submission has no key to ask by: the values are absent, and the mapping's ``missing:`` says
what that means. The source does not answer, or not in time: the fields are not carried, cause ``source_down``.

A source may hang in a call that nothing can end, so each asking has a thread of its own that the process need not wait
for; the submission waits for its answer so long and no longer. What it gave up may go on for hours: it gives its place
to others, so that a source that is there again is asked on a new connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from contracts.errors import (
    ConfigurationError,
    InternalFault,
    InvalidRecord,
    MissingLibrary,
    ScoregateError,
    UpstreamError,
)
from contracts.mapping.paths import ABSENT, getter
from contracts.mapping.request import JOINT, NATIVE
from contracts.types import Problem
from gateway.breaker import Breaker
from gateway.cache import Cache
from gateway.lookup_specs import LookupSpec
from gateway.spi import LookupSource, PlannedSource, Tree
from gateway.watching.lookout import Lookout
from gateway.watching.sources import SourceWatch

T = TypeVar("T")
LONGEST_KEY: Final = 256
LATE: Final = "late"
MOST_GIVEN_UP: Final = 16
"""Askings of one look-up that may still hang while others take their places."""
Awaited = Callable[[], Tree | None]
"""Waits for an answer: what was found, empty where nothing was, None where the source is down."""


class Lookup:
    """One declared look-up of one integration, ready to be made from any thread; ``clock`` gives seconds."""

    def __init__(
        self,
        spec: LookupSpec,
        source: LookupSource,
        watch: SourceWatch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source, self.failure = source, ""
        """``failure`` says why the newest asking failed; empty where it worked, or none was made."""
        self._path, self._key = spec.key, getter(spec.key)
        self._timeout, self._clock = spec.timeout, clock
        self._watch = watch or SourceWatch(Lookout.silent(), "", "")
        self._breaker = Breaker(clock)
        self._cache: Cache[Tree] = Cache(spec.cache, clock)
        self._at_once, self._places = spec.at_once, threading.Semaphore(spec.at_once)
        self._given_up: set[Future[Any]] = set()
        self._lock = threading.Lock()

    def ask(self, tree: Tree) -> Awaited:
        """Begin to ask for what a submission needs; it is waited for by calling what comes back, and must be.

        Raises InvalidRecord as ``key`` does.
        """
        return self.begin(self.key(tree))

    def begin(self, key: str) -> Awaited:
        """The same for a key; an empty one is nobody's."""
        if not key:
            return dict
        if (cached := self._cache.get(key)) is not None:
            self._watch.count("cached")
            return lambda: cached
        began = self._breaker.admit()
        if began is None:
            self._watch.count("failed")
            return lambda: None
        asking = self._begin(lambda: self._fetch(key))
        return lambda: self._wait(asking, began)

    def key(self, tree: Tree) -> str:
        """Whom to ask for, empty for nobody. Raises InvalidRecord where the submission has several keys: one applicant
        is looked up, never the first of two.
        """
        key = self._key(tree)
        if key is ABSENT and (several := len(self._path.walk(tree).values)) > 1:
            seen, expected = f"{several} keys where one is expected", "one applicant in each application"
            raise InvalidRecord([Problem(JOINT, "lookup", f"{NATIVE}{self._path}", seen, expected)])
        return key_text(key)

    def examine(self) -> Callable[[], None]:
        """Begin to ask the source whether it can give what is declared. What comes back waits for its word, and raises
        ConfigurationError where it cannot; a source that does not answer is none of that.
        """
        if not isinstance(self.source, PlannedSource):
            return lambda: None
        asking, began = self._begin(self.source.check), self._clock()

        def wait() -> None:
            try:
                asking.result(max(0.0, began + self._timeout - self._clock()))
            except (ConfigurationError, MissingLibrary):
                raise
            except TimeoutError:
                self._give_up(asking)
            except UpstreamError:
                pass
            except Exception as error:  # noqa: BLE001 # as below
                self._watch.fault(error)

        return wait

    def _begin(self, work: Callable[[], T]) -> Future[T]:
        asking: Future[T] = Future()
        threading.Thread(target=self._work, args=(work, asking), name="look-up", daemon=True).start()
        return asking

    def _work(self, work: Callable[[], T], asking: Future[T]) -> None:
        if not self._places.acquire(timeout=self._timeout):
            return  # given up by now
        try:
            if asking.set_running_or_notify_cancel():
                asking.set_result(work())
        except BaseException as error:  # noqa: BLE001 # whoever waits is told
            asking.set_exception(error)
        finally:
            with self._lock:
                if asking in self._given_up:
                    self._given_up.discard(asking)
                else:
                    self._places.release()

    def _give_up(self, asking: Future[Any]) -> bool:
        """Wait for it no longer; whether it had begun."""
        if asking.cancel():
            return False
        with self._lock:
            if not asking.done() and len(self._given_up) < MOST_GIVEN_UP:
                self._given_up.add(asking)
                self._places.release()
        return True

    def _fetch(self, key: str) -> Tree:
        """Ask; an answer that is late is kept all the same, for the next who asks."""
        since = self._clock()
        found = self.source.fetch(key)
        self._cache.put(key, found, since)
        return found

    def _wait(self, asking: Future[Tree], began: float) -> Tree | None:
        try:
            found = asking.result(max(0.0, began + self._timeout - self._clock()))
        except TimeoutError:
            self._late(asking, began)
        except InternalFault as error:  # about this key alone: the source is there
            self._worked("failed")
            self.failure = error.message
        except ScoregateError as error:
            self._failed(error.detail_code, _why(error), began)
        except Exception as error:  # noqa: BLE001 # an adapter's fault must not keep a submission from its decision
            self._watch.fault(error)
            self._failed(InternalFault.code, "a fault of ours", began)
        else:
            self._worked("found" if found else "nothing")
            return found
        return None

    def _late(self, asking: Future[Tree], began: float) -> None:
        """An asking that found no place within its time says nothing of the source: those before it do, each for
        itself.
        """
        if self._give_up(asking):
            self._failed(LATE, f"no answer within {self._timeout:g} s", began)
        else:
            self.failure = f"none of at_once: {self._at_once} places became free within {self._timeout:g} s"
            self._watch.count("failed")

    def _worked(self, result: str) -> None:
        self.failure = ""
        self._watch.count(result)
        if self._breaker.worked():
            self._watch.back()

    def _failed(self, code: str, cause: str, began: float) -> None:
        self.failure = cause
        self._watch.count("failed")
        if pause := self._breaker.failed(began):
            self._watch.down(code, cause, pause)


def _why(error: ScoregateError) -> str:
    faults = error.faults if isinstance(error, ConfigurationError) else ()
    return "; ".join(fault.message for fault in faults) or error.message


def gather(tree: Tree, lookups: Mapping[str, Lookup]) -> None:
    """Place what look-ups find under ``lookup.<name>``, asking all of them side by side; a source that is down leaves
    its name out. Raises InvalidRecord as ``Lookup.key`` does, before any is asked: what is begun must be waited for.
    """
    keys = {name: lookup.key(tree) for name, lookup in lookups.items()}
    asked = {name: lookups[name].begin(key) for name, key in keys.items()}
    answers = {name: answer() for name, answer in asked.items()}
    if lookups:
        tree["lookup"] = {name: found for name, found in answers.items() if found is not None}


def key_text(value: object) -> str:
    """A key as text; empty for what is no text or whole number, or cannot be anybody's."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if text.isprintable() and text.strip() and len(text) <= LONGEST_KEY else ""
