"""Do the maps say what the network does? Deletion, insertion, and the network reset."""

import pandas as pd

from paper_code.reporting.markdown import interval_text, markdown, number
from paper_code.reporting.tables.cam.scores import (
    METHOD_LABELS,
    CamRun,
    cam_obstacles,
    heading,
    mean_interval,
    tidy_scores,
    write_cam_table,
)

CURVES = ("deletion", "insertion")
NOTES = """Deletion: area under the predicted class's probability while the most salient pixels
are replaced by the image's mean colour; lower is better. Insertion: the same while they are
shown on the blurred image; higher is better. Means over the test images that show a lesion [95
% interval, patients drawn with replacement].

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
    for (dataset, method, metric), subset in scores[scores["metric"].isin(CURVES)].groupby(
        ["dataset", "method", "metric"], sort=False
    ):
        rows.append(
            {"dataset": dataset, "method": method, "metric": metric, "stage": "none"}
            | mean_interval(subset["value"], subset["group"], resamples)
            | {"images": len(subset)}
        )
    resets = pd.concat([run.randomization.assign(dataset=run.facts["dataset"]) for run in runs])
    resets = resets.melt(
        ["dataset", "method", "stage", "images"], ["spearman", "ssim"], "metric", "value"
    )
    keys = ["dataset", "method", "metric", "stage", "images"]
    rows += resets.groupby(keys, sort=False)["value"].mean().reset_index().to_dict("records")
    table = pd.DataFrame(rows)
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
