"""Table VII: accuracy, F1, IBA and GMean of the networks on BreakHis at four magnifications."""

from paper_code.reporting.tables.scores import F1_PAIR, PERFORMANCE, write_comparison


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; see `write_comparison`."""
    write_comparison(
        output,
        runs,
        PERFORMANCE,
        "07",
        "Table VII. Networks on BreakHis",
        [F1_PAIR],
        scale=scale,
        resamples=resamples,
    )
