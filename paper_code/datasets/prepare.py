"""From image files to one array for each data set: `manifest.csv`, `images.npy`, `masks.npy`."""

import functools
import shutil
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from PIL import Image

from paper_code.datasets.dataset import Dataset
from paper_code.datasets.images import content_hash, load_image, load_mask
from paper_code.datasets.read import read_dataset
from paper_code.datasets.tables import read_listed
from paper_code.errors import UserError
from paper_code.files import read_json, replacing, write_csv, write_json
from paper_code.progress import say
from paper_code.workers import map_parallel


def make_manifest(
    dataset: Dataset,
    data_root: str | Path,
    source: str,
    output: str | Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    workers: int = 1,
) -> None:
    """Read a data set, draw the images to use, and write `manifest.csv` with `source.json`.

    The CSV has the columns of `read_dataset` and `sha256`; the JSON beside it says where the images
    come from ("real" or "phantom", the `source`), how complete they are and which files are
    byte-identical. At most `limit` images are drawn (None means all), classes in proportion;
    Mini-DDSM is always drawn down to the paper's 500 / 700 / 800. `workers` processes hash files.

    UserError as `read_dataset`; or the same image content has two labels.
    """
    table = read_dataset(dataset, data_root)
    classes, status = table.attrs["classes"], table.attrs["status"]
    found = len(table)
    table = draw(table, _draw_counts(table, dataset, limit), seed)
    table["sha256"] = list(
        map_parallel(content_hash, table["path"].tolist(), f"{dataset.name}: hashing", workers)
    )
    drawn = table["label"].value_counts().to_dict()
    duplicates = _duplicates(table)
    if len(table) < found:
        status += f"; {len(table)} drawn with seed {seed}"
    text = "phantom" if source == "phantom" else f"real ({status})"
    if source == "phantom":
        text += f" ({len(table)} synthetic images)"
    say(f"{dataset.name}: {text}; {len(duplicates)} byte-identical pairs")
    output = Path(output)
    write_json(
        output.with_name("source.json"),
        {
            "dataset": dataset.name,
            "source": source,
            "description": text,
            "images": len(table),
            "complete": source == "real" and drawn == dataset.counts,
            "classes": list(classes),
            "colour": dataset.colour,
            "patients": int(table.loc[table["group"] != "", "group"].nunique()),
            "duplicates": duplicates,
            "credit": dataset.credit if source == "real" else "",
        },
    )
    write_csv(output, table)


def draw(table: pd.DataFrame, counts: dict[str, int], seed: int) -> pd.DataFrame:
    """Draw `counts[label]` images of each class at random; the order of the table is kept."""
    rng = np.random.default_rng(seed)
    keep = [
        rng.choice(table.index[table["label"] == label], size=number, replace=False)
        for label, number in counts.items()
    ]
    return table.loc[np.sort(np.concatenate(keep))].reset_index(drop=True)


def _draw_counts(table: pd.DataFrame, dataset: Dataset, limit: int | None) -> dict[str, int]:
    counts = table["label"].value_counts()
    counts = {label: int(counts[label]) for label in table.attrs["classes"]}
    if dataset.family == "mini_ddsm":
        counts = {label: min(n, dataset.counts[label]) for label, n in counts.items()}
    total = sum(counts.values())
    return counts if limit is None or total <= limit else proportional(counts, limit)


def proportional(counts: dict[str, int], total: int) -> dict[str, int]:
    """Split `total` in proportion to `counts`, by largest remainder, at least one each."""
    share = {label: total * n / sum(counts.values()) for label, n in counts.items()}
    result = {label: max(1, int(value)) for label, value in share.items()}
    by_remainder = sorted(share, key=lambda label: result[label] - share[label])
    for label in by_remainder[: max(0, total - sum(result.values()))]:
        result[label] += 1
    return result


def _duplicates(table: pd.DataFrame) -> list[list[str]]:
    """Pairs of images with the same bytes; with two labels they cannot both be right."""
    pairs = []
    for _, same in table[table["sha256"].duplicated(keep=False)].groupby("sha256", sort=False):
        if same["label"].nunique() > 1:
            first, second = same.drop_duplicates("label")["path"].iloc[:2]
            raise UserError(f"{first} and {second}: the same image with two labels. Remove one.")
        pairs += [[same["image"].iloc[0], other] for other in same["image"].iloc[1:]]
    return pairs


def prepare(manifest: str | Path, output: str | Path, *, image_size: int, workers: int = 1) -> None:
    """Decode and resize every image of a manifest into one memory-mappable array.

    `output` receives `images.npy` (uint8, N x 3 x S x S, rows as in the manifest) and `masks.npy`
    (uint8 0/1, N x S x S, all zero where there is no mask), and copies of the manifest and the
    `source.json` beside it if these lie elsewhere: all that training, maps and tables need of the
    data set. The aspect ratio is not kept (as "resized to 224x224" in the paper). UserError names
    the image that cannot be used; no array is left behind.
    """
    table = read_listed(manifest, "image", "path", "mask")
    about = Path(manifest).with_name("source.json")
    source = read_json(about, "dataset", "colour")
    work = functools.partial(_prepare_one, image_size=image_size, colour=source["colour"])
    items = list(zip(table["path"], table["mask"], strict=True))
    label = f"{source['dataset']}: preparing at {image_size} px"
    output, side = Path(output), image_size
    with (
        replacing(output / "masks.npy") as masks_path,
        replacing(output / "images.npy") as images_path,
        # Row by row: a data set need not fit into memory, and a full disk is an ordinary error.
        _new_array(masks_path, (len(items), side, side)) as masks,
        _new_array(images_path, (len(items), 3, side, side)) as images,
    ):
        for image, mask in map_parallel(work, items, label, workers):
            images.write(image.tobytes())
            masks.write(mask.tobytes())
    for path, name in ((Path(manifest), "manifest.csv"), (about, "source.json")):
        if path.resolve() != (output / name).resolve():
            with replacing(output / name) as copy:
                shutil.copyfile(path, copy)


def _new_array(path: Path, shape: tuple[int, ...]) -> BinaryIO:
    """A .npy file of uint8, as `np.save` writes it, open behind its header."""
    file = path.open("wb")
    about = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file


def _prepare_one(
    item: tuple[str, str], *, image_size: int, colour: str
) -> tuple[np.ndarray, np.ndarray]:
    path, mask_paths = item
    image = load_image(path, colour)
    pixels = resize_image(image, image_size)
    if not mask_paths:
        return pixels, np.zeros((image_size, image_size), np.uint8)
    return pixels, resize_mask(load_mask(mask_paths, image.size), image_size)


def resize_image(image: Image.Image, size: int) -> np.ndarray:
    """Resize an RGB image to 3 x size x size uint8, bilinear with antialiasing."""
    resized = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized).transpose(2, 0, 1)


def resize_mask(mask: Image.Image, size: int) -> np.ndarray:
    """Resize a 0/255 mask to size x size uint8 0/1: a pixel belongs to it if half of it does.

    A lesion smaller than half a pixel keeps every pixel that it touches.
    """
    coverage = np.asarray(mask.resize((size, size), Image.Resampling.BOX))
    threshold = 128 if (coverage >= 128).any() else 1
    return (coverage >= threshold).astype(np.uint8)
