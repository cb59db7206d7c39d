"""Shapes of network diagrams: feature maps as plates, operations as boxes, arrows between them."""

import math

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon

LINE = "0.25"
EDGE = {"edgecolor": LINE, "linewidth": 0.6}
INPUT = "#d9d9d9"
MAP = "#9ecae1"  # feature maps of the backbone
GATE = "#fdae6b"  # the gate and what it weighs
HEAD = "#a1d99b"  # the classifier
TEXT = 7.0  # pt
RADIUS = 0.085  # inches, of the sign of a product
# What functions and methods are called in a paper.
OPERATION_LABELS = {"mean": "Mean", "leaky_relu": "LeakyReLU", "relu": "ReLU"}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many inches whose one axis has the inch as its unit."""
    figure = plt.figure(figsize=(width, height))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axis.axis("off")
    return figure, axis


def plate_size(shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Thickness, height and depth in inches of a map C x H x W, or of a vector C.

    Roots and logarithms, so that 7 and 224 px, 3 and 2048 channels fit into one picture.
    """
    side = 0.1 * math.sqrt(shape[1] if len(shape) == 3 else 1)
    return 0.03 + 0.021 * math.log2(shape[0]), side, 0.3 * side


def plate(axis: Axes, x: float, y: float, shape: tuple[int, ...], colour: str) -> float:
    """Draw a feature map whose front begins at `x` and is centred on `y`; return its right end."""
    width, height, depth = plate_size(shape)
    shift = 0.6 * depth
    low, high, right = y - height / 2, y + height / 2, x + width
    faces = {
        1.0: [(x, low), (right, low), (right, high), (x, high)],
        0.55: [(x, high), (right, high), (right + depth, high + shift), (x + depth, high + shift)],
        0.75: [
            (right, low),
            (right + depth, low + shift),
            (right + depth, high + shift),
            (right, high),
        ],
    }
    for strength, corners in faces.items():
        axis.add_patch(Polygon(corners, facecolor="white", edgecolor="none"))
        look = {"facecolor": (colour, strength), "joinstyle": "round"}
        axis.add_patch(Polygon(corners, **look, **EDGE))
    return right + depth


def box(
    axis: Axes, x: float, y: float, width: float, height: float, text: str, colour: str
) -> None:
    """Draw an operation centred on (x, y)."""
    look = {"boxstyle": "round,pad=0,rounding_size=0.05", "facecolor": colour}
    corner = (x - width / 2, y - height / 2)
    axis.add_patch(FancyBboxPatch(corner, width, height, **look, **EDGE))
    axis.text(x, y, text, ha="center", va="center", fontsize=TEXT, linespacing=1.3)


def product(axis: Axes, x: float, y: float) -> None:
    """Draw the sign of a channel-wise product."""
    axis.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=LINE, linewidth=0.8))
    size = 72 * RADIUS * math.sqrt(2)  # pt: the sign touches the circle
    axis.plot(x, y, "x", color=LINE, markersize=size, markeredgewidth=0.8)


def arrow(axis: Axes, *points: tuple[float, float]) -> None:
    """Draw a line through points with a head at the last."""
    corners = points[:-1]
    if len(corners) > 1:
        axis.plot(*zip(*corners, strict=True), LINE, linewidth=0.8, solid_joinstyle="miter")
    head = {"arrowstyle": "-|>", "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0}
    axis.add_patch(FancyArrowPatch(*points[-2:], color=LINE, linewidth=0.8, **head))


def size_text(shape: tuple[int, ...]) -> str:
    """A shape as it is printed: "2048 × 7 × 7"."""
    return " × ".join(str(side) for side in shape)
