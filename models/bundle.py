"""A bundle: a trained model with all it needs to serve, as a folder of arrays and JSON, named by one digest.

::

    bundle.json    the manifest: what the bundle is, and the SHA-256 of every other file; its own SHA-256 is the digest
    tables.npz     score tables (models/tables.py)
    games.npz      leaf games (models/games.py), only where the tables cannot hold all of the model
    imputer.npz    the imputer's conditionals and its fixed points (models/imputer.py)
    reasons.json   the reason map (models/reason_map.py)
    card.json      the model card

Nothing in it is ever unpickled. The same inputs give the same bytes; a byte that changed, a file that does not belong,
or a contract it was not made for is refused with the file or field named. A bundle of the first format, which kept its
reasons in the manifest, is read as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from contracts.errors import ConfigurationError, Fault
from contracts.types import Field
from models.archive import REBUILD, canonical, pack, read_folder, refusal, unpack
from models.features import Feature, FeatureSet, compile_features
from models.game_tables import GameTables, grid_of
from models.imputer import Imputer
from models.reason_map import Group, ReasonMap, first_format
from models.scale import Scale
from models.tables import Grid, Tables

if TYPE_CHECKING:
    from contracts.odcs import Contract

BLANK_SUPPORT = 50
"""Blanks of a field that training must have seen for a blank to be scored as such (DESIGN.md 4)."""
FORMAT = 2
MANIFEST = "bundle.json"
FILES = ("card.json", "imputer.npz", "tables.npz")
GAMES = "games.npz"
REASONS = "reasons.json"
_SHAPE = ("name", "type", "scale", "unit", "codes")
"""What defines a field's number."""
Use = Literal["demonstration", "production"]
USES: tuple[Use, ...] = get_args(Use)


@dataclass(frozen=True, slots=True)
class Range:
    """What training saw of a field: smallest and largest value, scaled integers for decimals, or the codes."""

    minimum: int | None = None
    maximum: int | None = None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory; made by ``create``, or read and verified by ``load``.

    ``fields`` are the contract fields that any feature reads, in contract order, reduced to what defines their numbers;
    ``positions`` is where they stand in a record of ``contract``. ``blank_support`` counts the blanks training saw.
    ``log_odds_shift`` moves the sample's odds of bad to the population's. ``digest`` is the SHA-256 of the manifest's
    bytes, in hex.
    """

    name: str
    version: str
    use: Use
    contract: str
    contract_digest: str
    products: tuple[str, ...]
    currencies: tuple[str, ...]
    fields: tuple[Field, ...]
    positions: tuple[int, ...]
    features: tuple[Feature, ...]
    reason_map: ReasonMap
    blank_support: Mapping[str, int]
    ranges: Mapping[str, Range]
    scale: Scale
    log_odds_shift: float
    card: Mapping[str, Any] = field(repr=False)
    feature_set: FeatureSet = field(repr=False, compare=False)
    tables: Tables = field(repr=False, compare=False)
    imputer: Imputer = field(repr=False, compare=False)
    games: GameTables | None = field(default=None, repr=False, compare=False)
    digest: str = ""

    @classmethod
    def create(
        cls,
        *,
        name: str,
        version: str,
        use: Use,
        contract: Contract,
        products: Sequence[str],
        currencies: Sequence[str],
        features: Sequence[Feature],
        reason_map: ReasonMap,
        tables: Tables,
        imputer: Imputer,
        blank_support: Mapping[str, int],
        ranges: Mapping[str, Range],
        card: Mapping[str, Any],
        scale: Scale | None = None,
        log_odds_shift: float = 0.0,
        games: GameTables | None = None,
    ) -> Bundle:
        """A new bundle; raises ConfigurationError where its parts do not fit the contract or each other.

        ``imputer`` is fitted on the columns of ``compile_features(features, contract.fields).fields``; of
        ``blank_support`` and ``ranges`` what concerns those fields is kept.
        """
        read = [f.name for f in compile_features(features, contract.fields, f"bundle {name}").fields]
        fields = tuple(_bare(f) for f in contract.fields if f.name in read)
        bundle = cls(
            name=name,
            version=version,
            use=use,
            contract=contract.ref,
            contract_digest=contract.digest,
            products=tuple(products),
            currencies=tuple(currencies),
            fields=fields,
            positions=tuple(contract.index[f] for f in read),
            features=tuple(features),
            reason_map=reason_map,
            blank_support={f: int(blank_support.get(f, 0)) for f in read},
            ranges={f: ranges[f] for f in read if f in ranges},
            scale=scale or Scale(),
            log_odds_shift=float(log_odds_shift),
            card=json.loads(canonical(card)),
            feature_set=compile_features(features, fields),
            tables=tables,
            imputer=imputer,
            games=games,
        )
        _check_parts(bundle, f"bundle {name}")
        return replace(bundle, digest=_digest(_render(bundle)[MANIFEST]))

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def groups(self) -> tuple[Group, ...]:
        """The reason groups; their order also decides between groups of equal points."""
        return self.reason_map.groups

    def grid(self, *, path_dependent: bool = False) -> Grid:
        """The model as the kernel reads it."""
        return grid_of(self.tables, self.games, path_dependent=path_dependent)

    def supports_blank(self, field_name: str) -> bool:
        """Whether training saw enough blanks of the field to score one."""
        return self.blank_support.get(field_name, 0) >= BLANK_SUPPORT

    def save(self, folder: Path) -> None:
        """Write the bundle; raises ConfigurationError where anything else stands already: a bundle never changes."""
        manifest = folder / MANIFEST
        if manifest.is_file() and _digest(manifest.read_bytes()) == self.digest:
            return
        if folder.exists() and any(folder.iterdir()):
            raise refusal(folder, "is not empty, and a bundle never changes", "choose a new version or another folder")
        files = _render(self)
        if _digest(files[MANIFEST]) != self.digest:
            raise refusal(folder, f"would hold {self.ref} in another format than it was read in", "copy its folder")
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)

    @classmethod
    def load(cls, folder: Path, expected_digest: str | None = None) -> Bundle:
        """Read and verify a bundle; raises ConfigurationError naming the file that is not what was promised.

        ``expected_digest`` comes from configuration (the policy names it), never from the folder itself.
        """
        listing, content = read_folder(folder, MANIFEST, FILES, (GAMES, REASONS))
        digest = _digest(listing)
        if expected_digest is not None and digest != expected_digest:
            seen = f"is the bundle {digest[:12]}…, expected was {expected_digest[:12]}…"
            raise refusal(folder / MANIFEST, seen, "name the digest of the bundle you mean, or put that bundle here")
        try:
            bundle = _parse(json.loads(listing), content, str(folder / MANIFEST))
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise refusal(folder, f"is not laid out as a bundle: {type(exc).__name__}: {exc}", REBUILD) from exc
        _check_parts(bundle, str(folder / MANIFEST))
        return replace(bundle, digest=digest)

    def check(self, contract: Contract) -> None:
        """Raise ConfigurationError, naming each field, unless the bundle was made for exactly this contract."""
        where = f"bundle {self.ref}"
        if self.contract != contract.ref:
            message = f"was made for {self.contract}, not for {contract.ref}"
            raise ConfigurationError([Fault(where, 0, 0, message, "train it again on that contract")])
        known = {f.name: f for f in contract.fields}
        pairs = zip(self.fields, self.positions, strict=True)
        messages = [m for f, position in pairs for m in _misfits(f, position, known, contract.index)]
        if not messages and self.contract_digest != contract.digest:
            messages = [f"was made for another text of {contract.ref}; a published version never changes"]
        if messages:
            hint = "restore the contract, or publish the change as a new version and train again"
            raise ConfigurationError([Fault(where, 0, 0, message, hint) for message in messages])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _bare(f: Field) -> Field:
    return Field(f.name, f.type, f.scale, f.unit, codes=f.codes)


def _misfits(f: Field, position: int, known: Mapping[str, Field], index: Mapping[str, int]) -> list[str]:
    if f.name not in known:
        return [f"reads {f.name!r}, which the contract does not have"]
    now = known[f.name]
    found = [f"reads {f.name!r}, which is protected"] if now.protected else []
    found += [
        f"reads {f.name!r} with {what} {getattr(f, what)!r}, the contract says {getattr(now, what)!r}"
        for what in _SHAPE
        if getattr(f, what) != getattr(now, what)
    ]
    if index[f.name] != position:
        found.append(f"reads {f.name!r} at position {position}, in the contract it stands at {index[f.name]}")
    return found


def _check_parts(bundle: Bundle, file: str) -> None:
    """Raise ConfigurationError unless features, groups, tables and imputer speak of the same things."""
    groups = [g.name for g in bundle.groups]
    width = len(bundle.fields)
    strays = [f for f in bundle.features if f.group not in groups]
    messages = [f"feature {f.name!r} belongs to the unknown group {f.group!r}" for f in strays]
    if len(set(groups)) != len(groups):
        messages.append("two reason groups have the same name")
    if not bundle.reason_map.languages:
        messages.append("its reason groups have no language in common")
    if bundle.tables.n_features != len(bundle.features):
        messages.append(f"the tables read {bundle.tables.n_features} features, there are {len(bundle.features)}")
    if bundle.feature_set.fields != bundle.fields or len(bundle.positions) != width:
        messages.append("the fields are not those the features read")
    if bundle.imputer.points.shape[1:] != (width,) or len(bundle.imputer.tables.is_code) != width:
        messages.append(f"the imputer was not fitted on the {width} fields the features read")
    if bundle.use not in USES:
        messages.append(f"the use {bundle.use!r} is none of {', '.join(USES)}")
    if not (bundle.products and bundle.currencies):
        messages.append("names no product or no currency")
    if messages:
        raise ConfigurationError([Fault(file, 0, 0, message, REBUILD) for message in messages])


def _render(bundle: Bundle) -> dict[str, bytes]:
    """Every file of the folder, by name; the manifest last."""
    content = {
        "card.json": canonical(bundle.card),
        "imputer.npz": pack(bundle.imputer.arrays()),
        REASONS: bundle.reason_map.content,
        "tables.npz": pack(bundle.tables.arrays()),
    }
    if bundle.games is not None:
        content[GAMES] = pack(bundle.games.arrays())
    parts = {name: getattr(bundle, name) for name in _PLAIN}
    parts["features"] = [asdict(item) for item in bundle.features]
    parts["fields"] = [{name: getattr(f, name) for name in _SHAPE} for f in bundle.fields]
    parts["ranges"] = {name: asdict(r) for name, r in bundle.ranges.items()}
    parts["scale"] = asdict(bundle.scale)
    parts["format"] = FORMAT
    parts["files"] = {name: _digest(data) for name, data in content.items()}
    return {**content, MANIFEST: canonical(parts)}


_PLAIN = (
    "name", "version", "use", "contract", "contract_digest", "products", "currencies", "positions", "blank_support",
    "log_odds_shift",
)  # fmt: skip


def _parse(parts: dict[str, Any], content: Mapping[str, bytes], file: str) -> Bundle:
    if parts["format"] not in (1, FORMAT):
        raise ValueError(f"format {parts['format']}, this version reads formats 1 to {FORMAT}")
    card = json.loads(content["card.json"])
    plain: dict[str, Any] = {name: tuple(v) if isinstance(v := parts[name], list) else v for name in _PLAIN}
    fields = tuple(Field(**{**f, "codes": tuple(f["codes"])}) for f in parts["fields"])
    features = tuple(Feature(**f) for f in parts["features"])
    tables = Tables.from_arrays(unpack(content["tables.npz"]))
    return Bundle(
        **plain,
        fields=fields,
        features=features,
        reason_map=first_format(parts, card) if parts["format"] == 1 else ReasonMap.parse(content[REASONS]),
        ranges={name: Range(**{**r, "codes": tuple(r["codes"])}) for name, r in parts["ranges"].items()},
        scale=Scale(**parts["scale"]),
        card=card,
        feature_set=compile_features(features, fields, file),
        tables=tables,
        imputer=Imputer.from_arrays(unpack(content["imputer.npz"])),
        games=GameTables.from_arrays(unpack(content[GAMES]), tables) if GAMES in content else None,
    )
