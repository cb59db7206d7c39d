"""Table XII: sensitivity, specificity, PPV and NPV of the networks on BACH and Mini-DDSM."""

from paper_code.reporting.tables.scores import DIAGNOSTICS, ONE_VS_REST, write_comparison


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; see `write_comparison`."""
    write_comparison(
        output,
        runs,
        DIAGNOSTICS,
        "12",
        "Table XII. Diagnostic values on BACH and Mini-DDSM",
        [ONE_VS_REST],
        scale=scale,
        resamples=resamples,
    )
