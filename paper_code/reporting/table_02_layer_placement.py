"""Table II: DALAResNet50 with its gate after each of the four layers, on BreakHis."""

from paper_code.reporting.comparison import F1_PAIR, write_comparison

METRICS = ["accuracy", "f1_macro", "f1_weighted", "auc_roc"]
REDUCTION = "The reduction of the gate is that of the paper's two-class network at every place."


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; see `write_comparison`."""
    write_comparison(
        output,
        runs,
        METRICS,
        "02",
        "Table II. Place of the gate in DALAResNet50",
        [F1_PAIR, REDUCTION],
        scale=scale,
        resamples=resamples,
        subject="placement",
    )
