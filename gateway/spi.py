"""What an adapter answers, and what it is given. Everything an adapter knows of the gateway stands in this file.

An adapter is one protocol. It offers a ``Codec`` per integration (pure: bytes to native tree and back) and one of two
transport shapes: ``routes()``, mounted by gateway/http, which owns authentication, limits and metrics; or ``run()``,
which owns its loop (poll a table, watch a folder). Codecs yield trees of dict, list, str, int, Decimal, bool and None;
paths into them are written ``a.b[0].@attr``. What a message carries beside its body (HTTP headers, SOAP headers) lies
in the tree under ``header``, what look-ups found under ``lookup.<name>``.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable

from contracts.errors import Fault, ScoregateError
from contracts.lifecycle import Lifecycle as Lifecycle
from contracts.mapping.tree import BESIDE as BESIDE
from contracts.mapping.tree import NativeField as NativeField

if TYPE_CHECKING:
    from contracts.odcs import Contract

Tree = dict[str, Any]


class Fields(NamedTuple):
    """What a wire schema declares. ``None`` for a side means the schema leaves it open, so paths cannot be checked."""

    request: Mapping[str, NativeField] | None
    answer: Mapping[str, NativeField] | None


class Asked(NamedTuple):
    """One submission as it arrived: the raw bytes, what the protocol carried beside them, who sent it, and what the log
    calls the exchange.
    """

    raw: bytes
    header: Mapping[str, str]
    principal: str
    correlation: str = ""


class Answer(NamedTuple):
    """One settled submission. ``payload`` is the native answer, byte for byte the stored one if ``repeated``."""

    payload: bytes
    decision_id: str
    repeated: bool


class Refusal(NamedTuple):
    """What a refusal is made of: the error and the same problems with native paths in place of contract fields."""

    error: ScoregateError
    problems: Sequence[Mapping[str, str]]


@runtime_checkable
class Codec(Protocol):
    """Native bytes to tree and back, for one integration. Pure: it never touches the world."""

    def fields(self) -> Fields:
        """Native paths with type and room, as far as the wire schema declares them."""

    def decode(self, raw: bytes, header: Mapping[str, str]) -> Tree:
        """Read a submission; raises MalformedPayload at the first fault of framing."""

    def encode(self, tree: Tree) -> bytes:
        """Write an answer. The same tree gives the same bytes."""

    def refuse(self, refusal: Refusal) -> bytes:
        """Write a refusal in the native format."""

    def native_path(self, path: str) -> str:
        """How the legacy side writes a tree path: a JSON pointer, an XPath, a column."""


@runtime_checkable
class ManyCodec(Codec, Protocol):
    """A codec that reads many submissions in less time than one by one."""

    def decode_many(self, raws: Sequence[bytes]) -> list[Tree] | None:
        """What ``decode`` makes of each with no headers beside it; None where one of them has to be read by itself."""
        ...


OPERATIONS: Final = ("score", "batch", "read")
"""What a principal may be allowed to do."""


class Request(NamedTuple):
    """One HTTP exchange, already authenticated and bounded. Header names are lower case.

    ``operations`` is what of its route's operations the principal may do.
    """

    method: str
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    principal: str
    correlation: str = ""
    operations: frozenset[str] = frozenset(OPERATIONS)


class ApiKey(NamedTuple):
    """Evidence: a key that names its caller by itself."""

    key: bytes


class Password(NamedTuple):
    """Evidence: a user name and its password, as sent."""

    user: str
    password: bytes


class Signed(NamedTuple):
    """Evidence: a proof that the sender knows a secret we know, too.

    ``holds`` says whether the proof was made with a secret; it is pure and compares in constant time. ``at`` is when it
    was made, in seconds since 1970 in UTC; ``nonce`` tells this proof from every other of the same caller. ``user`` is
    empty where the message names nobody: then every caller of the integration is tried.
    """

    at: float
    nonce: bytes
    holds: Callable[[bytes], bool]
    user: str = ""


class Certificate(NamedTuple):
    """Evidence: the SHA-256 of a certificate in DER whose private key the sender was proved to hold.

    The proof is the adapter's affair (a signature in the message) or the server's (TLS); none of ours proves one yet. A
    proof that could be sent again says when it was made, and has a nonce.
    """

    sha256: bytes
    at: float | None = None
    nonce: bytes = b""


Evidence = ApiKey | Password | Signed | Certificate


class Response(NamedTuple):
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Route(NamedTuple):
    """One concrete address of one integration.

    ``operation`` (``score``, ``batch`` or ``read``) is what a principal must be allowed; where only the body says what
    is asked, ``or_else`` names another one that lets a principal in, and ``handle`` refuses what goes beyond it by the
    request's ``operations``. ``handle`` may raise;
    ``refuse`` renders its errors, and those of gateway/http itself (authentication, limits), in the adapter's native
    form; the request it is given is what is known of the exchange by then, with an empty body where none was read.
    ``openapi`` is the operation object, empty where another language describes the address; its member ``components``
    holds the schemas it brings into the document, where ``#/components/schemas/Problem`` stands already.
    """

    method: str
    path: str
    integration: str
    operation: str
    handle: Callable[[Request], Awaitable[Response]]
    refuse: Callable[[ScoregateError, Request], Response]
    openapi: Mapping[str, Any]
    or_else: str = ""


class Desk(Protocol):
    """One integration made ready to serve: the gateway's side of the counter.

    ``lifecycle`` says how long the contract versions it speaks are supported; an answer carries it where its protocol
    has a place for that. ``public_url`` is where callers reach this gateway, without a slash at its end: from the
    configuration, never from a request.
    """

    name: str
    codec: Codec
    lifecycle: Lifecycle | None
    public_url: str

    def fields(self) -> Fields:
        """What the mapping reads and the answer map writes, by tree path: what an adapter without a wire schema shows.

        Types are ``integer``, ``decimal``, ``string``, ``code``, ``date``, ``date-time``, ``boolean`` or ``any``.
        """

    async def decide(self, asked: Asked) -> Answer:
        """The one path, bytes to bytes, durable before it returns. Raises ScoregateError; refusals are recorded."""

    def decide_many(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        """The same for a batch, in order, blocking; one bad record spoils one record."""

    async def decide_batch(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        """The same off the event loop, within the batch deadline: what misses it is late, and can be asked again.

        Raises UpstreamError when too many batches wait.
        """

    async def refuse(self, asked: Asked, error: ScoregateError) -> None:
        """Record a refusal the adapter itself makes, of what it could not even ask."""

    async def find(self, key: str, principal: str) -> Answer:
        """The stored answer of a request key, a decision id, or the newest of a business key; raises NotFound.

        A principal finds what was decided in its own mode: trials and live decisions have separate keys.
        """

    def refusal(self, error: ScoregateError) -> Refusal:
        """The error with its problems on native paths, ready for ``Codec.refuse``."""


@runtime_checkable
class Adapter(Protocol):
    """One protocol. ``wire`` checks the adapter's own section and raises ConfigurationError with every fault."""

    name: str

    def wire(self, section: Mapping[str, Any], folder: Path) -> Codec: ...


@runtime_checkable
class RoutedAdapter(Adapter, Protocol):
    """An adapter that is called: gateway/http mounts what it returns."""

    def routes(self, desk: Desk) -> Sequence[Route]: ...


@runtime_checkable
class ClosableAdapter(Adapter, Protocol):
    """An adapter that can refuse in its native form without the files of an integration, which may be what is wrong."""

    def closed(self) -> Codec: ...


@runtime_checkable
class CredentialAdapter(RoutedAdapter, Protocol):
    """A called adapter whose messages carry their sender's credentials in the body, or in headers of its own.

    The adapter only finds the evidence; the gateway checks it against principals.yaml, with lock-out, nonces and audit.
    """

    def credentials(self, request: Request, body: bytes) -> Evidence | None:
        """What a message says of its sender, None if nothing. The caller is unknown yet: ``request.principal`` is ''
        and ``request.body`` empty. Raises MalformedPayload where the evidence cannot be read.
        """


class Connection(NamedTuple):
    """Where a legacy system is reached, as ``connections.yaml`` of the home says under ``name``.

    ``section`` holds the adapter's own keys, secrets as references; ``secret(key)`` gives what the reference under a
    key stands for. ``fault(below, message, hint)`` names the place in the file. Both raise or carry no secret.
    """

    name: str
    section: Mapping[str, Any]
    secret: Callable[[str], str]
    fault: Callable[..., Fault]


Connections = Callable[[str], Connection]
"""A connection of the asking adapter by name; raises ConfigurationError where there is none."""


@runtime_checkable
class ReachingAdapter(Adapter, Protocol):
    """An adapter that can try a connection for whoever looks after the installation."""

    def reach(self, connection: Connection) -> str:
        """Connect and leave again: what is there, in a few words. Raises SetupError for what is wrong for good, and
        UpstreamError for what may pass.
        """
        ...


@runtime_checkable
class ConnectingAdapter(Adapter, Protocol):
    """An adapter that can say what is wrong with a connection before it is used."""

    def connection_faults(self, connection: Connection) -> Iterator[Fault]:
        """Every fault of its section, at its place in the file. Nothing is connected to, and no secret is read."""
        ...


class Log(Protocol):
    """Where an adapter that owns its loop says what happened to it: once each, with counts and codes, never a value.

    Members are those of ``gateway.watching.events``; anything else is left out of the line.
    """

    def info(self, event: str, **members: Any) -> None: ...

    def warning(self, event: str, **members: Any) -> None: ...

    def error(self, event: str, **members: Any) -> None: ...


class Rounds(Protocol):
    """Where an adapter that owns its loop tells what whoever is woken at night must know."""

    def count(self, happened: Mapping[str, int]) -> None:
        """How many submissions ended how: ``answered``, ``failed`` (told so in the legacy system), or not for now."""

    def reached(self, reached: bool) -> None:
        """Whether the legacy system does what is asked of it; told each time that shows."""

    def turned(self) -> None:
        """The loop goes round though nothing is asked now: told at least once a minute."""


class Unwatched:
    """Nobody counts."""

    def count(self, happened: Mapping[str, int]) -> None:
        """Not kept."""

    def reached(self, reached: bool) -> None:
        """Not kept."""

    def turned(self) -> None:
        """Not kept."""


class Site(NamedTuple):
    """What an adapter that owns its loop finds around it.

    ``stop`` is set when it is to end: it finishes what it has begun, and no more. ``once`` says to end as soon as
    nothing waits. ``principal`` is on whose behalf it asks.
    """

    connections: Connections
    log: Log
    stop: threading.Event
    once: bool = False
    principal: str = ""
    rounds: Rounds = Unwatched()


@runtime_checkable
class RunningAdapter(Adapter, Protocol):
    """An adapter that calls: it owns its loop."""

    def run(self, desk: Desk, site: Site) -> None:
        """Take submissions, decide, hand the answers over, until ``site`` says to end.

        Raises SetupError for what is wrong for good before the first submission is taken. Later the loop outlives
        whatever the legacy system does.
        """


class LookupSource(Protocol):
    """One look-up for *gather*; used from many threads at a time."""

    def fetch(self, key: str) -> Tree:
        """What stands under a key, empty where nothing does. A key is printable, of 1 to 256 characters, and comes
        from whoever asks.

        Raises UpstreamError where the source is in trouble: a few of them in a row, and it is left alone for a while.
        Raises InternalFault where it cannot say what stands under this one key.
        """


@runtime_checkable
class PlannedSource(LookupSource, Protocol):
    """A source that knows what it gives."""

    def paths(self) -> Collection[str]:
        """Tree paths of all it may find, such as ``debt`` or ``rows[].debt``."""

    def check(self) -> None:
        """Ask the source whether it can give that; raises ConfigurationError where it cannot, and UpstreamError where
        it does not answer. Asked once at start.
        """


@runtime_checkable
class LookupAdapter(Adapter, Protocol):
    """An adapter whose look-ups integrations of any adapter may use."""

    def lookup(self, section: Mapping[str, Any], connections: Connections) -> LookupSource:
        """Ready the source of one ``lookups:`` entry; raises ConfigurationError with every fault.

        Nothing is connected yet: a source that is down at start serves as soon as it is back.
        """


class Leaf(NamedTuple):
    """One native leaf as a legacy system's own description shows it to whoever drafts a mapping.

    ``group`` is the tree path of the nearest group around it that may be missing or repeat, empty where there is none;
    ``needed`` whether the leaf must be there where its group is. ``codes`` maps each code its type lists to what the
    description says of it; ``sample`` is a legal text, ``accepts`` says of any text whether it is legal.
    """

    native: NativeField
    group: str
    needed: bool
    sample: str
    accepts: Callable[[str], bool]
    codes: Mapping[str, str]


class Told(NamedTuple):
    """What else the wire section says by an answer map: ``contract`` is what it is drafted from, ``place`` where the
    map belongs in the section.
    """

    contract: Contract
    leaves: Sequence[Leaf]
    place: Sequence[str]


class Undecided(NamedTuple):
    """What an adapter could only guess of its own section: where in it, what is open, and what to do about it.

    ``must``: to be settled before anybody relies on the integration; else it is to be looked at.
    """

    place: Sequence[str]
    what: str
    cure: str
    must: bool = True


class Sketch(NamedTuple):
    """What an adapter alone knows of a legacy system that has no integration yet.

    ``files`` go into the integration's folder, by their names there; ``keys`` are paths beside the message itself that
    serve as request and correlation key; ``example(values)`` writes a request with these texts at these paths and legal
    ones wherever else the description needs one, ``suffix`` names its file and ``header`` goes with it. ``notes`` says
    what the adapter chose by itself, ``left`` what is open in ``wire``. ``keyed``: the keys beside the message name it
    whatever is in it. ``shown`` says how the payload of an answer spells the path of one of its leaves.
    """

    files: Mapping[str, bytes]
    wire: Mapping[str, Any]
    request: Sequence[Leaf]
    answer: Sequence[Leaf] | None
    keys: Mapping[str, str]
    example: Callable[[Mapping[str, str]], bytes]
    suffix: str
    header: Mapping[str, str]
    told: Told | None = None
    notes: Sequence[str] = ()
    left: Sequence[Undecided] = ()
    keyed: bool = False
    shown: Callable[[str], str] = str


class Described(NamedTuple):
    """Where a legacy system says what it is: ``source`` is a file, or the name of one of the home's ``connections``.

    ``choice`` names what of it is meant (an operation, a table), ``answer`` where answers go; each is empty where the
    adapter is to choose.
    """

    source: str
    choice: str
    answer: str
    connections: Connections


@runtime_checkable
class DraftingAdapter(Adapter, Protocol):
    """An adapter that reads what a legacy system says of itself, so that an integration can be drafted from it."""

    def draft(self, described: Described) -> Sketch:
        """Nothing is fetched from a network but through a connection that is named, and nothing is written.

        Raises ConfigurationError with every fault, and where several choices are equally likely, naming them.
        """


@runtime_checkable
class CommandAdapter(Adapter, Protocol):
    """An adapter that adds commands, ``scoregate ADAPTER NAME ARGUMENT``.

    Its row in the registry names them, so that the command line knows them without the adapter.
    """

    def command(self, name: str, argument: str, connections: Connections) -> Iterator[str]:
        """Run one; the lines to print, each as soon as it is known. Raises ScoregateError."""
