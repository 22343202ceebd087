"""What is wrong between policies, and between a policy and the reasons of its bundle."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import Fault
from contracts.language import nearest_language
from models.bundle import Bundle
from models.reason_map import ReasonMap

if TYPE_CHECKING:
    from models.policy import Policy


def clashes(policies: Iterable[Policy]) -> list[Fault]:
    """Policies that begin on the day on which another one of their product begins: none of the two would come first."""
    first: dict[tuple[str, date], Policy] = {}
    pairs = [(first.setdefault((p.product, p.effective_from), p), p) for p in policies]
    return [
        later.source.fault(
            ("effective", "from"),
            f"{Path(earlier.source.file).name} decides {later.product!r} from the same day on",
            "let one policy begin later; the one that began last decides",
        )
        for earlier, later in pairs
        if earlier is not later
    ]


def untold(policy: Policy, bundle: Bundle, language: str) -> list[tuple[str, str]]:
    """What has no text in a language, each with a hint: the bundle's reason map, or knock-outs of the policy."""
    reason_map = bundle.reason_map
    found = []
    if language not in reason_map.languages:
        message = f"the reason map {reason_map.ref} has no texts in {language!r}"
        found.append((message, nearest_language(language, reason_map.languages)))
    for rule in policy.knock_outs:
        if language not in rule.texts:
            message = f"the knock-out {rule.id} of {policy.name}@{policy.version} has no text in {language!r}"
            found.append((message, f"add it to the policy: text: {{{language}: …}}"))
    return found


def outdated(policy: Policy, bundle: Bundle) -> list[Fault]:
    """Where the reasons of the bundle were made for other cut-offs than the policy's.

    An error where they compare with applicants just above another cut-off: an answer would name what sets an applicant
    apart from people whom this policy does not approve. Else reasons are the same whatever the cut-offs, and only what
    the card says of them was measured for others: a warning.
    """
    reason_map, now = bundle.reason_map, policy.cut_offs
    made_for = reason_map.cut_offs
    if made_for is None or made_for == now:
        return []
    said = f"the reason map {reason_map.ref} of the bundle {bundle.ref} was made for"
    hint = "train again with card: cut_offs as here, and count up reasons: version"
    if not reason_map.baseline.all and made_for.approve != now.approve:
        who = reason_map.baseline.told(made_for.approve)
        message = f"approves from {now.approve}, but {said} {made_for.approve}: its reasons compare with {who}"
        return [policy.source.fault(("cut_offs", "approve"), message, f"{hint}; or approve from {made_for.approve}")]
    message = f"decides by {now.approve} and {now.decline}, {said} {made_for.approve} and {made_for.decline}"
    message += ": what its card says of reasons was measured there"
    return [policy.source.fault(("cut_offs",), message, hint, "warning")]


def rivals(bundle: Bundle, others: Iterable[Bundle]) -> list[Fault]:
    """Other bundles whose reason maps have the same name and version as this one's but say something else."""
    found = [other for other in others if is_rival(bundle.reason_map, other.reason_map)]
    return [Fault(f"bundle {bundle.ref}", 0, 0, rivalry(bundle.reason_map, other), COUNT_UP) for other in found]


COUNT_UP = "count up reasons: version in the spec: other texts, cut-offs or baseline are another version"


def is_rival(one: ReasonMap, other: ReasonMap) -> bool:
    return one.ref == other.ref and one.digest != other.digest


def rivalry(reason_map: ReasonMap, other: Bundle) -> str:
    """The message about a reason map whose name and version another bundle has for another map."""
    return f"the reason map {reason_map.ref} says something else in the bundle {other.ref} {other.digest[:12]}…"
