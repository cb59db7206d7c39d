"""Table XIV: how well the maps of each method find the lesion."""

import pandas as pd

from paper_code.reporting.evidence import printed_value, split_obstacles, verdict, verdict_text
from paper_code.reporting.markdown import cell, markdown
from paper_code.reporting.tables.cam.scores import (
    FREE,
    METHOD_LABELS,
    METRIC_LABELS,
    OVERLAPS,
    RULE_LABELS,
    CamRun,
    cam_obstacles,
    heading,
    mean_interval,
    tidy_scores,
    write_cam_table,
)

# The paper does not say what its maps were compared with.
UNKNOWN_TRUTH = "the paper's ground truth is unknown"
NOTES = """Each cell: mean over the test images that show a lesion [95 % interval, patients
drawn with replacement] (printed value). Scores are taken per image, then averaged, as the
printed ones were: their F1 equals their Dice. Higher is better. The printed gain of DT Grad-CAM
is mostly recall, which larger regions raise, hence the same rule for all and the scores without
a threshold. Paired differences: cam_comparisons.md."""


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; arguments as `write_cam_table`."""
    write_cam_table(
        output,
        cams,
        localization_rows,
        _block,
        title="Table XIV: localisation",
        notes=NOTES,
        scale=scale,
        resamples=resamples,
    )


def localization_rows(runs: list[CamRun], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, method, rule and metric. Printed values stand beside the own rule."""
    scores = tidy_scores(runs)
    scores = scores[scores["metric"].isin([*OVERLAPS, *FREE])]
    keys = ["dataset", "method", "rule", "metric"]
    rows = []
    for (dataset, method, rule, metric), subset in scores.groupby(keys, sort=False):
        found = mean_interval(subset["value"], subset["group"], resamples)
        printed = printed_value("14", dataset=dataset, method=method, metric=metric)
        printed = printed if rule == "own" else float("nan")
        reasons = split_obstacles(cam_obstacles(runs, dataset, scale, UNKNOWN_TRUTH))
        facts = next(run.facts for run in runs if run.facts["dataset"] == dataset)
        rows.append(
            {
                "table": "14",
                "dataset": dataset,
                "method": method,
                "rule": rule or "none",
                "metric": metric,
            }
            | found
            | {
                "printed": printed,
                "difference": found["value"] - printed,
                **verdict(**found, printed=printed, reasons=reasons),
                "images": len(subset),
                "truth": facts["truth"],
                "data": facts["data"]["description"],
                "weights": facts["weights"],
                "splits": facts["by"],
                "scale": scale,
            }
        )
    return pd.DataFrame(rows).round(6)


def _block(dataset: str, rows: pd.DataFrame) -> str:
    parts = [heading(dataset)]
    groups = [(rule, text, OVERLAPS) for rule, text in RULE_LABELS.items()]
    for rule, text, metrics in [*groups, ("none", "without a threshold", FREE)]:
        lines = []
        for method, subset in rows[rows["rule"] == rule].groupby("method", sort=False):
            cells = subset.set_index("metric")
            line = {"Method": METHOD_LABELS.get(method, method)}
            line |= {METRIC_LABELS[metric]: cell(cells.loc[metric]) for metric in metrics}
            if rule == "own":
                line["Verdict"] = verdict_text(cells.loc["iou"])
            lines.append(line | {"Images": subset["images"].iloc[0]})
        parts.append(f"{text[0].upper()}{text[1:]}:\n\n{markdown(pd.DataFrame(lines))}")
    return "\n\n".join(parts)
