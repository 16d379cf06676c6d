"""Small questions for the choice, and the plain words to build one."""

from benchmarks.selection_model.instances import brute_force, small
from matchmaking.selection import Candidate, Constraints, Line, Problem, Supplier

__all__ = ["BASES", "COVERS", "brute_force", "candidate", "question", "small"]

BASES, COVERS = Line("bases", 40), Line("covers", 40)


def candidate(line: Line, supplier: str, price: int, lead: int = 24, **more: object) -> Candidate:
    return Candidate(line.line_id, f"{line.line_id}-{supplier}", supplier, price, lead, **more)  # type: ignore[arg-type]


def question(offers: list[Candidate], *suppliers: Supplier, lines: tuple[Line, ...] = (), **limits: object) -> Problem:
    """The lines of the offers, unless others are named."""
    known = {"bases": BASES, "covers": COVERS}
    asked = lines or tuple(known[name] for name in dict.fromkeys(one.line_id for one in offers))
    return Problem(
        asked,
        tuple(offers),
        {one.supplier_id: one for one in suppliers},
        Constraints(**limits),  # type: ignore[arg-type]
    )
