"""Validation accuracy and losses by epoch, of all runs."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, network_label
from paper_code.reporting.plotting import save_figure, style

LINES = {
    "val_accuracy": "Validation accuracy",
    "train_loss": "Training loss",
    "val_loss": "Validation loss",
}


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: a row a measure, a column a data set, a line a network.

    Args:
        output: the .png file.
        tables: the CSV of the table of epochs.
    """
    epochs = pd.read_csv(tables[0])
    datasets = list(dict.fromkeys(epochs["dataset"]))
    networks = list(dict.fromkeys(epochs["network"]))
    colours = plt.get_cmap("tab20").colors
    with style():
        figure, axes = plt.subplots(
            len(LINES),
            len(datasets),
            figsize=(2.3 * len(datasets) + 1.4, 6),
            squeeze=False,
            sharex="col",
            layout="constrained",
        )
        for column, dataset in enumerate(datasets):
            for row, (measure, label) in enumerate(LINES.items()):
                axis = axes[row, column]
                here = epochs[epochs["dataset"] == dataset]
                for number, network in enumerate(networks):
                    colour = colours[number % len(colours)]
                    width = 2.4 if network == "dalaresnet50" else 1.2
                    rows = here[here["network"] == network]
                    _draw_network(axis, rows, measure, colour, width)
                axis.set_ylabel(label if column == 0 else "")
                axis.set_ylim(*((-0.02, 1.02) if measure == "val_accuracy" else (0, None)))
                axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                axis.grid(color="0.92")
            axes[0, column].set_title(DATASET_LABELS.get(dataset, dataset))
            axes[-1, column].set_xlabel("epoch")
        handles = [
            plt.Line2D([], [], color=colours[number % len(colours)], label=network_label(network))
            for number, network in enumerate(networks)
        ]
        figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=min(2 * len(datasets), len(handles)),
            fontsize=7,
            frameon=False,
        )
        save_figure(figure, output, _provenance(epochs))


def _draw_network(axis: Axes, runs: pd.DataFrame, measure: str, colour, width: float) -> None:
    """The mean over the seeds as a line, each seed's values as a pale one; a dot at the end."""
    if runs.empty:
        return
    mean = runs.groupby("epoch")[measure].mean()
    if runs["seed"].nunique() > 1:
        for _, run in runs.groupby("seed"):
            axis.plot(run["epoch"], run[measure], color=colour, linewidth=0.6, alpha=0.4)
    axis.plot(mean.index, mean, color=colour, linewidth=width, zorder=1 + width)
    axis.plot(mean.index[-1], mean.iloc[-1], "o", color=colour, markersize=3)


def _provenance(epochs: pd.DataFrame) -> str:
    def distinct(column: str) -> str:
        return ", ".join(dict.fromkeys(str(value) for value in epochs[column]))

    return (
        f"{distinct('scale')} scale; {distinct('weights')} weights; split by {distinct('splits')}; "
        f"seeds {distinct('seed')}; {distinct('hardware')}; commit {commit()}\n{distinct('data')}"
    )
