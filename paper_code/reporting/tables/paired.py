"""DALAResNet50 against every other network, and its gate after layer 4 against other layers."""

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.metrics import compare_samples, holm
from paper_code.networks.names import VARIANT
from paper_code.reporting.evidence import counts, evidence_text, join_obstacles, obstacles
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, network_label
from paper_code.reporting.markdown import (
    interval_text,
    markdown,
    p_text,
    provenance_block,
    write_table,
)
from paper_code.reporting.tables.scores import group_runs
from paper_code.runs import Run, load_run

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
LEVEL = 0.05
NOTES = f"""Each cell: DALAResNet50 less the other network on the same test images [95 % interval],
Holm-corrected p. Positive: DALAResNet50 is better. {", ".join(METRIC_LABELS[m] for m in SHOWN)};
the CSV has all {len(TESTED)} metrics, and the p-values before correction.

- The interval is that of a paired bootstrap that draws whole patients (images where none is known).
  So is p, but with one seed and no patient with two images accuracy has the exact McNemar test and
  the two-class AUC has DeLong's (docs/reference/metrics.md).
- Holm's correction is over all data sets and networks of one metric: the family behind "better on
  each data set". Comparisons that count as evidence and those that do not are families apart.
- Of several seeds: the difference of the means over the seeds, the patients drawn being the same
  for all of them. It speaks of these trained networks on other patients, not of other seeds."""


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        runs: `run.json` files, DALAResNet50's among them; predictions lie beside them.
        scale: smoke, demo or paper.
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

    `family` is "baselines", or "placements" for DALAResNet50 with its gate elsewhere. `finding` is
    "better" or "worse" (of DALAResNet50, where p_holm < 0.05), else "not shown". `obstacles`
    tells why the runs are no evidence about the paper; it is empty where they are.
    """
    groups = group_runs(runs)
    tables = []
    for (dataset, network), others in groups.items():
        reference = groups.get((dataset, REFERENCE))
        if network == REFERENCE or not reference:
            continue
        first, second = paired_samples(reference, others)
        facts = others[0].facts
        reasons = [
            reason
            for run in (others[0], reference[0])
            for reason in obstacles(facts["data"], scale, run.facts["weights"])
        ]
        table = compare_samples(first, second, metrics, resamples)
        patients = np.unique(np.concatenate([codes for _, _, codes in first]))
        table = table.assign(
            family="placements" if VARIANT in network else "baselines",
            dataset=dataset,
            network=network,
            obstacles=join_obstacles(reasons),
            seeds=" ".join(str(run.facts["seed"]) for run in reference),
            test_images=len(first[0][0]),
            resampled_units=len(patients),
            data=facts["data"]["description"],
            weights=facts["weights"],
            splits=facts["by"],
            scale=scale,
        )
        tables.append(table)
    if not tables:
        return pd.DataFrame()
    rows = pd.concat(tables, ignore_index=True)
    family = [rows["family"], rows["metric"], counts(rows)]
    rows["p_holm"] = rows.groupby(family)["p_value"].transform(holm)
    rows["finding"] = findings(rows["difference"], rows["p_holm"])
    values = ["reference_value", "value", "difference", "low", "high"]
    head = [
        "family",
        "dataset",
        "network",
        "metric",
        *values,
        "test",
        "p_value",
        "p_holm",
        "finding",
        "obstacles",
    ]
    rows = rows[[*head, *(name for name in rows if name not in head)]]
    return rows.round(dict.fromkeys(values, 6) | {"p_value": 8, "p_holm": 8})


def findings(difference: pd.Series, p_holm: pd.Series) -> np.ndarray:
    """ "better", "worse" or "not shown" of each comparison; NaN shows nothing."""
    shown = p_holm < LEVEL
    return np.select(
        [shown & (difference > 0), shown & (difference < 0)], ["better", "worse"], "not shown"
    )


def paired_samples(first: list[Run], second: list[Run]) -> tuple[list, list]:
    """Samples for `compare_samples` of runs with the same seeds and test images.

    The code is that of the patient, or of the image where no patient is known, over all seeds.

    Raises:
        UserError: the seeds or the test images differ.
    """
    by_seed = [{run.facts["seed"]: run for run in side} for side in (first, second)]
    names = f"{first[0].network} and {second[0].network} on {first[0].dataset}"
    if by_seed[0].keys() != by_seed[1].keys():
        raise UserError(f"Runs of {names} have other seeds: {[sorted(s) for s in by_seed]}.")
    pairs = [(run, by_seed[1][seed]) for seed, run in by_seed[0].items()]
    for one, other in pairs:
        if images_tested(one) != images_tested(other):
            raise UserError(
                f"Runs of {names}, seed {one.facts['seed']}, were tested on other images. "
                "Train them again on one split."
            )
    codes = patient_codes([run for run, _ in pairs])
    samples = ([], [])
    for pair, of_images in zip(pairs, codes, strict=True):
        for side, run in zip(samples, pair, strict=True):
            labels, probabilities, _ = run.part("test")
            side.append((labels, probabilities, of_images))
    return samples


def images_tested(run: Run) -> list[str]:
    """Names of a run's test images, in the order of `Run.part`."""
    return run.predictions.loc[run.predictions["part"] == "test", "image"].tolist()


def patient_codes(runs: list[Run]) -> list[np.ndarray]:
    """A code of each test image's patient (of the image if unknown), the same in all runs."""
    keys = [
        [
            ("patient", group) if group else ("image", image)
            for group, image in zip(run.part("test")[2], images_tested(run), strict=True)
        ]
        for run in runs
    ]
    codes = {
        key: code for code, key in enumerate(dict.fromkeys(key for run in keys for key in run))
    }
    return [np.array([codes[key] for key in run], dtype=np.int64) for run in keys]


def _block(dataset: str, rows: pd.DataFrame) -> str:
    lines = []
    for network, subset in rows.groupby("network", sort=False):
        cells = subset.set_index("metric")
        line = {"DALAResNet50 less": network_label(network).removeprefix("DALAResNet50, ")}
        for metric in SHOWN:
            c = cells.loc[metric]
            line[METRIC_LABELS[metric]] = (
                f"{interval_text(c['difference'], c['low'], c['high'])}, {p_text(c['p_holm'])}"
            )
        found = [
            f"{METRIC_LABELS[m]}: {cells.loc[m, 'finding']}"
            for m in SHOWN
            if cells.loc[m, "finding"] != "not shown"
        ]
        line["Shown"] = "; ".join(found) or "no difference"
        line["Evidence about the paper"] = evidence_text(cells["obstacles"].iloc[0])
        lines.append(line)
    first = rows.iloc[0]
    return (
        f"## {DATASET_LABELS.get(dataset, dataset)}\n\nData: {first['data']}; split by "
        f"{first['splits']}; {first['test_images']} test images per seed, "
        f"{first['resampled_units']} patients or single images drawn.\n\n"
        + markdown(pd.DataFrame(lines))
    )
