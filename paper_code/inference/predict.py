"""Class probabilities of a user's own images."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from PIL import Image

from paper_code.datasets import manifest as manifests
from paper_code.datasets.images import load_image
from paper_code.datasets.manifest import SUFFIXES
from paper_code.datasets.prepare import resize_image
from paper_code.datasets.tree import visible_files
from paper_code.device import default_device, resolve_precision
from paper_code.errors import UserError
from paper_code.files import write_csv
from paper_code.inference.load import load_trained
from paper_code.inference.options import Own
from paper_code.networks.forward import predict
from paper_code.progress import count_text, say, track

T = TypeVar("T")
CHUNK = 64  # images decoded before each forward pass


def find_images(paths: Sequence[str | Path]) -> list[Path]:
    """The files named, every image file below the folders named that is not hidden, sorted within
    each, and the images that a manifest.csv named lists.

    UserError if a path does not exist, or there is no image at all.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += [p for p in visible_files(path) if p.suffix.lower() in SUFFIXES]
        elif path.suffix == ".csv":
            found += map(Path, manifests.read(path)["path"])
        elif path.is_file():
            found.append(path)
        else:
            raise UserError(f"{path}: no such file or folder.")
    if not found:
        raise UserError(
            f"{', '.join(map(str, paths))}: no image there ({', '.join(sorted(SUFFIXES))})."
        )
    return list(dict.fromkeys(found))


def predict_images(
    weights: str | Path, paths: Sequence[str | Path], output: str | Path, own: Own | None = None
) -> int:
    """Write a CSV of class probabilities: image, predicted, p_<class>; in `find_images`' order.

    A file that cannot be used as an image is named, skipped and counted; the number is returned.
    UserError, with nothing written, if no image is found or can be used, or the weights are missing
    or damaged.
    """
    if Path(output).is_dir():
        raise UserError(f"{output} is a folder; give --output the name of a CSV file.")
    files = find_images(paths)
    network, facts = load_trained(weights, own)
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
        f"{output}: {count_text(len(kept), 'image')}, "
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
    """Say what a network is, and how far its answers can be trusted."""
    say(f"{weights}: {facts['about']}. Research code, not a medical device.")
    if facts["data"] == "phantom":
        say("It has only seen synthetic images: what it says about real ones means nothing.")


def decoded(
    files: list[Path], size: int, skipped: list[str] | None = None
) -> Iterator[tuple[list[Path], torch.Tensor]]:
    """Files, `CHUNK` at a time, with their images (uint8 N x 3 x S x S); `skipped` as in `usable`.

    Images are resized as `prepare` does.
    """
    for found in usable(files, lambda path: resized(load_image(path), size), skipped, CHUNK):
        names, images = zip(*found, strict=True)
        yield list(names), torch.stack(images)


def resized(image: Image.Image, size: int) -> torch.Tensor:
    """What a network sees of an image: uint8 3 x S x S."""
    return torch.tensor(resize_image(image, size))


def usable(
    files: list[Path], read: Callable[[Path], T], skipped: list[str] | None, chunk: int
) -> Iterator[list[tuple[Path, T]]]:
    """Files with what `read` makes of them, `chunk` at a time.

    `skipped` takes what is wrong with the files that cannot be used; where it is None that is an
    error.
    """

    def one_by_one() -> Iterator[tuple[Path, T]]:
        for path in track(files, "images"):
            try:
                yield path, read(path)
            except UserError as error:
                if skipped is None:
                    raise
                say(f"skipped: {error}")
                skipped.append(str(error))

    found = one_by_one()
    while part := list(itertools.islice(found, chunk)):
        yield part
