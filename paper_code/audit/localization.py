"""Table XIV: Dice, IoU, recall and F1 of the class activation maps."""

import pandas as pd

from paper_code.audit.finding import (
    CONSISTENT,
    IMPOSSIBLE,
    ROUNDING,
    ROUNDING_OR_CUT,
    Finding,
    agrees,
    by_row,
    judge,
    listed,
    tolerances,
)


def dice_against_iou(table_14: pd.DataFrame) -> list[Finding]:
    """Mean Dice lies between mean IoU and 2 IoU / (1 + IoU), which is concave."""
    rows, half = by_row(table_14), tolerances(table_14)
    failures = {}
    for unit in (1, 2):
        low = rows["iou"] - unit * half["iou"]
        high = rows["iou"] + unit * half["iou"]
        above = rows["dice"] - unit * half["dice"] > 2 * high / (1 + high)
        failures[unit] = above | (rows["dice"] + unit * half["dice"] < low)
    pooled = 2 * rows["iou"] / (1 + rows["iou"])
    gap = pooled - rows["dice"]
    equal = agrees(pooled, rows["dice"], 2 * half["dice"] + 2 * half["iou"])
    verdict = judge(failures[1].sum(), failures[2].sum())
    return [
        Finding(
            id="localization/dice-iou",
            where="Table XIV",
            printed="IoU and Dice",
            computation="each image has Dice = 2 IoU / (1 + IoU), concave in IoU, so by Jensen "
            "mean IoU <= mean Dice <= 2 mean IoU / (1 + mean IoU)",
            result=f"{(~failures[1]).sum()} of {len(rows)} rows obey it; 2 IoU / (1 + IoU) - Dice "
            f"from {gap.min():.4f} to {gap.max():.4f}, equal in {equal.sum()} rows, so these are "
            + ("pooled pixels or equal images" if equal.all() else "means over images, not pooled"),
            tolerance=ROUNDING_OR_CUT,
            verdict=verdict,
            reconciles="" if verdict == CONSISTENT else "IoU and Dice of different images",
        )
    ]


def f1_is_dice(table_14: pd.DataFrame) -> list[Finding]:
    """F1 of pixels is Dice, so the two columns must be the same."""
    rows, half = by_row(table_14), tolerances(table_14)
    equal = agrees(rows["dice"], rows["f1"], half["dice"] + half["f1"])
    return [
        Finding(
            id="localization/f1-dice",
            where="Table XIV",
            printed="Dice and F1",
            computation="2 TP / (2 TP + FP + FN) is both",
            result=f"equal in {equal.sum()} of {len(rows)} rows, so that the table holds three "
            "measures, not four"
            if equal.all()
            else f"equal in {equal.sum()} of {len(rows)} rows",
            tolerance=ROUNDING,
            verdict=CONSISTENT if equal.all() else IMPOSSIBLE,
            reconciles="" if equal.all() else "pixels pooled for one and not for the other",
        )
    ]


def implied_precision(table_14: pd.DataFrame) -> list[Finding]:
    """Precision implied by Dice and recall: where DT Grad-CAM's gain comes from."""
    rows = by_row(table_14)
    precision = rows["dice"] * rows["recall"] / (2 * rows["recall"] - rows["dice"])
    valid = precision.between(0, 1)
    table = precision.unstack("method")
    others = table.drop(columns="dt_gradcam")
    recall = rows["recall"].unstack("method")
    gain_precision = table["dt_gradcam"] - others.max(axis=1)
    gain_recall = recall["dt_gradcam"] - recall.drop(columns="dt_gradcam").max(axis=1)
    return [
        Finding(
            id="localization/precision",
            where="Table XIV",
            printed="Dice and recall",
            computation="precision = Dice recall / (2 recall - Dice), exact for pooled pixels and "
            "an estimate for means over images",
            result="; ".join(
                f"{method} {table[method].min():.3f} to {table[method].max():.3f}"
                for method in table
            )
            + f"; DT Grad-CAM against the best other: precision {gain_precision.min():+.3f} to "
            f"{gain_precision.max():+.3f}, recall {gain_recall.min():+.3f} to "
            f"{gain_recall.max():+.3f}",
            tolerance="none: an estimate",
            verdict=CONSISTENT if valid.all() else IMPOSSIBLE,
            reconciles=""
            if valid.all()
            else "Dice and recall of different images: " + listed(rows.index[~valid]),
        )
    ]


def best_method(table_14: pd.DataFrame) -> list[Finding]:
    """The text: DT Grad-CAM has the highest scores at every magnification."""
    rows = by_row(table_14)
    winners = {
        (dataset, metric): group[metric].idxmax()[1]
        for dataset, group in rows.groupby(level="dataset", sort=False)
        for metric in rows.columns
    }
    lost = [key for key, method in winners.items() if method != "dt_gradcam"]
    return [
        Finding(
            id="localization/best",
            where="Section V-B; Table XIV",
            printed="DT Grad-CAM consistently achieves higher scores",
            computation="argmax of each column",
            result=f"highest in {len(winners) - len(lost)} of {len(winners)} columns",
            tolerance="none",
            verdict=IMPOSSIBLE if lost else CONSISTENT,
            reconciles=f"another statement in the text: {listed(lost)}" if lost else "",
        )
    ]
