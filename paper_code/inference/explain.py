"""Class activation maps of a user's own images: overlays, a CSV and a page to look at them."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image

from paper_code.cam import METHODS, compute_cam, map_layer
from paper_code.cam.localization import overlap_scores, regions, threshold_free_scores
from paper_code.datasets.images import load_image, load_mask
from paper_code.datasets.prepare import resize_mask
from paper_code.device import default_device, use_float32
from paper_code.errors import UserError
from paper_code.files import read_csv, replacing_together, write_csv, write_text
from paper_code.inference import drawing
from paper_code.inference.load import load_trained
from paper_code.inference.masks import find_masks, true_classes
from paper_code.inference.options import Extras, Own
from paper_code.inference.predict import (
    class_probabilities,
    find_images,
    introduce,
    resized,
    usable,
)
from paper_code.networks.elsewhere import Adapted
from paper_code.networks.forward import normalize
from paper_code.progress import say
from paper_code.reporting.labels import METHOD_LABELS
from paper_code.templates import render

ALL = "all"
CHUNK = 16  # images explained together; Score-CAM alone takes seconds an image
TABLE, PAGE, ROW = "explanations.csv", "index.html", "_side_by_side.png"
FILES = ["overlay", "raw", "side_by_side"]  # columns of the table that name files
INNER = "network."  # before the names of layers of an adapted network
FINEST, SMALLEST = 5, 160  # rows of a grid below which a map is coarse; px of images for maps
# Scores of a map beside a mask, as in `explanations.csv`.
SCORES = {"iou": "IoU", "pointing_game": "Pointing game", "energy_inside": "Energy inside"}

Maps = Mapping[str, np.ndarray]  # S x S float32 in [0, 1], by method


@dataclass(frozen=True)
class Explained:
    """One image and what the network says of it."""

    path: Path
    true: str  # class by folder or manifest; empty where none gives one
    probabilities: Mapping[str, float]  # by class
    predicted: str
    explained: str
    lesion: float | None  # the mask's share of the image


@dataclass(frozen=True)
class Cell:
    """One map: its picture (JPEG), the names of its files, and scores if there is a lesion."""

    picture: bytes
    files: Mapping[str, str]
    empty: bool
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One image on the page."""

    one: Explained
    size: tuple[int, int]  # width and height in px, of the file
    photo: bytes  # the image as JPEG, scaled down
    photo_size: tuple[int, int]
    cells: Mapping[str, Cell]  # by method
    outline: str  # the mask's, as an SVG path in px of the photo


def explain_images(
    weights: str | Path,
    paths: Sequence[str | Path],
    output: str | Path,
    methods: Sequence[str],
    *,
    target: str | None = None,
    masks: str | Path | None = None,
    layer: str | None = None,
    own: Own | None = None,
    extras: Extras | None = None,
) -> int:
    """Write overlays, `explanations.csv` and `index.html`: all of them at the end, or nothing.

    The CSV has one row per image and method: image, true (the class of the image, where its folder
    or a manifest gives one), predicted, p_<class> for each class, explained, method, overlay, empty
    (whether the map is zero everywhere), and the files of `extras`. With masks: lesion, the mask's
    share of the image, and, where it marks one, `SCORES` at the size of the network's images.

    An overlay is a PNG of the image's own size: the map as colours over the image, the lesion
    outlined. The page shows all of it without network. A file that cannot be used, or whose mask
    cannot, is named, skipped and counted; the number is returned. Files of an earlier call in
    `output` are replaced; others stay.

    `methods` are as in `compute_cam`, or "all"; `target` is the class to explain, None for the one
    predicted; `masks` a folder, whose own images are not explained, or a manifest.csv.

    UserError if no image is found or can be used, images lie in the output folder, a file there is
    in the way, the class or a method is unknown, no image has a mask, the weights are missing,
    damaged or of another network.
    """
    output, methods, extras = Path(output), _known(methods), extras or Extras()
    drawing.check_look(extras.colormap, extras.opacity)
    if output.is_file():
        raise UserError(f"{output} is a file; give --output a folder.")
    files = _files(paths, output, masks)
    mask_of = {} if masks is None else find_masks(masks, files)
    network, facts = load_trained(weights, own)
    classes = facts["classes"]
    if target is not None and target not in classes:
        raise UserError(f"class: {target!r} is none of {', '.join(classes)} of {weights}.")
    true = true_classes([*paths, *([masks] if masks else [])], files, classes)
    names, side = _overlay_names(files), drawing.photo_side(len(files))
    made = [TABLE, PAGE]
    for name in names.values():
        made += [f"{name}_{method}.png" for method in methods]
        made += [f"{name}_{method}.npy" for method in methods if extras.raw]
        made += [f"{name}{ROW}"] * extras.side_by_side
    earlier = _earlier(output, made)
    introduce(weights, facts)
    use_float32()
    layer, facts = _layer(network, facts, layer)
    lines, rows, skipped = [], [], []
    with replacing_together(output, earlier) as new:
        found = _explained(network, facts, files, methods, target, true, mask_of, skipped, layer)
        for one, maps, mask in found:
            image = load_image(one.path)
            cells = _write_maps(new, names[one.path], image, maps, mask, extras)
            lines += _lines(one, cells, bool(true), masks is not None)
            if len(rows) < drawing.MOST_IMAGES:
                small = drawing.photo(image, side)
                outline = "" if mask is None else drawing.outline_path(mask, small[1])
                rows.append(Row(one, image.size, *small, cells, outline))
        if not lines:
            raise UserError(f"None of {len(files)} files can be used. The first: {skipped[0]}")
        table = pd.DataFrame(lines)
        write_csv(new / TABLE, table)
        used = len(table) // len(methods)
        page = render(
            "explain.html.j2",
            rows=rows,
            methods={method: METHOD_LABELS[method] for method in methods},
            facts=facts,
            skipped=skipped,
            images=used,
            means=_means(table, methods),
            scores=SCORES,
            look=extras,
            stops=drawing.stops(extras.colormap),
        )
        write_text(new / PAGE, page)
    empty = int(table["empty"].sum())
    unmasked = 0 if masks is None else int(table["lesion"].isna().sum()) // len(methods)
    say(
        f"{output}: {len(table)} overlays, {TABLE} and {PAGE}"
        + (f"; {empty} maps are empty: nothing speaks for the class" if empty else "")
        + (f"; {unmasked} of {used} images have no mask" if unmasked else "")
        + (f"; {len(skipped)} of {len(files)} files skipped" if skipped else "")
    )
    return len(skipped)


def _layer(network: torch.nn.Module, facts: dict, layer: str | None) -> tuple[str, dict]:
    """The layer to read, and the facts with what to say about its grid."""
    device, size = default_device(), facts["image_size"]
    network.to(device)
    if layer and isinstance(network, Adapted) and layer not in dict(network.named_modules()):
        layer = f"{INNER}{layer}"  # by the name that its library gives it
    layer, grid = map_layer(network, torch.zeros(1, 3, size, size, device=device), layer)
    maps = (
        f"Maps are read from the layer {layer.removeprefix(INNER)}, a grid of {grid[0]} x "
        f"{grid[1]} for images of {size} x {size} px."
    )
    say(maps)
    coarse = ""
    if min(grid) < FINEST:
        needed = max(SMALLEST, math.ceil(FINEST * size / min(grid)))
        coarse = (
            f"A grid of {grid[0]} x {grid[1]} is too coarse to show where: each map is that few "
            f"values, enlarged. Take images of {needed} px or more (--size for a network of your "
            "own, image_size in training), or an earlier --layer."
        )
        say(f"warning: {coarse}")
    return layer, facts | {"maps": maps, "coarse": coarse}


def _known(methods: Sequence[str]) -> list[str]:
    """Each method once, "all" replaced by every one."""
    for method in methods:
        if method not in (*METHODS, ALL):
            near = difflib.get_close_matches(method, METHODS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UserError(f"method: {method!r} is none of {', '.join(METHODS)}, {ALL}.{hint}")
    return list(METHODS) if ALL in methods else list(dict.fromkeys(methods))


def _files(paths: Sequence[str | Path], output: Path, masks: str | Path | None) -> list[Path]:
    """The images to explain: not those in a folder of masks."""
    files = find_images(paths)
    if masks is not None and Path(masks).is_dir():
        folder = Path(masks).resolve()
        files = [path for path in files if folder not in path.resolve().parents]
        if not files:
            raise UserError(f"--masks {masks}: all images lie in this folder of masks.")
    for path in files:
        if output.resolve() in path.resolve().parents:
            raise UserError(f"{path}: lies in the output folder. Choose another one for -o.")
    return files


def _earlier(output: Path, made: Sequence[str]) -> list[str]:
    """The files of an earlier call in the output folder; what is about to be `made` replaces them.

    UserError if a file of another origin has a name that is about to be used.
    """
    earlier = []
    if (output / TABLE).is_file():
        table = read_csv(output / TABLE, "image", "method", "overlay")
        files = table[table.columns.intersection(FILES)].to_numpy().ravel()
        earlier = [TABLE, PAGE, *(name for name in files if name and Path(name).name == name)]
    for name in made:
        if name not in earlier and (output / name).exists():
            raise UserError(
                f"{output / name}: in the way, and not made by this command. Choose another folder."
            )
    return earlier


def _overlay_names(files: list[Path]) -> dict[Path, str]:
    """What the names of each file's overlays begin with; equal ones in two folders get a number."""
    names, used = {}, set()
    for path in files:
        name, number = path.stem, 1
        while name in used:
            number += 1
            name = f"{path.stem}_{number}"
        used.add(name)
        names[path] = name
    return names


def _explained(
    network: torch.nn.Module,
    facts: dict,
    files: list[Path],
    methods: list[str],
    target: str | None,
    true: dict[Path, str],
    mask_of: dict[Path, str],
    skipped: list[str],
    layer: str,
) -> Iterator[tuple[Explained, Maps, np.ndarray | None]]:
    """Every image that can be used, its maps and mask; `skipped`: what is wrong with the others."""
    device, classes = default_device(), facts["classes"]

    def read(path: Path) -> tuple[torch.Tensor, np.ndarray | None]:
        image = load_image(path)
        mask = load_mask(mask_of[path], image.size) if path in mask_of else None
        return resized(image, facts["image_size"]), None if mask is None else np.asarray(mask) > 0

    for chunk in usable(files, read, skipped, 1 if "scorecam" in methods else CHUNK):
        images = torch.stack([image for _, (image, _) in chunk])
        values = class_probabilities(network, images)
        predicted = values.argmax(axis=1)
        shown = predicted if target is None else np.full(len(chunk), classes.index(target))
        inputs, wanted = normalize(images.to(device)), torch.from_numpy(shown)
        maps = {
            method: compute_cam(network, inputs, wanted, method, layer).cpu().numpy()
            for method in methods
        }
        for row, (path, (_, mask)) in enumerate(chunk):
            one = Explained(
                path,
                true.get(path, ""),
                dict(zip(classes, values[row], strict=True)),
                classes[predicted[row]],
                classes[shown[row]],
                None if mask is None else float(mask.mean()),
            )
            yield one, {method: heat[row] for method, heat in maps.items()}, mask


def _write_maps(
    folder: Path,
    name: str,
    image: Image.Image,
    maps: Maps,
    mask: np.ndarray | None,
    extras: Extras,
) -> dict[str, Cell]:
    """Write the files of an image; what the page shows of each map."""
    pixels, cells, truth = np.asarray(image), {}, None
    if mask is not None and mask.any():
        size = len(next(iter(maps.values())))
        truth = resize_mask(Image.fromarray(mask.astype(np.uint8) * 255), size)[None]
    overlays = [pixels[..., ::-1]]
    for method, heat in maps.items():
        overlays.append(drawing.overlay(pixels, heat, mask, extras.colormap, extras.opacity))
        files = {"overlay": f"{name}_{method}.png"}
        _write_png(folder / files["overlay"], overlays[-1])
        if extras.raw:
            files["raw"] = f"{name}_{method}.npy"
            np.save(folder / files["raw"], heat)
        if extras.side_by_side:
            files["side_by_side"] = f"{name}{ROW}"
        scores = {}
        if truth is not None:
            overlap = overlap_scores(regions(heat[None], method, "otsu"), truth)
            found = pd.concat([overlap, threshold_free_scores(heat[None], truth)], axis=1).iloc[0]
            scores = {name: round(float(found[name]), 6) for name in SCORES}
        picture = drawing.map_picture(heat, extras.colormap)
        cells[method] = Cell(picture, files, not heat.any(), scores)
    if extras.side_by_side:
        _write_png(folder / f"{name}{ROW}", drawing.side_by_side(overlays))
    return cells


def _write_png(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def _lines(
    one: Explained, cells: dict[str, Cell], labelled: bool, masked: bool
) -> list[dict[str, object]]:
    """The rows of an image in the CSV."""
    about = {"image": one.path.as_posix()} | ({"true": one.true} if labelled else {})
    about |= {"predicted": one.predicted}
    about |= {f"p_{name}": value for name, value in one.probabilities.items()}
    about |= {"explained": one.explained}
    lines = []
    for method, cell in cells.items():
        line = about | {"method": method, **cell.files, "empty": cell.empty}
        if masked:
            share = np.nan if one.lesion is None else round(one.lesion, 6)
            line |= {"lesion": share} | dict.fromkeys(SCORES, np.nan) | cell.scores
        lines.append(line)
    return lines


def _means(table: pd.DataFrame, methods: list[str]) -> dict[str, dict[str, float]]:
    """Mean scores of each method over the images with a lesion, and how many there are."""
    if "lesion" not in table or not (table["lesion"] > 0).any():
        return {}
    scored = table[table["lesion"] > 0]
    means = scored.groupby("method")[[*SCORES, "lesion"]].mean()
    images = len(scored) // len(methods)
    return {method: means.loc[method].to_dict() | {"images": images} for method in methods}
