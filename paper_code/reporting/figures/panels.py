"""A panel for each data set and a row for each network: the shape of figures of printed values."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import save_figure, style


def draw_panels(
    output: str,
    rows: pd.DataFrame,
    draw_panel: Callable[[Axes, pd.DataFrame], None],
    provenance: str,
    *,
    panel: float,
    row: float,
    margin: float,
    columns: int,
) -> None:
    """Write `output` (.png) and its .pdf: panels share both axes and one legend.

    Args:
        output: the .png file.
        rows: dataset, network and what `draw_panel` reads.
        draw_panel: draws the rows of one data set, numbered from 0 downwards.
        provenance: the note at the foot.
        panel, row, margin: inches; the width of a panel, the height of a row, and the rest of it.
        columns: of the legend.
    """
    datasets = list(dict.fromkeys(rows["dataset"]))
    networks = list(dict.fromkeys(rows["network"]))
    with style():
        figure, axes = plt.subplots(
            1,
            len(datasets),
            figsize=(panel * len(datasets) + 1.2, row * len(networks) + margin),
            sharey=True,
            sharex=True,
            squeeze=False,
            layout="constrained",
        )
        for axis, dataset in zip(axes[0], datasets, strict=True):
            cells = rows[rows["dataset"] == dataset].set_index("network").reindex(networks)
            draw_panel(axis, cells)
            axis.set_title(DATASET_LABELS[dataset])
            axis.grid(axis="x", color="0.9")
            axis.set_axisbelow(True)
        labels = [NETWORK_LABELS.get(name, name) for name in networks]
        axes[0, 0].set_yticks(range(len(networks)), labels)
        axes[0, 0].set_ylim(len(networks) - 0.5, -0.5)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=8)
        save_figure(figure, output, provenance)
