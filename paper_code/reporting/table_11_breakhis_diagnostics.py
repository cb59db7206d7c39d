"""Table XI: sensitivity, specificity, PPV and NPV of the networks on BreakHis."""

from paper_code.reporting.tables.scores import DIAGNOSTICS, write_comparison


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; see `write_comparison`."""
    write_comparison(
        output,
        runs,
        DIAGNOSTICS,
        "11",
        "Table XI. Diagnostic values on BreakHis",
        ["Malignant is the positive class."],
        scale=scale,
        resamples=resamples,
    )
