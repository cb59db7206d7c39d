"""Specificity: a dot for what Table XI prints, a bar for what Table VII allows."""

import matplotlib.pyplot as plt
import pandas as pd

from paper_code.errors import UserError
from paper_code.files import read_csv
from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import save_figure, style

TABLE_7, TABLE_11 = "#0072B2", "#D55E00"  # Wong's colours for the colour-blind


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one panel per magnification, one row per network.

    Args:
        output: the .png file.
        tables: the CSV of the table `implied_specificity`.

    Raises:
        UserError: the table has no rows.
    """
    columns = ("dataset", "network", "low", "high", "printed")
    rows = read_csv(tables[0], *columns, dtype=None, keep_default_na=True)
    if rows.empty:
        raise UserError(f"{tables[0]}: no rows. Make the table again.")
    datasets = list(dict.fromkeys(rows["dataset"]))
    networks = list(dict.fromkeys(rows["network"]))
    with style():
        figure, axes = plt.subplots(
            1,
            len(datasets),
            figsize=(2.1 * len(datasets) + 1.2, 0.28 * len(networks) + 1.4),
            sharey=True,
            sharex=True,
            squeeze=False,
            layout="constrained",
        )
        for axis, dataset in zip(axes[0], datasets, strict=True):
            cells = rows[rows["dataset"] == dataset].set_index("network").reindex(networks)
            _draw_panel(axis, cells)
            axis.set_title(DATASET_LABELS[dataset])
        axes[0, 0].set_yticks(range(len(networks)), [NETWORK_LABELS[name] for name in networks])
        axes[0, 0].set_ylim(len(networks) - 0.5, -0.5)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=8)
        save_figure(figure, output, _provenance())


def _draw_panel(axis, cells: pd.DataFrame) -> None:
    places = range(len(cells))
    axis.hlines(
        places,
        cells["low"],
        cells["high"],
        color=TABLE_7,
        linewidth=5,
        label="allowed by accuracy and GMean (Table VII)",
    )
    for end in ("low", "high"):  # a range of a single value has no length
        axis.plot(cells[end], places, "s", color=TABLE_7, markersize=4)
    axis.plot(
        cells["printed"], places, "o", color=TABLE_11, markersize=4, label="printed (Table XI)"
    )
    axis.set_xlabel("Specificity")
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)


def _provenance() -> str:
    return (
        "All whole confusion matrices within one unit of the last digit, with the one class split "
        f"that Table XI leaves;\nprinted numbers alone, no image; commit {commit()}"
    )
