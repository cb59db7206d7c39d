"""Options of `predict`, `evaluate` and `explain`; free of torch, for the command line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Own:
    """A network that this project did not train, for weights that do not say what they are.

    Attributes:
        network: timm:NAME, torchvision:NAME, or a network of this project; its weights are a file
            of torch.save or safetensors.
        classes: their names, in the order of the network's outputs.
        size: side in px of the square images; without it what the network was made for, mostly 224.
        mean: of the images it was trained on, one value or three, in [0, 1]; without it that of
            the network in its library.
        std: their standard deviation, likewise.
    """

    network: str | None = None
    classes: list[str] | None = None
    size: int | None = None
    mean: list[float] | None = None
    std: list[float] | None = None


@dataclass(frozen=True)
class Extras:
    """What `explain` writes besides overlays, and how they look.

    Attributes:
        raw: each map as .npy: float32, S x S at the size of the network's images, in [0, 1].
        side_by_side: for each image a PNG with the image and its overlays in a row, methods in the
            order given.
        colormap: of OpenCV, such as jet, viridis, inferno or turbo.
        opacity: of a map over its image, from 0 to 1.
    """

    raw: bool = False
    side_by_side: bool = False
    colormap: str = "jet"
    opacity: float = 0.45
