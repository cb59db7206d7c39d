"""Class activation maps of a user's own images, as overlays and a CSV."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from paper_code.cam import METHODS, compute_cam
from paper_code.datasets.images import load_image
from paper_code.device import default_device
from paper_code.errors import UserError
from paper_code.files import replacing_together, write_csv
from paper_code.inference.load import load_trained
from paper_code.inference.predict import class_probabilities, decoded, find_images, introduce
from paper_code.networks.preprocessing import normalize
from paper_code.progress import say

OPACITY = 0.45  # of the map over the image
CHUNK = 16  # images explained together; Score-CAM alone takes seconds an image


def explain_images(
    weights: str | Path,
    paths: Sequence[str | Path],
    output: str | Path,
    method: str,
    *,
    target: str | None = None,
    **options: object,
) -> int:
    """Write an overlay PNG an image, and `explanations.csv`: all of them or nothing.

    Columns: image, predicted, p_<class> for each class, explained, method, overlay.

    The overlay has the image's own size: the map as colours (blue is 0, red is 1) over the image. A
    file that cannot be used as an image is named, skipped and counted.

    Args:
        weights: `weights.safetensors` of a run.
        paths: image files, and folders that are searched with their subfolders.
        output: folder for the overlays and the CSV.
        method: as in `compute_cam`.
        target: the class to explain; None for the one predicted.
        options: of `compute_cam`.

    Returns:
        How many files were skipped.

    Raises:
        UserError: no image is found or can be used, images lie in the output folder, the class or
            method is unknown, the weights are missing or damaged.
    """
    if Path(output).is_file():
        raise UserError(f"{output} is a file; give --output a folder.")
    if method not in METHODS:
        raise UserError(f"method: {method!r} is none of {', '.join(METHODS)}.")
    files, output = find_images(paths), Path(output)
    for path in files:
        if output.resolve() in path.resolve().parents:
            raise UserError(f"{path}: lies in the output folder. Choose another one for -o.")
    network, facts = load_trained(weights)
    classes = facts["classes"]
    if target is not None and target not in classes:
        raise UserError(f"class: {target!r} is none of {', '.join(classes)} of {weights}.")
    introduce(weights, facts)
    device = default_device()
    rows, skipped, empty = [], [], 0
    names = _overlay_names(files, method)
    with replacing_together(output) as new:
        together = 1 if method == "scorecam" else CHUNK
        for chunk, images in decoded(files, facts["image_size"], skipped, together):
            values = class_probabilities(network, images)
            predicted = values.argmax(axis=1)
            explained = predicted if target is None else np.full(len(chunk), classes.index(target))
            inputs = normalize(images.to(device))
            maps = compute_cam(network, inputs, torch.from_numpy(explained), method, **options)
            empty += int((maps.amax((1, 2)) == 0).sum())
            for path, p, best, shown, heat in zip(
                chunk, values, predicted, explained, maps.cpu().numpy(), strict=True
            ):
                _write_overlay(new / names[path], path, heat)
                rows.append(
                    {"image": path.as_posix(), "predicted": classes[best]}
                    | {f"p_{name}": value for name, value in zip(classes, p, strict=True)}
                    | {"explained": classes[shown], "method": method, "overlay": names[path]}
                )
        if not rows:
            raise UserError(f"None of {len(files)} files can be used. The first: {skipped[0]}")
        write_csv(new / "explanations.csv", pd.DataFrame(rows))
    say(
        f"{output}: {len(rows)} overlays and explanations.csv"
        + (f"; {empty} maps are empty: nothing speaks for the class" if empty else "")
        + (f"; {len(skipped)} of {len(files)} files skipped" if skipped else "")
    )
    return len(skipped)


def _overlay_names(files: list[Path], method: str) -> dict[Path, str]:
    """A name for each file's overlay; equal file names in two folders get a number."""
    names, used = {}, set()
    for path in files:
        name, number = f"{path.stem}_{method}.png", 1
        while name in used:
            number += 1
            name = f"{path.stem}_{number}_{method}.png"
        used.add(name)
        names[path] = name
    return names


def _write_overlay(path: Path, image_path: Path, heat: np.ndarray) -> None:
    """Blend the S x S map in [0, 1] over the image file's pixels."""
    image = np.asarray(load_image(image_path).convert("RGB"))
    heat = cv2.resize(heat, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((heat.clip(0, 1) * 255).round().astype(np.uint8), cv2.COLORMAP_JET)
    blended = cv2.addWeighted(image[..., ::-1].copy(), 1 - OPACITY, colours, OPACITY, 0)
    path.write_bytes(cv2.imencode(".png", blended)[1].tobytes())
