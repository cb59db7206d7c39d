"""What the paper's own printed numbers say about its claims: arithmetic alone."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from paper_code.audit.costs import CLASSES
from paper_code.audit.counts import shares_of
from paper_code.audit.printed import Printed
from paper_code.audit.report import column_findings
from paper_code.metrics.power import mcnemar_p
from paper_code.published import published_table
from paper_code.reporting.claims.outcome import AHEAD, BEHIND, TIED, Outcome
from paper_code.reporting.labels import DATASET_LABELS, network_label
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.verdicts import LEVEL

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


def printed_leads(table: str, subject: str, ours: str, *, smaller: bool = False) -> pd.DataFrame:
    """Our printed value against the best other, one row per data set and metric.

    Columns dataset, metric, ours, other, lead (positive: ours is better), unit (of the last digit).
    """
    printed = published_table(table)
    sign = -1 if smaller else 1
    rows = []
    for (dataset, metric), subset in printed.groupby(["dataset", "metric"], sort=False):
        values = subset.set_index(subject)["value"]
        if ours not in values or len(values) < 2:
            continue
        others = sign * values.drop(ours)
        digits = subset["printed"].str.partition(".")[2].str.len().min()
        rows.append(
            {
                "dataset": dataset,
                "metric": metric,
                "ours": values[ours],
                "other": others.idxmax(),
                "lead": round(sign * values[ours] - others.max(), 9),
                "unit": 10.0**-digits,
            }
        )
    return pd.DataFrame(rows)


def least_p(lead: float, unit: float, images: int) -> tuple[int, float]:
    """The most images that a printed lead can stand for, and McNemar's least p for so many.

    Both accuracies are rounded to `unit`. If one of two networks is right on k images more, exact
    McNemar is smallest where no image is right for the other alone: 2 / 2^k.
    """
    most = int(np.floor((lead + unit) * images + 1e-9))
    return most, mcnemar_p(max(most, 0), 0)


def printed_order(
    audit: pd.DataFrame | None,
    tables: tuple[str, ...],
    subject: str,
    ours: str,
    metrics: tuple[str, ...],
    part: str,
    *,
    name: Callable[[str], str] = network_label,
    smaller: bool = False,
    digits: int = 3,
) -> Outcome:
    """Is the printed value of `ours` the best in every column of `metrics`?

    "ahead" in all, "behind" in at least one, or else "tied". Beside it stand what chance alone
    reaches on the same test images, and what the audit (its table) says of the same columns.
    """
    leads = pd.concat([printed_leads(table, subject, ours, smaller=smaller) for table in tables])
    leads = leads[leads["metric"].isin(metrics)].reset_index(drop=True)
    least = leads.loc[leads["lead"].idxmin()]
    ahead, behind = int((leads["lead"] > 0).sum()), int((leads["lead"] < 0).sum())
    return Outcome(
        "printed",
        part,
        "the printed value against the best other in every column",
        f"ahead in {ahead} of {len(leads)} columns, behind in {behind}; smallest lead "
        f"{least['lead']:+.{digits}f} over {name(least['other'])} on "
        f"{DATASET_LABELS.get(least['dataset'], 'BreakHis')}",
        BEHIND if behind else AHEAD if ahead == len(leads) else TIED,
        ", ".join(f"Table {NUMERALS[table]}" for table in tables),
        difference=float(least["lead"]),
        chance=_within_chance(tables, subject, ours),
        audit=_of_audit(audit, tables, metrics),
    )


# Where the accuracy of the same test images is printed.
ACCURACY = {"02": "02", "07": "07", "08": "08", "11": "07", "12": "08"}


def _within_chance(tables: tuple[str, ...], subject: str, ours: str) -> str:
    """On which sets the lead in accuracy is too few test images for any p below the level.

    Every metric of a row comes from the same test images, so this bounds more than accuracy.
    """
    if not set(tables) <= set(ACCURACY):
        return ""
    printed, texts = Printed(), []
    for table in tables:
        leads = printed_leads(ACCURACY[table], subject, ours)
        # Shares of the test images, by the rule by which the audit calls the others impossible.
        whole = shares_of(printed.rows(ACCURACY[table]), printed.parts, unit=2)
        for _, row in leads[leads["metric"] == "accuracy"].iterrows():
            images = printed.parts[row["dataset"]]["test"]
            if not whole[row["dataset"], ours] or not whole[row["dataset"], row["other"]]:
                texts.append(
                    f"{DATASET_LABELS[row['dataset']]}: no number of right images of {images} "
                    "gives the printed accuracies, so there is nothing to test"
                )
                continue
            most, p = least_p(row["lead"], row["unit"], images)
            if p >= LEVEL:
                texts.append(
                    f"{DATASET_LABELS[row['dataset']]}: the lead in accuracy, {row['lead']:+.3f}, "
                    f"is at most {most} of {images} images (exact McNemar p at least {p:.2g})"
                )
    return "; ".join(texts) or "no set where the lead in accuracy must be chance"


def _of_audit(audit: pd.DataFrame | None, tables: tuple[str, ...], metrics: Iterable[str]) -> str:
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
    for metric, label in PRINTED_METRICS.items():
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
                "printed",
                label,
                "the printed lead over each baseline and over the best of them, on each imbalanced "
                "set against that on balanced BACH; in points, and by the share of the other's "
                "distance from 1 that is gone",
                f"larger on {_least_to_most(counts['lead'])} of {total} sets in points, on "
                f"{_least_to_most(counts['share'])} by share; over {BEST_OTHER} on {best['lead']} "
                f"and {best['share']}",
                AHEAD if each == {total} else BEHIND,
                "Tables VII and VIII",
                audit=_of_audit(audit, ("07", "08"), (metric,)),
                reason="" if each == {total} else "larger on some, not on others",
            )
        )
    return outcomes


def _least_to_most(counts: pd.Series) -> str:
    return " to ".join(dict.fromkeys(map(str, (counts.min(), counts.max()))))


def printed_gate() -> Outcome:
    """The parameters of the gate by the printed totals, against those of one block of
    squeeze-and-excitation on the same channels."""
    plain = RESNET50_FEATURES + (FEATURES + 1) * pd.Series(CLASSES)
    gate = Printed().totals.loc[REFERENCE] - plain
    times = gate / SE_BLOCK
    lighter = bool((gate < SE_BLOCK).all())
    texts = [f"{DATASET_LABELS.get(d, 'BreakHis')} {n:,} ({times[d]:.1f})" for d, n in gate.items()]
    return Outcome(
        "printed",
        "parameters",
        "the printed totals minus a ResNet50 with as many outputs, against one "
        "squeeze-and-excitation block with biases (reduction 16) on the same 2,048 channels, "
        f"{SE_BLOCK:,}",
        f"parameters of the gate (times that block): {', '.join(texts)}",
        AHEAD if lighter else TIED if (gate <= SE_BLOCK).all() else BEHIND,
        "Tables IX and X",
        reason="" if lighter else "as heavy as one such block or heavier",
    )
