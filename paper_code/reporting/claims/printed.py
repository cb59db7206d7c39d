"""What the paper's own printed numbers say about its claims: arithmetic alone."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from paper_code.audit.report import column_findings
from paper_code.metrics.power import mcnemar_p
from paper_code.published import published_table
from paper_code.reporting.claims.outcome import AHEAD, BEHIND, TIED, Outcome
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, network_label
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.verdicts import LEVEL

IMBALANCED = ("breakhis_40x", "breakhis_100x", "breakhis_200x", "breakhis_400x", "mini_ddsm")
BALANCED = "bach"  # Tables III to V
# The columns of printed seconds.
TIMES = {"tables": ("09", "10"), "metrics": ("convergence_time_s", "average_time_s")}
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


def column_leads(
    tables: tuple[str, ...],
    subject: str,
    ours: str,
    metrics: tuple[str, ...],
    *,
    smaller: bool = False,
) -> pd.DataFrame:
    """The rows of `printed_leads` in the columns of these metrics, over several tables."""
    leads = pd.concat([printed_leads(table, subject, ours, smaller=smaller) for table in tables])
    return leads[leads["metric"].isin(metrics)].reset_index(drop=True)


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
) -> list[Outcome]:
    """Is the printed value of `ours` the best in every column of `metrics`?

    "ahead" in all, "behind" in at least one, or else "tied". Beside it stand what chance alone
    reaches on the same test images, and what the audit (its table) says of the same columns.
    """
    leads = column_leads(tables, subject, ours, metrics, smaller=smaller)
    least = leads.loc[leads["lead"].idxmin()]
    ahead, behind = int((leads["lead"] > 0).sum()), int((leads["lead"] < 0).sum())
    return [
        Outcome(
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
            audit=audit_notes(audit, tables, metrics),
        )
    ]


# Where the accuracy of the same test images is printed.
ACCURACY = {"02": "02", "07": "07", "08": "08", "11": "07", "12": "08"}


def _within_chance(tables: tuple[str, ...], subject: str, ours: str) -> str:
    """On which sets the lead in accuracy is too few test images for any p below the level.

    Every metric of a row comes from the same test images, so this bounds more than accuracy.
    """
    if not set(tables) <= set(ACCURACY):
        return ""
    tested = published_table("06").query("part == 'test'").set_index("dataset")["value"]
    texts = []
    for table in tables:
        leads = printed_leads(ACCURACY[table], subject, ours)
        for _, row in leads[leads["metric"] == "accuracy"].iterrows():
            images = int(tested[row["dataset"]])
            most, p = least_p(row["lead"], row["unit"], images)
            if p >= LEVEL:
                texts.append(
                    f"{DATASET_LABELS[row['dataset']]}: the lead in accuracy, {row['lead']:+.3f}, "
                    f"is at most {most} of {images} images (exact McNemar p at least {p:.2g})"
                )
    return "; ".join(texts) or "no set where the lead in accuracy must be chance"


def audit_notes(audit: pd.DataFrame | None, tables: tuple[str, ...], metrics: Iterable[str]) -> str:
    """The findings of the audit that make a printed column of these tables impossible."""
    if audit is None:
        return ""
    found = [column_findings(table, metric, audit) for table in tables for metric in metrics]
    ids = list(dict.fromkeys(name for names in found for name in names))
    return f"{len(ids)} impossible: {', '.join(ids)}" if ids else "nothing against these columns"


def imbalance_leads() -> pd.DataFrame:
    """Printed leads of DALAResNet50, by metric (accuracy, gmean) and rival, on each data set.

    Columns metric, rival, dataset, lead (in points) and share (of the rival's distance from 1 that
    is gone): the paper names no measure of "excelling", and the scale decides.
    """
    printed = pd.concat([published_table("07"), published_table("08")])
    parts = []
    for metric in ("accuracy", "gmean"):
        rows = printed[printed["metric"] == metric]
        values = rows.pivot(index="dataset", columns="network", values="value")
        rivals = {
            "ResNet50": values["resnet50"],
            "the best other": values.drop(columns=REFERENCE).max(axis=1),
        }
        for rival, other in rivals.items():
            lead = (values[REFERENCE] - other).round(9)
            share = (lead / (1 - other)).round(9)
            part = pd.DataFrame({"lead": lead, "share": share}).reset_index()
            parts.append(part.assign(metric=metric, rival=rival))
    return pd.concat(parts, ignore_index=True)


def larger_when_imbalanced(leads: pd.DataFrame) -> pd.DataFrame:
    """On how many imbalanced sets each lead exceeds that on balanced BACH.

    `leads`: those of `imbalance_leads`. Indexed by metric and rival, with the counts `lead` and
    `share`, in the order of `leads`.
    """
    index, measures = ["metric", "rival"], ["lead", "share"]
    balanced = leads[leads["dataset"] == BALANCED].set_index(index)[measures]
    imbalanced = leads[leads["dataset"].isin(IMBALANCED)].set_index(index)[measures]
    larger = imbalanced > balanced.reindex(imbalanced.index)
    return larger.groupby(level=index, sort=False).sum()


def printed_imbalance(audit: pd.DataFrame | None) -> list[Outcome]:
    """Is the printed lead larger on the imbalanced sets than on balanced BACH?

    By both measures of `imbalance_leads`. `audit`: its table.
    """
    outcomes, total = [], len(IMBALANCED)
    leads = imbalance_leads()
    for (metric, rival), larger in larger_when_imbalanced(leads).iterrows():
        rows = leads[(leads["metric"] == metric) & (leads["rival"] == rival)].set_index("dataset")
        texts = ", ".join(
            f"{DATASET_LABELS[d]} {rows['lead'][d]:+.3f} ({100 * rows['share'][d]:.0f} %)"
            for d in (*IMBALANCED, BALANCED)
        )
        counts = set(larger)
        outcomes.append(
            Outcome(
                "printed",
                f"{METRIC_LABELS[metric]}, against {rival}",
                "the printed lead (and the share of the other's distance from 1 that is gone) "
                "on each imbalanced set against that on balanced BACH",
                f"{texts}: larger on {larger['lead']} of {total} in points, on "
                f"{larger['share']} of {total} by share",
                AHEAD if counts == {total} else BEHIND,
                "Tables VII and VIII",
                audit=audit_notes(audit, ("07", "08"), (metric,)),
                reason="larger on some, not on others" if counts - {0, total} else "",
            )
        )
    return outcomes


def printed_gate() -> list[Outcome]:
    """Printed parameters of DALAResNet50 against those of ResNet50 and SEResNet50."""
    printed = pd.concat([published_table("09"), published_table("10")])
    rows = printed[printed["metric"] == "parameters"]
    values = rows.pivot(index="dataset", columns="network", values="value")
    more = 100 * (values[REFERENCE] / values["resnet50"] - 1)
    fewer = int((values[REFERENCE] < values["seresnet50"]).sum())
    return [
        Outcome(
            "printed",
            "parameters",
            "the printed totals of the three networks",
            f"{more.min():.1f} to {more.max():.1f} % more than the printed ResNet50, whose count "
            f"is that of a ResNet34 (tables/audit.md); fewer than SEResNet50 on {fewer} of "
            f"{len(values)} sets",
            AHEAD if fewer == len(values) else BEHIND,
            "Tables IX and X",
            reason="lighter than SEResNet50, whose mechanism it is said to improve on",
        )
    ]
