"""The long table of differences between results, in three families.

`baselines`: DALAResNet50 minus every other network on the same test images. `placements`: its gate
after layer 4 minus after other layers. `splits`: the same network split by image minus by patient.
"""

import numpy as np
import pandas as pd

from paper_code.datasets.catalog import is_own
from paper_code.errors import UserError
from paper_code.metrics import compare_samples
from paper_code.metrics.comparisons import difference_bootstrap, holm
from paper_code.metrics.power import least_detectable
from paper_code.networks.registry import VARIANT
from paper_code.reporting.layouts import FEW, REFERENCE
from paper_code.reporting.tables.results import METRICS, group_runs
from paper_code.reporting.verdicts import (
    BY_PATIENT,
    UNEQUAL_EPOCHS,
    compared,
    counts,
    joined,
    run_obstacles,
    shortfall,
)
from paper_code.runs import Run, images_tested, load_run, run_columns, samples, units_tested

BOTH = "image minus patient"  # the column `splits` of that family
VALUES = ["reference_value", "value", "difference", "low", "high"]
ERRORS = ["se", "se_patients", "se_runs", "least_detectable"]
HEAD = ["family", "dataset", "splits", "network", "metric", *VALUES]
HEAD += ["test", "p_value", "p_holm", "verdict", "reason", "obstacles", "shortfall"]


def rows(*, runs: list[str], scale: str, resamples: int) -> pd.DataFrame:
    """`difference_rows` of the runs whose run.json are given.

    Raises:
        UserError: runs of one data set tested other images.
    """
    return difference_rows([load_run(path) for path in runs], scale=scale, resamples=resamples)


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
    if not tables:
        return pd.DataFrame(columns=[*HEAD, *ERRORS, "df", "data", "weights", "seeds"])
    return judged(pd.concat(tables, ignore_index=True))


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with Holm-corrected p-values, verdicts and least detectable differences, in order."""
    own = rows["dataset"].where(rows["dataset"].map(is_own), "")
    drawn = rows["obstacles"].str.contains("phantom")
    family = [rows["family"], rows["splits"], rows["metric"], counts(rows), drawn, own]
    rows["p_holm"] = rows.groupby(family)["p_value"].transform(holm)
    rows = compared(rows)
    rows["least_detectable"] = least_detectable(rows["se"], rows["df"])
    return rows[[*HEAD, *rows.columns.drop(HEAD)]].round(
        dict.fromkeys([*VALUES, *ERRORS], 6) | {"p_value": 8, "p_holm": 8} | {"df": 2}
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
        obstacles=joined(reasons),
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
        obstacles=joined(reason for reason in found if reason != BY_PATIENT),
        shortfall=joined(lacking),
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
