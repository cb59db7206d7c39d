"""Table XIII: the five properties that the paper puts in words, each with a measured quantity."""

import numpy as np
import pandas as pd

from paper_code.metrics import holm
from paper_code.published import published_table
from paper_code.reporting.labels import METHOD_LABELS
from paper_code.reporting.markdown import write_table
from paper_code.reporting.pages import sections
from paper_code.reporting.tables.cam.scores import (
    CamRun,
    cam_obstacles,
    cam_provenance,
    load_cam,
    resampled,
    side_by_side,
    tidy_scores,
)
from paper_code.reporting.verdicts import compared, counts

# property: (quantity, what it is, sign of better)
PROPERTIES = {
    "adaptive_thresholding": ("otsu_gain", "IoU under Otsu's threshold minus IoU under 0.5", 1),
    "visualization_clarity": ("spread", "entropy of the map over that of a flat one", -1),
    "interpretability": ("energy_outside", "part of the map's sum outside the lesion", -1),
    "noise_reduction": ("stability", "rank correlation with the map of a noisy image", 1),
    "diagnostic_relevance": ("iou", "IoU with the lesion, each method by its own rule", 1),
}
CONTROLS = ("gradcam", "gradcam_otsu")  # that DT Grad-CAM is compared with
NOTES = """The paper's Table XIII compares Grad-CAM and DT Grad-CAM in words. Here each of its
rows has a quantity: mean over the test images that show a lesion [95 % interval, patients drawn
with replacement]. The CSV has the paper's words, and all methods. Differences: DT Grad-CAM minus
the named map on the same images, with Holm's correction over the data sets of a row.

- DT Grad-CAM sets most pixels to zero, which by itself lowers the spread: so does any cut. The
  informative difference is that from Grad-CAM + Otsu, which has the same cut.
- The centre prior is perfectly stable under noise, as it does not look at the image: stability
  alone is no merit.
- Otsu's threshold is part of DT Grad-CAM, so that it has no gain of its own; the gain of the
  others is what adaptive thresholding alone would bring them."""


OF_METHOD = "{{{0}[value]:.3f}} [{{{0}[low]:.3f}}, {{{0}[high]:.3f}}]"
AGAINST = "{{{0}[difference]:.3f}} [{{{0}[difference_low]:.3f}}, {{{0}[difference_high]:.3f}}], "
COLUMNS = {
    "Property": "{property}",
    "Quantity": "{text} ({better} is better)",
    "Grad-CAM": OF_METHOD.format("gradcam"),
    "Grad-CAM + Otsu": OF_METHOD.format("gradcam_otsu"),
    "DT Grad-CAM": OF_METHOD.format("dt_gradcam"),
    "minus Grad-CAM": AGAINST.format("less_gradcam") + "{less_gradcam[p_holm]:p}",
    "minus Grad-CAM + Otsu": AGAINST.format("less_gradcam_otsu") + "{less_gradcam_otsu[p_holm]:p}",
}


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        cams: `cam.json` files of `evaluate_run`.
        scale: demo or paper.
        resamples: of the bootstrap.
    """
    runs = [load_cam(path) for path in cams]
    rows = property_rows(runs, scale=scale, resamples=resamples)
    page = [NOTES, *blocks(rows), cam_provenance(runs, scale)]
    write_table(output, rows, "Table XIII: properties of the maps", page)


def property_rows(runs: list[CamRun], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, property, method and control.

    `difference` (with `difference_low`, `difference_high`, `p_holm`) stands in the rows of DT
    Grad-CAM, one for each of `CONTROLS`; the other rows have no control. `verdict` and `reason` are
    those of `verdicts.compared` on "DT Grad-CAM is better"; `obstacles` tells why a row is no
    evidence about the paper.
    """
    printed = published_table("13").set_index(["metric", "method"])["printed"]
    quantities = _quantities(runs)
    rows = []
    for dataset, subset in quantities.groupby("dataset", sort=False):
        values = side_by_side(subset, ["metric", "method"])
        means = resampled(values, resamples, differences=False)
        changes = {
            (quantity, control): values[quantity, "dt_gradcam"] - values[quantity, control]
            for quantity, _, _ in PROPERTIES.values()
            if quantity != "otsu_gain"
            for control in CONTROLS
        }
        changes = resampled(pd.DataFrame(changes), resamples, differences=True)
        obstacles = cam_obstacles(runs, dataset, scale)
        for name, (quantity, _, sign) in PROPERTIES.items():
            for method in [name for name in METHOD_LABELS if name in means.loc[quantity].index]:
                row = {"table": "13", "dataset": dataset, "property": name, "quantity": quantity}
                row |= {"better": "higher" if sign > 0 else "lower", "method": method}
                row |= means.loc[(quantity, method)].to_dict()
                row |= {"printed": printed.get((name, method), ""), "obstacles": obstacles}
                has_control = method == "dt_gradcam" and quantity != "otsu_gain"
                for control in CONTROLS if has_control else ("",):
                    change = {"control": control}
                    if control:
                        found = changes.loc[(quantity, control)]
                        change |= {
                            "difference": found["value"],
                            "difference_low": found["low"],
                            "difference_high": found["high"],
                            "p_value": found["p_value"],
                            "se": found["se"],
                            "df": found["df"],
                            "shortfall": found["shortfall"],
                        }
                    rows.append(row | change | {"scale": scale})
    rows = pd.DataFrame(rows)
    family = [rows["property"], rows["control"], counts(rows)]
    rows["p_holm"] = rows.groupby(family)["p_value"].transform(holm)
    sign = np.where(rows["better"] == "higher", 1, -1)
    made = rows["difference"].notna()
    found = compared(rows.assign(difference=sign * rows["difference"])[made])
    rows["shortfall"] = rows["shortfall"].fillna("")
    for column in ("verdict", "reason"):
        rows[column] = found[column].reindex(rows.index, fill_value="")
    return rows.round(6)


def _quantities(runs: list[CamRun]) -> pd.DataFrame:
    """`tidy_scores` with one value per image and quantity of `PROPERTIES`."""
    scores = tidy_scores(runs)
    keys = ["dataset", "seed", "image", "group", "method"]
    iou = scores[scores["metric"] == "iou"].pivot(index=keys, columns="rule", values="value")
    gain = (iou["otsu"] - iou["own"]).rename("value").reset_index().assign(metric="otsu_gain")
    outside = scores[scores["metric"] == "energy_inside"].assign(metric="energy_outside")
    outside["value"] = 1 - outside["value"]
    own = scores[(scores["metric"] == "iou") & (scores["rule"] == "own")]
    plain = scores[scores["metric"].isin(["spread", "stability"])]
    # `gain` last: its pivot has sorted the data sets, whose order is that of the runs.
    return pd.concat([plain, outside, own, gain], ignore_index=True)


def blocks(rows: pd.DataFrame) -> list[str]:
    """A section for each data set: Grad-CAM, with and without its cut, and DT Grad-CAM."""
    texts = {name: text for name, (_, text, _) in PROPERTIES.items()}
    methods = rows.drop_duplicates(["dataset", "property", "method"]).assign(metric=rows["method"])
    against = rows[rows["control"].isin(CONTROLS)]
    shown = pd.concat([methods, against.assign(metric="less_" + against["control"])])
    shown = shown.assign(text=shown["property"].map(texts))
    shown["property"] = shown["property"].str.replace("_", " ").str.capitalize()
    evidence = "Counts as evidence: {obstacles:evidence}."
    return sections(shown, "dataset", "{dataset:label}", COLUMNS, "property", evidence)
