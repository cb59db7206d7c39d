"""Figure 6: confusion matrices of DALAResNet50 and ResNet50 on BreakHis."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import confusion_matrix

from paper_code.reporting.figures.samples import class_name
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import run_provenance, save_figure, style
from paper_code.runs import Run, load_run


def draw(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf: one row per network, one column per data set.

    Counts of the test images summed over the seeds; the colour is the share of the true class.

    Args:
        output: the .png file.
        runs: `run.json` files of the networks to show.
        scale: for the record.
    """
    loaded = [load_run(path) for path in runs]
    networks = list(dict.fromkeys(run.network for run in loaded))
    datasets = list(dict.fromkeys(run.dataset for run in loaded))
    size = (1.9 * len(datasets) + 0.6, 2.1 * len(networks) + 0.3)
    with style():
        figure, axes = plt.subplots(
            len(networks), len(datasets), figsize=size, squeeze=False, layout="constrained"
        )
        for row, network in enumerate(networks):
            for column, dataset in enumerate(datasets):
                same = [r for r in loaded if (r.network, r.dataset) == (network, dataset)]
                axis = axes[row, column]
                _draw_matrix(axis, same)
                if row == 0:
                    axis.set_title(DATASET_LABELS.get(dataset, dataset))
                if column == 0:
                    axis.set_ylabel(f"{NETWORK_LABELS.get(network, network)}\ntrue class")
                if row == len(networks) - 1:
                    axis.set_xlabel("predicted class")
        save_figure(figure, output, run_provenance(loaded, scale))


def _draw_matrix(axis, runs: list[Run]) -> None:
    classes = runs[0].facts["classes"]
    counts = np.zeros((len(classes), len(classes)), int)
    for run in runs:
        labels, probabilities, _ = run.part("test")
        counts += confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(len(classes)))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (true, predicted), count in np.ndenumerate(counts):
        axis.text(
            predicted,
            true,
            f"{count}\n{share[true, predicted]:.1%}",
            ha="center",
            va="center",
            color="white" if share[true, predicted] > 0.5 else "black",
        )
    names = [class_name(name) for name in classes]
    axis.set_xticks(range(len(classes)), names, fontsize=7)
    axis.set_yticks(range(len(classes)), names, fontsize=7, rotation=90, va="center")
