"""What a plan costs, one term per file. Each term returns coefficient arrays; solver, KPIs and referee share them."""

from __future__ import annotations

from optimizer.objectives import bringing, carbon, facilities, handling, haulage, rent, revenue, subsidy, unserved
from optimizer.objectives.coefficients import Coefficients, Term, add

TERMS: tuple[Term, ...] = (
    Term("facilities", "cost", facilities.coefficients),
    Term("rent", "cost", rent.coefficients),
    Term("bringing", "cost", bringing.coefficients),
    Term("handling", "cost", handling.coefficients),
    Term("haulage", "cost", haulage.coefficients),
    Term("carbon", "cost", carbon.coefficients),
    Term("revenue", "income", revenue.coefficients),
    Term("subsidy", "income", subsidy.coefficients),
    Term("unserved", "penalty", unserved.coefficients),
)

__all__ = ["TERMS", "Coefficients", "Term", "add"]
