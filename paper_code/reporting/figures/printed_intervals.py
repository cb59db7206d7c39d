"""The printed accuracies of Table VII with the intervals that they should have carried."""

import matplotlib.pyplot as plt
import pandas as pd

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import read_results
from paper_code.reporting.plotting import save_figure, style

IMAGES, PATIENTS = "#0072B2", "#D55E00"  # Wong's colours for the colour-blind


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one panel per magnification, one row per network.

    Args:
        output: the .png file.
        tables: the CSV of the table `printed_intervals`.

    Raises:
        UserError: the table has no row of Table VII.
    """
    rows = read_results(tables[0])
    rows = rows[rows["table"] == "07"]
    if rows.empty:
        raise UserError(f"{tables[0]}: no row of Table VII. Make the table again.")
    datasets = list(dict.fromkeys(rows["dataset"]))
    networks = list(dict.fromkeys(rows["network"]))
    with style():
        figure, axes = plt.subplots(
            1,
            len(datasets),
            figsize=(2.3 * len(datasets) + 1.2, 0.3 * len(networks) + 1.2),
            sharey=True,
            sharex=True,
            squeeze=False,
            layout="constrained",
        )
        for axis, dataset in zip(axes[0], datasets, strict=True):
            cells = rows[rows["dataset"] == dataset].set_index("network").reindex(networks)
            _draw_panel(axis, cells)
            axis.set_title(DATASET_LABELS[dataset])
        labels = [NETWORK_LABELS.get(name, name) for name in networks]
        axes[0, 0].set_yticks(range(len(networks)), labels)
        axes[0, 0].set_ylim(len(networks) - 0.5, -0.5)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8)
        save_figure(figure, output, _provenance())


def _draw_panel(axis, cells: pd.DataFrame) -> None:
    places = range(len(cells))
    axis.hlines(
        places,
        cells["low_patients"],
        cells["high_patients"],
        color=PATIENTS,
        linewidth=1.2,
        label="new patients, with the design effect",
    )
    axis.hlines(
        places,
        cells["low"],
        cells["high"],
        color=IMAGES,
        linewidth=4,
        label="images of the same patients",
    )
    axis.plot(cells["printed"], places, "k|", markersize=9, label="printed")
    axis.set_xlabel("Accuracy")
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)


def _provenance() -> str:
    return (
        "95 % intervals: Clopper-Pearson on the test images of Table VI; Korn and Graubard with "
        "the effective number of images.\nThe design effect is that of another network's published "
        f"predictions on the official folds; commit {commit()}"
    )
