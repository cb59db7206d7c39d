"""Paired differences between maps on the same images: DT Grad-CAM against the other methods, its
parts against each other, and every method against maps that know nothing."""

import numpy as np
import pandas as pd

from paper_code.metrics.comparisons import holm
from paper_code.reporting.labels import PAPER_METHODS
from paper_code.reporting.markdown import write_table
from paper_code.reporting.pages import notes
from paper_code.reporting.tables.cam.scores import (
    LOWER_IS_BETTER,
    NO_THRESHOLD,
    CamRun,
    cam_obstacles,
    cam_provenance,
    load_cam,
    marking_everything,
    resampled,
    rules_text,
    side_by_side,
    tidy_scores,
)
from paper_code.reporting.verdicts import compared, counts, joined

REFERENCE = "dt_gradcam"
BASELINES = ("whole_image", "centre_prior", "random_map")
# family: pairs of a method and its control
FAMILIES = {
    "paper": [(REFERENCE, name) for name in PAPER_METHODS],
    "further": [(REFERENCE, name) for name in ("gradcam_plusplus", "hirescam")],
    # What the noise brings: the cut is the same on both sides, or on neither. What the cut brings.
    "steps": [
        (REFERENCE, "gradcam_otsu"),
        (REFERENCE, "gradcam_otsu_clean"),
        ("dt_average", "gradcam"),
        (REFERENCE, "dt_average"),
    ],
    "chance": [
        (method, baseline)
        for method in (*PAPER_METHODS, REFERENCE, "dt_average", "gradcam_otsu")
        for baseline in BASELINES
    ],
}
# The baselines of grey images have a family of their own: histology has none.
FAMILIES["brightness"] = [
    (method, "brightness") for method in (*PAPER_METHODS, REFERENCE, "gradcam_otsu")
]
# Of no region, the marked area is no merit.
NOT_COMPARED = ("area",)


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md."""
    runs = [load_cam(path) for path in cams]
    rows = cam_comparison_rows(runs, scale=scale, resamples=resamples)
    page = [notes(__file__, rules=rules_text()), cam_provenance(runs, scale)]
    write_table(output, rows, "Maps against each other, paired", page)


def cam_comparison_rows(runs: list[CamRun], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, pair of `FAMILIES`, rule and metric; `rule` is "none" without a
    threshold.

    `difference` is `method` minus `control` (means `method_value`, `control_value`). `verdict` and
    `reason` are those of `verdicts.compared` on "the method is better", with the difference turned
    round where lower is better. `obstacles` tells why a row is no evidence about the paper; empty
    where it is.
    """
    scores = tidy_scores(runs)
    scores = scores[~scores["metric"].isin(NOT_COMPARED)]
    pairs = [(family, *pair) for family, several in FAMILIES.items() for pair in several]
    tables = []
    for dataset, subset in scores.groupby("dataset", sort=False):
        values = side_by_side(subset, ["method", "rule", "metric"])
        differences, means = {}, {}
        present = set(values.columns.get_level_values("method"))
        for family, method, control in pairs:
            if not {method, control} <= present:
                continue
            for rule, metric in values[method].columns:
                first, second = values[method, rule, metric], values[control, rule, metric]
                both = first.notna() & second.notna()
                if both.any():
                    key = (family, method, control, rule, metric)
                    differences[key] = first - second
                    means[key] = first[both].mean(), second[both].mean()
        differences = pd.DataFrame(differences)
        differences.columns.names = ["family", "method", "control", "rule", "metric"]
        rows = resampled(differences, resamples, differences=True)
        rows = rows.rename(columns={"value": "difference"})
        rows[["method_value", "control_value"]] = list(means.values())
        rows = rows.reset_index().assign(dataset=dataset, test="over patients and seeds")
        common = cam_obstacles(runs, dataset, scale)
        everything = marking_everything(runs, dataset)
        rows["obstacles"] = [
            joined([common, *_of_nothing(row, everything)]) for row in rows.itertuples()
        ]
        tables.append(rows)
    table = pd.concat(tables, ignore_index=True).assign(scale=scale)
    together = ["family", "rule", "metric", counts(table)]
    table["p_holm"] = table.groupby(together)["p_value"].transform(holm)
    direction = np.where(table["metric"].isin(LOWER_IS_BETTER), -1, 1)
    # Of small lesions all scores may lie within any margin: no two maps are called equivalent.
    turned = compared(table.assign(difference=table["difference"] * direction), margin=0)
    table[["verdict", "reason"]] = turned[["verdict", "reason"]]
    first = ["dataset", "family", "method", "control", "rule", "metric", "method_value"]
    first += ["control_value", "difference", "low", "high", "p_value", "p_holm", "verdict"]
    first += ["reason"]
    return table[[*first, *table.columns.drop(first)]].round(6)


def _of_nothing(row, everything: dict[tuple[str, str], float]) -> list[str]:
    """The obstacle of two regions that are nearly the whole image in at least half of the runs."""
    sides = ((row.method, row.rule), (row.control, row.rule))
    nothing = all(everything.get(side, 0) >= 0.5 for side in sides)
    return [NO_THRESHOLD] if nothing else []
