"""ROC curves above reliability diagrams: a column per data set, a line per network."""

import numpy as np
from matplotlib.axes import Axes
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

from paper_code.metrics import classification_metrics
from paper_code.metrics.calibration import expected_calibration_error
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import grid, network_look, run_provenance, save_figure
from paper_code.reporting.tables.results import group_runs
from paper_code.runs import Run, load_run

BINS = 10  # of the drawn line; the ECE has 15, as in the table
AXES = {  # title, x and y
    "roc": ("ROC", "1 − specificity", "sensitivity"),
    "reliability": ("Reliability", "confidence (largest probability)", "accuracy"),
}
NOTE = (
    "Test images of all seeds together. ROC: of the malignant class; with more classes, every "
    f"class against the rest, pooled. Reliability: {BINS} bins; dashed: perfect calibration. In "
    "brackets: mean over the seeds of the area under the curve, or of the expected calibration "
    "error."
)


def draw(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf."""
    groups = group_runs(loaded := [load_run(path) for path in runs])
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in groups))
    figure, axes = grid(2, len(datasets), (3.1 * len(datasets) + 0.4, 6.8))
    for (roc, reliability), dataset in zip(axes.T, datasets, strict=True):
        own = {network: same for (name, _, network), same in groups.items() if name == dataset}
        for network in sorted(own, key=lambda name: name == "dalaresnet50"):
            _draw_network(roc, reliability, own[network])
        for axis, (title, x, y) in zip((roc, reliability), AXES.values(), strict=True):
            axis.plot([0, 1], [0, 1], "--", color="0.75", linewidth=0.8, zorder=0)
            axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel=x, ylabel=y)
            axis.set_title(f"{DATASET_LABELS[dataset]}: {title}")
            axis.legend(fontsize=6, handlelength=1.6, frameon=False)
    save_figure(figure, output, f"{NOTE}\n{run_provenance(loaded, scale)}")


def _draw_network(roc: Axes, reliability: Axes, runs: list[Run]) -> None:
    """Both lines of a network's runs on one data set."""
    samples = [run.part("test")[:2] for run in runs]
    labels, probabilities = map(np.concatenate, zip(*samples, strict=True))
    look, name = network_look(runs[0].network), NETWORK_LABELS[runs[0].network]
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    true = np.concatenate([labels == index for index in classes])
    score = np.concatenate([probabilities[:, index] for index in classes])
    if true.any() and not true.all():
        false_positive, true_positive, _ = roc_curve(true, score)
        area = np.mean([classification_metrics(*sample)["auc_roc"] for sample in samples])
        roc.plot(false_positive, true_positive, **look, label=f"{name} ({area:.3f})")
    right = probabilities.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=BINS)
    error = np.mean([expected_calibration_error(*sample) for sample in samples])
    reliability.plot(confidence, accuracy, **look, marker=".", label=f"{name} (ECE {error:.3f})")
