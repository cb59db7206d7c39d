"""Precision-recall curves, one panel per data set."""

import numpy as np
from sklearn.metrics import average_precision_score

from paper_code.metrics import precision_recall_points
from paper_code.reporting.figures.curves import GRID, draw_panels


def draw(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf: means over the seeds, and over the classes if many."""
    draw_panels(
        output,
        runs,
        scale,
        "Precision-recall curves on the test set",
        _draw,
        ("recall (sensitivity)", "precision (PPV)"),
        "Of the malignant class; with more than two classes the mean over the classes of each "
        "against the rest. Dashed grey: chance (the class's share of the images). Beside each "
        "name: average precision, mean of the seeds.",
    )


def _draw(axis, runs, look) -> str:
    heights, averages, shares = [], [], []
    for run in runs:
        labels, probabilities, _ = run.part("test")
        for index, subset in precision_recall_points(labels, probabilities).groupby("class"):
            # A staircase: the best precision of the lowest recall that is enough.
            best = subset.groupby("recall")["precision"].max()
            heights.append(best.to_numpy()[np.searchsorted(best.index, GRID - 1e-12)])
            averages.append(average_precision_score(labels == index, probabilities[:, index]))
            shares.append(np.mean(labels == index))
    if heights:
        axis.axhline(np.mean(shares), linestyle="--", color="0.75", linewidth=0.8, zorder=0)
        axis.plot(GRID, np.mean(heights, axis=0), **look)
    return f"({np.mean(averages) if averages else np.nan:.3f})"
