"""Figure 7: images of each data set and the maps of the four methods."""

from pathlib import Path

import numpy as np

from paper_code.files import read_json
from paper_code.reporting.labels import DATASET_LABELS, METHOD_LABELS, class_name, network_label
from paper_code.reporting.markdown import distinct
from paper_code.reporting.plotting import data_line, grid, save_figure


def draw(output: str, *, cams: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf.

    One row per image, those of a data set together as the run drew them, right or wrong; its
    columns are the image and the map of each method over it, with the lesion's outline. Of several
    seeds of a network the first is shown.
    """
    runs: dict[tuple[str, str], tuple[dict, Path]] = {}
    for path in map(Path, cams):
        facts = read_json(path)
        runs.setdefault((facts["dataset"], facts["network"]), (facts, path))
    several = len({network for _, network in runs}) > 1
    rows = []
    for facts, path in runs.values():
        label = DATASET_LABELS.get(facts["dataset"], facts["dataset"])
        label += f"\n{network_label(facts['network'])}" if several else ""
        found = np.load(path.with_name("examples.npz"), allow_pickle=False)
        methods = [key.removeprefix("map_") for key in found if key.startswith("map_")]
        kept = ["image", "label", "predicted", "lesion", *(f"map_{method}" for method in methods)]
        arrays = [found[key] for key in kept]
        rows += [(label, dict(zip(kept, each, strict=True))) for each in zip(*arrays, strict=True)]
    columns = 1 + len(methods)
    figure, axes = grid(len(rows), columns, (1.55 * columns + 0.6, 1.6 * len(rows) + 0.5))
    for row, (label, example) in enumerate(rows):
        true, predicted = (class_name(str(example[key])) for key in ("label", "predicted"))
        axes[row, 0].set_ylabel(f"{label}\ntrue {true},\npredicted {predicted}", fontsize=7.5)
        for axis, method in zip(axes[row], (None, *methods), strict=True):
            shown = _show(axis, example, method)
            if row == 0:
                axis.set_title("Image" if method is None else METHOD_LABELS[method])
    bar = figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.01)
    bar.set_label("map value, 0 to 1")
    every = [facts for facts, _ in runs.values()]
    networks = distinct((network_label(facts["network"]) for facts in every), " and ")
    first = every[0]
    save_figure(
        figure,
        output,
        f"white line: {distinct((facts['truth'] for facts in every), ', ')}; {networks}, "
        f"{first['weights']} weights, layer {first['layer']}, {first['settings']['image_size']} "
        f"px; {scale} scale; {first['provenance']['hardware']}; commit "
        f"{first['provenance']['commit']}\n{data_line([facts['data'] for facts in every])}",
    )


def _show(axis, example: dict[str, np.ndarray], method: str | None):
    """The image, with a method's map over it if one is given, and the lesion's outline."""
    axis.imshow(example["image"])
    shown = None
    if method:
        heat = example[f"map_{method}"]
        shown = axis.imshow(heat, cmap="jet", alpha=0.5, vmin=0, vmax=1)
        if not heat.any():
            axis.set_xlabel("empty map", fontsize=7)
    if example["lesion"].any() and not example["lesion"].all():
        axis.contour(example["lesion"], levels=[0.5], colors="white", linewidths=1.0)
    axis.set(xticks=[], yticks=[])
    return shown
