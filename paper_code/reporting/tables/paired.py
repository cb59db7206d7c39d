"""DALAResNet50 against every other network, and its gate after layer 4 against other layers."""

import numpy as np
import pandas as pd

from paper_code.datasets.catalog import is_own
from paper_code.errors import UserError
from paper_code.metrics import compare_samples, holm
from paper_code.metrics.power import least_detectable
from paper_code.networks.names import VARIANT
from paper_code.progress import count_text
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, network_label
from paper_code.reporting.markdown import (
    interval_text,
    markdown,
    number,
    p_text,
    provenance_block,
    write_table,
)
from paper_code.reporting.tables.scores import group_runs, verdicts_text
from paper_code.reporting.verdicts import (
    AGREES,
    CONTRADICTED,
    FEWEST_PATIENTS,
    FEWEST_RUNS,
    LEVEL,
    MARGIN,
    NOT_SHOWN,
    NOT_TESTED,
    SUPPORTED,
    UNEQUAL_EPOCHS,
    compared,
    counts,
    evidence_text,
    join_obstacles,
    run_obstacles,
    shortfall,
)
from paper_code.runs import Run, images_tested, load_run, repeat_columns, samples, units_tested

REFERENCE = "dalaresnet50"
TESTED = (
    "accuracy",
    "f1_macro",
    "f1_weighted",
    "iba",
    "gmean",
    "auc_roc",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "mcc",
    "balanced_accuracy",
)
SHOWN = ("accuracy", "balanced_accuracy", "mcc", "auc_roc")  # the CSV has all
NOTES = f"""Each cell: DALAResNet50 minus the other network on the same test images, mean over the
runs [95 % interval], Holm-corrected p. Positive: DALAResNet50 is better.
{", ".join(METRIC_LABELS[m] for m in SHOWN)}; the CSV has all {len(TESTED)} metrics, and the
p-values before correction.

- Several runs (seeds, splits): the standard error holds the variance over draws of whole patients
  (images where none is known) and that between the runs, so interval and p speak of other patients
  and of other runs trained on this data set. With one run, they speak of these two trained networks
  alone, and no claim about the architectures follows; accuracy then has the exact McNemar test, and
  the two-class AUC DeLong's, where no patient has two images (docs/reference/metrics.md).
- Holm's correction is over all data sets and networks of one metric and kind of split: the family
  behind "better on each data set". Comparisons that count as evidence, those on real images that
  do not, and those on phantoms are families apart.
- Verdict on "DALAResNet50 is better" than this network, on these images and from these weights:
  **{SUPPORTED}** or **{CONTRADICTED}** (Holm-corrected p < {LEVEL}); **{AGREES}**: the two are
  equivalent within {MARGIN:g} (two one-sided tests at 5 %); **{NOT_SHOWN}**: neither, or fewer
  than {FEWEST_RUNS} independent runs of each network, or fewer than {FEWEST_PATIENTS} patients in a
  run's test set; **{NOT_TESTED}**: phantoms, or unequal epochs. The least detectable difference is
  the one in accuracy that this comparison, uncorrected, would find four times in five."""


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        runs: `run.json` files, DALAResNet50's among them; predictions lie beside them.
        scale: demo or paper.
        resamples: of the bootstrap.

    Raises:
        UserError: there is nothing to compare, or runs of one data set tested other images.
    """
    loaded = [load_run(path) for path in runs]
    rows = comparison_rows(loaded, scale=scale, resamples=resamples)
    if rows.empty:
        raise UserError(f"No data set has runs of {REFERENCE} and of another network. Add them.")
    blocks = [_block(dataset, subset) for dataset, subset in rows.groupby("dataset", sort=False)]
    page = [NOTES, *blocks, provenance_block(loaded, scale)]
    write_table(output, rows, "DALAResNet50 against the other networks, paired", page)


def comparison_rows(
    runs: list[Run], *, scale: str, resamples: int, metrics: tuple[str, ...] = TESTED
) -> pd.DataFrame:
    """All paired comparisons: one row per data set, other network and metric.

    `family` is "baselines", or "placements" for DALAResNet50 with its gate elsewhere, and `splits`
    the kind of split. `verdict` and `reason` are those of `verdicts.compared` on "DALAResNet50 is
    better". `obstacles` tells why the runs are no evidence about the paper; it is empty where they
    are. `runs` is the number of pairs of runs, `resampled_units` that of patients (images where
    none is known) in all of them together, `fewest_patients` that in the run that has the fewest.
    """
    tables = []
    for by in dict.fromkeys(run.facts["by"] for run in runs):
        groups = group_runs([run for run in runs if run.facts["by"] == by])
        for (dataset, network), others in groups.items():
            reference = groups.get((dataset, REFERENCE))
            if network != REFERENCE and reference:
                tables.append(_compared(reference, others, scale, resamples, metrics))
    if not tables:
        return pd.DataFrame()
    rows = pd.concat(tables, ignore_index=True)
    drawn = rows["obstacles"].str.contains("phantom")
    family = [rows["family"], rows["splits"], rows["metric"], counts(rows), drawn]
    rows["p_holm"] = rows.groupby(family)["p_value"].transform(holm)
    rows = compared(rows)
    rows["least_detectable"] = least_detectable(rows["se"], rows["df"])
    values = ["reference_value", "value", "difference", "low", "high"]
    head = [
        "family",
        "dataset",
        "splits",
        "network",
        "metric",
        *values,
        "test",
        "p_value",
        "p_holm",
        "verdict",
        "reason",
        "obstacles",
        "shortfall",
    ]
    rows = rows[[*head, *(name for name in rows if name not in head)]]
    errors = ["se", "se_patients", "se_runs", "least_detectable"]
    return rows.round(
        dict.fromkeys([*values, *errors], 6) | {"p_value": 8, "p_holm": 8} | {"df": 2}
    )


def _compared(
    reference: list[Run],
    others: list[Run],
    scale: str,
    resamples: int,
    metrics: tuple[str, ...],
) -> pd.DataFrame:
    """The paired differences of one network on one data set, one row per metric."""
    first, second = paired_samples(reference, others)
    facts = others[0].facts
    reasons = [
        reason for run in (others[0], reference[0]) for reason in run_obstacles(run.facts, scale)
    ]
    if facts["settings"]["epochs"] != reference[0].facts["settings"]["epochs"]:
        reasons.append(UNEQUAL_EPOCHS)
    tested = [units_tested(run) for run in reference]
    patients = np.unique(np.concatenate([codes for _, _, codes in first]))
    return compare_samples(first, second, metrics, resamples).assign(
        family="placements" if VARIANT in others[0].network else "baselines",
        dataset=others[0].dataset,
        network=others[0].network,
        obstacles=join_obstacles(reasons),
        shortfall=shortfall((run.repeat for run in reference), tested),
        **repeat_columns(reference),
        test_images=len(first[0][0]),
        resampled_units=len(patients),
        fewest_patients=min(tested),
        data=facts["data"]["description"],
        weights=facts["weights"],
        splits=facts["by"],
        scale=scale,
    )


def paired_samples(first: list[Run], second: list[Run]) -> tuple[list, list]:
    """Samples for `compare_samples` of runs with the same seeds and test images.

    The k-th sample of either side is of the same split and seed.

    Raises:
        UserError: the seeds or the test images differ.
    """
    by_seed = [{run.repeat: run for run in side} for side in (first, second)]
    names = f"{first[0].network} and {second[0].network} on {first[0].dataset}"
    if by_seed[0].keys() != by_seed[1].keys():
        raise UserError(
            f"Runs of {names} have other seeds (of split and training): "
            f"{[sorted(seeds) for seeds in by_seed]}."
        )
    pairs = [(run, by_seed[1][seed]) for seed, run in by_seed[0].items()]
    for one, other in pairs:
        if images_tested(one) != images_tested(other):
            raise UserError(
                f"Runs of {names}, seed {one.facts['seed']}, were tested on other images. "
                "Train them again on one split."
            )
    both = samples([run for pair in pairs for run in pair])
    return both[::2], both[1::2]


def _block(dataset: str, rows: pd.DataFrame) -> str:
    parts = [f"## {DATASET_LABELS.get(dataset, dataset)}"]
    for by, of_split in rows.groupby("splits", sort=False):
        first = of_split.iloc[0]
        lines = [
            _line(network, cells) for network, cells in of_split.groupby("network", sort=False)
        ]
        parts.append(
            f"Split by {by}. Data: {first['data']}; {count_text(first['runs'], 'run')} of each "
            f"network, {count_text(first['test_images'], 'test image')} in the first, "
            f"{first['resampled_units']} patients or single images drawn.\n\n"
            + markdown(pd.DataFrame(lines))
        )
    return "\n\n".join(parts)


def _line(network: str, rows: pd.DataFrame) -> dict[str, str]:
    cells = rows.set_index("metric")
    line = {"DALAResNet50 minus": network_label(network).removeprefix("DALAResNet50, ")}
    for metric in SHOWN:
        c = cells.loc[metric]
        line[METRIC_LABELS[metric]] = (
            f"{interval_text(c['difference'], c['low'], c['high'])}, {p_text(c['p_holm'])}"
        )
    line["Verdict"] = verdicts_text(cells, SHOWN)
    line["Least detectable"] = number(cells.loc["accuracy", "least_detectable"])
    if not is_own(rows["dataset"].iloc[0]):
        line["Evidence about the paper"] = evidence_text(cells["obstacles"].iloc[0])
    return line
