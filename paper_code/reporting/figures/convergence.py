"""Validation accuracy and losses by epoch, of all runs."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from paper_code.networks.names import VARIANT
from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, network_label
from paper_code.reporting.markdown import read_results
from paper_code.reporting.plotting import network_look, save_figure, style

MEASURES = {
    "val_accuracy": "Validation accuracy",
    "train_loss": "Training loss",
    "val_loss": "Validation loss",
}
NAMED = ("dalaresnet50", "resnet50")  # in their own colours; the others are grey, behind them
GREY = {"color": "0.72", "linestyle": "-", "linewidth": 0.8}


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf.

    One row per measure, one column per data set, one line per network: DALAResNet50 and ResNet50
    stand out, the other networks are grey, and the gate after other layers is dotted.

    Args:
        output: the .png file.
        tables: the CSV of the table of epochs.
    """
    epochs = read_results(tables[0])
    datasets = list(dict.fromkeys(epochs["dataset"]))
    networks = sorted(dict.fromkeys(epochs["network"]), key=_depth)
    with style():
        figure, axes = plt.subplots(
            len(MEASURES),
            len(datasets),
            figsize=(2.3 * len(datasets) + 1.4, 6.2),
            squeeze=False,
            sharex="col",
            layout="constrained",
        )
        for column, dataset in enumerate(datasets):
            runs = epochs[epochs["dataset"] == dataset]
            for axis, measure in zip(axes[:, column], MEASURES, strict=True):
                for network in networks:
                    _draw_network(axis, runs[runs["network"] == network], measure, _look(network))
                axis.set_ylabel(MEASURES[measure] if column == 0 else "")
                axis.set_ylim(*((-0.02, 1.02) if measure == "val_accuracy" else (0, None)))
                axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                axis.grid(color="0.94")
                axis.spines[["top", "right"]].set_visible(False)
            axes[0, column].set_title(DATASET_LABELS.get(dataset, dataset))
            axes[-1, column].set_xlabel("epoch")
        figure.legend(
            handles=_handles(networks), loc="outside upper center", ncols=4, frameon=False
        )
        save_figure(figure, output, _provenance(epochs))


def _depth(network: str) -> int:
    """The order of drawing: grey lines first, DALAResNet50 last, on top."""
    if network in NAMED:
        return 3 - NAMED.index(network)
    return 1 if VARIANT in network else 0


def _look(network: str) -> dict[str, object]:
    return network_look(network) if network in NAMED or VARIANT in network else GREY


def _handles(networks: list[str]) -> list[Line2D]:
    """The legend: named networks, then the two groups of the others."""
    handles = [
        Line2D([], [], **_look(network), label=network_label(network))
        for network in NAMED
        if network in networks
    ]
    elsewhere = [network for network in networks if VARIANT in network]
    if elsewhere:
        label = "DALAResNet50, gate after another layer"
        handles.append(Line2D([], [], **_look(elsewhere[0]), label=label))
    others = [network for network in networks if _look(network) is GREY]
    if others:
        label = (
            network_label(others[0]) if len(others) == 1 else f"the other {len(others)} networks"
        )
        handles.append(Line2D([], [], **GREY, label=label))
    return handles


def _draw_network(axis: Axes, runs: pd.DataFrame, measure: str, look: dict[str, object]) -> None:
    """The mean over the runs as a line, each run's values as a pale one; a dot at the end."""
    if runs.empty:
        return
    mean = runs.groupby("epoch")[measure].mean()
    of_runs = runs.groupby(["splits", "split_seed", "seed"])
    if len(of_runs) > 1:
        for _, run in of_runs:
            axis.plot(run["epoch"], run[measure], **look | {"linewidth": 0.5, "alpha": 0.35})
    axis.plot(mean.index, mean, **look)
    axis.plot(mean.index[-1], mean.iloc[-1], "o", color=look["color"], markersize=2.5)


def _provenance(epochs: pd.DataFrame) -> str:
    def distinct(column: str) -> str:
        return ", ".join(dict.fromkeys(str(value) for value in epochs[column]))

    return (
        f"{distinct('scale')} scale; {distinct('weights')} weights; split by {distinct('splits')}; "
        f"seeds {distinct('seed')}; {distinct('hardware')}; commit {commit()}\n{distinct('data')}"
    )
