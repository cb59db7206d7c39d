"""The intervals that the printed accuracies should have carried, and which printed leads stand.

Image level: what the number of test images alone allows, for the same patients. Patient level: what
it would allow for new patients, with the design effect measured on real predictions.
"""

import pandas as pd

from paper_code.audit.counts import shares_of
from paper_code.audit.printed import Printed
from paper_code.datasets.breakhis_lists import read_index
from paper_code.metrics import holm
from paper_code.metrics.clusters import proportion_interval
from paper_code.metrics.power import (
    lead_p_values,
    least_images_ahead,
    shared_errors_needed,
    unpaired_p,
)
from paper_code.progress import count_text
from paper_code.published import published_table
from paper_code.reporting.labels import DATASET_LABELS, network_label
from paper_code.reporting.layouts import printed_network
from paper_code.reporting.markdown import code_provenance_block, markdown, number, write_table
from paper_code.reporting.tables.real_predictions import (
    load_votes,
    magnification_effects,
    table_vi_test_images,
)

DALA = "dalaresnet50"
LEVEL, ALPHA = 0.95, 0.05
STANDS, CHANCE, DEPENDS = "stands", "could be chance", "depends on shared errors"
NO_COUNT = "no such count"
SUBJECT = {"02": "placement", "07": "network", "08": "network"}  # what the rows are about
TITLES = {
    "02": "Table II: the gate after each layer",
    "07": "Table VII: networks on BreakHis",
    "08": "Table VIII: networks on BACH and Mini-DDSM",
}
NOTES = f"""What sampling alone does to a printed accuracy. Seeds, training, splits and the choice
of the best epoch or layer on the test set come on top and are in none of these numbers.

- **Printed [images]**: 95 % Clopper-Pearson interval with the test images of Table VI. It speaks
  about other images of the same patients, since a test set drawn by image holds the patients of
  the training set.
- **[new patients]**: 95 % interval of Korn and Graubard (Clopper-Pearson with the effective number
  of images, widened for few patients), as if the value had been measured on as many images of new
  patients: 30 % of BreakHis's 70. Design effect: measured on the predictions of another network
  (real_predictions). It does not repair the optimism of a split by image: on new patients the
  value itself would be another. BACH and Mini-DDSM have no measured design effect here.
- **Lead**: of DALAResNet50 over the network of the row (Table II: of the gate after layer 4 over
  the other place), in images of the test set. In the row of DALAResNet50: over the best other.
- **Verdict**, by the exact McNemar test. The paper does not print which images were wrong for
  both networks, so p lies between two ends: all errors of the better network are errors of the
  other, too (least p, 2^(1-k) for k images), and the networks share as few errors as possible
  (largest p). Both with Holm's correction over the baselines of the data set.
  - **{STANDS}**: the largest p is at most {ALPHA:g}.
  - **{CHANCE}**: the least p is above {ALPHA:g}; no pairing of the errors makes it significant.
  - **{DEPENDS}**: in between. The network is ahead in print, by as many images as shown; the
    lead is significant (without correction) if at least the stated number of its errors is shared.
  - **{NO_COUNT}**: to one unit of the last digit, no number of right images of this test set gives
    one of the two accuracies ([audit](audit.md)), so there are no counts to test. The lead in
    images is from the nearest whole numbers.
- The test speaks of two fixed networks, as they were trained, and not of two methods. One more seed
  moves an accuracy by about a point, and then equally good networks differ "significantly" far more
  often than in 5 % of cases: simulated in benchmarks/results/verdicts.md.
- **Verdict for new patients**: the same with the effective number of images, if the design effect
  of a difference between networks is that of an accuracy. It may be smaller (networks err on the
  same patients) or larger; it cannot be measured on the predictions of one network. So the last
  column gives the largest design effect at which the lead could still be significant (all errors
  shared, no correction): images of lead over {least_images_ahead(ALPHA)}.
- **\\***: no number of right test images gives this accuracy if rounded (`is_share` in the CSV);
  counts are the nearest whole numbers.
- The unpaired p (Fisher's exact test, in the CSV) treats the networks as tested on different
  images."""


def write(output: str, *, lists: str) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        lists: folder of the three lists (`paper_code.datasets.breakhis_lists`).

    Raises:
        UserError: a list is missing or wrong.
    """
    votes = load_votes(lists)
    patients = read_index(lists)["patient"].nunique()
    table = interval_rows(magnification_effects(votes), patients)
    blocks = [_counts(table)]
    for number_, title in TITLES.items():
        for dataset, rows in table[table["table"] == number_].groupby("dataset", sort=False):
            blocks.append(f"## {title}, {DATASET_LABELS[dataset]}\n\n{_block(rows)}")
    provenance = code_provenance_block(
        "printed accuracies; design effects from published votes on 13,665 test images of BreakHis"
    )
    write_table(output, table, "What the printed accuracies can tell", [NOTES, *blocks, provenance])


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
    best = max((name for name in accuracies if name != DALA), key=accuracies.get)
    rows = []
    for network, printed in accuracies.items():
        low, high = proportion_interval(round(printed * images) / images, images, level=LEVEL)
        row = {"table": table, "dataset": dataset, "network": network, "metric": "accuracy"}
        row |= {"printed": printed, "test_images": images, "right": round(printed * images)}
        row |= {"is_share": shares[network]}
        row |= {"low": low, "high": high}
        if effective:
            low, high = proportion_interval(printed, images, effective, test_patients, LEVEL)
            row |= {"effective_images": effective, "test_patients": test_patients}
            row |= {"low_patients": low, "high_patients": high}
        rows.append(row | leads[best if network == DALA else network])
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
        if name == DALA:
            continue
        leads[name] = {
            "lead_over": name,
            "lead": accuracies[DALA] - accuracies[name],
            "images_ahead": right[DALA] - right[name],
            "errors": images - right[DALA],
            "verdict": NO_COUNT,
        }
        if not {DALA, name} <= counted:
            continue
        tested[name] = leads[name]
        p, one_more = (
            lead_p_values(right[DALA] / images, other / images, images)
            for other in (right[name], right[name] + 1)
        )
        leads[name] |= {
            "p_least": p.nested,
            "p_largest": p.disjoint,
            "p_largest_one_more": one_more.disjoint,
            "p_unpaired": unpaired_p(right[DALA], right[name], images),
            "shared_errors_needed": shared_errors_needed(
                images - right[DALA], images - right[name], ALPHA
            ),
            "design_effect_up_to": (right[DALA] - right[name]) / least_images_ahead(ALPHA),
        }
        if effective:
            p = lead_p_values(accuracies[DALA], accuracies[name], effective)
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


def _counts(table: pd.DataFrame) -> str:
    """How many leads over single networks get each verdict."""
    lines = []
    for (number_, dataset), rows in table.groupby(["table", "dataset"], sort=False):
        others = rows[rows["network"] != DALA]
        line = {"Table": TITLES[number_].partition(":")[0].removeprefix("Table ")}
        line |= {"Data set": DATASET_LABELS[dataset], "Leads": str(len(others))}
        for name in (STANDS, DEPENDS, CHANCE, NO_COUNT):
            line[name.capitalize()] = str(int((others["verdict"] == name).sum()))
        ours = rows[rows["network"] == DALA].iloc[0]
        ahead = count_text(int(ours["images_ahead"]), "image")
        line["Over the best other"] = f"{ours['lead']:+.3f}, {ahead}: {ours['verdict']}"
        known = isinstance(ours["verdict_patients"], str)
        line["For new patients"] = ours["verdict_patients"] if known else "–"
        lines.append(line)
    return f"## Which leads stand\n\n{markdown(pd.DataFrame(lines))}"


def _block(rows: pd.DataFrame) -> str:
    lines = []
    for _, row in rows.iterrows():
        over = f" over {network_label(row['lead_over'])}" if row["network"] == DALA else ""
        line = {
            "Network": network_label(row["network"]),
            "Printed [images]": f"{number(row['printed'])}{'' if row['is_share'] else '*'} "
            f"[{number(row['low'])}, {number(row['high'])}]",
            "[new patients]": f"[{number(row['low_patients'])}, {number(row['high_patients'])}]",
            "Lead": f"{row['lead']:+.3f}, {count_text(int(row['images_ahead']), 'image')}{over}",
            "p, least to largest": _p_range(row),
            "Verdict": verdict_words(row),
            "For new patients": row["verdict_patients"],
            "Design effect up to": number(row["design_effect_up_to"], 1),
        }
        lines.append(line)
    table = pd.DataFrame(lines)
    if rows["low_patients"].isna().all():
        table = table.drop(columns=["[new patients]", "For new patients", "Design effect up to"])
    return markdown(table)


def _p_range(row: pd.Series) -> str:
    if row["verdict"] == NO_COUNT:
        return "–"
    return f"{_p(row['p_least'])} to {_p(row['p_largest'])}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.2g}"


def verdict_words(row: pd.Series) -> str:
    """The verdict of a lead with what it hangs on."""
    if row["verdict"] != DEPENDS:
        return row["verdict"]
    if pd.isna(row["shared_errors_needed"]):
        return f"{DEPENDS}: not enough even if all are shared"
    if row["shared_errors_needed"] == 0:
        return f"{DEPENDS}: on none without the correction"
    return f"{DEPENDS}: at least {row['shared_errors_needed']:.0f} of {row['errors']:.0f}"
