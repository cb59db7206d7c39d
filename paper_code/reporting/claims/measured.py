"""What the runs of this repository say about the paper's claims, from the tables' CSV files."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import t

from paper_code.metrics.comparisons import holm, welch_satterthwaite
from paper_code.published import published_table
from paper_code.reporting.claims.outcome import Outcome, ruled, weigh
from paper_code.reporting.claims.printed import BALANCED, IMBALANCED, SE_BLOCK
from paper_code.reporting.labels import (
    DATASET_LABELS,
    METHOD_LABELS,
    METRIC_LABELS,
    PAPER_METHODS,
    network_label,
)
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.markdown import number
from paper_code.reporting.verdicts import (
    PAPER,
    TIMES,
    UNEQUAL_EPOCHS,
    by_measure,
    counts,
    guarded,
    joined,
    not_tested,
)

Tables = dict[str, pd.DataFrame]

CAM_COMPARISONS = "cam_comparisons"
OF_COSTS = "tables 09 and 10"
LESIONS = ("mini_ddsm",)
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
    tables: Tables, family: str, metric: str, networks: Sequence[str], datasets: Sequence[str]
) -> Outcome:
    """Is DALAResNet50 better in `metric` than every one of `networks` on all `datasets`?"""
    rows = _rows(tables, family=[family], metric=[metric], dataset=datasets, network=networks)
    tests = "paired bootstrap" if rows.empty else " or ".join(dict.fromkeys(rows["test"]))
    return weigh(
        rows,
        len(networks) * len(datasets),
        _against_on,
        part=METRIC_LABELS[metric],
        how=f"against each other network on the same test images; {tests}",
        source="tables/comparisons.csv",
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
    rows = _rows(tables, family=["baselines"], metric=[ours], dataset=second.index)
    if len(rows):
        rows = rows[rows["network"] == rows["dataset"].map(second)]
        rows = _with_holm(rows.drop(columns="p_holm").reset_index(drop=True))
    return weigh(
        rows,
        len(second),
        _against_on,
        part=f"{METRIC_LABELS[ours]}, order of the printed best two",
        how="against the printed runner-up alone, on the same test images",
        source="tables/comparisons.csv",
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
        ruled(
            guarded(rows, PAPER),
            part="Accuracy, real images",
            how="all comparisons on real images, split by image and by patient",
            result=f"{', '.join(words)} (not counted)",
            source="tables/comparisons.csv",
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
            pair = rows.loc[[dataset, BALANCED]]
            lead = pair["difference"].iloc[0] - pair["difference"].iloc[1]
            error = welch_satterthwaite(zip(pair["se"] ** 2, pair["df"], strict=True))
            found.append({"dataset": dataset} | _difference(lead, *error, pair))
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
    how = (
        "log of the other network's time over ours, mean over the seeds of each data set; "
        "t-test over the data sets"
    )
    return [
        weigh(
            _speedups(tables, metric, BASELINES, smaller=True),
            len(BASELINES),
            _against,
            part=label,
            how=how,
            source=OF_COSTS,
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
    about = {"part": "parameters", "how": how, "source": OF_COSTS}
    sizes = costs[costs["metric"] == "parameters_named"] if len(costs) else costs
    if sizes.empty or not {REFERENCE, "resnet50", "seresnet50"} <= set(sizes["network"]):
        needed = not_tested("needs DALAResNet50, ResNet50 and SEResNet50 in the table")
        return ruled(needed, **about)
    values = sizes.pivot_table(index="dataset", columns="network", values="value")
    gate = values[REFERENCE] - values["resnet50"]
    blocks = values["seresnet50"] - values["resnet50"]
    share = 100 * gate / values["resnet50"]
    result = (
        f"gate {_span(gate, ',.0f')} ({_span(share, '+.1f')} %), one block {SE_BLOCK:,}, "
        f"all blocks of SEResNet50 {_span(blocks, ',.0f')}"
    )
    ruling = by_measure([bool((gate < SE_BLOCK).all()), bool((gate < blocks).all())])
    reason = f"{ruling.reason}; counted on the networks, without data or weights"
    return ruled(ruling._replace(reason=reason), **about, result=result)


def _gate_time(tables: Tables) -> Outcome:
    outcome = weigh(
        _speedups(tables, "images_per_second", ("seresnet50",)),
        1,
        _against,
        part="training time",
        how="log of our images per second over SEResNet50's, mean over the seeds of each data set; "
        't-test (the paper sets no limit for "lightweight")',
        source=OF_COSTS,
        standard=TIMES,
    )
    added = _speedups(tables, "images_per_second", ("resnet50",))
    if added.empty:
        return outcome
    more, low, high = 100 * np.expm1(-added.loc[0, ["difference", "high", "low"]].astype(float))
    text = f"an image takes {more:+.1f} % [{number(low, 1)}, {number(high, 1)}] of ResNet50's time"
    return replace(outcome, result=f"{text}; {outcome.result}".rstrip("; "))


def measured_maps(
    tables: Tables,
    metric: str,
    part: str,
    rule: str,
    *,
    controls: Sequence[str] = PAPER_METHODS,
    family: str = "paper",
    smaller: bool = False,
) -> Outcome:
    """Is DT Grad-CAM better in `metric` than every one of `controls` where lesions are known?

    `rule` is that by which a map becomes a region, `family` that of the table of comparisons.
    `smaller`: less is better.
    """
    rows = tables.get(CAM_COMPARISONS, pd.DataFrame())
    if len(rows):
        wanted = (rows["family"] == family) & (rows["method"] == "dt_gradcam")
        wanted &= (rows["metric"] == metric) & (rows["rule"] == rule)
        rows = rows[wanted & rows["control"].isin(controls) & rows["dataset"].isin(LESIONS)]
        if smaller:
            rows = rows.assign(difference=-rows["difference"], low=-rows["high"], high=-rows["low"])
    labels = METHOD_LABELS | {"random_map": "a random map", "centre_prior": "the centre"}
    return weigh(
        rows,
        len(controls) * len(LESIONS),
        lambda row: f"against {labels[row['control']]} on {DATASET_LABELS[row['dataset']]}",
        part=part,
        how="against each other method on the same images; paired",
        source=f"tables/{CAM_COMPARISONS}.csv",
        digits=4,
    )


def _against(row: pd.Series) -> str:
    return f"against {network_label(row['network'])}"


def _against_on(row: pd.Series) -> str:
    return f"{_against(row)} on {DATASET_LABELS[row['dataset']]}"


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
        scatter = len(logs) > 1 and np.ptp(logs) > 0
        error = logs.std(ddof=1) / np.sqrt(len(logs)) if scatter else np.nan
        rows = pd.DataFrame([row for ours, theirs in pairs for row in (theirs, ours)])
        row = _difference(logs.mean(), error, len(logs) - 1, rows)
        unequal = any(str(ours["epochs"]) != str(theirs["epochs"]) for ours, theirs in pairs)
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


def _span(values: pd.Series, form: str) -> str:
    """ "2", or "2 to 3" where the values differ."""
    return " to ".join(dict.fromkeys(format(v, form) for v in (values.min(), values.max())))
