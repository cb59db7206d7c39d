"""The steps of DT Grad-CAM for one image, as notebook 7 shows them."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from paper_code.errors import UserError
from paper_code.files import replacing

SIZE = 128  # px of the phantom
FIELD = 480.0  # micrometres across it, as at 100X


@dataclass(frozen=True)
class ShownSteps:
    """Maps are floats, 0 at their lowest; h x w is the layer's grid, H x W the image.

    Attributes:
        source: which image and network, in a sentence.
        image, noisy: uint8 H x W x 3; the image, and its first noisy copy clipped to [0, 255].
        copies: N x h x w, Grad-CAM of the noisy copies.
        weights: N, of Eq. 8.
        sigma: of the noise, in units of the [-1, 1] image.
        average, thresholded, cleaned: H x W.
        threshold: Otsu's, as a part of the average's maximum.
        lesion: bool H x W.
    """

    source: str
    image: np.ndarray
    noisy: np.ndarray
    copies: np.ndarray
    weights: np.ndarray
    sigma: float
    average: np.ndarray
    thresholded: np.ndarray
    cleaned: np.ndarray
    threshold: float
    lesion: np.ndarray


STEPS = tuple(each.name for each in fields(ShownSteps))


def write_steps(output: str, *, cams: list[str]) -> None:
    """Keep the steps of DT Grad-CAM on one image, that of the first of `cams`, for `load_steps`.

    Beside each `cam.json` lies an `examples.npz`.
    """
    found = np.load(Path(cams[0]).with_name("examples.npz"), allow_pickle=False)
    steps = {name: found[name] for name in STEPS}
    steps |= {name: steps[name][0] for name in ("image", "lesion")}  # of the first image
    with replacing(output) as path, path.open("wb") as file:
        np.savez_compressed(file, **steps)


def load_steps(path: str | Path) -> ShownSteps:
    """Read an .npz that holds the fields of `ShownSteps` under their names.

    Raises:
        UserError: a field is missing.
    """
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    if missing := sorted({*STEPS} - found.keys()):
        raise UserError(f"{path}: {', '.join(missing)} missing. Make the figure again.")
    found |= {name: float(found[name]) for name in ("sigma", "threshold")}
    found |= {"source": str(found["source"]).removesuffix(".") + "."}
    return ShownSteps(**found | {"lesion": found["lesion"].astype(bool)})


def steps_on_a_phantom(seed: int = 0) -> ShownSteps:
    """Draw one malignant field and explain it by a DALAResNet50 with random weights (seconds).

    Which regions come out means nothing: only the arithmetic is shown.
    """
    import torch

    from paper_code.cam.compute import dt_gradcam_steps
    from paper_code.cam.dt_gradcam import SIGMA, noisy_copies
    from paper_code.networks.dalaresnet50 import DALAResNet50
    from paper_code.phantoms.histology import draw_field, draw_patient

    rng = np.random.default_rng(seed)
    image, lesion = draw_field(
        rng, draw_patient(rng), "ductal_carcinoma", width=SIZE, height=SIZE, field=FIELD
    )
    torch.manual_seed(seed)
    network = DALAResNet50(num_classes=2).eval()
    tensor = torch.from_numpy(image).permute(2, 0, 1).float() / 127.5 - 1
    # The third layer's 8 x 8 grid: the gate's of 4 x 4 at this size would show little.
    steps = dt_gradcam_steps(network, tensor[None], [1], "layer3", seed=seed)
    noisy = noisy_copies(tensor, seed=seed)[0]
    average = steps.average[0].numpy()
    return ShownSteps(
        source="A drawn image (phantom) and an untrained network: no evidence of any kind.",
        image=image,
        noisy=((noisy.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy(),
        copies=steps.copy_maps[0].numpy(),
        weights=steps.weights.numpy(),
        sigma=SIGMA,
        average=average,
        thresholded=steps.thresholded[0].numpy(),
        cleaned=steps.cleaned[0].numpy(),
        threshold=float(steps.threshold[0]) / float(average.max()),
        lesion=lesion,
    )
