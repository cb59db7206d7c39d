"""Figure 6: confusion matrices of DALAResNet50 and ResNet50 on BreakHis."""

import numpy as np
from sklearn.metrics import confusion_matrix

from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS, class_name
from paper_code.reporting.plotting import grid, run_provenance, save_figure
from paper_code.runs import Run, load_run


def draw(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf: one row per network, one column per data set.

    Counts of the test images summed over the seeds; the colour is the share of the true class.
    """
    loaded = [load_run(path) for path in runs]
    networks = list(dict.fromkeys(run.network for run in loaded))
    datasets = list(dict.fromkeys(run.dataset for run in loaded))
    size = (1.9 * len(datasets) + 0.6, 2.1 * len(networks) + 0.3)
    figure, axes = grid(len(networks), len(datasets), size)
    for line, network in zip(axes, networks, strict=True):
        for axis, dataset in zip(line, datasets, strict=True):
            same = [r for r in loaded if (r.network, r.dataset) == (network, dataset)]
            _draw_matrix(axis, same)
            if network == networks[0]:
                axis.set_title(DATASET_LABELS.get(dataset, dataset))
            if network == networks[-1]:
                axis.set_xlabel("predicted class")
        line[0].set_ylabel(f"{NETWORK_LABELS.get(network, network)}\ntrue class")
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
        text = f"{count}\n{share[true, predicted]:.1%}"
        colour = "white" if share[true, predicted] > 0.5 else "black"
        axis.text(predicted, true, text, ha="center", va="center", color=colour)
    names = [class_name(name) for name in classes]
    axis.set_xticks(range(len(classes)), names, fontsize=7)
    axis.set_yticks(range(len(classes)), names, fontsize=7, rotation=90, va="center")
