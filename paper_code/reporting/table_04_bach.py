"""Table IV: images of each class of BACH, beside the printed counts."""

from paper_code.reporting.tables.counts import write_counts


def write(output: str, *, prepared: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md from the prepared data sets' manifests."""
    write_counts(output, prepared, "04", "Table IV. BACH: images of each class", scale)
