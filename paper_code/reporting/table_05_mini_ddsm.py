"""Table V: images of each class of Mini-DDSM, beside the printed counts."""

from paper_code.reporting.tables.counts import write_counts


def write(output: str, *, prepared: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md from the prepared data sets' manifests."""
    write_counts(output, prepared, "05", "Table V. Mini-DDSM: images of each class", scale)
