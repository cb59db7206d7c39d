"""Table X: parameters, multiply-adds and times of the networks on BACH and Mini-DDSM."""

from paper_code.reporting.tables.cost import write_cost


def write(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md; see `write_cost`."""
    note = 'The paper heads its times "average time" and does not say over what it averages.'
    title = "Table X. Cost of the networks on BACH and Mini-DDSM"
    write_cost(output, runs, "10", title, [note], scale)
