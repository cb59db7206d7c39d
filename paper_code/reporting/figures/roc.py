"""ROC curves, one panel per data set."""

import numpy as np

from paper_code.metrics import classification_metrics, roc_points
from paper_code.reporting.figures.curves import GRID, draw_panels


def draw(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf: means over the seeds, and over the classes if many."""
    draw_panels(
        output,
        runs,
        scale,
        "ROC curves on the test set",
        _draw,
        ("1 − specificity", "sensitivity"),
        "Of the malignant class; with more than two classes the mean over the classes of each "
        "against the rest. Beside each name: area under the curve, mean of the seeds.",
    )


def _draw(axis, runs, look) -> str:
    axis.plot([0, 1], [0, 1], "--", color="0.75", linewidth=0.8, zorder=0)
    samples = [run.part("test")[:2] for run in runs]
    curves = [curve for sample in samples for _, curve in roc_points(*sample).groupby("class")]
    if curves:
        heights = [np.interp(GRID, curve["fpr"], curve["tpr"]) for curve in curves]
        axis.plot([0, *GRID], [0, *np.mean(heights, axis=0)], **look)
    area = np.mean([classification_metrics(*sample)["auc_roc"] for sample in samples])
    return f"({area:.3f})"
