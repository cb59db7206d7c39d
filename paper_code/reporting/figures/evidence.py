"""One figure for the answer: printed values, what they allow, what others reach, known patients."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS, network_label
from paper_code.reporting.markdown import read_results
from paper_code.reporting.plotting import light_grid, save_figure
from paper_code.reporting.tables.crossover import PLAIN, frozen_rows

PRINTED, ALLOWED, OTHERS = "#D55E00", "#0072B2", "#009E73"  # Wong's colours for the colour-blind
KNOWN, UNKNOWN = "#CC79A7", "#000000"
DATASET = "breakhis_40x"  # of the first panel; the other magnifications look alike


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: three panels that share an axis from 0.55 to 1."""
    implied, elsewhere, crossover = map(read_results, tables)
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharex=True)
    _draw_allowed(axes[0], implied[implied["dataset"] == DATASET])
    _draw_elsewhere(axes[1], elsewhere[elsewhere["split"] == "image"])
    _draw_patients(axes[2], crossover)
    axes[0].set_xlim(0.55, 1.01)
    for axis in axes:
        axis.invert_yaxis()
        light_grid(axis)
        axis.legend(loc="upper center", bbox_to_anchor=(0.4, -0.16), fontsize=8, frameon=False)
    save_figure(
        figure,
        output,
        "Printed: Tables VII and XI of the paper. Left: arithmetic on printed numbers. Middle: "
        "confusion counts published by others. Right: real images, "
        f"{network_label(PLAIN)}; means over patients. Commit {commit()}",
    )


def _rows(axis: Axes, labels: list[str], title: str, xlabel: str) -> None:
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.set_title(title, loc="left", fontsize=9)
    axis.set_xlabel(xlabel)


def _draw_allowed(axis: Axes, rows: pd.DataFrame) -> None:
    places = range(len(rows))
    axis.hlines(places, rows["low"], rows["high"], color=ALLOWED, linewidth=5)
    axis.plot(rows["low"], places, "s", color=ALLOWED, markersize=5, label="allowed by Table VII")
    axis.plot(rows["high"], places, "s", color=ALLOWED, markersize=5)
    axis.plot(rows["printed"], places, "o", color=PRINTED, label="printed in Table XI")
    names = [NETWORK_LABELS[name] for name in rows["network"]]
    _rows(axis, names, "Printed and allowed", f"Specificity, {DATASET_LABELS[DATASET]}")


def _draw_elsewhere(axis: Axes, rows: pd.DataFrame) -> None:
    rows = rows[rows["variant"].isna()]
    same = rows[rows["other"] == rows["network"].map(NETWORK_LABELS)]
    networks = list(dict.fromkeys(same["network"]))
    for place, network in enumerate(networks):
        own = same[same["network"] == network]
        best = own.iloc[0]
        axis.hlines(place, best["low"], best["high"], color=OTHERS, linewidth=5)
        label = "others, 95 % interval" if not place else None
        axis.plot(best["value"], place, "D", color=OTHERS, label=label)
        label = "printed, four magnifications" if not place else None
        axis.plot(own["printed"], [place] * len(own), "o", color=PRINTED, label=label)
    axis.set_ylim(-0.6, len(networks) - 0.4)
    names = [NETWORK_LABELS[name] for name in networks]
    _rows(axis, names, "Printed and reached elsewhere", "Accuracy, BreakHis")


def _draw_patients(axis: Axes, rows: pd.DataFrame) -> None:
    rows = frozen_rows(rows)
    places = range(len(rows))
    axis.hlines(places, rows["unknown"], rows["known"], color="0.7")
    axis.plot(rows["known"], places, "o", color=KNOWN, label="patient known from training")
    axis.plot(rows["unknown"], places, "s", color=UNKNOWN, label="unknown patient, same images")
    axis.set_ylim(-0.6, len(rows) - 0.4)
    names = [DATASET_LABELS.get(name, name) for name in rows["dataset"]]
    _rows(axis, names, "Known and unknown patients", "Accuracy")
