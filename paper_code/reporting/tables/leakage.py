"""Split by image beside split by patient: what the same networks reach on either."""

from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.datasets.overlap import SIDE, THRESHOLD, near_duplicates, shared_patients
from paper_code.errors import UserError
from paper_code.files import load_array
from paper_code.metrics import classification_metrics, difference_bootstrap, runs_interval
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import (
    distinct,
    interval_text,
    markdown,
    number,
    p_text,
    provenance_block,
    write_table,
)
from paper_code.reporting.tables.scores import group_runs
from paper_code.reporting.verdicts import (
    BY_PATIENT,
    join_obstacles,
    run_obstacles,
    shortfall,
    split_obstacles,
)
from paper_code.runs import (
    Run,
    load_manifest,
    load_run,
    repeat_columns,
    samples,
    units_tested,
)

METRICS = ("accuracy", "balanced_accuracy", "mcc", "auc_roc")
WAYS = ("image", "patient")
# What the splits themselves let through, whatever the network.
SPLIT_FACTS = {
    "patients_shared": "Patients with images in more than one part",
    "test_images_known": "Test images whose patient is in the training part",
    "test_images_near_duplicate": "Test images with a near duplicate in the training part",
    "fewest_training_patients": "Training patients of the class that has the fewest",
}
NOTES = f"""The same networks, trained alike, on parts drawn by image and on parts drawn by patient.
If the score by image is higher, part of it comes from recognising patients, not the disease, or
from having images of more patients to learn from.

- Each cell: mean over the runs ± standard deviation between the runs. The difference [95 %
  interval] is by image minus by patient. Its standard error holds the variance over draws of
  patients, each weighing the same in both parts, and the variance between the runs of each side;
  the test parts are of different images, so the difference is less certain than between networks on
  the same ones.
- Near duplicate: grey copies of {SIDE} x {SIDE} px (area means of the prepared images) with a
  correlation of {THRESHOLD} or more, also if one is mirrored.
- Splits by patient are drawn at random among those near 6:1:3 in every class; of few patients,
  several of them still share many, and the spread between the runs then misses some of what other
  training patients would change. With one run of each, the interval is for these two networks
  alone.
- Patients are what the data set's file names say; see docs/reference/data.md."""


def write(
    output: str,
    *,
    runs: list[str],
    prepared: list[str],
    scale: str,
    resamples: int,
) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        runs: `run.json` files of both splits; predictions lie beside them.
        prepared: folders of the prepared data sets.
        scale: demo or paper.
        resamples: of the bootstrap.

    Raises:
        UserError: a network has runs of one kind of split only, or a data set is not prepared.
    """
    loaded = [load_run(path) for path in runs]
    rows = leakage_rows(loaded, prepared, scale=scale, resamples=resamples)
    blocks = [_block(dataset, subset) for dataset, subset in rows.groupby("dataset", sort=False)]
    title = "Split by image against split by patient"
    write_table(output, rows, title, [NOTES, *blocks, provenance_block(loaded, scale)])


def leakage_rows(
    runs: list[Run], prepared: list[str], *, scale: str, resamples: int
) -> pd.DataFrame:
    """One row per data set, network and metric, then one per data set and fact of its splits.

    `image` and `patient` are the values by either split, each with `_low` and `_high`; `low`,
    `high` and `p_value` belong to `difference`, and `each_seed` lists it for each pair of runs with
    the same seeds. `shortfall` and `fewest_patients` are of the runs of both splits. Facts of the
    splits are means over the seeds, with `network` empty.
    """
    folders = {load_manifest(folder)[1]["dataset"]: Path(folder) for folder in prepared}
    groups = {way: group_runs([run for run in runs if run.facts["by"] == way]) for way in WAYS}
    if groups["image"].keys() != groups["patient"].keys() or not groups["image"]:
        raise UserError("Leakage needs runs of both splits (by image, by patient) of each network.")
    rows = []
    for dataset in dict.fromkeys(dataset for dataset, _ in groups["image"]):
        if dataset not in folders:
            raise UserError(f"Leakage: the prepared folder of {dataset} is not among --prepared.")
        networks = [network for name, network in groups["image"] if name == dataset]
        pairs = [[groups[way][dataset, network] for way in WAYS] for network in networks]
        for pair in pairs:
            rows += _network_rows(*pair, resamples)
        rows += _split_rows(pairs[0], folders[dataset])
    table = pd.DataFrame(rows).assign(scale=scale)
    of_rows = [  # of a fact of the splits: all the runs on them
        [r for r in runs if r.dataset == row["dataset"] and row["network"] in ("", r.network)]
        for _, row in table.iterrows()
    ]
    table["obstacles"] = [_obstacles(same, scale) for same in of_rows]
    table["data"] = [distinct(run.facts["data"]["description"] for run in s) for s in of_rows]
    table["weights"] = [distinct(run.facts["weights"] for run in same) for same in of_rows]
    values = [*WAYS, *(f"{way}_{end}" for way in WAYS for end in ("low", "high", "spread"))]
    values += ["difference", "low", "high", "p_value", "se", "df"]
    return table.round(dict.fromkeys(values, 6))


def _obstacles(runs: list[Run], scale: str) -> str:
    """What stands against runs by both splits. One of them is never the paper's: no obstacle."""
    found = [reason for run in runs for reason in run_obstacles(run.facts, scale)]
    return join_obstacles(reason for reason in found if reason != BY_PATIENT)


def _network_rows(by_image: list[Run], by_patient: list[Run], resamples: int) -> list[dict]:
    both = samples([*by_image, *by_patient])
    sides = both[: len(by_image)], both[len(by_image) :]
    compared = difference_bootstrap(*sides, METRICS, resamples, paired=False).set_index("metric")
    apart = _differences(by_image, by_patient)
    patients = [units_tested(run) for run in (*by_image, *by_patient)]
    lacking = [shortfall((r.repeat for r in s), patients) for s in (by_image, by_patient)]
    intervals = [  # of each side alone, as in the tables of scores, so that they are the same
        runs_interval(samples(side), METRICS, resamples).set_index("metric")
        for side in (by_image, by_patient)
    ]
    rows = []
    for metric in METRICS:
        row = {"dataset": by_image[0].dataset, "network": by_image[0].network, "metric": metric}
        for way, table in zip(WAYS, intervals, strict=True):
            row[way] = table.loc[metric, "value"]
            row |= {f"{way}_{c}": table.loc[metric, c] for c in ("low", "high", "spread")}
        tested = ["difference", "low", "high", "p_value", "se", "df"]
        row |= compared.loc[metric, tested].to_dict()
        row |= repeat_columns(by_image)
        row["each_seed"] = " ".join(f"{difference:+.3f}" for difference in apart[metric])
        row["largest_class"] = round(_largest_class(by_patient), 6)
        row["shortfall"] = join_obstacles(*map(split_obstacles, lacking))
        row["fewest_patients"] = min(patients)
        rows.append(row)
    return rows


def _differences(by_image: list[Run], by_patient: list[Run]) -> pd.DataFrame:
    """By image minus by patient: a row for each pair of runs with one seed of split and training,
    a column per metric."""
    image, patient = ({run.repeat: run for run in side} for side in (by_image, by_patient))
    values = [
        [classification_metrics(*side[repeat].part("test")[:2]) for side in (image, patient)]
        for repeat in image
        if repeat in patient
    ]
    pairs = [{m: first[m] - second[m] for m in METRICS} for first, second in values]
    return pd.DataFrame(pairs, columns=list(METRICS))


def _largest_class(runs: list[Run]) -> float:
    """The accuracy of always naming the largest class of the test part."""
    labels = [run.part("test")[0] for run in runs]
    return float(np.mean([np.bincount(of_run).max() / len(of_run) for of_run in labels]))


def _split_rows(sides: list[list[Run]], folder: Path) -> list[dict]:
    manifest, _ = load_manifest(folder)
    images = load_array(folder / "images.npy", ndim=4)
    found = [[_split_facts(run, manifest, images) for run in side] for side in sides]
    rows = []
    for fact in SPLIT_FACTS:
        by_image, by_patient = (float(np.mean([f[fact] for f in side])) for side in found)
        rows.append(
            {
                "dataset": sides[0][0].dataset,
                "network": "",
                "metric": fact,
                "image": by_image,
                "patient": by_patient,
                "difference": by_image - by_patient,
                **repeat_columns(sides[0]),
                "patients": found[0][0]["patients"],
                "test_images": float(np.mean([f["test_images"] for f in found[0]])),
                "test_images_patient": float(np.mean([f["test_images"] for f in found[1]])),
            }
        )
    return rows


def _split_facts(run: Run, manifest: pd.DataFrame, images: np.ndarray) -> dict:
    """What the split of a run lets through; images without a prediction are its training part."""
    parts = dict(zip(run.predictions["image"], run.predictions["part"], strict=True))
    split = manifest.assign(part=[parts.get(image, "train") for image in manifest["image"]])
    train, test = (np.flatnonzero(split["part"] == part) for part in ("train", "test"))
    alike = near_duplicates(images, test, train)["first"].nunique()
    fewest = split[split["part"] == "train"].groupby("label")["group"].nunique().min()
    return shared_patients(split) | {
        "test_images_near_duplicate": alike,
        "fewest_training_patients": int(fewest),
    }


def _block(dataset: str, rows: pd.DataFrame) -> str:
    lines, facts = [], []
    for _, row in rows[rows["network"] != ""].iterrows():
        cells = {
            f"By {way}": f"{number(row[way])} ± {number(row[f'{way}_spread'])}" for way in WAYS
        }
        lines.append(
            {
                "Network": NETWORK_LABELS.get(row["network"], row["network"]),
                "Metric": METRIC_LABELS[row["metric"]],
                **cells,
                "Difference": interval_text(row["difference"], row["low"], row["high"])
                + f", {p_text(row['p_value'])}",
                "Each seed": row["each_seed"].replace(" ", ", "),
            }
        )
    for _, row in rows[rows["network"] == ""].iterrows():
        totals = (
            [row["patients"], row["patients"]]
            if row["metric"] == "patients_shared"
            else [row["test_images"], row["test_images_patient"]]
        )
        line = {"": SPLIT_FACTS[row["metric"]]}
        for way, total in zip(WAYS, totals, strict=True):
            of = "" if row["metric"] == "fewest_training_patients" else f" of {total:g}"
            line[f"By {way}"] = f"{row[way]:g}{of}"
        facts.append(line)
    first = rows.iloc[0]
    return (
        f"## {DATASET_LABELS.get(dataset, dataset)}\n\nData: {first['data']}. Obstacles to "
        f"speaking about the paper's numbers: {first['obstacles'] or 'none'}. Always naming the "
        f"largest class has an accuracy of {number(first['largest_class'])} (by patient).\n\n"
        f"{markdown(pd.DataFrame(facts))}\n\n{markdown(pd.DataFrame(lines))}"
    )
