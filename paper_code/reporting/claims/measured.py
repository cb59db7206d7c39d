"""What the runs of this repository say about the paper's claims, from the tables' CSV files."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import t

from paper_code.metrics.comparisons import holm, welch_satterthwaite
from paper_code.metrics.power import least_detectable
from paper_code.networks.registry import PAPER_NETWORKS
from paper_code.published import published_table
from paper_code.reporting.claims.printed import BALANCED, IMBALANCED, SE_BLOCK, Outcome, span
from paper_code.reporting.labels import METRIC_LABELS, label, network_label
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.markdown import number, p_text
from paper_code.reporting.verdicts import (
    PAPER,
    TIMES,
    UNEQUAL_EPOCHS,
    Standard,
    arithmetic,
    counts,
    everywhere,
    guarded,
    joined,
    not_tested,
    shown_better,
    shown_worse,
)

Tables = dict[str, pd.DataFrame]

# Tables of paired differences: the column of what is on the other side, how it was compared, and by
# which test if there are no rows that name one.
PAIRED = {
    "comparisons": ("network", "other network on the same test images", "paired bootstrap"),
    "cam_comparisons": ("control", "other method on the same images", "paired"),
}
OF_COMPARISONS = "tables/comparisons.csv"
OF_COSTS = "tables 09 and 10"
COSTS = ("table_09_breakhis_cost", "table_10_bach_mini_ddsm_cost")
BASELINES = tuple(name for name in PAPER_NETWORKS if name != REFERENCE)
POWER = 0.8  # of the lead that is said to be found
# Readings of "convergence time", which the paper does not define.
READINGS = {
    "total_seconds": "all epochs",
    "seconds_to_best": "up to the best epoch",
    "seconds_to_near_best": "up to within one point of the best accuracy",
}


def weigh(
    rows: pd.DataFrame,
    expected: int,
    name: Callable[[pd.Series], str],
    standard: Standard = PAPER,
) -> dict:
    """What the outcome of a family says; the comparison that speaks least for the claim stands in
    the row.

    Arguments as `verdicts.everywhere`; `name` says what a comparison is with.
    """
    found = everywhere(rows, expected, standard)._asdict()
    if rows.empty:
        return found
    free = counts(rows, standard)
    shown = rows[free] if free.any() else rows
    known = shown.dropna(subset="difference")
    if known.empty:
        return found | {"result": "no defined difference"}
    least = known.loc[known["difference"].idxmin()]
    result = (
        f"differences: {len(shown)}; positive: {int((shown['difference'] > 0).sum())}; "
        f"shown better: {shown_better(shown)}; shown worse: {shown_worse(shown)}; the least: "
        f"{least['difference']:+.3f} [{number(least['low'])}, {number(least['high'])}], "
        f"{p_text(least['p_value'])}, {p_text(least['p_holm'])} (Holm), {name(least)}"
    )
    found |= least[["difference", "low", "high", "p_holm"]].to_dict()
    if standard is not TIMES:  # the least lead in the logarithm of a time would mean nothing
        found["least_lead"] = least_lead(known, expected)
    return found | {"result": result if free.any() else f"{result} (not counted)"}


def least_lead(rows: pd.DataFrame, expected: int) -> float:
    """A true lead in every comparison with which runs like these show a claim four times in five.

    With n comparisons, each must show it with a probability of `POWER` to the power 1 / n; where
    they are not independent less is enough. The largest over the rows; NaN without `se` and `df`.

    Args:
        rows: comparisons, with `se` and `df`.
        expected: n of the whole claim.
    """
    if not {"se", "df"} <= set(rows):
        return float("nan")
    return float(least_detectable(rows["se"], rows["df"], POWER ** (1 / expected)).max())


def measured(
    tables: Tables,
    part: str,
    rows: dict[str, str | Sequence[str]],
    table: str = "comparisons",
    smaller: bool = False,
) -> Outcome:
    """Is DALAResNet50, or DT Grad-CAM, better than each other on each data set?

    Args:
        tables: by the names of their files.
        part: of the claim.
        rows: {column: the value, or values, of the rows of the claim}.
        table: a key of `PAIRED`.
        smaller: less is better.
    """
    other, on, test = PAIRED[table]
    found = _rows(tables, table, **rows)
    if smaller and len(found):
        low, high = -found["high"], -found["low"]
        found = found.assign(difference=-found["difference"], low=low, high=high)
    tests = [test] if found.empty else dict.fromkeys(found["test"])
    return Outcome(
        part=part,
        how=f"against each {on}; {' or '.join(tests)}",
        source=f"tables/{table}.csv",
        **weigh(found, len(rows[other]) * len(rows["dataset"]), lambda row: _against(row, other)),
    )


def measured_order(tables: Tables, numbers: Sequence[str], theirs: str, ours: str) -> Outcome:
    """Is DALAResNet50 ahead of the printed runner-up on each data set?

    `theirs` is a metric of the printed tables `numbers` and `ours` the one beside it. Two cells
    that "agree" within a margin do not show the order of two networks; a paired comparison does.
    """
    printed = pd.concat([published_table(number) for number in numbers])
    values = printed[printed["metric"] == theirs].pivot(
        index="dataset", columns="network", values="value"
    )
    second = values.drop(columns=REFERENCE).idxmax(axis=1)
    rows = _rows(tables, family="baselines", metric=ours, dataset=second.index)
    if len(rows):
        rows = _with_holm(rows[rows["network"] == rows["dataset"].map(second)].copy())
    return Outcome(
        part=f"{METRIC_LABELS[ours]}, order of the printed best two",
        how="against the printed runner-up alone, on the same test images",
        source=OF_COMPARISONS,
        **weigh(rows, len(second), _against),
    )


def measured_real(tables: Tables) -> list[Outcome]:
    """How often DALAResNet50 lies below each other network on real images, if nothing of it counts.

    What counts is in `measured`; this shows what there is without it.
    """
    rows = tables.get("comparisons", pd.DataFrame(columns=["family", "metric", "data"]))
    rows = rows[(rows["family"] == "baselines") & (rows["metric"] == "accuracy")]
    rows = rows[rows["data"].str.startswith("real")]
    if rows.empty or counts(rows).any():
        return []
    words = []
    for network, cells in rows.groupby("network", sort=False):
        behind = cells[cells["difference"] < 0]
        text = f"behind {network_label(network)} in {len(behind)} of {len(cells)}"
        if len(behind):
            text += f" (smallest p {behind['p_value'].min():.3f} without correction)"
        words.append(text)
    return [
        Outcome(
            part="Accuracy, real images",
            how="all comparisons on real images, split by image and by patient",
            result=f"{', '.join(words)} (not counted)",
            source=OF_COMPARISONS,
            **guarded(rows, PAPER)._asdict(),
        )
    ]


def measured_imbalance(tables: Tables) -> list[Outcome]:
    """Is the lead over ResNet50 larger on each imbalanced set than on BACH?

    The sets share no patients, so the standard errors add in squares.
    """
    outcomes = []
    for metric in ("balanced_accuracy", "gmean"):
        rows = _rows(tables, metric=metric, network="resnet50")
        rows = rows.set_index("dataset") if len(rows) else rows
        found = []
        for dataset in [name for name in IMBALANCED if {name, BALANCED} <= set(rows.index)]:
            pair = rows.loc[[dataset, BALANCED]]
            lead = pair["difference"].iloc[0] - pair["difference"].iloc[1]
            error = welch_satterthwaite(zip(pair["se"] ** 2, pair["df"], strict=True))
            found.append({"dataset": dataset} | _difference(lead, *error, pair))
        outcomes.append(
            Outcome(
                part=f"{METRIC_LABELS[metric]}, against ResNet50",
                how="the lead on each imbalanced set minus that on BACH; Welch's t",
                source=OF_COMPARISONS,
                **weigh(
                    _with_holm(pd.DataFrame(found)),
                    len(IMBALANCED),
                    lambda row: f"on {label(row['dataset'])}",
                ),
            )
        )
    return outcomes


def measured_times(tables: Tables) -> list[Outcome]:
    """Is the time of DALAResNet50 the shortest, in each reading of "convergence"?"""
    return [
        Outcome(
            part=part,
            how="log of the other network's time over ours, mean over the seeds of each data set; "
            "t-test over the data sets",
            source=OF_COSTS,
            **weigh(_speedups(tables, metric, BASELINES, -1), len(BASELINES), _against, TIMES),
        )
        for metric, part in READINGS.items()
    ]


def measured_gate(tables: Tables) -> list[Outcome]:
    """Parameters and time that the gate adds, against those of squeeze-and-excitation blocks."""
    return [_gate_parameters(_costs(tables, "parameters_named")), _gate_time(tables)]


def _gate_parameters(sizes: pd.DataFrame) -> Outcome:
    ruling = not_tested("needs DALAResNet50, ResNet50 and SEResNet50 in the table")
    result = ""
    if {REFERENCE, "resnet50", "seresnet50"} <= set(sizes["network"]):
        values = sizes.pivot_table(index="dataset", columns="network", values="value")
        gate = values[REFERENCE] - values["resnet50"]
        blocks = values["seresnet50"] - values["resnet50"]
        share = 100 * gate / values["resnet50"]
        result = (
            f"gate {span(gate, ',.0f')} ({span(share, '+.1f')} %), one block {SE_BLOCK:,}, "
            f"all blocks of SEResNet50 {span(blocks, ',.0f')}"
        )
        ruling = arithmetic(bool((gate < SE_BLOCK).all()), bool((gate < blocks).all()))
        reason = f"{ruling.reason}; counted on the networks, without data or weights"
        ruling = ruling._replace(reason=reason)
    return Outcome(
        part="parameters",
        how="added to ResNet50 by the gate, named reading, against one squeeze-and-excitation "
        "block with biases (reduction 16) on the same channels, and against the blocks of "
        "SEResNet50 in every residual block",
        source=OF_COSTS,
        result=result,
        **ruling._asdict(),
    )


def _gate_time(tables: Tables) -> Outcome:
    metric = "images_per_second"
    found = weigh(_speedups(tables, metric, ("seresnet50",)), 1, _against, TIMES)
    added = _speedups(tables, metric, ("resnet50",))
    if len(added):
        more, low, high = 100 * np.expm1(-added.loc[0, ["difference", "high", "low"]].astype(float))
        ends = f"[{number(low, 1)}, {number(high, 1)}]"
        text = f"an image takes {more:+.1f} % {ends} of ResNet50's time"
        found["result"] = "; ".join(filter(None, (text, found.get("result"))))
    return Outcome(
        part="training time",
        how="log of our images per second over SEResNet50's, mean over the seeds of each data set; "
        't-test (the paper sets no limit for "lightweight")',
        source=OF_COSTS,
        **found,
    )


def _against(row: pd.Series, other: str = "network") -> str:
    on = f" on {label(row['dataset'])}" if "dataset" in row else ""
    return f"against {label(row[other])}{on}"


def _rows(
    tables: Tables, table: str = "comparisons", **wanted: str | Sequence[str]
) -> pd.DataFrame:
    """Rows of a table with the wanted values; empty without any.

    Those split by image, as in the paper, where there are some. A claim is about the paper's
    experiment, so results by patient do not count for or against it; without results by image they
    are shown as "not counted".
    """
    rows = tables.get(table, pd.DataFrame(columns=[*wanted]))
    for column, values in wanted.items():
        rows = rows[rows[column].isin([values] if isinstance(values, str) else values)]
    by_image = rows[rows["splits"] == "image"] if "splits" in rows else rows
    return by_image if len(by_image) else rows


def _costs(tables: Tables, metric: str) -> pd.DataFrame:
    """One measure of the tables of costs."""
    none = pd.DataFrame(columns=["dataset", "network", "metric"])
    costs = pd.concat([tables[name] for name in COSTS if name in tables] or [none])
    return costs[costs["metric"] == metric]


def _speedups(
    tables: Tables, metric: str, networks: tuple[str, ...], sign: int = 1
) -> pd.DataFrame:
    """Mean log ratio of our value to each network's, times `sign`.

    Pairs are of one data set, split and seed. Seeds of one data set share a machine, so their mean
    is one value and the t-interval is over the data sets. Other hardware than the paper's is no
    obstacle: the claim is about the ratio.
    """
    costs = _costs(tables, metric)
    costs = costs[costs["dataset"] != "breakhis"]  # the four magnifications together
    found = []
    for network in networks:
        ours, theirs = (
            costs[costs["network"] == name].set_index("dataset") for name in (REFERENCE, network)
        )
        datasets = theirs.index.intersection(ours.index)
        if datasets.empty:
            continue
        pairs = [(ours.loc[name], theirs.loc[name]) for name in datasets]
        logs = sign * np.array([_log_ratio(*pair) for pair in pairs])
        scatter = len(logs) > 1 and np.ptp(logs) > 0
        error = logs.std(ddof=1) / np.sqrt(len(logs)) if scatter else np.nan
        rows = pd.DataFrame([row for pair in pairs for row in reversed(pair)])
        row = _difference(logs.mean(), error, len(logs) - 1, rows)
        unequal = any(str(first["epochs"]) != str(second["epochs"]) for first, second in pairs)
        if unequal and metric in READINGS:
            row["obstacles"] = joined([row["obstacles"], UNEQUAL_EPOCHS])
        found.append({"network": network} | row)
    return _with_holm(pd.DataFrame(found))


def _log_ratio(ours: pd.Series, theirs: pd.Series) -> float:
    """Log of our value over theirs, mean over the runs of the same split and seed."""
    first, second = (
        pd.Series(
            map(float, row["seed_values"].split()),
            zip(row["split_seeds"].split(), row["seeds"].split(), strict=True),
        )
        for row in (ours, theirs)
    )
    return float(np.log(first / second).dropna().mean())


def _difference(value: float, error: float, df: float, of: pd.DataFrame) -> dict:
    """A difference with its t-interval and p-value, and what stands against the rows behind it."""
    reach = t.ppf(0.975, df) * error
    return {
        "difference": value,
        "low": value - reach,
        "high": value + reach,
        "p_value": 2 * t.sf(abs(value) / error, df) if error > 0 else np.nan,
        "se": error,
        "df": df,
        "obstacles": joined(of["obstacles"]),
        "shortfall": joined(of["shortfall"]),
    }


def _with_holm(rows: pd.DataFrame) -> pd.DataFrame:
    """Add p_holm, over the rows that count and over those that do not."""
    if len(rows):
        rows["p_holm"] = rows.groupby(counts(rows, TIMES))["p_value"].transform(holm)
    return rows
