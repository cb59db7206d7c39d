"""The figures that the notebooks draw themselves, from numbers that they show."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from paper_code.reporting.labels import label
from paper_code.reporting.notebooks.steps import ShownSteps
from paper_code.reporting.plotting import grid

COMPUTED, PRINTED = "#0072B2", "#D55E00"  # Okabe and Ito's palette
MAP = {"cmap": "inferno", "vmin": 0}


def plot_gate(images: np.ndarray, weights: np.ndarray) -> Figure:
    """Synthetic images (uint8 N x H x W x 3) and the gate's weights for them (N x channels)."""
    figure, axes = grid(1, len(images) + 1, (10, 3.2))
    for axis, image, number in zip(axes[0], images, range(1, len(images) + 1), strict=False):
        axis.imshow(image)
        axis.set(title=f"Synthetic image {number}", xticks=[], yticks=[])
    axis = axes[0, -1]
    bins = np.linspace(0, float(weights.max()), 31)
    for number, values in enumerate(weights, start=1):
        axis.hist(values, bins, histtype="step", label=f"image {number}", linewidth=1.4)
    axis.set(
        title=f"Weights of the {weights.shape[1]:,} channels (untrained)",
        xlabel="weight (Eq. 3)",
        ylabel="channels",
        yscale="log",
    )
    axis.legend(frameon=False)
    return figure


def plot_placements(accuracy: pd.DataFrame) -> Figure:
    """Printed accuracies: one line per data set (rows), the gate's layers 1 to 4 (columns)."""
    figure, axes = grid(1, 1, (6, 3.4))
    axis = axes[0, 0]
    for dataset, values in accuracy.iterrows():
        axis.plot([1, 2, 3, 4], values, marker="o", label=label(dataset))
    axis.set(
        title="Printed accuracy by place of the gate (Table II)",
        xlabel="gate after layer",
        ylabel="accuracy",
        xticks=[1, 2, 3, 4],
    )
    axis.grid(color="0.9")
    axis.legend(frameon=False, fontsize=8)
    return figure


def plot_time_ratios(ratio: pd.Series) -> Figure:
    """Printed times of DALAResNet50 over those of ResNet50, one bar per data set."""
    figure, axes = grid(1, 1, (6, 2.8))
    axis = axes[0, 0]
    labels = ["BreakHis, average" if name == "breakhis" else label(name) for name in ratio.index]
    axis.barh(labels[::-1], ratio[::-1], color=PRINTED)
    axis.axvline(1, color="0.3", linewidth=1)
    axis.set(
        title="Printed time of DALAResNet50 over that of ResNet50",
        xlabel="ratio of printed convergence times",
    )
    return figure


def plot_steps(steps: ShownSteps) -> Figure:
    """The steps of DT Grad-CAM on one image."""
    figure, axes = grid(2, 4, (10, 5.6))
    panels = [
        ("Image", steps.image, {}),
        ("A noisy copy (Eq. 5)", steps.noisy, {}),
        ("Grad-CAM, first copy (Eq. 6, 7)", steps.copies[0], MAP),
        ("Grad-CAM, last copy", steps.copies[-1], MAP),
        ("Weighted average (Eq. 8)", steps.average, MAP),
        ("Above Otsu's threshold (Eq. 9, 10)", steps.thresholded, MAP),
        ("After morphology", steps.cleaned, MAP),
        ("Result on the image", steps.image, {}),
    ]
    for axis, (title, values, options) in zip(axes.flat, panels, strict=True):
        axis.imshow(values, **options)
        axis.set(title=title, xticks=[], yticks=[])
        axis.title.set_fontsize(8.5)
    axes[1, 3].imshow(steps.cleaned, cmap="inferno", alpha=0.5)
    axes[1, 3].contour(steps.lesion, [0.5], colors="cyan", linewidths=1)
    return figure


def plot_threshold(steps: ShownSteps) -> Figure:
    """The weights of the noisy copies, and where their average is cut."""
    figure, axes = grid(1, 2, (8, 2.8))
    weights, cut = axes[0]
    weights.bar(np.arange(1, len(steps.weights) + 1), steps.weights, color=COMPUTED)
    weights.set(
        title="Weights of the copies (Eq. 8)", xlabel="copy", ylabel="weight", ylim=(0, 1.05)
    )
    cut.hist(steps.average.ravel() / steps.average.max(), 50, color=COMPUTED)
    cut.axvline(steps.threshold, color=PRINTED, label="Otsu's threshold (Eq. 9)")
    cut.set(title="Values of the average", xlabel="value, of the maximum", ylabel="pixels")
    cut.legend(frameon=False)
    return figure


def plot_precision(printed: pd.DataFrame, labels: dict[str, str]) -> Figure:
    """Printed recall and implied precision; the level "method" of the index names the points."""
    figure, axes = grid(1, 1, (5.2, 3.6))
    axis = axes[0, 0]
    for (method, rows), marker in zip(printed.groupby("method", sort=False), "osv^", strict=False):
        axis.plot(rows["recall"], rows["precision"], marker, linestyle="", label=labels[method])
    axis.set(
        title="Printed recall and the precision that follows",
        xlabel="recall (printed)",
        ylabel="precision (computed)",
    )
    axis.grid(color="0.9")
    axis.legend(frameon=False, fontsize=8)
    return figure
