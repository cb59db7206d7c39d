"""The long table of differences between results, in three families.

`baselines`: DALAResNet50 minus every other network on the same test images. `placements`: its gate
after layer 4 minus after other layers. `splits`: the same network split by image minus by patient.
"""

import numpy as np
import pandas as pd

from paper_code.datasets.catalog import is_own
from paper_code.errors import UserError
from paper_code.metrics import compare_samples, difference_bootstrap, holm
from paper_code.metrics.power import least_detectable
from paper_code.networks.names import VARIANT
from paper_code.reporting.layouts import FEW, REFERENCE
from paper_code.reporting.markdown import write_table
from paper_code.reporting.pages import provenance
from paper_code.reporting.tables.results import METRICS, group_runs
from paper_code.reporting.verdicts import (
    AGREES,
    BY_PATIENT,
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
    join_obstacles,
    run_obstacles,
    shortfall,
    split_obstacles,
)
from paper_code.runs import Run, images_tested, load_run, run_columns, samples, units_tested

BOTH = "image minus patient"  # the column `splits` of that family
NOTES = f"""One row of the CSV for each family, data set, kind of split, network and metric:
`difference` [`low`, `high`] is `reference_value` minus `value`, means over the runs.

- **baselines** and **placements**: DALAResNet50 minus the other network, or its gate after layer 4
  minus after the other layer, on the same test images. **splits**: the same network split by image
  minus split by patient; the test sets have other images, so this is less certain.
- Several runs (seeds, splits): the standard error holds the variance over draws of whole patients
  (images where none is known) and that between the runs, so interval and p speak of other patients
  and of other runs trained on this data set. With one run, they speak of these two trained networks
  alone, and no claim about the architectures follows; accuracy then has the exact McNemar test, and
  the two-class AUC DeLong's, where no patient has two images (docs/reference/metrics.md).
- Holm's correction is over all data sets and networks of one family, metric and kind of split.
  Comparisons that count as evidence, those on real images that do not, those on phantoms, and each
  data set of yours are families apart.
- Verdict on "DALAResNet50 is better" than this network, or "a split by image flatters" it, on these
  images and from these weights: **{SUPPORTED}** or **{CONTRADICTED}** (Holm-corrected p < {LEVEL});
  **{AGREES}**: the two are equivalent within {MARGIN:g} (two one-sided tests at 5 %);
  **{NOT_SHOWN}**: neither, or fewer than {FEWEST_RUNS} independent runs, or fewer than
  {FEWEST_PATIENTS} patients in a run's test set; **{NOT_TESTED}**: phantoms, or unequal epochs.
  `least_detectable`: the difference that the comparison, uncorrected, finds four times in five."""


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
    rows = difference_rows([load_run(path) for path in runs], scale=scale, resamples=resamples)
    if rows.empty:
        raise UserError(f"No data set has runs of {REFERENCE} and of another network. Add them.")
    write_table(output, rows, "Differences", [NOTES, provenance(rows)])


def difference_rows(
    runs: list[Run], *, scale: str, resamples: int, metrics: tuple[str, ...] = METRICS
) -> pd.DataFrame:
    """All differences: one row per family, data set, kind of split, network and metric.

    `verdict` and `reason` are those of `verdicts.compared`. `obstacles` tells why the runs are no
    evidence about the paper; it is empty where they are. `runs` is the number of runs on a side,
    `resampled_units` that of patients (images where none is known) in all of them together,
    `fewest_patients` that in the run that has the fewest.
    """
    groups = group_runs(runs)
    tables = []
    for (dataset, by, network), others in groups.items():
        reference = groups.get((dataset, by, REFERENCE))
        if network != REFERENCE and reference:
            tables.append(_networks(reference, others, scale, resamples, metrics))
        by_patient = groups.get((dataset, "patient", network))
        if by == "image" and by_patient:
            few = [metric for metric in FEW if metric in metrics]
            tables.append(_splits(others, by_patient, scale, resamples, few))
    return judged(pd.concat(tables, ignore_index=True)) if tables else pd.DataFrame()


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with Holm-corrected p-values, verdicts and least detectable differences, in order."""
    own = rows["dataset"].where(rows["dataset"].map(is_own), "")
    drawn = rows["obstacles"].str.contains("phantom")
    family = [rows["family"], rows["splits"], rows["metric"], counts(rows), drawn, own]
    rows["p_holm"] = rows.groupby(family)["p_value"].transform(holm)
    rows = compared(rows)
    rows["least_detectable"] = least_detectable(rows["se"], rows["df"])
    values = ["reference_value", "value", "difference", "low", "high"]
    head = ["family", "dataset", "splits", "network", "metric", *values]
    head += ["test", "p_value", "p_holm", "verdict", "reason", "obstacles", "shortfall"]
    errors = ["se", "se_patients", "se_runs", "least_detectable"]
    return rows[[*head, *rows.columns.drop(head)]].round(
        dict.fromkeys([*values, *errors], 6) | {"p_value": 8, "p_holm": 8} | {"df": 2}
    )


def _networks(
    reference: list[Run], others: list[Run], scale: str, resamples: int, metrics: tuple[str, ...]
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
    return compare_samples(first, second, metrics, resamples).assign(
        family="placements" if VARIANT in others[0].network else "baselines",
        dataset=others[0].dataset,
        network=others[0].network,
        splits=facts["by"],
        obstacles=join_obstacles(reasons),
        shortfall=shortfall((run.repeat for run in reference), tested),
        **_units(first, tested),
        **run_columns(others, scale),
    )


def _splits(
    by_image: list[Run],
    by_patient: list[Run],
    scale: str,
    resamples: int,
    metrics: list[str],
) -> pd.DataFrame:
    """What a network reaches by image minus what it reaches by patient, one row per metric."""
    runs = [*by_image, *by_patient]
    both = samples(runs)
    tested = [units_tested(run) for run in runs]
    lacking = [shortfall((r.repeat for r in side), tested) for side in (by_image, by_patient)]
    # One of the two kinds of split is never the paper's: no obstacle.
    found = [reason for run in runs for reason in run_obstacles(run.facts, scale)]
    sides = both[: len(by_image)], both[len(by_image) :]
    table = difference_bootstrap(*sides, metrics, resamples, paired=False)
    return table.rename(columns={"first": "reference_value", "second": "value"}).assign(
        family="splits",
        dataset=by_image[0].dataset,
        network=by_image[0].network,
        splits=BOTH,
        test="t over patients and runs" if len(runs) > 2 else "bootstrap",
        obstacles=join_obstacles(reason for reason in found if reason != BY_PATIENT),
        shortfall=join_obstacles(*map(split_obstacles, lacking)),
        **_units(both, tested),
        **run_columns(by_image, scale),
    )


def _units(tested: list, of_runs: list[int]) -> dict[str, int]:
    patients = np.unique(np.concatenate([codes for _, _, codes in tested]))
    return {"resampled_units": len(patients), "fewest_patients": min(of_runs)}


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
