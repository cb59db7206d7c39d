"""Table III: images of each class at each magnification of BreakHis, beside the printed counts."""

from paper_code.reporting.tables.counts import write_counts


def write(output: str, *, prepared: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md from the prepared data sets' manifests."""
    write_counts(
        output,
        prepared,
        "03",
        "Table III. BreakHis: images of each class at each magnification",
        scale,
    )
