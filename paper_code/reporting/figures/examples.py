"""Images of a data set of one's own that networks are most certain about, wrongly and rightly."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from paper_code.cam import compute_cam, map_layer
from paper_code.datasets.tables import read_listed
from paper_code.files import load_array
from paper_code.networks.builder import network_from_checkpoint
from paper_code.networks.forward import normalize
from paper_code.progress import count_text
from paper_code.reporting.labels import network_label
from paper_code.reporting.plotting import data_line, save_figure
from paper_code.runs import WEIGHTS, Run, load_run

METHOD = "dt_gradcam"
WRONG, RIGHT = 6, 2  # images of a network, most certain first; right ones of different classes


def draw(output: str, *, runs: list[str], prepared: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf: for each network two rows, images and maps over them."""
    (folder,) = map(Path, prepared)
    loaded: dict[str, tuple[Run, Path]] = {}
    for path in map(Path, runs):
        run = load_run(path)
        loaded.setdefault(run.network, (run, path.with_name(WEIGHTS)))
    notes = []
    figure = plt.figure(figsize=(1.35 * (WRONG + RIGHT), 3.4 * len(loaded)), layout="constrained")
    blocks = figure.subfigures(len(loaded), squeeze=False)[:, 0]
    for block, (run, weights) in zip(blocks, loaded.values(), strict=True):
        notes.append(_draw_network(block, run, weights, folder))
    (run, _), *_ = loaded.values()
    provenance = run.facts["provenance"]
    save_figure(
        figure,
        output,
        f"{'; '.join(notes)}; {scale} scale; {provenance['hardware']}; commit "
        f"{provenance['commit']}\n{data_line([run.facts['data']])}",
    )


def choose(predictions: pd.DataFrame, classes: list[str]) -> tuple[pd.DataFrame, int]:
    """The test images to show, wrong ones first, and how many are wrong.

    Both kinds go from the most certain prediction down; of the right ones each is of another class.
    """
    test = predictions[predictions["part"] == "test"]
    certainty = test[[f"p_{name}" for name in classes]].max(axis=1)
    test = test.assign(certainty=certainty).sort_values("certainty", ascending=False, kind="stable")
    wrong = test[test["label"] != test["predicted"]]
    right = test[test["label"] == test["predicted"]].drop_duplicates("label")
    return pd.concat([wrong.head(WRONG), right.head(RIGHT)]), len(wrong)


def _draw_network(block, run: Run, weights: Path, folder: Path) -> str:
    """The two rows of a network; where its maps are from."""
    classes = run.facts["classes"]
    chosen, wrong = choose(run.predictions, classes)
    names = read_listed(folder / "manifest.csv", "image")["image"]
    places = [int(np.flatnonzero(names == image)[0]) for image in chosen["image"]]
    pixels = np.array(load_array(folder / "images.npy", ndim=4)[places])
    network, _ = network_from_checkpoint(weights)  # a few images: the CPU does
    inputs = normalize(torch.from_numpy(pixels))
    targets = [classes.index(name) for name in chosen["predicted"]]
    layer, grid = map_layer(network, inputs)
    maps = compute_cam(network, inputs, targets, METHOD, layer).numpy()
    tested = int((run.predictions["part"] == "test").sum())
    block.suptitle(
        f"{network_label(run.network)}: {wrong} of {count_text(tested, 'test image')} wrong",
        fontsize=9,
    )
    axes = block.subplots(2, max(len(chosen), 4), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    rows = zip(chosen.itertuples(), pixels, maps, axes.T, strict=False)
    for row, image, heat, (above, below) in rows:
        image = image.transpose(1, 2, 0)
        above.imshow(image)
        is_wrong = row.label != row.predicted
        above.set_title(
            f"true {row.label}\n{row.predicted} {row.certainty:.3f}",
            fontsize=6.5,
            color="#a3261b" if is_wrong else "0.2",
        )
        below.imshow(image)
        below.imshow(heat, cmap="jet", alpha=0.45, vmin=0, vmax=1)
        if not heat.any():
            below.set_title("empty map", fontsize=6.5)
    return f"{run.network}: layer {layer.removeprefix('network.')}, {grid[0]} x {grid[1]}"
