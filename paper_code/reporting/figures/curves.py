"""Reliability, ROC and precision-recall curves: a panel per data set, a line per network."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from sklearn.metrics import average_precision_score

from paper_code.metrics import (
    classification_metrics,
    expected_calibration_error,
    precision_recall_points,
    reliability_curve,
    roc_points,
)
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import grid, network_look, run_provenance, save_figure
from paper_code.reporting.tables.results import group_runs
from paper_code.runs import Run, load_run

COLUMNS = 3
GRID = np.linspace(0, 1, 201)
BINS = 10  # of the drawn line of reliability; the ECE has 15, as in the table
ONE_CLASS = (
    "Of the malignant class; with more than two classes the mean over the classes of each against "
    "the rest. "
)


class Curve(NamedTuple):
    """One kind of curve."""

    title: str  # above the panels
    labels: tuple[str, str]  # of the x and y axes
    note: str  # what the reader must know, below the panels
    # Draws the runs of one data set and network, with the given look of lines, and returns the
    # number that stands beside the network's name.
    draw: Callable[[Axes, list[Run], dict], str]


def _reliability(axis: Axes, runs: list[Run], look: dict) -> str:
    samples = [run.part("test")[:2] for run in runs]
    labels, probabilities = (np.concatenate(part) for part in zip(*samples, strict=True))
    curve = reliability_curve(labels, probabilities, BINS)
    axis.plot([0, 1], [0, 1], "--", color="0.75", linewidth=0.8, zorder=0)
    axis.plot(curve["confidence"], curve["accuracy"], **look)
    share = curve["count"] / curve["count"].sum()
    axis.scatter(curve["confidence"], curve["accuracy"], 4 + 60 * share, look["color"], alpha=0.7)
    error = np.mean([expected_calibration_error(*sample) for sample in samples])
    return f"(ECE {error:.3f})"


def _roc(axis: Axes, runs: list[Run], look: dict) -> str:
    axis.plot([0, 1], [0, 1], "--", color="0.75", linewidth=0.8, zorder=0)
    samples = [run.part("test")[:2] for run in runs]
    curves = [curve for sample in samples for _, curve in roc_points(*sample).groupby("class")]
    if curves:
        heights = [np.interp(GRID, curve["fpr"], curve["tpr"]) for curve in curves]
        axis.plot([0, *GRID], [0, *np.mean(heights, axis=0)], **look)
    area = np.mean([classification_metrics(*sample)["auc_roc"] for sample in samples])
    return f"({area:.3f})"


def _precision_recall(axis: Axes, runs: list[Run], look: dict) -> str:
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


CURVES = {
    "reliability": Curve(
        "Reliability: are the networks as often right as they are sure?",
        ("confidence (largest probability)", "accuracy (share of images)"),
        f"Test images in {BINS} bins of confidence; the area of a point is its share of the "
        "images. Dashed grey: perfect calibration. Beside each name: expected calibration error, "
        "15 bins.",
        _reliability,
    ),
    "roc": Curve(
        "ROC curves on the test set",
        ("1 − specificity", "sensitivity"),
        ONE_CLASS + "Beside each name: area under the curve, mean of the seeds.",
        _roc,
    ),
    "precision_recall": Curve(
        "Precision-recall curves on the test set",
        ("recall (sensitivity)", "precision (PPV)"),
        ONE_CLASS + "Dashed grey: chance (the class's share of the images). Beside each name: "
        "average precision, mean of the seeds.",
        _precision_recall,
    ),
}


def draw(output: str, *, runs: list[str], scale: str, curve: str) -> None:
    """Write `output` (.png) and its .pdf."""
    kind = CURVES[curve]
    groups = group_runs(loaded := [load_run(path) for path in runs])
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in groups))
    columns = min(COLUMNS, len(datasets))
    rows = -(-len(datasets) // columns)
    figure, axes = grid(rows, columns, (3.1 * columns + 0.4, 3.9 * rows + 0.5))
    figure.suptitle(kind.title, fontsize=10, fontweight="bold")
    for axis, dataset in zip(axes.flat, datasets, strict=False):
        own = {network: same for (name, _, network), same in groups.items() if name == dataset}
        for network in sorted(own, key=lambda name: name == "dalaresnet50"):
            look = network_look(network)
            value = kind.draw(axis, own[network], look)
            axis.plot([], [], **look, label=f"{NETWORK_LABELS.get(network, network)} {value}")
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axis.set_title(DATASET_LABELS.get(dataset, dataset))
        axis.set(xlabel=kind.labels[0], ylabel=kind.labels[1])
        axis.legend(
            fontsize=6,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.2),
            ncols=2,
            handlelength=1.6,
            frameon=False,
        )
    for axis in axes.flat[len(datasets) :]:
        axis.set_visible(False)
    save_figure(figure, output, f"{kind.note}\n{run_provenance(loaded, scale)}")
