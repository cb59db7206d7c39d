"""One panel a data set, one line a network: what the reliability, ROC and PR figures share."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import run_provenance, save_figure, style
from paper_code.reporting.tables.scores import group_runs
from paper_code.runs import Run, load_run

COLUMNS = 3
GRID = np.linspace(0, 1, 201)
# Wong's colours for the colour-blind, then greys; DALAResNet50 is drawn last, on top.
COLOURS = {
    "dalaresnet50": "#D55E00",
    "resnet50": "#0072B2",
    "seresnet50": "#56B4E9",
    "densenet121": "#009E73",
    "vgg16": "#CC79A7",
    "vgg16_inception": "#E69F00",
    "vit": "#555555",
    "swin": "#999999",
    "dinov2_vitb14": "#000000",
}
STYLES = {"vit": "--", "swin": "-.", "dinov2_vitb14": ":"}


def draw_panels(
    output: str,
    runs: list[str],
    scale: str,
    title: str,
    draw: Callable[[Axes, list[Run], dict], str],
    labels: tuple[str, str],
    note: str,
) -> None:
    """Write `output` (.png) and its .pdf.

    Args:
        output: the .png file.
        runs: `run.json` files.
        scale: for the record.
        title: above the panels.
        draw: draws the runs of one data set and network, with the given look of lines, and
            returns the number that stands beside the network's name.
        labels: of the x and y axes.
        note: what the reader must know, below the panels.
    """
    loaded = [load_run(path) for path in runs]
    groups = group_runs(loaded)
    datasets = list(dict.fromkeys(dataset for dataset, _ in groups))
    columns = min(COLUMNS, len(datasets))
    rows = -(-len(datasets) // columns)
    with style():
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(3.1 * columns + 0.4, 3.9 * rows + 0.5),
            squeeze=False,
            layout="constrained",
        )
        figure.suptitle(title, fontsize=10, fontweight="bold")
        for axis, dataset in zip(axes.flat, datasets, strict=False):
            networks = [network for of, network in groups if of == dataset]
            for network in sorted(networks, key=lambda name: name == "dalaresnet50"):
                look = {
                    "color": COLOURS.get(network, "0.5"),
                    "linestyle": STYLES.get(network, "-"),
                    "linewidth": 1.8 if network == "dalaresnet50" else 1.1,
                }
                value = draw(axis, groups[dataset, network], look)
                axis.plot([], [], **look, label=f"{NETWORK_LABELS.get(network, network)} {value}")
            axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
            axis.set_title(DATASET_LABELS.get(dataset, dataset))
            axis.set_xlabel(labels[0])
            axis.set_ylabel(labels[1])
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
        save_figure(figure, output, f"{note}\n{run_provenance(loaded, scale)}")
