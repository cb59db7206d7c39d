"""Do the maps say what the network does? Deletion, insertion, and the network reset."""

import pandas as pd

from paper_code.reporting.markdown import interval_text, markdown, number
from paper_code.reporting.tables.cam.scores import (
    METHOD_LABELS,
    CamRun,
    cam_obstacles,
    heading,
    in_order,
    resampled,
    side_by_side,
    tidy_scores,
    write_cam_table,
)

CURVES = ("deletion", "insertion")
NOTES = """Deletion: area under the predicted class's probability while the most salient pixels
are replaced by the image's mean colour; lower is better. Insertion: the same while they are
shown on the blurred image; higher is better. Means over the test images that show a lesion [95
% interval, patients drawn with replacement]. Pixels of equal value, such as the zeros of a map that
Otsu has cut, go in random orders, as smooth as the maps, over which the areas are averaged. The
random map is a random order of all pixels: what does not beat it says nothing about the network.

Reset: the network's parts get random weights one after the other from the head down; rank
correlation (and SSIM) of the maps with the first ones after the head, and after everything. A
method that depends on what the network has learnt falls towards 0. Eigen-CAM cannot change
before its layer is reached. Score-CAM is left out there, for its cost."""


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; arguments as `write_cam_table`."""
    write_cam_table(
        output,
        cams,
        faithfulness_rows,
        _block,
        title="Faithfulness of the maps",
        notes=NOTES,
        scale=scale,
        resamples=resamples,
    )


def faithfulness_rows(runs: list[CamRun], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, method and metric.

    Metrics: deletion, insertion (with interval); spearman and ssim after a `stage` of the reset,
    means over the seeds.
    """
    scores = tidy_scores(runs)
    rows = []
    scores = scores[scores["metric"].isin(CURVES)].dropna(subset="value")
    for dataset, subset in scores.groupby("dataset", sort=False):
        values = side_by_side(subset, ["method", "metric"])
        values = values[in_order(subset["method"])]
        found = resampled(values, resamples, differences=False)
        found = found.reset_index().assign(dataset=dataset, stage="none")
        rows += found.to_dict("records")
    resets = pd.concat([run.randomization.assign(dataset=run.facts["dataset"]) for run in runs])
    resets = resets.melt(
        ["dataset", "method", "stage", "images"], ["spearman", "ssim"], "metric", "value"
    )
    keys = ["dataset", "method", "metric", "stage"]
    resets = resets.groupby(keys, sort=False).agg({"value": "mean", "images": "sum"})
    rows += resets.reset_index().to_dict("records")
    table = pd.DataFrame(rows)
    table = table[["dataset", *table.columns.drop("dataset")]]
    table["obstacles"] = table["dataset"].map(lambda name: cam_obstacles(runs, name, scale))
    return table.assign(scale=scale).round(6)


def _block(dataset: str, rows: pd.DataFrame) -> str:
    lines = []
    for method, subset in rows.groupby("method", sort=False):
        line = {"Method": METHOD_LABELS.get(method, method)}
        for metric in CURVES:
            row = subset[subset["metric"] == metric].iloc[0]
            line[metric.capitalize()] = interval_text(row["value"], row["low"], row["high"])
        resets = subset[subset["metric"].isin(["spearman", "ssim"])]
        stages = resets["stage"].drop_duplicates().tolist()
        for title, stage in (("Head reset", stages[1:2]), ("All reset", stages[-1:])):
            values = resets[resets["stage"].isin(stage)].set_index("metric")["value"]
            line[f"{title}: rank correlation (SSIM)"] = (
                f"{number(values['spearman'])} ({number(values['ssim'])})" if len(values) else "–"
            )
        lines.append(line)
    return f"{heading(dataset, rows['obstacles'].iloc[0])}\n\n{markdown(pd.DataFrame(lines))}"
