"""One look for all figures, and writing them as PNG and PDF."""

import re
from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_code.files import replacing
from paper_code.networks.registry import VARIANT
from paper_code.provenance import commit, versions
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import distinct
from paper_code.runs import Run

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "figure.dpi": 150,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "paper_code",
}

SYNTHETIC = re.compile(r"([\w, ]+): phantom\b")  # as `data_line` writes it
SYNTHETIC_COLOUR = "#9400D3"
plt.rcParams.update(STYLE)  # titles are styled when they are set, anywhere in a notebook
GAP = 6  # points between a figure and the note at its foot

# Wong's colours for the colour-blind, then greys: one per network, in every figure.
COLOURS = {
    "dalaresnet50": "#D55E00",
    "resnet50": "#0072B2",
    "seresnet50": "#56B4E9",
    "densenet121": "#009E73",
    "vgg16": "#CC79A7",
    "vgg16_inception": "#E69F00",
    "vit": "#555555",
    "swin": "#999999",
    "dinov2_vitb14": "#000000",
}
DASHES = {"vit": "--", "swin": "-.", "dinov2_vitb14": ":"}


def network_look(network: str) -> dict[str, object]:
    """How a network's lines look in every figure.

    DALAResNet50 is the thickest; with its gate after another layer it is thin and dotted.
    """
    base, elsewhere, _ = network.partition(VARIANT)
    return {
        "color": COLOURS.get(base, "0.5"),
        "linestyle": ":" if elsewhere else DASHES.get(base, "-"),
        "linewidth": 1.8 if network == "dalaresnet50" else 1.1,
    }


def grid(
    rows: int, columns: int, size: tuple[float, float], **options
) -> tuple[Figure, np.ndarray]:
    """A figure of `size` inches with rows x columns axes; options as of `plt.subplots`."""
    return plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained", **options)


def legend_above(figure: Figure, axes: Iterable[Axes], columns: int, **look) -> None:
    """One legend above all axes, each label once."""
    lines = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        lines |= dict(zip(labels, handles, strict=True))
    figure.legend(lines.values(), lines, loc="outside upper center", ncols=columns, **look)


def save_figure(figure: Figure, path: str | Path, provenance: str) -> None:
    """Write `path` (.png) and the same name with .pdf, `provenance` as a small line at the foot.

    A figure of phantoms has a title that says so. No date is stored, so that the same figure gives
    the same bytes.
    """
    path = Path(path)
    figure.draw_without_rendering()
    if text := synthetic_title(provenance):
        high = max(1.0, (figure.get_tightbbox().y1 + GAP / 72) / figure.get_figheight())
        figure.text(
            0.5, high, text, ha="center", va="bottom", color=SYNTHETIC_COLOUR, fontweight="bold"
        )
    low = -GAP / 72 / figure.get_figheight()
    figure.text(0.5, low, provenance, ha="center", va="top", fontsize=6.5, color="0.4", wrap=True)
    with replacing(path) as png, replacing(path.with_suffix(".pdf")) as pdf:
        figure.savefig(png, bbox_inches="tight", metadata={"Software": None, "Comment": provenance})
        figure.savefig(
            pdf, bbox_inches="tight", metadata={"CreationDate": None, "Subject": provenance}
        )
    plt.close(figure)


def synthetic_title(provenance: str) -> str:
    """Which data sets of a figure are phantoms, by the line at its foot; "" if none is."""
    if "phantom" not in provenance:
        return ""
    names = ", ".join(SYNTHETIC.findall(provenance)).split(", ")
    labels = [DATASET_LABELS.get(name.strip(), name.strip()) for name in names if name]
    return f"Synthetic images: {', '.join(labels)}" if labels else "Synthetic images in part"


def data_line(sources: list[dict]) -> str:
    """The data's provenance in a line: each distinct description with its data sets."""
    by_text: dict[str, list[str]] = {}
    for source in sources:
        credit = f" ({source['credit']})" if source.get("credit") else ""
        by_text.setdefault(source["description"] + credit, []).append(source["dataset"])
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in by_text.items())


def code_provenance(settings: str) -> str:
    """The line below a figure of a network's shapes."""
    installed = versions()
    libraries = ", ".join(f"{name} {installed[name]}" for name in ("torch", "torchvision"))
    return f"drawn from the module ({settings}), no data; {libraries}; commit {commit()}"


def data_provenance(sources: list[dict], scale: str) -> str:
    """The line below a figure of images: scale, data and commit."""
    return f"{scale} scale; {data_line(sources)}; commit {commit()}"


def _weights(facts: dict) -> str:
    """Where a run's weights came from; of random ones without the reason in brackets."""
    return "random" if facts["weights"].startswith("random") else facts["weights"]


def run_provenance(runs: list[Run], scale: str) -> str:
    """The lines below a figure of results: as a table's provenance, in short."""
    facts = [run.facts for run in runs]
    sources = list({fact["dataset"]: fact["data"] for fact in facts}.values())
    origin = [fact["provenance"] for fact in facts]

    said = {
        "{} weights": map(_weights, facts),
        "split by {}": (each["by"] for each in facts),
        "seeds {}": (each["seed"] for each in facts),
        "{}": (each["hardware"] for each in origin),
        "torch {}": (each["versions"]["torch"] for each in origin),
        "commit {}": (each["commit"] for each in origin),
    }
    lines = [f"{scale} scale", *(text.format(distinct(v, ", ")) for text, v in said.items())]
    return f"{'; '.join(lines)}\n{data_line(sources)}"
