"""Table IX: parameters, multiply-adds and times of the networks on BreakHis."""

from paper_code.audit.timing import averages
from paper_code.published import published_table
from paper_code.reporting.tables.cost import write_cost


def write(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md; see `write_cost`."""
    (finding,) = averages(published_table("09"))
    note = (
        "The printed average times against the means of the four printed times: "
        f"{finding.result}. See [audit.md](audit.md)."
    )
    write_cost(output, runs, "09", "Table IX. Cost of the networks on BreakHis", [note], scale)
