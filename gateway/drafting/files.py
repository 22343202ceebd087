"""Policy and integration of a draft, as text."""

from __future__ import annotations

from models.bundle import Bundle
from models.drafting.draft import Draft
from models.drafting.files import APPROVE_SHARE, DECLINE_SHARE, mapping_lines

BUSINESS_KEY = "application_id"


def policy_text(draft: Draft, cut_offs: tuple[int, int], bundle: Bundle) -> str:
    """The policy; everything lenient is left to a person."""
    return f"""\
# Drafted by `scoregate init`. `scoregate train --policy` names another bundle here.
name: {draft.product}
version: 0.1.0
product: {draft.product}
{bundle_line(bundle)}
# About {APPROVE_SHARE:.0%} of the file would be approved and {DECLINE_SHARE:.0%} declined; the rest goes to a person.
cut_offs: {{approve: {cut_offs[0]}, decline: {cut_offs[1]}}}
knock_outs: []
refer_rules: []
validity_days: 30
notice_days: 30
effective: {{from: 2025-01-01}}
automatic_decline: false # every decline goes to a person until somebody decides otherwise
flip_tolerance: 0.2
max_refer_share: 0.5
reasons: {{max: 4}}
"""


def bundle_line(bundle: Bundle) -> str:
    """The line of a policy that names the bundle it decides with."""
    return f'bundle: {{name: {bundle.name}, digest: "{bundle.digest}"}}'


def integration_name(draft: Draft) -> str:
    return f"{draft.model.replace('_', '-')}-api"


def integration_text(draft: Draft) -> str:
    """An integration over JSON and HTTP that speaks the columns of the CSV."""
    request = "\n".join(mapping_lines(draft))
    return f"""\
# Drafted by `scoregate init`: a JSON object whose names and codes are those of {draft.data.name}. Change them to what
# the system really sends; the contract stays.
integration: {integration_name(draft)}
adapter: rest
contract: {draft.contract}@1.0.0
answer: loan_decision@1.0.0
product: {draft.product}
mode: test
wire: {{}}
keys: {{business: {BUSINESS_KEY}, request: header.idempotency-key, correlation: header.x-correlation-id}}
resubmission: supersede

request: # contract field <- native path
{request}

answer_map: # native path <- decision path
  application_id: business_key
  decision_id: decision_id
  supersedes: supersedes
  outcome: outcome
  refer_causes: refer_causes
  score: score
  score_low: score_min
  score_high: score_max
  probability_of_default: pd
  reasons[]: {{each: reasons, code: code, text: text, points: points}}
  estimated[]: {{each: imputations, field: field, state: state, cause: cause, low: low, high: high}}
  points_not_explained: information_not_available
  as_of: as_of
  valid_until: valid_until
  mode: mode
  bundle: bundle
  policy: policy

lookups: {{}}
limits: {{deadline: 5s, bytes: 64KB}}
"""
