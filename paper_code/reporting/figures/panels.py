"""A panel for each data set and a row for each network: the shape of figures of printed values."""

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes

from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import grid, legend_above, light_grid, list_rows, save_figure


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
    datasets, networks = rows["dataset"].unique(), rows["network"].unique()
    size = (panel * len(datasets) + 1.2, row * len(networks) + margin)
    figure, axes = grid(1, len(datasets), size, sharex=True, sharey=True)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        cells = rows[rows["dataset"] == dataset].set_index("network").reindex(networks)
        draw_panel(axis, cells)
        axis.set_title(DATASET_LABELS[dataset])
        light_grid(axis)
    list_rows(axes[0, 0], [NETWORK_LABELS.get(name, name) for name in networks])
    legend_above(figure, axes[0, :1], columns, fontsize=8)
    save_figure(figure, output, provenance)
