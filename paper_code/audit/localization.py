"""Table XIV: Dice, IoU, recall and F1 of the class activation maps."""

import pandas as pd

from paper_code.audit.finding import (
    CONSISTENT,
    IMPOSSIBLE,
    ROUNDING,
    ROUNDING_OR_CUT,
    UNEXPLAINED,
    Finding,
    agrees,
    by_row,
    judge,
    listed,
    tolerances,
)

WIDER = 0.10  # a larger area by more than this is a difference that an estimate can show


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
            theme="localization",
            tables="14",
            columns="iou dice",
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
            theme="localization",
            tables="14",
            columns="f1 dice",
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
            theme="localization",
            tables="14",
            columns="dice recall",
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


def marked_area(table_13: pd.DataFrame, table_14: pd.DataFrame) -> list[Finding]:
    """Area that each method marks, in true areas, against "focused" and "highly precise"."""
    rows = by_row(table_14)
    # Exact for pooled pixels or equal images; two routes, since means over images differ a little.
    by_dice = (2 * rows["recall"] / rows["dice"] - 1).unstack("method")
    by_iou = (rows["recall"] * (1 / rows["iou"] + 1) - 1).unstack("method")
    more = [area["dt_gradcam"] / area["gradcam"] - 1 for area in (by_dice, by_iou)]
    recall, iou = rows["recall"].unstack("method"), rows["iou"].unstack("method")
    precision = recall / by_dice
    gain = precision["dt_gradcam"] - precision["gradcam"]
    added = (recall["dt_gradcam"] - recall["gradcam"]) / (
        by_dice["dt_gradcam"] - by_dice["gradcam"]
    )
    share = 1 / by_dice["dt_gradcam"].max()
    words = table_13.set_index(["method", "metric"])["printed"]
    wider = min(m.min() for m in more) > WIDER
    best, least = iou["dt_gradcam"].max(), precision["dt_gradcam"].min()
    return [
        Finding(
            id="localization/area",
            theme="localization",
            tables="13 14",
            columns="iou dice recall f1",
            where="Tables XIII, XIV; Section V",
            printed="DT Grad-CAM "
            f'"{words["dt_gradcam", "visualization_clarity"]}" and '
            f'"{words["dt_gradcam", "diagnostic_relevance"]}"; IoU, Dice, recall',
            computation="marked area / true area = recall / precision = 2 recall / Dice - 1 "
            "= recall (1 / IoU + 1) - 1, exact for pooled pixels, an estimate for means over "
            "images; precision = recall / area; precision of the added area = gain in recall / "
            "gain in area",
            result="DT Grad-CAM marks "
            f"{100 * more[0].min():.1f} to {100 * more[0].max():.1f} % more than Grad-CAM (by "
            f"Dice; {100 * more[1].min():.1f} to {100 * more[1].max():.1f} % by IoU): "
            f"{by_dice['dt_gradcam'].min():.2f} to {by_dice['dt_gradcam'].max():.2f} true areas "
            f"against {by_dice['gradcam'].min():.2f} to {by_dice['gradcam'].max():.2f}, the most "
            f"of the four methods at {(by_dice.idxmax(axis=1) == 'dt_gradcam').sum()} of "
            f"{len(by_dice)} magnifications; precision differs by {gain.min():+.3f} to "
            f"{gain.max():+.3f}, and the added area has {added.min():.3f} to {added.max():.3f}. "
            "Marking the whole image has IoU = precision = the share p of the image that is "
            f"true; p is not printed, Table XIV only allows p <= {share:.3f}; if p is above "
            f"{best:.3f}, the whole image scores a greater IoU than DT Grad-CAM, and if "
            f"p is {least:.3f} or more, DT Grad-CAM's precision there is no better than chance",
            tolerance=f"more than {100 * WIDER:.0f} % by both routes; an estimate",
            verdict=UNEXPLAINED if wider else CONSISTENT,
            reconciles="a threshold that marks as much with Grad-CAM, or the share of true pixels: "
            "the higher scores come from a larger area and not from a more precise one"
            if wider
            else "",
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
            theme="localization",
            tables="14",
            columns="iou dice recall f1",
            where="Section V-B; Table XIV",
            printed="DT Grad-CAM consistently achieves higher scores",
            computation="argmax of each column",
            result=f"highest in {len(winners) - len(lost)} of {len(winners)} columns",
            tolerance="none",
            verdict=IMPOSSIBLE if lost else CONSISTENT,
            reconciles=f"another statement in the text: {listed(lost)}" if lost else "",
        )
    ]
