"""A home made ready, as those who serve it or look into it hold it; ``gateway.bootstrap`` puts it together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from contracts.errors import ConfigurationError, Fault, InternalFault, MissingLibrary, NotFound, SetupError
from contracts.source import nearest
from contracts.store import ContractStore
from gateway.access.beside import Beside
from gateway.access.keeper import Keeper
from gateway.access.roster import Roster
from gateway.access.store import SharedAccess
from gateway.connections import Connections
from gateway.ledger import Ledger
from gateway.ledger.connect import connect
from gateway.modes import Modes
from gateway.opening import Opening, folders, ledger_place
from gateway.service import ServingDesk
from gateway.settings import Settings
from gateway.slips import slip
from gateway.spi import Adapter
from gateway.watching.lookout import Lookout
from gateway.watching.pulse import Pulse
from models.bundle import Bundle
from models.policy import Policy


@dataclass(slots=True)
class Installation:
    """A home made ready: its desks by name, the integrations that could not be made ready and why, its ledger.

    ``adapter`` loads an adapter by name; ``opening`` is how the ledger is had, None for an installation without;
    ``beside`` keeps the audit where no door is open.
    """

    settings: Settings
    contracts: ContractStore
    bundles: Mapping[str, Bundle]
    policies: Sequence[Policy]
    adapter: Callable[[str], Adapter]
    roster: Roster
    modes: Modes
    connections: Connections
    desks: dict[str, ServingDesk] = field(default_factory=dict)
    faulty: dict[str, SetupError | InternalFault] = field(default_factory=dict)
    opening: Opening | None = None
    beside: Beside | None = None
    lookout: Lookout = field(default_factory=Lookout.silent)

    @property
    def ledger(self) -> Ledger | None:
        """The ledger, if there is to be one; raises UpstreamError while it cannot be had."""
        return None if self.opening is None else self.opening()

    def desk(self, name: str) -> ServingDesk:
        """The desk of an integration; raises what switched it off if it is off, NotFound if there is none."""
        if name in self.faulty:
            raise self.faulty[name]
        if name not in self.desks:
            known = nearest(name, self.desks) or f"there are: {', '.join(sorted(self.desks)) or 'none'}"
            raise NotFound(f"no integration {name!r} in {self.settings.home}; {known}")
        return self.desks[name]

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Whatever is wrong with one integration switches off that one; raises SetupError for what all share."""
        try:
            yield
        except (ConfigurationError, MissingLibrary) as error:
            self._switch_off(name, error, file=error.faults[0].file, line=error.faults[0].line)
        except SetupError:
            raise
        except Exception as error:  # noqa: BLE001 # a slip of ours: those beside it serve, whatever it is
            self.lookout.events.fault(error, integration=name)
            self._switch_off(name, slip(error, name))

    def _switch_off(self, name: str, error: SetupError | InternalFault, **place: object) -> None:
        self.desks.pop(name, None)
        self.faulty[name] = error
        self.lookout.events.warning("integration_off", integration=name, cause=error.code, **place)

    def broken(self) -> list[str]:
        """What keeps integrations switched off, a line for each fault."""
        return [line for error in self.faulty.values() for line in _lines(error)]

    def states(self) -> dict[str, str]:
        """Every integration by name, with why it is switched off; empty while it serves."""
        off = {name: error.code for name, error in self.faulty.items()}
        return dict(sorted((dict.fromkeys(self.desks, "") | off).items()))

    def remedies(self) -> dict[str, str]:
        """What to type, by integration, where nothing but a library is missing."""
        return {name: error.install for name, error in self.faulty.items() if isinstance(error, MissingLibrary)}

    def pulse(self) -> Pulse:
        """What says whether a decision can be made durable here; raises SetupError without a ledger."""
        if self.opening is None:
            raise SetupError("an installation without a ledger cannot serve")
        return Pulse(self.opening, folders(self.settings), self.settings.disk_reserve)

    def keeper(self, changed: Callable[[], None] = lambda: None) -> Keeper:
        """A new one, of this roster and the ledger's database; see ``Keeper``."""
        store = SharedAccess(connect(ledger_place(self.settings)))
        return Keeper(self.roster, store, report=self.lookout.events.fault, changed=changed)

    def watch_callers(self, changed: Callable[[], None]) -> None:
        """Take changes of principals.yaml in from now on, without a door; ``changed`` is called after each."""
        if self.beside is not None:
            self.beside.start(changed)

    def require_enabled(self, principal: str) -> None:
        """Raises ConfigurationError where principals.yaml turns this caller away."""
        if self.roster.disabled(principal):
            hint = "what waits stays where it is; take the line 'disabled' out to have it decided"
            raise ConfigurationError([Fault(str(self.roster.path), 0, 0, f"{principal!r} is disabled", hint)])

    def go_on(self) -> None:
        """See to it that a ledger that could not be opened yet will be."""
        if self.opening is not None:
            self.opening.go_on()

    def check(self) -> None:
        """Raise what kept the ledger from being opened for good, if something did."""
        if self.opening is not None:
            self.opening.check()

    def close(self) -> None:
        for desk in self.desks.values():
            desk.close()
        if self.beside is not None:
            self.beside.close()
        if self.opening is not None:
            self.opening.close()
        self.lookout.close()


def _lines(error: SetupError | InternalFault) -> list[str]:
    return list(map(str, error.faults)) if isinstance(error, SetupError) else [error.message]
