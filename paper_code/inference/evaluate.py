"""Metrics of a trained network on images with known labels."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paper_code.datasets import manifest as manifests
from paper_code.errors import UserError
from paper_code.files import read_json, write_csv
from paper_code.inference.load import load_trained
from paper_code.inference.predict import CHUNK, class_probabilities, decoded
from paper_code.metrics import METRICS, bootstrap_interval
from paper_code.prepared import load_prepared
from paper_code.progress import count_text
from paper_code.runs import FACTS, WEIGHTS, load_run


def evaluate(
    source: str | Path,
    output: str | Path,
    *,
    prepared: str | Path | None = None,
    split: str | Path | None = None,
    manifest: str | Path | None = None,
    part: str | None = None,
    resamples: int,
) -> pd.DataFrame:
    """Metrics of a trained network on labelled images, with 95 % intervals, as a table and a CSV.

    Args:
        source: a finished run (its folder or `run.json`), whose stored predictions are used unless
            images are given; or a weights file, which needs `prepared` or `manifest`.
        output: the CSV to write: metric, value, low, high (see `bootstrap_interval`), images,
            patients, part, data, weights.
        prepared: folder of a prepared data set.
        split: its split file; without one all images count.
        manifest: a `manifest.csv` (path, label, group) of images that are decoded now.
        part: train, val or test; by default test where there are parts. A run has stored no
            predictions of its training part.
        resamples: of the bootstrap; patients are drawn whole where they are known.

    Raises:
        UserError: files are missing or do not belong together, a label is not one of the
            network's classes, the part has no image.
    """
    if (part and manifest) or (part and prepared and not split):
        raise UserError("--part needs the parts of a split: give --split too, or leave it out.")
    source = Path(source)
    if prepared or manifest:
        weights = source if source.suffix == ".safetensors" else _run_folder(source) / WEIGHTS
        predict_labelled = _of_prepared if prepared else _of_manifest
        where = (prepared, split, part or "test") if prepared else (manifest,)
        labels, probabilities, groups, facts = predict_labelled(weights, *where)
    elif source.suffix == ".safetensors":
        raise UserError(f"{source}: weights alone. Give labelled images: --prepared or --manifest.")
    else:
        run = load_run(_run_folder(source) / FACTS)
        labels, probabilities, groups = run.part(part or "test")
        facts = {"data": run.facts["data"]["description"], "weights": source}
    shown = part or ("test" if split or not (prepared or manifest) else "all")
    if len(labels) == 0:
        raise UserError(f"{source}: no prediction of the part '{shown}'. Stored are val and test.")
    table = bootstrap_interval(labels, probabilities, groups, METRICS, resamples)
    known = set(groups) - {""}
    table = table.round(6).assign(
        images=len(labels),
        patients=len(known),
        part=shown,
        data=facts["data"],
        weights=Path(facts["weights"]).as_posix(),
    )
    write_csv(output, table)
    return table


Labelled = tuple[np.ndarray, np.ndarray, np.ndarray, dict]


def _run_folder(source: Path) -> Path:
    return source.parent if source.name == FACTS else source


def _of_prepared(weights: Path, prepared: str, split: str | None, part: str) -> Labelled:
    """Labels, probabilities and patients of (a part of) a prepared data set."""
    network, facts = load_trained(weights)
    prepared = Path(prepared)
    if not (prepared / "source.json").is_file():
        raise UserError(f"{prepared}: not a prepared data set (source.json is missing).")
    about = read_json(prepared / "source.json", "classes", "description")
    if about["classes"] != list(facts["classes"]):
        raise UserError(
            f"{prepared}: classes {', '.join(about['classes'])}, but {weights} knows "
            f"{', '.join(facts['classes'])}."
        )
    table, images, labels = load_prepared(
        prepared, split or prepared / "manifest.csv", about["classes"]
    )
    if images.shape[-1] != int(facts["image_size"]):
        raise UserError(
            f"{prepared}: prepared at {images.shape[-1]} px, but {weights} was trained at "
            f"{facts['image_size']} px. Prepare it with --image-size {facts['image_size']}."
        )
    rows = np.flatnonzero(table["part"] == part) if split else np.arange(len(table))
    chunks = torch.from_numpy(rows).split(4 * CHUNK) if len(rows) else ()
    empty = np.empty((0, len(about["classes"])))
    probabilities = np.concatenate(
        [empty, *(class_probabilities(network, images[c]) for c in chunks)]
    )
    facts = {"data": about["description"], "weights": weights}
    return labels[rows].numpy(), probabilities, table["group"].to_numpy()[rows], facts


def _of_manifest(weights: Path, manifest: str) -> Labelled:
    """Labels, probabilities and patients of every image that a manifest lists."""
    network, facts = load_trained(weights)
    table = manifests.read(Path(manifest))
    classes = list(facts["classes"])
    for row in table[~table["label"].isin(classes)].itertuples():
        raise UserError(
            f"{manifest}: {row.path} has the label '{row.label}', but {weights} knows "
            f"{', '.join(classes)}."
        )
    files, size = [Path(path) for path in table["path"]], int(facts["image_size"])
    probabilities = [class_probabilities(network, images) for _, images in decoded(files, size)]
    labels = pd.Categorical(table["label"], classes).codes.astype(np.int64)
    facts = {"data": f"{manifest} ({count_text(len(table), 'image')})", "weights": weights}
    return labels, np.concatenate(probabilities), table["group"].to_numpy(), facts
