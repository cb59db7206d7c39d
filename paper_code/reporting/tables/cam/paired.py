"""DT Grad-CAM against every other method on the same images, paired."""

import numpy as np
import pandas as pd

from paper_code.metrics import holm
from paper_code.reporting.evidence import counts
from paper_code.reporting.markdown import markdown, number
from paper_code.reporting.tables.cam.scores import (
    LOWER_IS_BETTER,
    METHOD_LABELS,
    METRIC_LABELS,
    RULE_LABELS,
    CamRun,
    cam_obstacles,
    heading,
    paired_difference,
    side_by_side,
    tidy_scores,
    write_cam_table,
)
from paper_code.reporting.tables.paired import findings

REFERENCE = "dt_gradcam"
PAPER_METHODS = ("gradcam", "scorecam", "eigencam")
SHOWN = (
    ("own", "iou"),
    ("own", "recall"),
    ("otsu", "iou"),
    ("best", "iou"),
    ("", "pointing_game"),
    ("", "auprc"),
)
NOTES = f"""Each cell: DT Grad-CAM less the other method on the same test images [95 % interval,
patients drawn with replacement], Holm-corrected p. Positive: DT Grad-CAM is higher. The CSV has
all metrics.

Rules for a region: {"; ".join(f"{rule}: {text}" for rule, text in RULE_LABELS.items())}.

The family of Holm's correction is all data sets and the paper's three other methods, for one
metric and rule; Grad-CAM++ and HiResCAM are a family of their own. (On DALAResNet50 HiResCAM is
Grad-CAM: behind its gate stand only pooling and a linear layer.)"""


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; arguments as `write_cam_table`."""
    write_cam_table(
        output,
        cams,
        cam_comparison_rows,
        _block,
        title="DT Grad-CAM against the other methods, paired",
        notes=NOTES,
        scale=scale,
        resamples=resamples,
    )


def cam_comparison_rows(runs: list[CamRun], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, rule, metric and other method; `rule` is "none" without a threshold.

    `difference` is DT Grad-CAM less the method; `finding` turns it round where lower is better.
    `obstacles` tells why the maps are no evidence about the paper; empty where they are.
    """
    rows = []
    scores = tidy_scores(runs)
    for (dataset, rule, metric), subset in scores.groupby(
        ["dataset", "rule", "metric"], sort=False
    ):
        table, patients = side_by_side(subset, "method")
        for method in table.columns.drop(REFERENCE):
            found = paired_difference(table[REFERENCE], table[method], patients, resamples)
            rows.append(
                {"dataset": dataset, "rule": rule or "none", "method": method, "metric": metric}
                | found
                | {
                    "test": "paired bootstrap",
                    "obstacles": cam_obstacles(runs, dataset, scale),
                    "scale": scale,
                }
            )
    table = pd.DataFrame(rows)
    in_paper = table["method"].isin(PAPER_METHODS)
    family = [table["rule"], table["metric"], counts(table), in_paper]
    table["p_holm"] = table.groupby(family)["p_value"].transform(holm)
    direction = np.where(table["metric"].isin(LOWER_IS_BETTER), -1, 1)
    table["finding"] = findings(table["difference"] * direction, table["p_holm"])
    return table.round(6)


def _block(dataset: str, rows: pd.DataFrame) -> str:
    lines = []
    for method, subset in rows.groupby("method", sort=False):
        cells = subset.set_index(["rule", "metric"])
        line = {"Against": METHOD_LABELS.get(method, method)}
        for rule, metric in SHOWN:
            row = cells.loc[(rule or "none", metric)]
            title = f"{METRIC_LABELS[metric]}{', ' + rule if rule else ''}"
            line[title] = (
                f"{row['difference']:+.3f} [{number(row['low'])}, {number(row['high'])}], "
                f"p {number(row['p_holm'])}"
            )
        line["Images"] = int(subset["images"].max())
        lines.append(line)
    return f"{heading(dataset, rows['obstacles'].iloc[0])}\n\n{markdown(pd.DataFrame(lines))}"
