"""One panel per data set, one line per network: what reliability, ROC and PR figures share."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import network_look, run_provenance, save_figure, style
from paper_code.reporting.tables.results import group_runs
from paper_code.runs import Run, load_run

COLUMNS = 3
GRID = np.linspace(0, 1, 201)


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
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in groups))
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
            own = {network: same for (name, _, network), same in groups.items() if name == dataset}
            for network in sorted(own, key=lambda name: name == "dalaresnet50"):
                look = network_look(network)
                value = draw(axis, own[network], look)
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
