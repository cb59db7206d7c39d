"""Figure 7: images of each data set and the maps of the four methods."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from paper_code.files import read_json
from paper_code.reporting.figures.samples import class_name
from paper_code.reporting.labels import DATASET_LABELS, METHOD_LABELS, network_label
from paper_code.reporting.plotting import data_line, save_figure, style

SHOWN = ("image", "label", "predicted", "lesion")  # of each image, besides its maps


def draw(output: str, *, cams: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf.

    One row per image, those of a data set together as the run drew them, right or wrong; its
    columns are the image and the map of each method over it, with the lesion's outline.

    Args:
        output: the .png file.
        cams: `cam.json` files; of several seeds of a network the first is shown.
        scale: for the record.
    """
    facts: dict[Path, dict] = {}
    for path in map(Path, cams):
        found = read_json(path)
        shown = ((other["dataset"], other["network"]) for other in facts.values())
        if (found["dataset"], found["network"]) not in shown:
            facts[path] = found
    networks = list(dict.fromkeys(network_label(found["network"]) for found in facts.values()))
    rows = []
    for path, run in facts.items():
        label = DATASET_LABELS.get(run["dataset"], run["dataset"])
        label += f"\n{network_label(run['network'])}" if len(networks) > 1 else ""
        found = np.load(path.with_name("examples.npz"), allow_pickle=False)
        methods = [key.removeprefix("map_") for key in found if key.startswith("map_")]
        kept = {key: found[key] for key in (*SHOWN, *(f"map_{method}" for method in methods))}
        for image in range(len(kept["image"])):
            row = {key: values[image] for key, values in kept.items()}
            rows.append((label, row))
    with style():
        figure, axes = plt.subplots(
            len(rows),
            1 + len(methods),
            squeeze=False,
            layout="constrained",
            figsize=(1.55 * (1 + len(methods)) + 0.6, 1.6 * len(rows) + 0.5),
        )
        for row, (label, example) in enumerate(rows):
            true, predicted = (class_name(str(example[key])) for key in ("label", "predicted"))
            axes[row, 0].set_ylabel(f"{label}\ntrue {true},\npredicted {predicted}", fontsize=7.5)
            for column, method in enumerate((None, *methods)):
                axis = axes[row, column]
                shown = _show(axis, example, method)
                if row == 0:
                    axis.set_title("Image" if method is None else METHOD_LABELS[method])
        bar = figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.01)
        bar.set_label("map value, 0 to 1")
        sources = [subset["data"] for subset in facts.values()]
        first = next(iter(facts.values()))
        hardware = first["provenance"]["hardware"]
        truths = ", ".join(dict.fromkeys(subset["truth"] for subset in facts.values()))
        save_figure(
            figure,
            output,
            f"white line: {truths}; {' and '.join(networks)}, {first['weights']} weights, layer "
            f"{first['layer']}, {first['settings']['image_size']} px; {scale} scale; {hardware}; "
            f"commit {first['provenance']['commit']}\n{data_line(sources)}",
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
    axis.set_xticks([])
    axis.set_yticks([])
    return shown
