"""The one small expression language: cross-field rules, policy rules and model features are written in it.

::

    loan_amount <= purchase_price
    not given(debt) or debt <= 10 * assets
    employment_type in ('fixed', 'part_time') and term_months <= 60
    log1p(monthly_income / (1 + monthly_expenses))        # '/', log1p and sqrt: in features only

Names are contract fields; numbers are decimal literals in the field's own unit (``1234.50`` euro, not cents). ``parse``
reads the text with Python's grammar, keeps what is listed here and nothing else, and never evaluates anything. The
frozen tree it returns is printed by each engine: here to exact integer arithmetic on one row, in
``models/features.py`` to float64 kernels.

What every printer must agree on:

* A missing operand makes the result unknown. So do ``min``, ``max`` and ``where``, whichever branch is missing: an
  expression never puts a value where none was sent. Only ``given(field)`` is always known.
* ``and``, ``or`` and ``not`` are three-valued (Kleene): false and unknown is false, true or unknown is true.
* A rule whose result is unknown has passed.
"""

from contracts.expressions.kinds import Kind, Purpose, check
from contracts.expressions.known import row_printer
from contracts.expressions.parser import ExpressionFault, parse
from contracts.expressions.tree import (
    Arith,
    Call,
    Compare,
    Expr,
    Logic,
    Name,
    Neg,
    Not,
    Number,
    OneOf,
    Text,
    names,
    walk,
)

__all__ = [
    "Arith",
    "Call",
    "Compare",
    "Expr",
    "ExpressionFault",
    "Kind",
    "Logic",
    "Name",
    "Neg",
    "Not",
    "Number",
    "OneOf",
    "Purpose",
    "Text",
    "check",
    "names",
    "parse",
    "row_printer",
    "walk",
]
