"""The card's section on the model itself: which kind, how its contributions are made, how exact they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from models.estimators import Member
from models.exactness import Exactness
from models.game_tables import ROUTES, Compiled
from models.games import MARGIN, PROBABILITY, RAREST
from models.imputer import DRAWS
from models.kinds import DEFAULT, Boosting, Model, forces_direction

Card = dict[str, Any]


def model_section(
    model: Model, classifier: Any, members: Sequence[Member], compiled: Compiled, exactness: Exactness
) -> Card:
    """Nothing in it depends on the clock: how fast it is belongs to the page, not to the bundle."""
    games = compiled.games
    section: Card = {
        "kind": DEFAULT if isinstance(model, Boosting) else model.kind,
        "classifier": _name(classifier),
        "parameters": asdict(model) if isinstance(model, Boosting) else dict(model.parameters),
        "route": compiled.route,
        "curve": _curve(members),
        "directions_forced": forces_direction(model),
        "leaves": 0 if games is None else games.leaves,
        "exactness": exactness._asdict(),
    }
    if compiled.slow:
        section["compared"] = list(compiled.compared)
    if games is not None and games.walks:
        section["steps"] = len(games.walks.patterns)
    if games is not None and games.coalitions:
        section["joined"] = len(games.coalitions.used(compiled.tables.starts))
    if not isinstance(model, Boosting):
        section["calibrate"], section["file_sha256"] = model.calibrate, model.sha256
    return section


def _name(classifier: Any) -> str:
    """A pipeline by its steps, a calibrated model by what it calibrates."""
    kind = type(classifier).__name__
    if kind == "Pipeline":
        return " > ".join(_name(step) for _, step in classifier.steps)
    return f"{kind} of {_name(classifier.estimator)}" if kind == "CalibratedClassifierCV" else kind


def _curve(members: Sequence[Member]) -> str:
    """How the sum becomes log-odds."""
    if members[0].link == MARGIN:
        return "none"
    if len(members) > 1:
        return f"mean of {len(members)} calibrated members"
    return "probability" if members[0].link == PROBABILITY else "isotonic calibrator"


def model_page(card: Mapping[str, Any]) -> list[str]:
    """The section as lines of the page; empty for a card that has none."""
    if "model" not in card:
        return []
    section = card["model"]
    exact = section["exactness"]
    lines = [
        f"- kind {section['kind']} ({section['classifier']})",
        f"- reasons by the route `{section['route']}`: {ROUTES[section['route']]}",
        f"- probabilities: at most {exact['probability']:.0e} from the classifier's own, over {exact['rows']:,} rows",
        f"- contributions: {_contributions(exact)}",
    ]
    if "compared" in section:
        lines += [f"- {_compared(section)}", *_kept(section)]
    if section["curve"] != "none":
        lines.append(
            f"- the model's sum becomes log-odds through a curve ({section['curve']}): contributions to the sum are "
            "exact and are carried through the curve along its chord from the baseline, keeping signs and proportions"
        )
    if exact["held"]:
        lines.append(f"- {exact['held']:,} training applicants' probabilities are held within {RAREST:g} of 0 and 1")
    if not section["directions_forced"]:
        lines.append("- this kind cannot be held to the directions below: they are wishes, not guarantees")
    if "rows_per_second" in card:
        rate, field = card["drawn"]
        lines.append(
            f"- speed when trained: {card['rows_per_second']:,.0f} records/s with reasons, one thread; {rate:,.3g} "
            f"where a field has to be drawn (the slowest, {field})"
        )
    return ["## The model", "", *lines, ""]


def _compared(section: Card) -> str:
    """With whom a record is compared where trees are walked or networks asked."""
    part, whole = section["compared"]
    if part == whole:
        return f"compared with the whole baseline, {whole:,} applicants: {_effort(section)}"
    return (
        f"compared with {part:,} of the baseline's {whole:,} applicants, evenly spread over what the model gives them, "
        f"as the whole would take too long: {_effort(section)}; contributions are exact against those "
        f"{part:,}{_moved(section)}"
    )


def _effort(section: Card) -> str:
    """What one record takes; as much again for each draw of a field that did not arrive."""
    if "joined" not in section:
        return f"{section['steps']:,} steps a record over {section['leaves']:,} leaves"
    joined, part = section["joined"], section["compared"][0]
    evaluations = f"2^{joined} × {part:,} = {(1 << joined) * part:,} evaluations of the network"
    return (
        f"at most {evaluations} a record (every coalition of the {joined} features it reads, with each of them; fewer "
        f"where the two are alike in a feature), and as many for each of {DRAWS} draws where a field has to be drawn"
    )


def _kept(section: Card) -> list[str]:
    if "joined" not in section:
        return []
    part = section["compared"][0]
    return [f"- the bundle holds the features of those {part:,} applicants, without names: keep it as personal data"]


def _moved(section: Card) -> str:
    if "part" not in section:
        return ""
    part = section["part"]
    return (
        f"; with {part['with']:,}, over {part['applicants']} declined applicants, a group's points differ by "
        f"{part['mean']:.2f} on average and {part['largest']:.2f} at most, and {part['in_order']:.0%} have the same "
        "principal reasons in order"
    )


def _contributions(exact: Mapping[str, Any]) -> str:
    if exact["contribution"] is None:
        return "not compared with brute force, there being too many features to go through all coalitions"
    seen = f"{exact['applicants']} applicants, {exact['baseline']} to compare with"
    return f"at most {exact['contribution']:.0e} from brute force over all coalitions ({seen}), in log-odds"
