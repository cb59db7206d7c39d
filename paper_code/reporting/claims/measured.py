"""What the runs of this repository say about the paper's claims, from the tables' CSV files."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import t, ttest_1samp

from paper_code.metrics import holm
from paper_code.metrics.comparisons import welch_satterthwaite
from paper_code.published import published_table
from paper_code.reporting.claims.outcome import Outcome, weigh
from paper_code.reporting.claims.printed import BALANCED, IMBALANCED, SE_BLOCK
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, network_label
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.markdown import number
from paper_code.reporting.verdicts import (
    LEVEL,
    PAPER,
    TIMES,
    UNEQUAL_EPOCHS,
    by_measure,
    counts,
    guarded,
    join_obstacles,
    not_tested,
    split_obstacles,
)

Tables = dict[str, pd.DataFrame]

CAM_COMPARISONS = "cam_comparisons"
COSTS = ("table_09_breakhis_cost", "table_10_bach_mini_ddsm_cost")
BASELINES = (
    "seresnet50",
    "densenet121",
    "vgg16",
    "vgg16_inception",
    "vit",
    "swin",
    "dinov2_vitb14",
    "resnet50",
)
# Readings of "convergence time", which the paper does not define.
READINGS = {
    "total_seconds": "all epochs",
    "seconds_to_best": "up to the best epoch",
    "seconds_to_near_best": "up to within one point of the best accuracy",
}


def measured(
    tables: Tables, family: str, metric: str, networks: tuple[str, ...], datasets: tuple[str, ...]
) -> list[Outcome]:
    """Is DALAResNet50 better in `metric` than every one of `networks` on all `datasets`?"""
    rows = _rows(tables, family=[family], metric=[metric], dataset=datasets, network=networks)
    tests = "paired bootstrap" if rows.empty else " or ".join(dict.fromkeys(rows["test"]))
    return [
        weigh(
            rows,
            len(networks) * len(datasets),
            lambda row: (
                f"against {network_label(row['network'])} on {DATASET_LABELS[row['dataset']]}"
            ),
            part=METRIC_LABELS[metric],
            how=f"against each other network on the same test images; {tests}",
            source="tables/comparisons.csv",
        )
    ]


def measured_order(
    tables: Tables, numbers: tuple[str, ...], theirs: str, ours: str
) -> list[Outcome]:
    """Is DALAResNet50 ahead of the printed runner-up on each data set?

    `theirs` is a metric of the printed tables `numbers` and `ours` the one beside it. Two cells
    that "agree" within a margin do not show the order of two networks; a paired comparison does.
    """
    printed = pd.concat([published_table(number) for number in numbers])
    values = printed[printed["metric"] == theirs].pivot(
        index="dataset", columns="network", values="value"
    )
    second = values.drop(columns=REFERENCE).idxmax(axis=1)
    rows = _rows(tables, family=["baselines"], metric=[ours], dataset=second.index)
    if len(rows):
        rows = rows[rows["network"] == rows["dataset"].map(second)]
        rows = _with_holm(rows.drop(columns="p_holm").reset_index(drop=True))
    return [
        weigh(
            rows,
            len(second),
            lambda row: (
                f"against {network_label(row['network'])} on {DATASET_LABELS[row['dataset']]}"
            ),
            part=f"{METRIC_LABELS[ours]}, order of the printed best two",
            how="against the printed runner-up alone, on the same test images",
            source="tables/comparisons.csv",
        )
    ]


def behind_others(comparisons: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """How often DALAResNet50 lies below each other network on real images.

    Args:
        comparisons: the table of that name.
        metric: one of its metrics.

    Returns:
        One row per network of the family "baselines": network, comparisons (data sets and kinds of
        split), behind (those with a lower value of ours), shown (those of them with p below
        `LEVEL` after Holm's correction), least_p (the smallest uncorrected p of those behind, NaN
        if there is none), least and most (the differences, positive where ours is ahead).
    """
    rows = comparisons[
        (comparisons["family"] == "baselines")
        & (comparisons["metric"] == metric)
        & comparisons["data"].str.startswith("real")
    ]
    found = []
    for network, cells in rows.groupby("network", sort=False):
        behind = cells[cells["difference"] < 0]
        found.append(
            {
                "network": network,
                "comparisons": len(cells),
                "behind": len(behind),
                "shown": int((behind["p_holm"] < LEVEL).sum()),
                "least_p": behind["p_value"].min(),
                "least": cells["difference"].min(),
                "most": cells["difference"].max(),
            }
        )
    columns = ["network", "comparisons", "behind", "shown", "least_p", "least", "most"]
    return pd.DataFrame(found, columns=columns)


def measured_real(tables: Tables) -> list[Outcome]:
    """Where DALAResNet50 stands on real images, if nothing of it counts as evidence.

    What counts is in `measured`; this shows what there is without it.
    """
    comparisons = tables.get("comparisons", pd.DataFrame(columns=["family", "metric", "data"]))
    rows = comparisons[
        (comparisons["family"] == "baselines")
        & (comparisons["metric"] == "accuracy")
        & comparisons["data"].str.startswith("real")
    ]
    if rows.empty or counts(rows).any():
        return []
    verdict, reason = guarded(rows, PAPER)
    words = [
        f"behind {network_label(row.network)} in {row.behind} of {row.comparisons}"
        + (f" (smallest p {row.least_p:.3f} without correction)" if row.behind else "")
        for row in behind_others(comparisons).itertuples()
    ]
    return [
        Outcome(
            "measured",
            "Accuracy, real images",
            "all comparisons on real images, split by image and by patient",
            f"{', '.join(words)} (not counted)",
            verdict.value,
            "tables/comparisons.csv",
            reason=reason,
        )
    ]


def measured_imbalance(tables: Tables) -> list[Outcome]:
    """Is the lead over ResNet50 larger on each imbalanced set than on BACH?

    The sets share no patients, so the standard errors add in squares.
    """
    outcomes = []
    for metric in ("balanced_accuracy", "gmean"):
        rows = _rows(tables, metric=[metric], network=["resnet50"])
        rows = rows.set_index("dataset") if len(rows) else rows
        found = []
        for dataset in [name for name in IMBALANCED if {name, BALANCED} <= set(rows.index)]:
            pair = [rows.loc[dataset], rows.loc[BALANCED]]
            difference = pair[0]["difference"] - pair[1]["difference"]
            error, df = welch_satterthwaite((row["se"] ** 2, row["df"]) for row in pair)
            reach = t.ppf(0.975, df) * error
            found.append(
                {
                    "dataset": dataset,
                    "difference": difference,
                    "low": difference - reach,
                    "high": difference + reach,
                    "p_value": 2 * t.sf(abs(difference) / error, df) if error > 0 else np.nan,
                    "se": error,
                    "df": df,
                    "obstacles": _joined(row["obstacles"] for row in pair),
                    "shortfall": _joined(row["shortfall"] for row in pair),
                }
            )
        outcomes.append(
            weigh(
                _with_holm(pd.DataFrame(found)),
                len(IMBALANCED),
                lambda row: f"on {DATASET_LABELS[row['dataset']]}",
                part=f"{METRIC_LABELS[metric]}, against ResNet50",
                how="the lead on each imbalanced set minus that on BACH; Welch's t",
                source="tables/comparisons.csv",
            )
        )
    return outcomes


def measured_times(tables: Tables) -> list[Outcome]:
    """Is the time of DALAResNet50 the shortest, in each reading of "convergence"?"""
    return [
        weigh(
            _speedups(tables, metric, BASELINES, smaller=True),
            len(BASELINES),
            lambda row: f"against {network_label(row['network'])}",
            part=label,
            how="log of the other network's time over ours, mean over the seeds of each data set; "
            "t-test over the data sets",
            source="tables 09 and 10",
            standard=TIMES,
        )
        for metric, label in READINGS.items()
    ]


def measured_gate(tables: Tables) -> list[Outcome]:
    """Parameters and time that the gate adds, against those of squeeze-and-excitation blocks."""
    return [_gate_parameters(_costs(tables)), _gate_time(tables)]


def _gate_parameters(costs: pd.DataFrame) -> Outcome:
    how = (
        "added to ResNet50 by the gate, named reading, against one squeeze-and-excitation block "
        "with biases (reduction 16) on the same channels, and against the blocks of SEResNet50 in "
        "every residual block"
    )
    source = "tables 09 and 10"
    sizes = costs[costs["metric"] == "parameters_named"] if len(costs) else costs
    if sizes.empty or not {REFERENCE, "resnet50", "seresnet50"} <= set(sizes["network"]):
        verdict, reason = not_tested("needs DALAResNet50, ResNet50 and SEResNet50 in the table")
        return Outcome("measured", "parameters", how, "", verdict.value, source, reason=reason)
    values = sizes.pivot_table(index="dataset", columns="network", values="value")
    gate = values[REFERENCE] - values["resnet50"]
    blocks = values["seresnet50"] - values["resnet50"]
    share = 100 * gate / values["resnet50"]
    result = (
        f"gate {_span(gate, ',.0f')} ({_span(share, '+.1f')} %), one block {SE_BLOCK:,}, "
        f"all blocks of SEResNet50 {_span(blocks, ',.0f')}"
    )
    verdict, reason = by_measure([bool((gate < SE_BLOCK).all()), bool((gate < blocks).all())])
    reason += "; counted on the networks, without data or weights"
    return Outcome("measured", "parameters", how, result, verdict.value, source, reason=reason)


def _gate_time(tables: Tables) -> Outcome:
    outcome = weigh(
        _speedups(tables, "images_per_second", ("seresnet50",)),
        1,
        lambda row: f"against {network_label(row['network'])}",
        part="training time",
        how="log of our images per second over SEResNet50's, mean over the seeds of each data set; "
        't-test (the paper sets no limit for "lightweight")',
        source="tables 09 and 10",
        standard=TIMES,
    )
    added = _speedups(tables, "images_per_second", ("resnet50",))
    if added.empty:
        return outcome
    more, low, high = 100 * np.expm1(-added.loc[0, ["difference", "high", "low"]].astype(float))
    text = f"an image takes {more:+.1f} % [{number(low, 1)}, {number(high, 1)}] of ResNet50's time"
    return Outcome(**vars(outcome) | {"result": f"{text}; {outcome.result}".rstrip("; ")})


def measured_cam(
    tables: Tables,
    metric: str,
    label: str,
    controls: dict[str, str],
    datasets: tuple[str, ...],
    rule: str,
    *,
    family: str = "paper",
    smaller: bool = False,
) -> list[Outcome]:
    """Is DT Grad-CAM better in `metric` than every one of `controls` (names and labels)?

    `rule` is that by which a map becomes a region, `family` that of the table of comparisons.
    `smaller`: less is better.
    """
    rows = tables.get(CAM_COMPARISONS, pd.DataFrame())
    if len(rows):
        wanted = (rows["family"] == family) & (rows["method"] == "dt_gradcam")
        wanted &= (rows["metric"] == metric) & (rows["rule"] == rule)
        rows = rows[wanted & rows["control"].isin(list(controls)) & rows["dataset"].isin(datasets)]
        if smaller:
            rows = rows.assign(difference=-rows["difference"], low=-rows["high"], high=-rows["low"])
    return [
        weigh(
            rows,
            len(controls) * len(datasets),
            lambda row: f"against {controls[row['control']]} on {DATASET_LABELS[row['dataset']]}",
            part=label,
            how="against each other method on the same images; paired",
            source=f"tables/{CAM_COMPARISONS}.csv",
            digits=4,
        )
    ]


def _rows(tables: Tables, **wanted) -> pd.DataFrame:
    """Rows of the comparisons with the wanted values; empty without any.

    Those split by image, as in the paper, where there are some. A claim is about the paper's
    experiment, so results by patient do not count for or against it; without results by image they
    are shown as "not counted".
    """
    rows = tables.get("comparisons")
    if rows is None:
        return pd.DataFrame()
    by_image = rows["splits"] == "image"
    chosen = pd.Series(True, rows.index)
    for column, values in wanted.items():
        chosen &= rows[column].isin(list(values))
    return rows[chosen & by_image] if (chosen & by_image).any() else rows[chosen]


def _costs(tables: Tables) -> pd.DataFrame:
    found = [tables[name] for name in COSTS if name in tables]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _speedups(
    tables: Tables, metric: str, networks: tuple[str, ...], *, smaller: bool = False
) -> pd.DataFrame:
    """Mean log ratio of our value to each network's, positive where ours is better.

    Pairs are of one data set, split and seed. Seeds of one data set share a machine, so their mean
    is one value and the t-interval is over the data sets. Other hardware than the paper's is no
    obstacle: the claim is about the ratio.
    """
    costs = _costs(tables)
    if costs.empty:
        return pd.DataFrame()
    costs = costs[(costs["dataset"] != "breakhis") & (costs["metric"] == metric)]
    cells = {(row["dataset"], row["network"]): row for _, row in costs.iterrows()}
    found = []
    for network in networks:
        pairs = [
            (cells[dataset, REFERENCE], row)
            for (dataset, name), row in cells.items()
            if name == network and (dataset, REFERENCE) in cells
        ]
        if not pairs:
            continue
        logs = np.array([_log_ratio(ours, theirs) for ours, theirs in pairs])
        logs = -logs if smaller else logs
        unequal = any(str(ours["epochs"]) != str(theirs["epochs"]) for ours, theirs in pairs)
        p_value, error, reach = np.nan, np.nan, np.nan
        if len(logs) > 1 and np.ptp(logs) > 0:
            p_value = float(ttest_1samp(logs, 0).pvalue)
            error = logs.std(ddof=1) / np.sqrt(len(logs))
            reach = t.ppf(0.975, len(logs) - 1) * error
        rows = [row for ours, theirs in pairs for row in (theirs, ours)]
        epochs = [UNEQUAL_EPOCHS] if unequal and metric in READINGS else []
        found.append(
            {
                "network": network,
                "difference": logs.mean(),
                "low": logs.mean() - reach,
                "high": logs.mean() + reach,
                "p_value": p_value,
                "se": error,
                "df": len(logs) - 1,
                "obstacles": _joined([*(row["obstacles"] for row in rows), *epochs]),
                "shortfall": _joined(row["shortfall"] for row in rows),
            }
        )
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


def _joined(texts: Iterable[str]) -> str:
    """The obstacles of several rows together."""
    return join_obstacles(*map(split_obstacles, texts))


def _with_holm(rows: pd.DataFrame) -> pd.DataFrame:
    """Add p_holm, over the rows that count and over those that do not."""
    if len(rows):
        rows["p_holm"] = rows.groupby(counts(rows, TIMES))["p_value"].transform(holm)
    return rows


def _span(values: pd.Series, form: str) -> str:
    """ "2", or "2 to 3" where the values differ."""
    return " to ".join(dict.fromkeys(format(v, form) for v in (values.min(), values.max())))
