"""Table XIV: Dice, IoU, recall and F1 of the class activation maps."""

from paper_code.audit.finding import check, doubt, exclude, finding, judge, listed
from paper_code.audit.identities import span
from paper_code.audit.matrices import EPSILON, UNITS, meets
from paper_code.audit.printed import Printed

DT = "dt_gradcam"
WIDER = 0.10  # a larger area by more than this is a difference that an estimate can show


@check
def dice(printed: Printed):
    """Mean Dice is between mean IoU and 2 IoU / (1 + IoU), which is concave, and F1 of pixels."""
    rows, obey = printed.rows("14"), []
    for unit in UNITS:
        low, high = rows.bounds("iou", unit)
        obey.append(meets((low, 2 * high / (1 + high)), rows.bounds("dice", unit)))
    pooled = 2 * rows["iou"] / (1 + rows["iou"])
    gap = pooled - rows["dice"]
    equal = gap.abs() <= 2 * (rows.half["dice"] + rows.half["iou"]) + EPSILON
    meaning = "pooled pixels or equal images" if equal.all() else "means over images, not pooled"
    yield finding(
        "localization/dice-iou", judge(*obey), gap=span(gap, 4), equal=equal.sum(), meaning=meaning
    )
    equal = meets(rows.bounds("dice"), rows.bounds("f1"))
    yield finding(
        "localization/f1-dice",
        exclude(not equal.all()),
        equal=equal.sum(),
        rows=len(equal),
        meaning=", so that the table holds three measures, not four" if equal.all() else "",
    )


@check
def implied_precision(printed: Printed):
    """Precision implied by Dice and recall: where DT Grad-CAM's gain comes from."""
    rows = printed.rows("14")
    each = rows["dice"] * rows["recall"] / (2 * rows["recall"] - rows["dice"])
    precision, recall = each.unstack("method"), rows["recall"].unstack("method")
    gains = [t[DT] - t.drop(columns=DT).max(axis=1) for t in (precision, recall)]
    valid = each.between(0, 1)
    yield finding(
        "localization/precision",
        exclude(not valid.all(), "no precision gives this Dice and recall"),
        methods="; ".join(f"{method} {span(precision[method], 3)}" for method in precision),
        precision=span(gains[0], 3, "+"),
        recall=span(gains[1], 3, "+"),
        wrong=listed(each.index[~valid]),
    )


@check
def best_method(printed: Printed):
    """The text: DT Grad-CAM has the highest scores at every magnification."""
    scores = printed.rows("14").values.stack().unstack("method")
    lost = scores.index[scores.idxmax(axis=1) != DT]
    yield finding(
        "localization/best",
        exclude(len(lost) > 0),
        won=len(scores) - len(lost),
        columns_=len(scores),
        lost=listed(lost),
    )


@check
def marked_area(printed: Printed):
    """Area that each method marks, in true areas, against "focused" and "highly precise"."""
    iou, dice, recall = (
        printed.rows("14")[name].unstack("method") for name in ("iou", "dice", "recall")
    )
    # Exact for pooled pixels or equal images; two routes, since means over images differ a little.
    area, by_iou = 2 * recall / dice - 1, recall * (1 / iou + 1) - 1
    more, more_by_iou = (100 * (a[DT] / a["gradcam"] - 1) for a in (area, by_iou))
    precision = recall / area
    added = (recall[DT] - recall["gradcam"]) / (area[DT] - area["gradcam"])
    yield finding(
        "localization/area",
        doubt(
            min(more.min(), more_by_iou.min()) > 100 * WIDER, "the larger area explains the gain"
        ),
        words=printed["13"].set_index(["method", "metric"])["printed"][DT],
        more=span(more, 1),
        more_by_iou=span(more_by_iou, 1),
        areas=span(area[DT], 2),
        areas_gradcam=span(area["gradcam"], 2),
        most=(area.idxmax(axis=1) == DT).sum(),
        columns_=len(area),
        gain=span(precision[DT] - precision["gradcam"], 3, "+"),
        added=span(added, 3),
        share=1 / area[DT].max(),
        best=iou[DT].max(),
        least=precision[DT].min(),
        wider=100 * WIDER,
    )
