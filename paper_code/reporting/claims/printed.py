"""What the paper's own printed numbers say about its claims: arithmetic alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paper_code.audit.costs import CLASSES
from paper_code.audit.counts import shares_of
from paper_code.audit.printed import Printed
from paper_code.audit.report import column_findings
from paper_code.metrics.power import mcnemar_p
from paper_code.published import published_table
from paper_code.reporting.labels import label
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.verdicts import LEVEL

# Printed numbers have no intervals: they are in the claimed order or not.
AHEAD, BEHIND, TIED = "ahead", "behind", "tied"
IMBALANCED = ("breakhis_40x", "breakhis_100x", "breakhis_200x", "breakhis_400x", "mini_ddsm")
BALANCED = "bach"  # Tables III to V
# The columns of Tables VII and VIII, as the paper heads them.
PRINTED_METRICS = {
    "accuracy": "Accuracy",
    "f1_first": "F1, first number",
    "f1_second": "F1, second number",
    "iba": "IBA",
    "gmean": "GMean",
}
BEST_OTHER = "the best other"
# One squeeze-and-excitation block with biases, reduction 16, on the 2,048 channels of the gate:
# Linear(2048, 128) and Linear(128, 2048).
SE_BLOCK = 2048 * 128 + 128 + 128 * 2048 + 2048
# ResNet50 without its last layer, whose 2,048 inputs and bias each output has.
RESNET50_FEATURES, FEATURES = 23_508_032, 2048
# What is ours in a table, where it is not DALAResNet50 among the networks.
SUBJECTS = {"02": ("placement", "layer4"), "14": ("method", "dt_gradcam")}
OF_TIMES = ("09", "10")  # where less is better
# Where the accuracy of the same test images is printed.
ACCURACY = {"02": "02", "07": "07", "08": "08", "11": "07", "12": "08"}
NUMERALS = {
    "02": "II",
    "07": "VII",
    "08": "VIII",
    "09": "IX",
    "10": "X",
    "11": "XI",
    "12": "XII",
    "14": "XIV",
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One test of a claim: `low` and `high` bound the difference that decides it, if any."""

    evidence: str = "measured"  # or "printed"
    part: str
    how: str
    result: str = ""
    verdict: str  # a `Verdict` where measured, else the printed order
    source: str
    difference: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p_holm: float = float("nan")
    least_lead: float = float("nan")  # measured: see `least_lead`
    reason: str = ""
    chance: str = ""  # printed order: how far chance alone reaches
    audit: str = ""  # printed order: what the audit says of the same columns


def printed_leads(table: str) -> pd.DataFrame:
    """Our printed value against the best other, one row per data set and metric.

    Columns dataset, metric, ours, other, lead (positive: ours is better), digits (printed).
    """
    subject, name = SUBJECTS.get(table, ("network", REFERENCE))
    sign = -1 if table in OF_TIMES else 1
    rows = []
    for (dataset, metric), cells in published_table(table).groupby(
        ["dataset", "metric"], sort=False
    ):
        values = cells.set_index(subject)["value"]
        if name not in values or len(values) < 2:
            continue
        others = sign * values.drop(name)
        rows.append(
            {
                "dataset": dataset,
                "metric": metric,
                "ours": values[name],
                "other": others.idxmax(),
                "lead": round(sign * values[name] - others.max(), 9),
                "digits": cells["printed"].str.partition(".")[2].str.len().min(),
            }
        )
    return pd.DataFrame(rows)


def least_p(lead: float, digits: int, images: int) -> tuple[int, float]:
    """The most images that a printed lead can stand for, and McNemar's least p for so many.

    Both accuracies are rounded to `digits`. If one of two networks is right on k images more, exact
    McNemar is smallest where no image is right for the other alone: 2 / 2^k.
    """
    most = int(np.floor((lead + 10.0**-digits) * images + 1e-9))
    return most, mcnemar_p(max(most, 0), 0)


def printed_order(
    audit: pd.DataFrame | None, numbers: Sequence[str], metrics: Sequence[str], part: str
) -> Outcome:
    """Is our printed value the best in every column of `metrics`?

    "ahead" in all, "behind" in at least one, or else "tied". Beside it stand what chance alone
    reaches on the same test images, and what the audit (its table) says of the same columns.
    """
    leads = pd.concat([printed_leads(number) for number in numbers], ignore_index=True)
    leads = leads[leads["metric"].isin(metrics)]
    least = leads.loc[leads["lead"].idxmin()]
    other = label(least["other"]).replace("Layer", "layer")  # in the middle of a sentence
    ahead, behind = int((leads["lead"] > 0).sum()), int((leads["lead"] < 0).sum())
    return Outcome(
        evidence="printed",
        part=part,
        how="the printed value against the best other in every column",
        result=f"ahead in {ahead} of {len(leads)} columns, behind in {behind}; smallest lead "
        f"{least['lead']:+.{least['digits']}f} over {other} on {label(least['dataset'])}",
        verdict=BEHIND if behind else AHEAD if ahead == len(leads) else TIED,
        source=", ".join(f"Table {NUMERALS[number]}" for number in numbers),
        difference=float(least["lead"]),
        chance=_within_chance(numbers),
        audit=_of_audit(audit, numbers, metrics),
    )


def _within_chance(tables: Sequence[str]) -> str:
    """On which sets the lead in accuracy is too few test images for any p below the level.

    Every metric of a row comes from the same test images, so this bounds more than accuracy.
    """
    if not set(tables) <= set(ACCURACY):
        return ""
    printed, texts = Printed(), []
    for table in map(ACCURACY.get, tables):
        leads = printed_leads(table)
        ours = SUBJECTS.get(table, ("network", REFERENCE))[1]
        # Shares of the test images, by the rule by which the audit calls the others impossible.
        whole = shares_of(printed.rows(table), printed.parts, unit=2)
        for _, row in leads[leads["metric"] == "accuracy"].iterrows():
            images = printed.parts[row["dataset"]]["test"]
            most, p = least_p(row["lead"], row["digits"], images)
            if not whole[row["dataset"], ours] or not whole[row["dataset"], row["other"]]:
                texts.append(
                    f"{label(row['dataset'])}: no number of right images of {images} "
                    "gives the printed accuracies, so there is nothing to test"
                )
            elif p >= LEVEL:
                texts.append(
                    f"{label(row['dataset'])}: the lead in accuracy, {row['lead']:+.3f}, "
                    f"is at most {most} of {images} images (exact McNemar p at least {p:.2g})"
                )
    return "; ".join(texts) or "no set where the lead in accuracy must be chance"


def _of_audit(audit: pd.DataFrame | None, tables: Sequence[str], metrics: Sequence[str]) -> str:
    """The findings of the audit that make a printed column of these tables impossible."""
    if audit is None:
        return ""
    found = [column_findings(table, metric, audit) for table in tables for metric in metrics]
    ids = list(dict.fromkeys(name for names in found for name in names))
    return f"{len(ids)} impossible: {', '.join(ids)}" if ids else "nothing against these columns"


def printed_imbalance(audit: pd.DataFrame | None) -> list[Outcome]:
    """Is the printed lead larger on the imbalanced sets than on balanced BACH?

    By the lead in points and by the share of the other's distance from 1 that is gone, over each
    baseline and the best of them: the paper names no measure of "excelling", and the scale decides.
    `audit`: its table.
    """
    outcomes, total = [], len(IMBALANCED)
    printed = pd.concat([published_table("07"), published_table("08")])
    for metric, part in PRINTED_METRICS.items():
        rows = printed[printed["metric"] == metric]
        values = rows.pivot(index="dataset", columns="network", values="value")
        rivals = values.drop(columns=REFERENCE)
        rivals[BEST_OTHER] = rivals.max(axis=1)
        lead = rivals.rsub(values[REFERENCE], axis=0).round(9)
        measures = {"lead": lead, "share": (lead / (1 - rivals)).round(9)}
        counts = pd.DataFrame(  # of imbalanced sets on which the lead exceeds that on BACH
            {n: (v.loc[[*IMBALANCED]] > v.loc[BALANCED]).sum() for n, v in measures.items()}
        )
        best = counts.loc[BEST_OTHER]
        each = set(counts.to_numpy().ravel())
        outcomes.append(
            Outcome(
                evidence="printed",
                part=part,
                how="the printed lead over each baseline and over the best of them, on each "
                "imbalanced set against that on balanced BACH; in points, and by the share of the "
                "other's distance from 1 that is gone",
                result=f"larger on {span(counts['lead'])} of {total} sets in points, on "
                f"{span(counts['share'])} by share; over {BEST_OTHER} on {best['lead']} "
                f"and {best['share']}",
                verdict=AHEAD if each == {total} else BEHIND,
                source="Tables VII and VIII",
                audit=_of_audit(audit, ("07", "08"), (metric,)),
                reason="" if each == {total} else "larger on some, not on others",
            )
        )
    return outcomes


def span(values: pd.Series, form: str = "d") -> str:
    """ "2", or "2 to 3" where the values differ."""
    return " to ".join(dict.fromkeys(format(v, form) for v in (values.min(), values.max())))


def printed_gate() -> Outcome:
    """The parameters of the gate by the printed totals, against those of one block of
    squeeze-and-excitation on the same channels."""
    plain = RESNET50_FEATURES + (FEATURES + 1) * pd.Series(CLASSES)
    gate = Printed().totals.loc[REFERENCE] - plain
    times = gate / SE_BLOCK
    lighter = bool((gate < SE_BLOCK).all())
    texts = [f"{label(name)} {n:,} ({times[name]:.1f})" for name, n in gate.items()]
    return Outcome(
        evidence="printed",
        part="parameters",
        how="the printed totals minus a ResNet50 with as many outputs, against one "
        "squeeze-and-excitation block with biases (reduction 16) on the same 2,048 channels, "
        f"{SE_BLOCK:,}",
        result=f"parameters of the gate (times that block): {', '.join(texts)}",
        verdict=AHEAD if lighter else TIED if (gate <= SE_BLOCK).all() else BEHIND,
        source="Tables IX and X",
        reason="" if lighter else "as heavy as one such block or heavier",
    )
