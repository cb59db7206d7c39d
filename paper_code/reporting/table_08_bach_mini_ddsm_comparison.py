"""Table VIII: accuracy, F1, IBA and GMean of the networks on BACH and Mini-DDSM."""

from paper_code.reporting.tables.scores import F1_PAIR, ONE_VS_REST, PERFORMANCE, write_comparison


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; see `write_comparison`."""
    write_comparison(
        output,
        runs,
        PERFORMANCE,
        "08",
        "Table VIII. Networks on BACH and Mini-DDSM",
        [F1_PAIR, ONE_VS_REST],
        scale=scale,
        resamples=resamples,
    )
