"""Table XIII: the five properties that the paper puts in words, each with a measured quantity."""

import pandas as pd

from paper_code.published import published_table
from paper_code.reporting.markdown import read_results

# property: (metric, rule, what it is, which is better)
PROPERTIES = {
    "adaptive_thresholding": ("iou", "otsu", "IoU under Otsu's threshold", "higher"),
    "visualization_clarity": ("spread", "none", "entropy over that of a flat map", "lower"),
    "interpretability": ("energy_inside", "none", "part of the map inside the lesion", "higher"),
    "noise_reduction": ("stability", "none", "rank correlation under noise", "higher"),
    "diagnostic_relevance": ("iou", "own", "IoU, each method by its own rule", "higher"),
}
METHODS = ("gradcam", "gradcam_otsu", "dt_gradcam")
CONTROLS = {"gradcam": "paper", "gradcam_otsu": "steps"}  # of DT Grad-CAM, and their families


def rows(*, tables: list[str]) -> pd.DataFrame:
    """`property_rows` of the CSV files of Table XIV and of the comparisons of maps."""
    return property_rows(*map(read_results, tables))


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the method, or what it is compared with, as the metric."""
    metric = rows["method"].where(rows["control"] == "", "less_" + rows["control"])
    return rows.assign(metric=metric, property=rows["property"].str.replace("_", " "))


def property_rows(scores: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, property and method, then one for each of `CONTROLS`.

    Rows of a method have `value`, those with a control the `difference` of DT Grad-CAM from it.
    """
    printed = published_table("13").set_index(["metric", "method"])["printed"].to_dict()
    columns = ["value", "low", "high", "images", "patients", "obstacles"]
    compared = ["difference", "low", "high", "p_holm", "verdict", "reason", "obstacles"]
    # A score that is not defined, such as the spread of empty maps, has no row.
    known = scores[scores["value"].notna()]
    cells = known.set_index(["dataset", "metric", "rule", "method"])[columns].to_dict("index")
    pairs = differences[differences["method"] == "dt_gradcam"]
    pairs = pairs.set_index(["dataset", "metric", "rule", "family", "control"])[compared]
    pairs = pairs.to_dict("index")
    rows = []
    for dataset in known["dataset"].unique():
        for name, (metric, rule, quantity, better) in PROPERTIES.items():
            row = {"table": "13", "dataset": dataset, "property": name, "quantity": quantity}
            row |= {"better": better, "method": "", "control": ""}
            for method in METHODS:
                found = cells.get((dataset, metric, rule, method), dict.fromkeys(columns))
                words = printed.get((name, method), "")
                rows.append(row | {"method": method} | found | {"printed": words})
            for control, family in CONTROLS.items():
                key = (dataset, metric, rule, family, control)
                found = pairs.get(key, dict.fromkeys(compared))
                rows.append(row | {"method": "dt_gradcam", "control": control} | found)
    return pd.DataFrame(rows)
