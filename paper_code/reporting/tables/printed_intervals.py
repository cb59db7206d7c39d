"""The intervals that the printed accuracies should have carried, and which printed leads stand.

Image level: what the number of test images alone allows, for the same patients. Patient level: what
it would allow for new patients, with the design effect measured on real predictions.
"""

import pandas as pd

from paper_code.audit.counts import shares_of
from paper_code.audit.printed import Printed
from paper_code.datasets.breakhis_lists import read_index
from paper_code.metrics.clusters import proportion_interval
from paper_code.metrics.comparisons import holm
from paper_code.metrics.power import (
    lead_p_values,
    least_images_ahead,
    shared_errors_needed,
    unpaired_p,
)
from paper_code.published import published_table
from paper_code.reporting.labels import network_label
from paper_code.reporting.layouts import REFERENCE, printed_network
from paper_code.reporting.tables.real_predictions import (
    load_votes,
    magnification_effects,
    table_vi_test_images,
)

LEVEL, ALPHA = 0.95, 0.05
STANDS, CHANCE, DEPENDS = "stands", "could be chance", "depends on shared errors"
NO_COUNT = "no such count"
LEAST_AHEAD = least_images_ahead(ALPHA)
SUBJECT = {"02": "placement", "07": "network", "08": "network"}  # what the rows are about
TITLES = {
    "02": "Table II: the gate after each layer",
    "07": "Table VII: networks on BreakHis",
    "08": "Table VIII: networks on BACH and Mini-DDSM",
}


def rows(*, lists: str) -> pd.DataFrame:
    """`interval_rows` by the published lists of BreakHis.

    Raises:
        UserError: a list is missing or wrong.
    """
    patients = read_index(lists)["patient"].nunique()
    return interval_rows(magnification_effects(load_votes(lists)), patients)


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Add texts, and to each row how many leads of its table and data set get each verdict."""
    own = rows["network"] == REFERENCE
    groups = [rows["table"], rows["dataset"]]
    verdicts = {"stand": STANDS, "depend": DEPENDS, "by_chance": CHANCE, "uncounted": NO_COUNT}
    counts = {
        name: (rows["verdict"].eq(verdict) & ~own).groupby(groups).transform("sum")
        for name, verdict in verdicts.items()
    }
    return rows.assign(
        **counts,
        leads=(~own).groupby(groups).transform("sum"),
        title=rows["table"].map(TITLES),
        numeral=rows["table"].map(TITLES).str.extract(r"Table (\w+)")[0],
        ours=own,
        star=rows["is_share"].map({True: "", False: "*"}),
        over=(" over " + rows["lead_over"].map(network_label)).where(own, ""),
        p=[_p_range(row) for _, row in rows.iterrows()],
        words=[verdict_words(row) for _, row in rows.iterrows()],
    )


def interval_rows(effects: dict[str, float], patients: int) -> pd.DataFrame:
    """One row per printed accuracy of Tables II, VII and VIII.

    Args:
        effects: design effect of accuracy of the data sets that have one.
        patients: of the whole of BreakHis; a test set has 30 % of them.

    Returns:
        DataFrame: table, dataset, network, metric, printed, test_images, right (images, the
        nearest whole number), is_share (whether it gives the printed accuracy if rounded), low,
        high; effective_images, test_patients, low_patients, high_patients (NaN without a design
        effect); lead_over, lead, images_ahead, errors, verdict; p_least, p_largest,
        p_largest_one_more (if the other network were right on one image more; all three
        Holm-adjusted), p_unpaired, shared_errors_needed, design_effect_up_to (NaN with the verdict
        `NO_COUNT`); p_least_patients, p_largest_patients, verdict_patients.
    """
    rows, printed = [], Printed()
    for table in TITLES:
        accuracies = published_table(table)
        accuracies = accuracies[accuracies["metric"] == "accuracy"]
        keys = pd.MultiIndex.from_frame(accuracies[["dataset", SUBJECT[table]]])
        for column, unit in (("is_share", 1), ("is_count", 2)):
            shares = shares_of(printed.rows(table), printed.parts, unit)
            accuracies = accuracies.assign(**{column: shares[keys].array})
        for dataset, cells in accuracies.groupby("dataset", sort=False):
            rows += _dataset_rows(table, dataset, cells, effects.get(dataset), patients)
    return pd.DataFrame(rows).round(6)


def _dataset_rows(
    table: str, dataset: str, cells: pd.DataFrame, effect: float | None, patients: int
) -> list[dict]:
    names = [printed_network(cell) for cell in cells.to_dict("records")]
    accuracies = dict(zip(names, cells["value"], strict=True))
    shares = dict(zip(names, cells["is_share"], strict=True))
    images = table_vi_test_images(dataset)
    effective = images / effect if effect else None
    test_patients = round(0.3 * patients) if effect else None
    counted = {name for name, whole in zip(names, cells["is_count"], strict=True) if whole}
    leads = _leads(accuracies, images, effective, counted)
    best = max((name for name in accuracies if name != REFERENCE), key=accuracies.get)
    rows = []
    for network, printed in accuracies.items():
        low, high = proportion_interval(round(printed * images) / images, images)
        row = {"table": table, "dataset": dataset, "network": network, "metric": "accuracy"}
        row |= {"printed": printed, "test_images": images, "right": round(printed * images)}
        row |= {"is_share": shares[network]}
        row |= {"low": low, "high": high}
        if effective:
            low, high = proportion_interval(printed, images, effective, test_patients, LEVEL)
            row |= {"effective_images": effective, "test_patients": test_patients}
            row |= {"low_patients": low, "high_patients": high}
        rows.append(row | leads[best if network == REFERENCE else network])
    return rows


def _leads(
    accuracies: dict[str, float], images: int, effective: float | None, counted: set[str]
) -> dict[str, dict]:
    """What can be said of the lead of DALAResNet50 over each other network.

    `counted` are the networks whose accuracy some number of right images gives.
    """
    right = {name: round(value * images) for name, value in accuracies.items()}
    leads, tested = {}, {}
    for name in accuracies:
        if name == REFERENCE:
            continue
        leads[name] = {
            "lead_over": name,
            "lead": accuracies[REFERENCE] - accuracies[name],
            "images_ahead": right[REFERENCE] - right[name],
            "errors": images - right[REFERENCE],
            "verdict": NO_COUNT,
        }
        if not {REFERENCE, name} <= counted:
            continue
        tested[name] = leads[name]
        p, one_more = (
            lead_p_values(right[REFERENCE] / images, other / images, images)
            for other in (right[name], right[name] + 1)
        )
        leads[name] |= {
            "p_least": p.nested,
            "p_largest": p.disjoint,
            "p_largest_one_more": one_more.disjoint,
            "p_unpaired": unpaired_p(right[REFERENCE], right[name], images),
            "shared_errors_needed": shared_errors_needed(
                images - right[REFERENCE], images - right[name], ALPHA
            ),
            "design_effect_up_to": (right[REFERENCE] - right[name]) / least_images_ahead(ALPHA),
        }
        if effective:
            p = lead_p_values(accuracies[REFERENCE], accuracies[name], effective)
            leads[name] |= {"p_least_patients": p.nested, "p_largest_patients": p.disjoint}
    _correct(tested, "p_largest_one_more")
    for suffix in ("", "_patients") if effective else ("",):
        _correct(tested, f"p_least{suffix}")
        _correct(tested, f"p_largest{suffix}")
        for lead in tested.values():
            ends = lead[f"p_least{suffix}"], lead[f"p_largest{suffix}"]
            lead[f"verdict{suffix}"] = verdict(*ends)
    return leads


def _correct(leads: dict[str, dict], key: str) -> None:
    """Holm's correction of a p-value over the leads of a data set."""
    for lead, p in zip(leads.values(), holm(x[key] for x in leads.values()), strict=True):
        lead[key] = p


def verdict(p_least: float, p_largest: float) -> str:
    """The verdict on a lead from the two ends of its p-value."""
    if p_largest <= ALPHA:
        return STANDS
    return CHANCE if p_least > ALPHA else DEPENDS


def _p_range(row: pd.Series) -> str:
    if row["verdict"] == NO_COUNT:
        return "–"
    ends = (row["p_least"], row["p_largest"])
    return " to ".join("<0.001" if value < 0.001 else f"{value:.2g}" for value in ends)


def verdict_words(row: pd.Series) -> str:
    """The verdict of a lead with what it hangs on."""
    if row["verdict"] != DEPENDS:
        return row["verdict"]
    if pd.isna(row["shared_errors_needed"]):
        return f"{DEPENDS}: not enough even if all are shared"
    if row["shared_errors_needed"] == 0:
        return f"{DEPENDS}: on none without the correction"
    return f"{DEPENDS}: at least {row['shared_errors_needed']:.0f} of {row['errors']:.0f}"
