"""Scores by image and by patient, side by side, with intervals."""

import pandas as pd
from matplotlib.axes import Axes

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import distinct, read_results
from paper_code.reporting.plotting import grid, legend_above, save_figure
from paper_code.reporting.tables.leakage import WAYS

LOOKS = {
    "image": {"color": "#D55E00", "marker": "o"},
    "patient": {"color": "#0072B2", "marker": "s"},
}
SHOWN = ("accuracy", "auc_roc")


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one row per metric, one column per data set.

    Raises:
        UserError: the table holds no network.
    """
    rows = read_results(tables[0]).dropna(subset="network")
    if rows.empty:
        raise UserError(f"{tables[0]}: no row of a network. Make the table again.")
    datasets, networks = rows["dataset"].unique(), rows["network"].unique()
    size = (1.0 + (1.0 + 0.75 * len(networks)) * len(datasets), 2.5 * len(SHOWN) + 0.4)
    figure, axes = grid(len(SHOWN), len(datasets), size, sharex=True, sharey="row")
    for line, metric in zip(axes, SHOWN, strict=True):
        for axis, dataset in zip(line, datasets, strict=True):
            subset = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric)]
            _draw_panel(axis, subset.set_index("network").reindex(networks), metric)
            if metric == SHOWN[0]:
                axis.set_title(DATASET_LABELS.get(dataset, dataset))
        line[0].set_ylabel(f"{METRIC_LABELS[metric]} on the test set")
    legend_above(figure, axes[0, :1], 3, fontsize=8)
    data = rows.drop_duplicates("dataset")
    save_figure(
        figure,
        output,
        "Lines: 95 % intervals, over patients and runs. No skill: always the largest class, or an "
        f"AUC of 0.5.\n{distinct(rows['scale'], ', ')} scale; {distinct(rows['weights'], ', ')} "
        f"weights; seeds {distinct(rows['seeds'], ', ')}; commit {commit()}\n"
        + "; ".join(data["dataset"] + ": " + data["data"]),
    )


def _draw_panel(axis: Axes, rows: pd.DataFrame, metric: str) -> None:
    chance = rows["largest_class"].max() if metric == "accuracy" else 0.5
    axis.axhline(chance, linestyle="--", color="0.6", linewidth=0.8, label="no skill")
    for way, shift, side in zip(WAYS, (-0.12, 0.12), ("right", "left"), strict=True):
        look, places = LOOKS[way], [place + shift for place in range(len(rows))]
        ends = rows[f"{way}_low"], rows[f"{way}_high"]
        axis.vlines(places, *ends, color=look["color"], linewidth=1.2)
        axis.plot(places, rows[way], linestyle="", markersize=5, label=f"split by {way}", **look)
        for place, value in zip(places, rows[way], strict=True):
            axis.annotate(
                f"{value:.2f}",
                (place, value),
                (-5 if shift < 0 else 5, 0),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=7,
            )
    axis.set_xticks(range(len(rows)), [NETWORK_LABELS.get(n, n) for n in rows.index], fontsize=7.5)
    axis.set(xlim=(-0.6, len(rows) - 0.4), ylim=(-0.03, 1.03))
