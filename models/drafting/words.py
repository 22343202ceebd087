"""Words in column names and values that tell what a column holds. A name is only ever evidence, never proof: whatever
rests on it is a finding."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Mapping

from contracts.mapping.paths import Path
from contracts.yaml_text import quote

BLANKS = ("NA", "N/A", "n/a", "na", "NULL", "null", "None", "NaN", "nan", "NAN", "#N/A", "?", "-", ".")
"""Texts that stand for nothing in files people make."""
UNKNOWN = (
    "unknown", "unspecified", "undisclosed", "missing", "unbekannt", "unclear", "undefined", "invalid", "unavailable",
)  # fmt: skip
UNKNOWN_PHRASES = ("not known", "not stated", "not given", "no answer", "no data", "keine angabe", "k.a.", "n.a.")
"""What codes say that stand for nothing; as such they stay codes until a person has decided."""
BAD = (
    "bad",
    "default",
    "defaulted",
    "charged off",
    "yes",
    "y",
    "true",
    "late",
    "delinquent",
    "ausfall",
    "schlecht",
)
GOOD = ("good", "paid", "fully paid", "no default", "no", "n", "false", "repaid", "current", "gut")
PAIRS = (("0", "1"), ("0.0", "1.0"))
"""Good and bad where both are numbers: the only pairs whose meaning is settled (1 and 2 are used both ways)."""

PROTECTED: Mapping[str, tuple[str, ...]] = {
    "age": ("age", "birth", "birthdate", "dob", "birthday", "alter", "edad"),
    "sex": ("sex", "gender", "geschlecht", "sexo"),
    "marital status": ("marital", "married", "spouse", "civil", "familienstand"),
    "nationality": ("nationality", "citizenship", "citizen", "foreign", "foreigner", "immigrant", "nationalitaet"),
    "race or ethnicity": ("race", "ethnic", "ethnicity"),
    "religion": ("religion", "religious", "faith", "church"),
    "disability or health": ("disability", "disabled", "health", "pregnant"),
    "where somebody lives, a proxy of origin": ("postcode", "postal", "zip", "zipcode", "plz", "neighbourhood"),
}
"""What law forbids to decide by (12 CFR 1002.2(z); Directive 2000/43/EC and its sisters), by words of a name."""
PROTECTED_VALUES: Mapping[str, tuple[str, ...]] = {
    "sex": ("male", "female", "man", "woman"),
    "marital status": ("married", "single", "divorced", "widowed", "widow"),
    "religion": ("catholic", "protestant", "muslim", "jewish", "hindu"),
}
TOLD_BY_CODES: Mapping[str, tuple[str, ...]] = {
    kind: (*PROTECTED.get(kind, ()), *PROTECTED_VALUES.get(kind, ())) for kind in PROTECTED
} | {"nationality": (*PROTECTED["nationality"], "resident", "nonresident")}
"""Words of a single code that speak of somebody, though the column as a whole does not."""
CURRENCIES = ("aud", "brl", "cad", "chf", "cny", "czk", "dem", "dkk", "dm", "eur", "euro", "gbp", "huf", "inr", "jpy",
              "mxn", "ngn", "nok", "pln", "sek", "twd", "usd", "zar")  # fmt: skip
_SYMBOLS = re.compile("[€$£¥₹]")
IDENTIFYING = (
    "id", "uuid", "guid", "name", "surname", "firstname", "lastname", "email", "mail", "phone", "telephone", "mobile",
    "iban", "ssn", "passport", "address", "street", "account", "number", "no", "key", "reference", "ref", "customer",
)  # fmt: skip
IDENTIFIERS = (
    "uuid", "guid", "email", "phone", "telephone", "telefon", "mobile", "msisdn", "iban", "ssn", "nino", "passport",
    "surname", "firstname", "lastname",
)  # fmt: skip
"""Words that speak of an identifier wherever they stand in a name."""
NUMBERINGS = ("no", "nr", "number", "num", "key", "ref", "reference")
BEARERS = (
    "account", "applicant", "application", "borrower", "card", "client", "contract", "customer", "document",
    "insurance", "konto", "kunden", "licence", "license", "loan", "member", "national", "passport", "person",
    "personal", "security", "tax",
)  # fmt: skip
"""Of what a number at the end of a name is an identifier; ``id`` at the end always is one."""
AFTERWARDS = (
    "recovery", "recoveries", "recovered", "chargeoff", "writeoff", "collection", "collections", "dpd", "settlement",
    "lastpayment", "outcome", "closed", "repossessed", "arrears", "loss", "lgd",
)  # fmt: skip
"""Words for what is known only after the loan was granted."""
UNITS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("percent", ("percent", "percentage", "pct", "rate", "ratio", "apr", "utilization", "util")),
    ("count", ("number", "num", "count", "cnt", "enquiries", "inquiries", "dependents", "children", "accounts")),
    ("months", ("month", "months", "mths", "monate", "term", "time")),
    ("years", ("year", "years", "yrs", "jahre", "age", "seniority")),
    ("days", ("day", "days", "tage")),
    ("currency", (
        "amount", "amnt", "income", "salary", "wage", "price", "balance", "debt", "debts", "assets", "expenses",
        "payment", "instalment", "installment", "savings", "limit", "principal", "loan", "rent", "cost", "fee", "value",
    )),
)  # fmt: skip
AMOUNT = ("amount", "amnt", "principal")
INCOME = ("income", "salary", "wage")
MINOR = ("cents", "cent", "pence", "pennies")
"""Words for the hundredth of a unit of currency."""
PER_TIME = ("income", "salary", "wage", "expenses", "rent", "payment", "instalment", "installment")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?")
_PHONE = re.compile(r"\+?[0-9(][0-9()/ .-]{6,18}[0-9]")
PATTERNS: Mapping[str, re.Pattern[str]] = {"e-mail addresses": _EMAIL, "IBANs": _IBAN, "phone numbers": _PHONE}
NO_NAMES = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
"""Words that one YAML or another takes for something else than a text."""
SPOKEN = ("and", "or", "not", "in", "min", "max", "abs", "given", "where", "log1p", "sqrt")
"""Words of the expressions, which no field may be named as."""
RESERVED = ("product", "currency", *SPOKEN)
LONGEST = 56
"""Characters of a drafted name: a field's name has at most 64, and features lengthen it."""
LONGEST_CODE = 40
LONGEST_NAME = 64
"""Characters of a name in a contract or a training spec."""


def tokens(name: str) -> list[str]:
    """The words of a column name, in small letters.

    >>> tokens("monthlyIncome"), tokens("Age.in years")
    (['monthly', 'income'], ['age', 'in', 'years'])
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W_]+", parted.lower())


def says(name: str, words: Collection[str]) -> str:
    """The first of these words that the name holds, else the empty text."""
    return next((token for token in tokens(name) if token in words), "")


def identifier(name: str) -> str:
    """The words by which a name says that its values identify somebody, whatever they are; else the empty text.

    >>> identifier("customer_id"), identifier("accountNo"), identifier("Phone (private)"), identifier("SSN")
    ('id', 'account no', 'phone', 'ssn')
    >>> identifier("number_of_accounts"), identifier("account_balance"), identifier("mobile_usage_days")
    ('', '', '')
    """
    parts = tokens(name)
    if parts[-1:] == ["id"]:
        return "id"
    if parts[-1:] and parts[-1] in NUMBERINGS and parts[-2:-1] and parts[-2] in BEARERS:
        return " ".join(parts[-2:])
    return says(name, IDENTIFIERS) if unit(name)[0] in ("unknown", "count") else ""


def shortened(name: str, most: int) -> str:
    """At most so many characters, cut between words where there are any.

    >>> shortened("skilled_employee_official", 20), shortened("donaudampfschiff", 5)
    ('skilled_employee', 'donau')
    """
    if len(name) <= most:
        return name
    return name[: most + 1].rpartition("_")[0] or name[:most]


def apart(name: str, taken: Collection[str]) -> str:
    """The name where it is free, else the first with a count behind it that is; never longer than a name may be.

    >>> apart("home", ["home", "home_2"]), apart("x" * 64, ["x" * 64])[60:]
    ('home_3', 'xx_2')
    """
    spelled, count = name, 2
    while spelled in taken:
        tail = f"_{count}"
        spelled, count = name[: LONGEST_NAME - len(tail)] + tail, count + 1
    return spelled


def _spelled(text: str, most: int) -> str:
    """Small letters and digits with ``_`` between words; letters with marks lose them."""
    bare = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return shortened(re.sub(r"[^a-z0-9]+", "_", plain).strip("_"), most)


def slug(name: str, taken: Collection[str], reserved: Collection[str] = RESERVED) -> str:
    """A name as contracts spell it: small ASCII letters, digits and ``_``, not taken, no reserved word.

    >>> slug("Age.in years", []), slug("class", []), slug("2 x", ["x2_x"])
    ('age_in_years', 'class_value', 'x2_x_2')
    """
    plain = _spelled("_".join(tokens(name)), LONGEST)
    found = plain if plain[:1].isalpha() else f"x{plain}"
    if found in (*reserved, *NO_NAMES) or keyword.iskeyword(found):
        found += "_value"
    return apart(found, taken)


def source(name: str) -> str:
    """How a mapping names a column.

    >>> source("a.b")
    'from: "[\\\\"a.b\\\\"]"'
    """
    return f"from: {quote(str(Path((name,))))}"


def code_slug(code: str, taken: Collection[str]) -> str:
    """A code as contracts spell it; signs of comparison become words, as they tell codes apart."""
    spoken = code.replace("<=", " to ").replace(">=", " from ").replace("<", " below ").replace(">", " above ")
    plain = _spelled(spoken.lower(), LONGEST_CODE) or "other"
    return apart(plain, taken)


def protected_kind(name: str, values: Collection[str]) -> tuple[str, str]:
    """What a column says of a person that may not be decided by, and the evidence; empty texts if nothing.

    >>> protected_kind("status", ["male single", "female married"])
    ('sex and marital status', 'its values say female, male; its values say married, single')
    """
    found = {kind: f"the name says {word!r}" for kind, words in PROTECTED.items() if (word := says(name, words))}
    spoken = [set(tokens(value)) for value in values]
    for kind, words in PROTECTED_VALUES.items():
        said = sorted({word for value in spoken for word in value & set(words)})
        if said and sum(bool(value & set(words)) for value in spoken) * 2 > len(spoken):
            found.setdefault(kind, f"its values say {', '.join(said)}")
    return " and ".join(found), "; ".join(found.values())


def told_by_codes(codes: Collection[str]) -> dict[str, list[str]]:
    """Codes that speak of somebody, by what they speak of.

    >>> told_by_codes(["skilled", "unskilled, non-resident"])
    {'nationality': ['unskilled, non-resident']}
    """
    told = {kind: [code for code in codes if says(code, words)] for kind, words in TOLD_BY_CODES.items()}
    return {kind: said for kind, said in told.items() if said}


def says_unknown(code: str) -> bool:
    """Whether a code says that nothing is known.

    >>> says_unknown("unknown / no savings account"), says_unknown("known to us")
    (True, False)
    """
    return bool(says(code, UNKNOWN)) or any(phrase in code.lower() for phrase in UNKNOWN_PHRASES)


def currencies(text: str) -> list[str]:
    """The currencies a name or code speaks of, as it spells them.

    >>> currencies("... < 0 DM"), currencies("AmountUSD"), currencies("up to 500 €"), currencies("loan")
    (['DM'], ['USD'], ['€'], [])
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    said = [word for word in re.findall(r"[^\W_]+", parted) if word.lower() in CURRENCIES]
    return said + _SYMBOLS.findall(text)


def unit(name: str) -> tuple[str, str]:
    """The unit a name speaks of and the word that says so; ``unknown`` where none does."""
    for found, words in UNITS:
        if word := says(name, words):
            return found, word
    return "unknown", ""
