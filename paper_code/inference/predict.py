"""Class probabilities of a user's own images, and metrics on images with known labels."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paper_code.datasets import manifest as manifests
from paper_code.device import default_device, resolve_precision
from paper_code.errors import UserError
from paper_code.files import read_json, write_csv
from paper_code.inference.load import load_trained, read_images
from paper_code.metrics import METRICS, accuracy_interval, bootstrap_interval
from paper_code.progress import say, track
from paper_code.runs import load_run
from paper_code.training.loop import predict
from paper_code.training.run import load_prepared

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
CHUNK = 64  # images decoded before each forward pass


def find_images(paths: Sequence[str | Path]) -> list[Path]:
    """The files named, and every image file below the folders named, sorted within each.

    Raises:
        UserError: a path does not exist, or there is no image at all.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            found += sorted(inside)
        elif path.is_file():
            found.append(path)
        else:
            raise UserError(f"{path}: no such file or folder.")
    if not found:
        raise UserError(
            f"{', '.join(map(str, paths))}: no image there ({', '.join(sorted(SUFFIXES))})."
        )
    return list(dict.fromkeys(found))


def predict_images(weights: str | Path, paths: Sequence[str | Path], output: str | Path) -> int:
    """Write a CSV of class probabilities: image, predicted, p_<class> for each class.

    A file that cannot be used as an image is named, skipped and counted; the others are predicted.

    Args:
        weights: `weights.safetensors` of a run.
        paths: image files, and folders that are searched with their subfolders.
        output: the CSV to write; a row an image, in the order of `find_images`.

    Returns:
        How many files were skipped.

    Raises:
        UserError: no image is found, or none can be used (nothing is written); the weights are
            missing or damaged.
    """
    if Path(output).is_dir():
        raise UserError(f"{output} is a folder; give --output the name of a CSV file.")
    files = find_images(paths)
    network, facts = load_trained(weights)
    classes, size = list(facts["classes"]), int(facts["image_size"])
    introduce(weights, facts)
    kept, parts, skipped = [], [], []
    for names, images in decoded(files, size, skipped):
        kept += names
        parts.append(class_probabilities(network, images))
    if not kept:
        raise UserError(f"None of {len(files)} files can be used. The first: {skipped[0]}")
    values = np.concatenate(parts)
    columns = {f"p_{name}": values[:, index] for index, name in enumerate(classes)}
    predicted = [classes[index] for index in values.argmax(axis=1)]
    names = [path.as_posix() for path in kept]
    write_csv(output, pd.DataFrame({"image": names, "predicted": predicted} | columns))
    counts = pd.Series(predicted).value_counts().reindex(classes, fill_value=0)
    say(
        f"{output}: {len(kept)} images, "
        + ", ".join(f"{number} {name}" for name, number in counts.items())
        + (f"; {len(skipped)} of {len(files)} files skipped" if skipped else "")
    )
    return len(skipped)


def class_probabilities(network: torch.nn.Module, images: torch.Tensor) -> np.ndarray:
    """N x K float32 of uint8 images, rounded as in a run's `predictions.csv`."""
    device = default_device()
    network.to(device, memory_format=torch.channels_last)
    precision = resolve_precision("auto", device)
    return predict(network, images.to(device), precision).cpu().numpy().round(6)


def introduce(weights: str | Path, facts: dict) -> None:
    """Say what a network was trained on, and what its word is worth."""
    say(
        f"{weights}: {facts['network']} trained on {facts['dataset']} ({facts['data']} images) at "
        f"{facts['image_size']} px. Research code, not a medical device."
    )
    if facts["data"] == "phantom":
        say("It has only seen synthetic images: what it says about real ones means nothing.")


def decoded(
    files: list[Path], size: int, skipped: list[str] | None = None, chunk: int = CHUNK
) -> Iterator[tuple[list[Path], torch.Tensor]]:
    """Files, `chunk` at a time, with their images (uint8 N x 3 x S x S).

    `skipped` takes what is wrong with the files that cannot be used; without it that is an error.
    """
    names: list[Path] = []
    images: list[torch.Tensor] = []
    for path in track(files, "images"):
        try:
            image = read_images([path], size)
        except UserError as error:
            if skipped is None:
                raise
            say(f"skipped: {error}")
            skipped.append(str(error))
        else:
            names.append(path)
            images.append(image)
        if len(images) == chunk:
            yield names, torch.cat(images)
            names, images = [], []
    if images:
        yield names, torch.cat(images)


def evaluate(
    source: str | Path,
    output: str | Path,
    *,
    prepared: str | Path | None = None,
    split: str | Path | None = None,
    manifest: str | Path | None = None,
    part: str | None = None,
    resamples: int = 1000,
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
        of_images = _of_prepared if prepared else _of_manifest
        where = (prepared, split, part or "test") if prepared else (manifest,)
        labels, probabilities, groups, facts = of_images(weights, *where)
    elif source.suffix == ".safetensors":
        raise UserError(f"{source}: weights alone. Give labelled images: --prepared or --manifest.")
    else:
        run = load_run(_run_folder(source) / "run.json")
        labels, probabilities, groups = run.part(part or "test")
        facts = {"data": run.facts["data"]["description"], "weights": source}
    shown = part or ("test" if split or not (prepared or manifest) else "all")
    if len(labels) == 0:
        raise UserError(f"{source}: no prediction of the part '{shown}'. Stored are val and test.")
    table = bootstrap_interval(labels, probabilities, groups, METRICS, resamples)
    known = set(groups) - {""}
    if not known and table.loc[0, ["low", "high"]].isna().all():
        table.loc[0, ["low", "high"]] = accuracy_interval(labels, probabilities)
    table = table.round(6).assign(
        images=len(labels),
        patients=len(known),
        part=shown,
        data=facts["data"],
        weights=Path(facts["weights"]).as_posix(),
    )
    write_csv(output, table)
    return table


WEIGHTS = "weights.safetensors"
Labelled = tuple[np.ndarray, np.ndarray, np.ndarray, dict]


def _run_folder(source: Path) -> Path:
    return source.parent if source.name == "run.json" else source


def _of_prepared(weights: Path, prepared: str, split: str | None, part: str) -> Labelled:
    """Labels, probabilities and patients of (a part of) a prepared data set."""
    network, facts = load_trained(weights)
    prepared = Path(prepared)
    if not (prepared / "source.json").is_file():
        raise UserError(f"{prepared}: not a prepared data set (source.json is missing).")
    about = read_json(prepared / "source.json")
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
    facts = {"data": f"{manifest} ({len(table)} images)", "weights": weights}
    return labels, np.concatenate(probabilities), table["group"].to_numpy(), facts
