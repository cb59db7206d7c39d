"""Table XIII: the five properties that the paper puts in words, each with a measured quantity."""

import numpy as np
import pandas as pd

from paper_code.metrics import holm
from paper_code.published import published_table
from paper_code.reporting.markdown import interval_text, markdown, number, p_text
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
with replacement]. Difference: DT Grad-CAM minus the named map on the same images, with Holm's
correction over the data sets of a row.

- DT Grad-CAM sets most pixels to zero, which by itself lowers the spread: so does any cut. The
  informative difference is that from Grad-CAM + Otsu, which has the same cut.
- The centre prior is perfectly stable under noise, as it does not look at the image: stability
  alone is no merit.
- Otsu's threshold is part of DT Grad-CAM, so that it has no gain of its own; the gain of the
  others is what adaptive thresholding alone would bring them."""


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; arguments as `write_cam_table`."""
    write_cam_table(
        output,
        cams,
        property_rows,
        _block,
        title="Table XIII: properties of the maps",
        notes=NOTES,
        scale=scale,
        resamples=resamples,
    )


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
            for method in in_order(means.loc[quantity].index):
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


def _block(dataset: str, rows: pd.DataFrame) -> str:
    lines = []
    methods = in_order(rows["method"])
    for name, (_, text, sign) in PROPERTIES.items():
        subset = rows[rows["property"] == name]
        of_method = subset.drop_duplicates("method").set_index("method")
        line = {
            "Property": name.replace("_", " ").capitalize(),
            "Quantity": f"{text} ({'higher' if sign > 0 else 'lower'} is better)",
            "Printed, Grad-CAM": of_method.loc["gradcam", "printed"],
            "Printed, DT Grad-CAM": of_method.loc["dt_gradcam", "printed"],
        }
        for method in methods:
            row = of_method.loc[method]
            line[METHOD_LABELS.get(method, method)] = interval_text(
                row["value"], row["low"], row["high"]
            )
        for control in CONTROLS:
            change = subset[subset["control"] == control]
            line[f"Difference, {METHOD_LABELS[control]}"] = (
                "–" if change.empty else _change_text(change.iloc[0])
            )
        lines.append(line)
    return f"{heading(dataset, rows['obstacles'].iloc[0])}\n\n{markdown(pd.DataFrame(lines))}"


def _change_text(row: pd.Series) -> str:
    low, high = number(row["difference_low"]), number(row["difference_high"])
    return f"{number(row['difference'])} [{low}, {high}], {p_text(row['p_holm'])}"
