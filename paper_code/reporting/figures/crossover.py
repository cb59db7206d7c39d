"""Accuracy on the same images of the same patients, known and unknown to the network."""

import matplotlib.pyplot as plt

from paper_code.files import read_csv
from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, network_label
from paper_code.reporting.markdown import interval_text
from paper_code.reporting.plotting import save_figure

SIDES = {
    "known": {
        "color": "#D55E00",
        "marker": "o",
        "label": "patient known from training",
    },
    "unknown": {"color": "#0072B2", "marker": "s", "label": "unknown patient"},
}


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: a line for each data set, network and
    training; of several seeds the first is shown.
    """
    rows = read_csv(tables[0], "dataset", "training", "known", "unknown", dtype=None)
    rows = rows[(rows["metric"] == "accuracy") & (rows["seed"] == rows["seed"].min())]
    figure, axis = plt.subplots(figsize=(7.5, 0.9 + 0.42 * len(rows)), layout="constrained")
    places = range(len(rows) - 1, -1, -1)
    axis.hlines(places, rows["unknown"], rows["known"], color="0.7", zorder=0)
    for side, look in SIDES.items():
        axis.plot(rows[side], places, linestyle="", **look)
    labels = []
    for place, (_, row) in zip(places, rows.iterrows(), strict=True):
        names = " + ".join(DATASET_LABELS.get(n, n) for n in row["dataset"].split("+"))
        labels.append(f"{names}\n{network_label(row['network'])}, {row['training']}")
        text = f"+{interval_text(row['difference'], row['low'], row['high'])}"
        at = {"xy": (1.02, place), "xycoords": ("axes fraction", "data"), "va": "center"}
        axis.annotate(text.replace("+-", "-"), fontsize=8, **at)
    axis.set_yticks(places, labels, fontsize=8)
    axis.set(xlabel="Accuracy, mean over patients", ylim=(-0.6, len(rows) - 0.4))
    figure.legend(loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    save_figure(
        figure,
        output,
        "Right: difference with its 95 % interval over patients. Real images; "
        f"{rows['patients'].min()} to {rows['patients'].max()} patients; commit {commit()}",
    )
