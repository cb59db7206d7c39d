"""Metrics of a trained network on images with known labels."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paper_code.datasets import manifest as manifests
from paper_code.datasets.tensors import image_marks, load_prepared
from paper_code.errors import UserError
from paper_code.files import read_json, write_csv
from paper_code.inference.load import check_network_named, load_trained
from paper_code.inference.options import Own
from paper_code.inference.predict import CHUNK, class_probabilities, decoded
from paper_code.metrics import METRICS, bootstrap_interval
from paper_code.progress import count_text, say
from paper_code.runs import FACTS, WEIGHTS, load_run


def evaluate(
    source: str | Path,
    output: str | Path,
    *,
    prepared: str | Path | None = None,
    split: str | Path | None = None,
    manifest: str | Path | None = None,
    group_pattern: str | None = None,
    part: str | None = None,
    resamples: int,
    own: Own | None = None,
) -> pd.DataFrame:
    """Metrics of a trained network on labelled images, with 95 % intervals, as a table and a CSV.

    `source` is a finished run, whose stored predictions (of val and test) are used unless images
    are given; or a file of weights, which needs images: a `prepared` data set, with its `split`
    file or all of them, or a `manifest` (path, label, group) or folder of class folders that is
    decoded now. `part` is test by default where there are parts.

    The CSV: metric, value, low, high (see `bootstrap_interval`), images, patients, part, data,
    weights, and how many of the images were `seen_in_training`: pixel by pixel the same, whatever
    their files are called; empty where that is not known. UserError if files are missing or do not
    belong together, a label is not one of the network's classes, or the part has no image.
    """
    if (part and manifest) or (part and prepared and not split):
        raise UserError("--part needs the parts of a split: give --split too, or leave it out.")
    if split and not prepared:
        raise UserError("--split belongs to --prepared: give it too, or leave --split out.")
    if group_pattern and not manifest:
        raise UserError("--group-pattern belongs to --manifest: give it too, or leave it out.")
    check_network_named(own or Own())
    source = Path(source)
    alone = source.suffix == ".safetensors" or bool(own and own.network)
    folder = source.parent if source.name == FACTS else source
    seen = ""
    if prepared or manifest:
        weights = source if alone else folder / WEIGHTS
        network, facts = load_trained(weights, own)
        given = (prepared, split, part or "test") if prepared else (manifest, group_pattern)
        read = _of_prepared if prepared else _of_manifest
        table, images, data = read(weights, facts, *given)
        labels = pd.Categorical(table["label"], facts["classes"]).codes.astype(np.int64)
        groups = table["group"].to_numpy()
        probabilities, seen = _predict(network, facts, images)
    elif alone:
        raise UserError(f"{source}: weights alone. Give labelled images: --prepared or --manifest.")
    else:
        run, weights = load_run(folder / FACTS), source
        labels, probabilities, groups = run.part(part or "test")
        data = run.facts["data"]["description"]
    shown = part or ("test" if split or not (prepared or manifest) else "all")
    if len(labels) == 0:
        raise UserError(f"{source}: no prediction of the part '{shown}'. Stored are val and test.")
    table = bootstrap_interval(labels, probabilities, groups, METRICS, resamples)
    table = table.round(6).assign(
        images=len(labels),
        patients=len(set(groups) - {""}),
        part=shown,
        data=data,
        weights=Path(weights).as_posix(),
        seen_in_training=seen,
    )
    write_csv(output, table)
    if seen:
        say(
            f"warning: {weights} was trained on {seen} of {count_text(len(labels), 'image')} here, "
            "so the values say little about images that are new to it."
        )
    return table


# Rows with label and group, uint8 images of the same rows in batches, and a description.
Labelled = tuple[pd.DataFrame, Iterable[torch.Tensor], str]


def _predict(
    network: torch.nn.Module, facts: dict, batches: Iterable[torch.Tensor]
) -> tuple[np.ndarray, int | str]:
    """N x K probabilities, and how many of the images the network was trained on.

    "" where its weights do not say what they were trained on.
    """
    known = set(facts.get("trained_on", "").split())
    probabilities, seen = [np.empty((0, len(facts["classes"])))], 0
    for images in batches:
        probabilities.append(class_probabilities(network, images))
        seen += sum(mark in known for mark in image_marks(images))
    return np.concatenate(probabilities), seen if known else ""


def _of_prepared(
    weights: Path, facts: dict, prepared: str, split: str | None, part: str
) -> Labelled:
    """(A part of) a prepared data set."""
    prepared = Path(prepared)
    if not (prepared / "source.json").is_file():
        raise UserError(f"{prepared}: not a prepared data set (source.json is missing).")
    about = read_json(prepared / "source.json", "classes", "description")
    if about["classes"] != list(facts["classes"]):
        raise UserError(
            f"{prepared}: classes {', '.join(about['classes'])}, but {weights} knows "
            f"{', '.join(facts['classes'])}."
        )
    table, images, _ = load_prepared(prepared, split or prepared / "manifest.csv", about["classes"])
    if images.shape[-1] != facts["image_size"]:
        raise UserError(
            f"{prepared}: prepared at {images.shape[-1]} px, but {weights} takes "
            f"{facts['image_size']} px. Prepare it with --image-size {facts['image_size']}."
        )
    rows = np.flatnonzero(table["part"] == part) if split else np.arange(len(table))
    starts = range(0, len(rows), 4 * CHUNK)
    batches = (images[rows[start : start + 4 * CHUNK]] for start in starts)
    return table.iloc[rows], batches, about["description"]


def _of_manifest(weights: Path, facts: dict, manifest: str, group_pattern: str | None) -> Labelled:
    """Every image that a manifest lists, or that lies in class folders."""
    table = manifests.read(Path(manifest), group_pattern)
    for row in table[~table["label"].isin(facts["classes"])].itertuples():
        raise UserError(
            f"{manifest}: {row.path} has the label '{row.label}', but {weights} knows "
            f"{', '.join(facts['classes'])}."
        )
    found = decoded(list(map(Path, table["path"])), facts["image_size"])
    about = f"{manifest} ({count_text(len(table), 'image')})"
    return table, (images for _, images in found), about
