"""Scores by image and by patient, side by side, with intervals."""

import matplotlib.pyplot as plt
import pandas as pd

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, NETWORK_LABELS
from paper_code.reporting.plotting import save_figure, style
from paper_code.reporting.tables.leakage import WAYS

LOOKS = {
    "image": {"color": "#D55E00", "marker": "o"},
    "patient": {"color": "#0072B2", "marker": "s"},
}
SHOWN = ("accuracy", "auc_roc")


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one row per metric, one column per data set.

    Args:
        output: the .png file.
        tables: the CSV of the leakage table.

    Raises:
        UserError: the table holds no network.
    """
    rows = pd.read_csv(tables[0], dtype={"seeds": str}, keep_default_na=False, na_values=[""])
    rows = rows.dropna(subset="network")
    if rows.empty:
        raise UserError(f"{tables[0]}: no row of a network. Make the table again.")
    datasets = list(dict.fromkeys(rows["dataset"]))
    networks = list(dict.fromkeys(rows["network"]))
    with style():
        figure, axes = plt.subplots(
            len(SHOWN),
            len(datasets),
            figsize=(1.0 + (1.0 + 0.75 * len(networks)) * len(datasets), 2.5 * len(SHOWN) + 0.4),
            squeeze=False,
            sharex=True,
            sharey="row",
            layout="constrained",
        )
        for line, metric in zip(axes, SHOWN, strict=True):
            for axis, dataset in zip(line, datasets, strict=True):
                subset = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric)]
                _draw_panel(axis, subset.set_index("network").reindex(networks), metric)
                if metric == SHOWN[0]:
                    axis.set_title(DATASET_LABELS.get(dataset, dataset))
            line[0].set_ylabel(f"{METRIC_LABELS[metric]} on the test set")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8)
        save_figure(figure, output, _provenance(rows))


def _draw_panel(axis, rows: pd.DataFrame, metric: str) -> None:
    chance = rows["largest_class"].max() if metric == "accuracy" else 0.5
    axis.axhline(chance, linestyle="--", color="0.6", linewidth=0.8, label="no skill")
    for way, shift in zip(WAYS, (-0.12, 0.12), strict=True):
        places = [place + shift for place in range(len(rows))]
        axis.vlines(
            places,
            rows[f"{way}_low"],
            rows[f"{way}_high"],
            color=LOOKS[way]["color"],
            linewidth=1.2,
        )
        axis.plot(
            places, rows[way], linestyle="", markersize=5, label=f"split by {way}", **LOOKS[way]
        )
        for place, value in zip(places, rows[way], strict=True):
            side = "right" if shift < 0 else "left"
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


def _provenance(rows: pd.DataFrame) -> str:
    def distinct(column: str) -> str:
        return ", ".join(dict.fromkeys(rows[column]))

    sources = "; ".join(
        f"{dataset}: {subset['data'].iloc[0]}"
        for dataset, subset in rows.groupby("dataset", sort=False)
    )
    return (
        "Lines: 95 % intervals, over patients and runs. No skill: always the largest "
        f"class, or an AUC of 0.5.\n{distinct('scale')} scale; {distinct('weights')} weights; "
        f"seeds {distinct('seeds')}; commit {commit()}\n{sources}"
    )
