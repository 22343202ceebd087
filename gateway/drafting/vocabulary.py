"""Words that legacy systems and contracts use for the same thing. Data only: a word that is missing is added here.

Three tables, by how much they prove. An abbreviation is the word itself, spelled short. Synonyms mean about the same.
An alias is what other systems call a field of the published contracts, though it shares no word with its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ABBREVIATIONS: Final[Mapping[str, str]] = {
    "acct": "account", "addr": "address", "adv": "adverse", "amnt": "amount", "amt": "amount", "ann": "annual",
    "app": "application", "appl": "application", "applic": "application", "appln": "application", "apr": "rate",
    "ast": "assets", "auth": "authority", "bal": "balance", "brw": "borrower", "bur": "bureau", "ccy": "currency",
    "cd": "code", "cnt": "count", "corr": "correlation", "cred": "credit", "cur": "currency", "curr": "currency",
    "cust": "customer", "dcsn": "decision", "dec": "decision", "desc": "description", "dob": "birth date",
    "dt": "date", "emp": "employment", "empl": "employment", "employ": "employment", "err": "error",
    "exp": "expenses", "expns": "expenses", "fld": "field", "guid": "id", "hi": "high", "hm": "home",
    "hsg": "housing", "ident": "id", "identifier": "id", "inc": "income", "incm": "income", "ind": "indicator",
    "instl": "instalment", "installment": "instalment", "ln": "loan", "lo": "low", "mar": "marital",
    "marit": "marital", "mnth": "month", "mnthly": "monthly", "mo": "month", "mon": "month",
    "mos": "months", "msg": "message", "mth": "month", "mthly": "monthly", "mths": "months", "nbr": "number",
    "no": "number", "num": "number", "nr": "number", "occ": "occupation", "orig": "original", "own": "ownership",
    "pa": "annual", "pct": "percent", "pd": "default probability", "pm": "monthly", "prc": "price", "prd": "period",
    "prob": "probability", "prod": "product", "prop": "property", "pur": "purchase", "purch": "purchase",
    "qty": "count",
    "rec": "record", "recs": "records", "ref": "reference", "req": "request", "res": "residence",
    "resid": "residence", "rsn": "reason", "rsp": "response", "scr": "score", "seq": "sequence", "sts": "status",
    "stat": "status", "tm": "time", "trm": "term", "ts": "timestamp", "tx": "transaction", "txn": "transaction",
    "txt": "text", "typ": "type", "uuid": "id", "val": "value", "yr": "year", "yrly": "annual", "yrs": "years",
}  # fmt: skip

SYNONYMS: Final[tuple[tuple[str, ...], ...]] = (
    ("income", "salary", "wage", "earnings", "einkommen", "gehalt", "revenu", "ingresos"),
    ("expenses", "expense", "outgoings", "outgoing", "spending", "expenditure", "costs", "ausgaben", "gastos"),
    ("amount", "sum", "principal", "betrag", "montant", "importe"),
    ("loan", "credit", "lending", "facility", "finance", "kredit", "darlehen", "prestamo"),
    ("price", "cost", "preis", "precio"),
    ("term", "duration", "tenor", "maturity", "laufzeit", "plazo"),
    ("assets", "wealth", "property", "vermoegen", "activos"),
    ("debt", "liabilities", "liability", "owed", "obligations", "indebtedness", "schulden", "deudas"),
    ("employment", "job", "work", "employer", "employed", "occupation", "beruf", "empleo"),
    ("home", "residence", "residential", "housing", "house", "dwelling", "living", "wohnung", "vivienda",
     "accommodation"),
    ("ownership", "tenure", "tenancy"),
    ("records", "record", "entries", "history", "marks", "flags"),
    ("marital", "civil", "familienstand"),
    ("age", "alter", "edad"),
    ("currency", "waehrung", "moneda"),
    ("type", "kind", "category", "class", "art"),
    ("status", "state", "situation"),
    ("years", "year", "jahre", "anos"),
    ("months", "month", "monate", "meses"),
    ("annual", "yearly", "year"),
    ("monthly", "month"),
    ("id", "number", "reference", "key"),
    ("cause", "reason", "why"),
    ("text", "description", "message", "wording", "explanation"),
    ("outcome", "result", "recommendation", "verdict", "resolution"),
    ("low", "lower", "lowest", "min", "minimum", "from"),
    ("high", "higher", "highest", "upper", "max", "maximum", "to"),
    ("points", "impact", "weight", "contribution"),
    ("applicant", "borrower", "customer", "client", "debtor", "person", "party"),
    ("approve", "approved", "accept", "accepted", "grant", "granted", "ok", "pass", "passed"),
    ("refer", "referred", "review", "manual", "pending", "further", "investigate", "referral"),
    ("decline", "declined", "reject", "rejected", "deny", "denied", "refuse", "refused", "fail", "failed"),
    ("rent", "tenant", "renter", "renting", "rented", "rents", "miete", "mieter"),
    ("owner", "homeowner", "own", "owned", "owns", "freehold", "eigentum", "eigentuemer"),
    ("parents", "family", "relatives"),
    ("fixed", "permanent", "unlimited", "unbefristet", "full"),
    ("part", "temporary", "temp", "seasonal"),
    ("freelance", "self", "independent", "selbstaendig"),
    ("other", "else", "anything", "misc", "sonstige", "otros"),
    ("single", "unmarried", "ledig"),
    ("married", "wed", "verheiratet"),
    ("widowed", "widow", "widower", "verwitwet"),
    ("separated", "apart"),
    ("divorced", "divorcee", "geschieden"),
    ("ignored", "unstated", "undisclosed", "said", "say"),
    ("private", "privately"),
    ("yes", "y", "true", "ja", "si", "oui", "adverse"),
    ("no", "n", "false", "nein", "non", "none", "clean"),
    ("test", "trial", "demo", "simulation"),
    ("live", "production", "prod", "real"),
)  # fmt: skip

OPPOSED: Final[tuple[frozenset[str], ...]] = (
    frozenset({"full", "part"}), frozenset({"permanent", "temporary"}), frozenset({"married", "unmarried"}),
    frozenset({"employed", "unemployed"}),
)  # fmt: skip
"""Words that make two codes different things, whatever else they share."""

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "home_ownership": ("residence status", "housing", "home status", "living situation", "tenure"),
    "credit_records": ("adverse records", "adverse", "bureau flag", "negative entries", "credit history", "derogatory"),
    "adverse_records": ("credit records", "adverse", "bureau flag", "negative entries", "credit history", "derogatory"),
    "credit_enquiries": ("bureau enquiries", "bureau searches", "inquiries", "credit searches"),
    "employment_type": ("occupation type", "contract type", "job type", "employment status"),
    "employment_years": ("seniority", "time in employment", "time in job", "years employed", "length of service"),
    "employment_months": ("seniority", "time in employment", "time in job", "months employed", "length of service"),
    "marital_status": ("civil status",),
    "purchase_price": ("goods price", "price", "asset value"),
    "term_months": ("number of instalments", "repayment period"),
    "loan_amount": ("amount requested", "requested amount", "amount financed"),
    "monthly_expenses": ("living costs", "cost of living"),
    "business_key": (
        "application reference", "application number", "application id", "reference", "case number", "case id",
    ),
    "decision_id": ("decision number", "decision reference", "score id"),
    "correlation_id": ("correlation", "echo"),
    "supersedes": ("replaces", "replaced", "previous decision", "earlier decision"),
    "outcome": ("decision", "decision code", "decision result", "recommendation", "action"),
    "refer_causes": ("review causes", "refer reason", "referral reason"),
    "pd": ("default probability", "probability", "risk of default"),
    "score": ("credit score", "risk score", "score value"),
    "score_min": ("score low", "score range low", "score lower"),
    "score_max": ("score high", "score range high", "score upper"),
    "information_not_available": ("points not explained", "unexplained"),
    "as_of": ("decided at", "decision date", "decision time", "timestamp", "decided on", "date time"),
    "valid_until": ("valid to", "expires", "expiry", "expiry date", "good until"),
    "decided_by": ("decision maker", "authority"),
    "notice_due_by": ("notice due", "notice date", "notify by"),
    "imputations": ("estimated", "estimates", "imputed", "assumed"),
    "reasons": ("reason", "factors", "adverse action", "explanations"),
    "problems": ("problem", "error", "errors", "violation", "violations", "detail", "details"),
    "message": ("text", "description", "fault string", "error message", "reason"),
    "code": ("error code", "fault code"),
    "path": ("where", "location", "xpath", "field"),
    "seen": ("found", "actual"),
}  # fmt: skip

UNIMPORTANT: Final[Mapping[str, float]] = {
    **dict.fromkeys(("type", "kind", "code", "status", "value", "category", "class", "indicator", "flag"), 0.4),
    **dict.fromkeys(("monthly", "month", "months", "annual", "yearly", "year", "years", "weekly", "quarterly"), 0.3),
    **dict.fromkeys(("day", "days", "week", "cents", "pence", "total", "net", "gross", "current", "present"), 0.2),
    **dict.fromkeys(
        ("applicant", "application", "customer", "borrower", "client", "person", "request", "data", "info", "details",
         "information", "the", "of", "in", "is", "has", "and", "or", "at", "per", "for", "eur", "usd"), 0.15,
    ),
}  # fmt: skip
"""Words that tell fields apart less than others do, with their weight; every other word weighs 1."""

PERIODS: Final[Mapping[str, int]] = {
    "annual": 1, "annually": 1, "yearly": 1, "year": 1, "quarterly": 4, "quarter": 4, "monthly": 12, "month": 12,
    "fortnightly": 26, "weekly": 52, "week": 52,
}  # fmt: skip
"""How many of a period a year has."""
SPANS: Final[Mapping[str, str]] = {
    "year": "years", "years": "years", "annual": "years", "month": "months", "months": "months", "monthly": "months",
    "day": "days", "days": "days",
}  # fmt: skip
"""Units of time by the words that name them."""
PER_YEAR: Final[Mapping[str, int]] = {"years": 1, "months": 12, "days": 365}
MINOR: Final = ("cents", "cent", "pence", "minor", "centimes", "rappen")
THOUSANDS: Final = ("thousands", "thousand", "tsd", "000s", "k")
SECOND: Final = ("co", "coapplicant", "coborrower", "second", "secondary", "joint", "partner", "spouse", "guarantor")
"""Words that name a second person in an application."""
NAMING: Final = ("id", "number", "reference", "key")
ASKING: Final = ("message", "request", "transaction", "correlation", "idempotency")
"""Words of a field that names one asking, and not the application."""
APPLYING: Final = ("application", "loan", "case", "deal", "contract", "proposal", "request", "business", "external")
STOP: Final = ("a", "an", "the", "of", "or", "and", "with", "to", "not", "in", "is", "at", "employment", "chose")
"""Words of what a code means that say nothing of which one it is."""
