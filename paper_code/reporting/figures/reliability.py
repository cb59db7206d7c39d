"""Reliability diagrams: confidence against accuracy, one panel per data set."""

import numpy as np

from paper_code.metrics import expected_calibration_error, reliability_curve
from paper_code.reporting.figures.curves import draw_panels

BINS = 10  # of the drawn line; the ECE has 15, as in the table


def draw(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf; seeds are pooled in the line, averaged in the ECE."""
    draw_panels(
        output,
        runs,
        scale,
        "Reliability: are the networks as often right as they are sure?",
        _draw,
        ("confidence (largest probability)", "accuracy (share of images)"),
        f"Test images in {BINS} bins of confidence; the area of a point is its share of the "
        "images. Dashed grey: perfect calibration. Beside each name: expected calibration error, "
        "15 bins.",
    )


def _draw(axis, runs, look) -> str:
    samples = [run.part("test")[:2] for run in runs]
    labels, probabilities = (np.concatenate(part) for part in zip(*samples, strict=True))
    curve = reliability_curve(labels, probabilities, BINS)
    axis.plot([0, 1], [0, 1], "--", color="0.75", linewidth=0.8, zorder=0)
    axis.plot(curve["confidence"], curve["accuracy"], **look)
    share = curve["count"] / curve["count"].sum()
    axis.scatter(curve["confidence"], curve["accuracy"], 4 + 60 * share, look["color"], alpha=0.7)
    error = np.mean([expected_calibration_error(*sample) for sample in samples])
    return f"(ECE {error:.3f})"
