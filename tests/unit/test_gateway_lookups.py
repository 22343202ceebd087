"""Look-ups as the gateway makes them: what is found, what is not, and a source that is slow, down and back."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ConfigurationError, InternalFault, InvalidRecord, ScoregateError, UpstreamError
from contracts.mapping.paths import Path as TreePath
from gateway import settings as settings_
from gateway.bootstrap import install
from gateway.breaker import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker
from gateway.cache import Cache
from gateway.installation import Installation
from gateway.lookup_specs import LookupSpec
from gateway.lookups import LONGEST_KEY, MOST_GIVEN_UP, Lookup, gather, key_text
from gateway.spi import Answer, Asked, Codec, Tree
from gateway.watching.catalog import LOOKUPS
from gateway.watching.lookout import Lookout
from gateway.watching.sources import RESULTS, SourceWatch


class Clock:
    """Seconds that pass when they are told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Finds what it is told to; None is nothing at all: it is down. ``held`` makes it wait."""

    def __init__(self, found: Tree | None = None) -> None:
        self.found = found
        self.asked: list[str] = []
        self.held: threading.Event | None = None
        self.raised: Exception = UpstreamError("the bureau is down")
        self.under_way = self.most = 0
        self._lock = threading.Lock()

    def fetch(self, key: str) -> Tree:
        with self._lock:
            self.asked.append(key)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            if self.held is not None:
                assert self.held.wait(10)
        finally:
            with self._lock:
                self.under_way -= 1
        if self.found is None:
            raise self.raised
        return dict(self.found)


def spec(timeout: float = 5.0, cache: float = 0.0, at_once: int = 4) -> LookupSpec:
    return LookupSpec("bureau", TreePath.parse("customer"), {}, timeout, cache, at_once)


def found(lookup: Lookup, key: Any = "A1") -> Any:
    """What a submission gets: a tree, or None where the fields are not carried."""
    tree: Tree = {"customer": key}
    gather(tree, {"bureau": lookup})
    return tree["lookup"].get("bureau")


def test_what_is_found_and_that_nothing_is_found_are_told_apart_from_a_source_that_is_down() -> None:
    source = Source({"debt": "12.50"})
    lookup = Lookup(spec(), source)
    assert found(lookup) == {"debt": "12.50"}
    source.found = {}
    assert found(lookup) == {}
    source.found = None
    assert found(lookup) is None


@pytest.mark.parametrize(
    "key", [None, "", "  ", True, 1.5, [], {"no": 1}, "A\0B", "A\n", "\ud800", "x" * (LONGEST_KEY + 1)]
)
def test_nobody_is_asked_by_what_cannot_be_a_key_and_nothing_is_found(key: Any) -> None:
    source = Source({"debt": "1"})
    assert found(Lookup(spec(), source), key) == {}
    assert source.asked == []


def test_a_submission_without_the_key_has_nothing_to_be_looked_up() -> None:
    tree: Tree = {}
    gather(tree, {"bureau": Lookup(spec(), Source({"debt": "1"}))})
    assert tree == {"lookup": {"bureau": {}}}


def test_two_keys_are_a_problem_and_neither_is_asked_for() -> None:
    source = Source({"debt": "1"})
    with pytest.raises(InvalidRecord) as caught:
        found(Lookup(spec(), source), ["A1", "A2"])
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [
        ("joint_application_unsupported", "native:customer")
    ]
    assert source.asked == []


@pytest.mark.parametrize(
    ("key", "text"), [(7, "7"), (-7, "-7"), ("A1", "A1"), ("Ä 1", "Ä 1"), ("x" * LONGEST_KEY, "x" * LONGEST_KEY)]
)
def test_a_key_is_asked_for_as_its_text(key: Any, text: str) -> None:
    assert key_text(key) == text


def test_a_slow_source_is_given_up_after_its_time_and_its_late_answer_is_kept_for_the_next() -> None:
    class OnlyOnce(Source):
        def fetch(self, key: str) -> Tree:
            if self.asked:
                raise UpstreamError("asked again")
            return super().fetch(key)

    source, clock = OnlyOnce({"debt": "1"}), Clock()
    source.held = threading.Event()
    lookup = Lookup(spec(timeout=0.05, cache=60), source, clock=clock)
    while not source.asked:
        assert found(lookup) is None
    source.held.set()
    assert soon(lambda: found(lookup)) == {"debt": "1"}


def soon(ask: Callable[[], Any]) -> Any:
    for _ in range(200):
        if (value := ask()) is not None:
            return value
        time.sleep(0.01)
    return None


def test_what_hangs_for_good_gives_its_place_to_others_up_to_a_bound_and_stops_nobody() -> None:
    source, clock = Source({"debt": "1"}), Clock()
    source.held = hanging = threading.Event()
    lookup = Lookup(spec(timeout=0.01, at_once=2), source, clock=clock)

    def more_hang(most: int) -> bool | None:
        clock.now += LONGEST_PAUSE_S
        assert found(lookup) is None
        return source.most == most or None

    assert soon(lambda: more_hang(MOST_GIVEN_UP + 2))
    for _ in range(5):
        assert more_hang(MOST_GIVEN_UP + 2)
    hanging.set()
    assert soon(lambda: source.under_way == 0 or None)


def test_a_source_that_was_hung_is_asked_anew_while_the_old_askings_still_hang() -> None:
    source, clock = Source({"debt": "1"}), Clock()
    source.held = hanging = threading.Event()
    lookup = Lookup(spec(timeout=0.05, at_once=1), source, clock=clock)
    for _ in range(FAILURES):
        assert found(lookup) is None
    source.held = None

    def again() -> Any:
        clock.now += LONGEST_PAUSE_S
        return found(lookup)

    assert soon(again) == {"debt": "1"}
    assert not hanging.is_set()
    hanging.set()


def test_a_key_the_source_cannot_answer_is_no_reason_to_leave_it_alone() -> None:
    source = Source(None)
    source.raised = InternalFault("a value of its row cannot be read")
    lookup = Lookup(spec(), source)
    assert [found(lookup, f"odd {number}") for number in range(FAILURES + 1)] == [None] * (FAILURES + 1)
    source.found = {"debt": "1"}
    assert found(lookup) == {"debt": "1"}


def test_so_many_are_asked_at_once_and_no_more() -> None:
    source = Source({"debt": "1"})
    source.held = threading.Event()
    lookup = Lookup(spec(at_once=2), source)
    waiting = [lookup.ask({"customer": f"C{number}"}) for number in range(6)]
    source.held.set()
    assert [wait() for wait in waiting] == [{"debt": "1"}] * 6
    assert source.most == 2


def test_askings_that_find_no_place_in_time_are_no_reason_to_leave_a_busy_source_alone() -> None:
    source = Source({"debt": "1"})
    source.held = threading.Event()
    lookup = Lookup(spec(timeout=0.2, at_once=1), source)
    first = lookup.ask({"customer": "C0"})
    assert soon(lambda: source.asked or None) == ["C0"]
    waiting = [lookup.ask({"customer": f"C{number}"}) for number in range(1, FAILURES + 2)]
    assert [wait() for wait in waiting] == [None] * (FAILURES + 1)
    assert lookup.failure == "none of at_once: 1 places became free within 0.2 s"
    assert first() is None  # it began, and was late
    source.held.set()
    assert found(lookup, "C9") == {"debt": "1"}
    assert "C1" not in source.asked


def test_several_look_ups_of_one_submission_are_made_side_by_side() -> None:
    meet = threading.Barrier(3, timeout=5)

    class Meeting(Source):
        def fetch(self, key: str) -> Tree:
            meet.wait()  # passes only when all three are being asked
            return {"debt": key}

    tree: Tree = {"customer": "A1"}
    gather(tree, {name: Lookup(spec(), Meeting()) for name in ("a", "b", "c")})
    assert tree["lookup"] == {name: {"debt": "A1"} for name in ("a", "b", "c")}


def test_nobody_is_asked_for_a_submission_that_is_refused_for_its_keys() -> None:
    """What had begun would hold its place for as long as its source hangs, and nobody would give it up."""
    first, second = Source({"debt": "1"}), Source({"debt": "1"})
    people = Lookup(spec()._replace(key=TreePath.parse("people[].number")), second)
    tree: Tree = {"customer": "A1", "people": [{"number": "1"}, {"number": "2"}]}
    with pytest.raises(InvalidRecord):
        gather(tree, {"a": Lookup(spec(), first), "b": people})
    assert first.asked == second.asked == []


def test_an_answer_is_used_again_for_its_time_and_so_is_that_there_is_none_but_never_a_failure() -> None:
    clock, source = Clock(), Source(None)
    lookup = Lookup(spec(cache=60), source, clock=clock)
    assert found(lookup) is None
    for answer in ({"debt": "1"}, {}):
        source.found, asked = answer, len(source.asked)
        assert [found(lookup), found(lookup)] == [answer, answer]
        clock.now += 59.9
        assert found(lookup) == answer
        assert len(source.asked) == asked + 1
        clock.now += 0.1
    source.found = {"debt": "2"}
    assert [found(lookup), found(lookup, "B2")] == [{"debt": "2"}, {"debt": "2"}]


def test_a_cache_holds_so_many_and_forgets_what_was_not_used_for_longest() -> None:
    cache: Cache[str] = Cache(60, Clock(), most=2)
    for key in ("a", "b"):
        cache.put(key, key, 100)
    assert cache.get("a") == "a"
    cache.put("c", "c", 100)
    assert [cache.get(key) for key in ("a", "b", "c")] == ["a", None, "c"]


def test_a_source_that_fails_in_a_row_is_left_alone_for_a_growing_time() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        began = breaker.admit()
        assert began is not None
        paused = breaker.failed(began)
    pause = FIRST_PAUSE_S
    assert paused == pause
    for _ in range(10):
        clock.now += pause * 0.99
        assert breaker.admit() is None
        clock.now += pause * 0.02
        trial = breaker.admit()
        assert trial is not None
        assert breaker.admit() is None  # one trial, the others wait for what comes of it
        assert breaker.failed(trial) == 0.0  # said once
        pause = min(pause * 2, LONGEST_PAUSE_S)
    clock.now += LONGEST_PAUSE_S
    assert breaker.admit() is not None
    assert breaker.worked() is True
    assert breaker.worked() is False
    assert breaker.admit() is not None


def test_what_was_under_way_when_a_source_went_down_does_not_make_its_pause_longer() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    under_way = [breaker.admit() for _ in range(8)]
    clock.now += 1
    assert [breaker.failed(began) for began in under_way if began is not None].count(FIRST_PAUSE_S) == 1
    clock.now += FIRST_PAUSE_S
    assert breaker.admit() is not None


def test_a_trial_that_nobody_reports_is_followed_by_another() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed(breaker.admit() or 0.0)
    for _ in range(3):
        clock.now += FIRST_PAUSE_S
        assert breaker.admit() is not None


def test_a_failure_now_and_then_leaves_nobody_alone() -> None:
    breaker = Breaker(Clock())
    for _ in range(4 * FAILURES):
        breaker.failed(breaker.admit() or 0.0)
        assert breaker.worked() is False
        assert breaker.admit() is not None


def test_down_and_back_are_logged_once_each_and_every_asking_is_counted() -> None:
    stream, clock, source = BytesIO(), Clock(), Source(None)
    lookout = Lookout.to(stream)
    lookup = Lookup(spec(cache=60), source, SourceWatch(lookout, "juniper", "bureau"), clock)
    for number in range(10):
        assert found(lookup, f"C{number}") is None
    assert len(source.asked) == FAILURES
    source.found = {}
    clock.now += FIRST_PAUSE_S
    assert [found(lookup, key) for key in ("A1", "A1", "B2")] == [{}, {}, {}]
    source.found = {"debt": "1"}
    assert found(lookup, "C3") == {"debt": "1"}
    lookout.flush()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(one["event"], one["lookup"], one.get("code"), one.get("cause")) for one in lines] == [
        ("lookup_down", "bureau", "unavailable", "the bureau is down"), ("lookup_back", "bureau", None, None),
    ]  # fmt: skip
    assert lookup.failure == ""
    counts = lookout.tally.snapshot().counts
    assert [counts[(LOOKUPS, "juniper", "bureau", result)] for result in RESULTS] == [1, 2, 1, 10]


def test_a_fault_of_an_adapter_keeps_no_submission_from_its_decision_and_is_logged_without_its_text() -> None:
    stream, source = BytesIO(), Source(None)
    source.raised = ZeroDivisionError("customer 4711")
    lookout = Lookout.to(stream)
    assert found(Lookup(spec(), source, SourceWatch(lookout, "juniper", "bureau"))) is None
    lookout.flush()
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["event"], line["kind"]) == ("fault", "ZeroDivisionError")
    assert "4711" not in str(line)


# In a home


class Bureau(Source):
    """The same as an adapter; ``wrong`` is what is said of it at start."""

    name = "bureau"
    wrong: ScoregateError | None = None

    def wire(self, section: Mapping[str, Any], folder: Path) -> Codec:
        raise AssertionError("nobody calls it")

    def lookup(self, section: Mapping[str, Any], connections: object) -> Bureau:
        return self

    def paths(self) -> tuple[str, ...]:
        return ("debt",)

    def check(self) -> None:
        if self.held is not None:
            assert self.held.wait(10)
        if self.wrong is not None:
            raise self.wrong


@pytest.fixture
def bureau() -> Iterator[Bureau]:
    made = Bureau({"debt": "0"})
    yield made
    if made.held is not None:
        made.held.set()


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    """Juniper, whose debt the bureau knows."""
    home = tmp_path / "home"
    for part in ("bundles", "policies", "integrations/juniper-api"):
        shutil.copytree(built_home / part, home / part)
    file = home / "integrations" / "juniper-api" / "integration.yaml"
    text = file.read_text(encoding="utf-8").replace("debt: not_carried", "debt: lookup.bureau.debt #")
    bureau = "lookups: {bureau: {adapter: bureau, key: applicationId, timeout: 4s}}"
    file.write_text(text.replace("lookups: {}", bureau), encoding="utf-8")
    return home


def installed(home: Path, bureau: Bureau) -> Installation:
    return install(settings_.load(home=home), with_ledger=True, adapters={"bureau": bureau})


def wait_for(home: Path, timeout: str) -> None:
    file = home / "integrations" / "juniper-api" / "integration.yaml"
    file.write_text(file.read_text().replace("timeout: 4s", f"timeout: {timeout}"))


def asked(home: Path, number: int) -> Asked:
    example = home / "integrations" / "juniper-api" / "examples" / "01-complete__approves" / "request.json"
    raw = json.dumps({**json.loads(example.read_bytes()), "applicationId": f"JN-{number}"}).encode()
    return Asked(raw, {"idempotency-key": f'"{number}"'}, "juniper")


def estimated(answer: Answer | ScoregateError) -> list[tuple[str, str, str]]:
    assert isinstance(answer, Answer), answer
    listed = json.loads(answer.payload)["decision"]["estimated"]
    return [(one["field"], one["state"], one["cause"]) for one in listed]


def test_a_bureau_that_hangs_costs_a_batch_a_few_time_limits_and_every_answer_says_so(
    home: Path, bureau: Bureau
) -> None:
    wait_for(home, "100ms")
    made = installed(home, bureau)
    bureau.held = threading.Event()
    answers = made.desk("juniper-api").decide_many([asked(home, number) for number in range(60)])
    assert {tuple(estimated(answer)) for answer in answers} == {(("debt", "not_carried", "source_down"),)}
    assert len(bureau.asked) <= 16  # those under way when it was given up, and a trial or two
    made.close()


def test_a_batch_is_answered_in_its_order_and_each_by_its_own_look_up(home: Path, bureau: Bureau) -> None:
    made = installed(home, bureau)
    desk = made.desk("juniper-api")
    answers = desk.decide_many([asked(home, number) for number in range(40)])
    ids = [json.loads(answer.payload)["applicationId"] for answer in answers if isinstance(answer, Answer)]
    assert ids == [f"JN-{number}" for number in range(40)]
    assert sorted(bureau.asked) == sorted(ids)
    made.close()


def test_a_value_used_again_is_still_listed_as_looked_up(home: Path, bureau: Bureau) -> None:
    wait_for(home, "4s, cache: 1h")
    made = installed(home, bureau)
    one, other = asked(home, 1), asked(home, 1)._replace(header={"idempotency-key": '"another"'})
    answers = [asyncio.run(made.desk("juniper-api").decide(each)) for each in (one, other)]
    assert [estimated(answer) for answer in answers] == [[("debt", "given", "lookup")]] * 2
    assert len(bureau.asked) == 1
    made.close()


def test_several_values_where_one_is_expected_refuse_the_application_and_none_is_taken(
    home: Path, bureau: Bureau
) -> None:
    made = installed(home, bureau)
    bureau.found = {"debt": ["100", "200"]}
    (answer,) = made.desk("juniper-api").decide_many([asked(home, 1)])
    assert isinstance(answer, InvalidRecord)
    assert [problem.code for problem in answer.problems] == ["joint_application_unsupported"]
    made.close()


def test_a_source_that_is_down_or_hangs_at_start_keeps_no_integration_from_serving(home: Path, bureau: Bureau) -> None:
    wait_for(home, "100ms")
    for held, wrong in ((threading.Event(), None), (None, UpstreamError("down"))):
        bureau.held, bureau.wrong = held, wrong
        made = installed(home, bureau)
        assert not made.faulty
        made.close()
        if held is not None:
            held.set()


def test_a_source_that_has_not_what_is_declared_switches_the_integration_off_at_its_place(
    home: Path, bureau: Bureau
) -> None:
    bureau.wrong = ConfigurationError("has no column 'debt'")
    made = installed(home, bureau)
    (fault,) = made.faulty["juniper-api"].faults
    assert (Path(fault.file).name, fault.message) == ("integration.yaml", "has no column 'debt'")
    assert fault.line > 0
    assert "juniper-api" not in made.desks
    made.close()
