"""Synthetic H&E tissue with exact lesion masks, drawn in micrometres.

One model of tissue serves all magnifications: glands, nests and nuclei have sizes in micrometres,
and a magnification is a field of view. Light passes through haematoxylin and eosin by the
Beer-Lambert law; each patient has stain colours and strengths of their own that overlap between the
classes, so that colour tells patients apart, not diagnoses.
"""

from dataclasses import dataclass

import cv2
import numpy as np

# Optical density of haematoxylin, eosin (Ruifrok and Johnston 2001), for red, green, blue.
HAEMATOXYLIN = np.array([0.65, 0.70, 0.29])
EOSIN = np.array([0.07, 0.99, 0.11])
SHIFT = 4  # fractional bits of OpenCV's drawing coordinates


@dataclass(frozen=True)
class Architecture:
    """How the cells of a lesion lie. Lengths in micrometres.

    Attributes:
        pattern: "glands" (lumen with a lining), "nests" (irregular sheets), "ducts" (round, smooth,
            filled), "cords" (thin irregular strands).
        size: radius of a gland or duct, or the width of nests and strands.
        lumen: lumen radius as a share of the gland's.
        filling: share of the lesion that glands or nests cover.
        nucleus: mean radius of a nucleus.
        variety: standard deviation of the log radius; shape and darkness vary with it.
        spacing: mean distance between nuclei.
        matrix: eosin of the tissue between the glands; below 0.25 it looks like mucin.
    """

    pattern: str
    size: float
    lumen: float
    filling: float
    nucleus: float
    variety: float
    spacing: float
    matrix: float = 0.5


@dataclass(frozen=True)
class Patient:
    """Appearance of one patient's slides."""

    haematoxylin: np.ndarray
    eosin: np.ndarray
    strength: tuple[float, float]
    fibre: float  # size of the collagen bundles, micrometres
    fat: float  # share of fat in the tissue around a lesion
    scale: float  # size of this patient's cells relative to the mean
    light: np.ndarray  # white balance of the microscope


def draw_patient(rng: np.random.Generator) -> Patient:
    """Draw a patient's stains, tissue and microscope settings."""

    def stain(mean: np.ndarray) -> np.ndarray:
        vector = np.clip(mean + rng.normal(0, 0.07, 3), 0.02, None)
        return vector / np.linalg.norm(vector)

    return Patient(
        haematoxylin=stain(HAEMATOXYLIN),
        eosin=stain(EOSIN),
        strength=(rng.uniform(0.8, 1.3), rng.uniform(0.7, 1.3)),
        fibre=rng.uniform(5, 14),
        fat=rng.choice([0.0, rng.uniform(0.1, 0.35)]),
        scale=rng.uniform(0.92, 1.08),
        light=rng.uniform(0.94, 1.0, 3),
    )


def draw_field(
    rng: np.random.Generator,
    patient: Patient,
    architecture: Architecture | None,
    *,
    width: int,
    height: int,
    field: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one field of view.

    Args:
        rng: decides everything but the patient.
        patient: whose slide it is.
        architecture: of the lesion; None for normal tissue.
        width: px.
        height: px.
        field: width of the field of view in micrometres.

    Returns:
        uint8 height x width x 3 RGB, and the bool height x width lesion mask: what was drawn of
        glands or tumour cells, with the gaps between them that are narrower than 16 micrometres.
    """
    px = width / field  # pixels a micrometre
    blue = np.full((height, width), 0.03, np.float32)  # haematoxylin
    pink = _stroma(rng, patient, width, height, px)
    if architecture is None:
        region = np.zeros((height, width), bool)
    else:
        # A pathologist turns to a higher magnification where the lesion is: it fills more there.
        more = 0.2 if field < 300 else 0.0
        region = _region(rng, width, height, rng.uniform(0.25, 0.6) + more)
    _fat(rng, patient, blue, pink, ~region, px)
    _spindle_nuclei(rng, blue, pink, width, height, px, 26 * patient.scale)
    if architecture is None:
        _lobules(rng, patient, blue, pink, width, height, px)
        lesion = region
    else:
        lesion = _lesion(rng, patient, architecture, blue, pink, region, px)
    return _stain(rng, patient, blue, pink, px), lesion


def noise(rng: np.random.Generator, width: int, height: int, length: float) -> np.ndarray:
    """Smooth noise of mean 0 and standard deviation 1; `length` is its grain in px."""
    small = (max(2, round(height / max(length, 1)) + 2), max(2, round(width / max(length, 1)) + 2))
    grid = rng.standard_normal(small).astype(np.float32)
    field = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / (field.std() + 1e-6)


def _region(rng: np.random.Generator, width: int, height: int, share: float) -> np.ndarray:
    """A smooth region covering `share` of the image, round rather than ragged, anywhere."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre = rng.uniform(0.2, 0.8, 2)
    distance = np.hypot(x / width - centre[0], (y / height - centre[1]) * 0.75)
    field = noise(rng, width, height, width / 5) * 0.12 - distance
    return field > np.quantile(field, 1 - share)


def _stroma(
    rng: np.random.Generator, patient: Patient, width: int, height: int, px: float
) -> np.ndarray:
    """Eosin of collagen: bundles along a direction that turns slowly over the field."""
    bundle = max(patient.fibre * px, 1.2)
    long = noise(rng, width, height, max(bundle * 8, width / 6))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    across = (x * np.cos(angle) + y * np.sin(angle)) / bundle + 2.5 * long
    fibres = np.sin(across * 2) * 0.5 + noise(rng, width, height, bundle) * 0.6
    return np.clip(0.5 + 0.13 * fibres + 0.1 * long, 0.08, 1).astype(np.float32)


def _fat(rng, patient, blue, pink, where, px) -> None:
    """Empty round fat cells with a thin rim, in patches of the surrounding tissue."""
    if patient.fat == 0:
        return
    height, width = pink.shape
    patch = noise(rng, width, height, width / 3) > 0.4
    radius = 24.0
    for x, y in _scatter(rng, width, height, 1.75 * radius * px):
        if where[y, x] and patch[y, x] and rng.random() < 0.4 + patient.fat:
            axes = np.maximum(radius * px * rng.uniform(0.7, 1.05, 2), 1)
            turn = rng.uniform(0, 180)
            _ellipse(pink, x, y, axes, turn, 0.55)
            for layer, value in ((pink, 0.03), (blue, 0.02)):
                _ellipse(layer, x, y, axes * 0.88, turn, value)


def _spindle_nuclei(rng, blue, pink, width, height, px, spacing) -> None:
    """Thin nuclei of fibroblasts, sparse, along the fibres."""
    direction = rng.uniform(0, 180)
    for x, y in _scatter(rng, width, height, spacing * px):
        if pink[y, x] > 0.15 and rng.random() < 0.55:
            axes = np.array([rng.uniform(4, 7), rng.uniform(1.1, 1.8)]) * px
            _ellipse(blue, x, y, axes, direction + rng.normal(0, 25), rng.uniform(0.5, 0.8))


def _lobules(rng, patient, blue, pink, width, height, px) -> None:
    """Normal tissue: a few small lobules of small regular acini."""
    acinus = Architecture("glands", 15, 0.4, 0.8, 3.0, 0.08, 7)
    where = noise(rng, width, height, 90 * px) > 1.35
    _glands(rng, patient, acinus, blue, pink, where, px)


def _lesion(rng, patient, architecture, blue, pink, region, px) -> np.ndarray:
    """Draw the lesion's matrix and cells into a region; return the mask of what was drawn."""
    height, width = pink.shape
    soft = cv2.GaussianBlur(region.astype(np.float32), (0, 0), max(3 * px, 0.8))
    texture = 0.1 * noise(rng, width, height, max(6 * px, 1.2))
    pink += soft * (architecture.matrix + texture - pink) * 0.7
    if architecture.pattern in {"glands", "ducts"}:
        drawn = _glands(rng, patient, architecture, blue, pink, region, px)
    else:
        length = architecture.size * px
        field = noise(rng, width, height, max(length * 2, 2))
        if architecture.pattern == "cords":
            field = -np.abs(field)
        drawn = region & (field > np.quantile(field[region], 1 - architecture.filling))
        cytoplasm = cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), max(px, 0.6))
        pink += cytoplasm * (0.42 - pink) * 0.8
        blue += cytoplasm * 0.22
        _nuclei(rng, patient, architecture, blue, drawn, px)
        drawn = drawn.astype(np.uint8)
    size = 2 * round(8 * px) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, kernel).astype(bool)


def _glands(rng, patient, architecture, blue, pink, where, px) -> np.ndarray:
    """Round glands: a cell lining around a lumen; "ducts" are filled with cells instead.

    Returns uint8 0/1 where a gland was drawn. Where glands are wanted there is at least one.
    """
    height, width = pink.shape
    drawn = np.zeros((height, width), np.uint8)
    step = architecture.size * px * 1.75 / np.sqrt(architecture.filling)
    centres = [
        (x, y)
        for x, y in _scatter(rng, width, height, step, margin=step / 2)
        if where[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        and ((0 <= x < width and 0 <= y < height) or rng.random() < 0.5)
    ]
    if where.any() and not any(0 <= x < width and 0 <= y < height for x, y in centres):
        rows, columns = np.nonzero(where)
        chosen = rng.integers(len(rows))
        centres.append((columns[chosen], rows[chosen]))
    for x, y in centres:
        axes = architecture.size * px * rng.uniform(0.75, 1.15, 2) * patient.scale
        turn = rng.uniform(0, 180)
        _ellipse(drawn, x, y, axes, turn, 1)
        _ellipse(pink, x, y, axes * 1.12, turn, 0.75)  # basement membrane and its collagen
        _ellipse(pink, x, y, axes, turn, 0.38)
        _ellipse(blue, x, y, axes, turn, 0.22)
        if architecture.pattern == "ducts":
            shape = np.zeros((height, width), np.uint8)
            _ellipse(shape, x, y, axes * 0.95, turn, 1)
            _nuclei(rng, patient, architecture, blue, shape.astype(bool), px)
            if rng.random() < 0.4:  # central necrosis
                for layer, value in ((blue, 0.12), (pink, 0.7)):
                    _ellipse(layer, x, y, axes * 0.3, turn, value)
            continue
        lumen = axes * architecture.lumen
        for layer, value in ((pink, 0.05), (blue, 0.02)):
            _ellipse(layer, x, y, lumen, turn, value)
        _lining(rng, patient, architecture, blue, (x, y), axes, lumen, turn, px)
    return drawn


def _lining(rng, patient, architecture, blue, centre, axes, lumen, turn, px) -> None:
    """Two regular rings of nuclei: luminal epithelium and myoepithelium."""
    radius = architecture.nucleus * px * patient.scale
    tilt = np.deg2rad(turn)
    for share, flat in ((0.5, 1.25), (0.93, 1.7)):
        ring = lumen + (axes - lumen) * share
        number = max(4, int(2 * np.pi * ring.mean() / (architecture.spacing * px * flat)))
        angles = np.linspace(0, 2 * np.pi, number, endpoint=False) + rng.uniform(0, 6)
        for angle in angles + rng.normal(0, 0.6 / number, number):
            dx, dy = ring[0] * np.cos(angle), ring[1] * np.sin(angle)
            x = centre[0] + dx * np.cos(tilt) - dy * np.sin(tilt)
            y = centre[1] + dx * np.sin(tilt) + dy * np.cos(tilt)
            size = (
                radius * np.array([flat, 1 / flat]) * np.exp(rng.normal(0, architecture.variety, 2))
            )
            along = 90 if share > 0.9 else 0
            _ellipse(blue, x, y, size, turn + np.rad2deg(angle) + along, rng.uniform(0.75, 0.95))


def _nuclei(rng, patient, architecture, blue, inside, px) -> None:
    """Crowded nuclei of varying size, shape and darkness, with chromatin and nucleoli."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return
    top, left = rows[0], columns[0]
    for x, y in _scatter(
        rng, columns[-1] - left + 1, rows[-1] - top + 1, architecture.spacing * px * patient.scale
    ):
        x, y = x + left, y + top
        if not inside[y, x]:
            continue
        radius = architecture.nucleus * patient.scale * px
        radius *= np.exp(rng.normal(0, architecture.variety))
        axes = radius * np.exp(np.array([1, -1]) * abs(rng.normal(0, architecture.variety)))
        turn, dark = rng.uniform(0, 180), np.clip(rng.normal(0.85, architecture.variety), 0.45, 1.3)
        _ellipse(blue, x, y, axes, turn, dark)
        if radius > 4:  # px: large enough on the image for inner structure
            _ellipse(blue, x, y, axes * 0.8, turn, dark * 0.72)
            for _ in range(rng.integers(1, 4)):
                offset = rng.uniform(-0.45, 0.45, 2) * radius
                spot = np.full(2, radius * rng.uniform(0.12, 0.24))
                _ellipse(blue, x + offset[0], y + offset[1], spot, 0, dark * 1.25)


def _scatter(rng, width: int, height: int, step: float, margin: float = 0.0) -> np.ndarray:
    """Points (x, y) about `step` px apart in random order, on a jittered grid; int N x 2."""
    step = max(step, 1.5)
    x = np.arange(-margin + step / 2, width + margin, step)
    y = np.arange(-margin + step / 2, height + margin, step)
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    grid = grid + rng.uniform(-0.45, 0.45, grid.shape) * step
    if margin == 0:
        grid = np.clip(grid, 0, [width - 1, height - 1])
    return rng.permutation(grid.astype(int))


def _ellipse(layer: np.ndarray, x, y, axes, turn: float, value: float) -> None:
    """Fill an ellipse with subpixel position and size."""
    centre = (round(float(x) * 2**SHIFT), round(float(y) * 2**SHIFT))
    size = tuple(max(1, round(float(a) * 2**SHIFT)) for a in axes)
    cv2.ellipse(layer, centre, size, turn, 0, 360, float(value), -1, cv2.LINE_8, SHIFT)


def _stain(rng, patient: Patient, blue: np.ndarray, pink: np.ndarray, px: float) -> np.ndarray:
    """Optical densities to RGB, with the section's thickness, uneven light, blur and noise."""
    height, width = blue.shape
    blue = blue * (1 + 0.12 * noise(rng, width, height, max(1.2 * px, 1.0)))
    thickness = 1 + 0.08 * noise(rng, width, height, width / 3)
    density = (blue * 1.15 * patient.strength[0] * thickness)[..., None] * patient.haematoxylin + (
        pink * 0.75 * patient.strength[1] * thickness
    )[..., None] * patient.eosin
    light = patient.light * (1 + 0.03 * noise(rng, width, height, width / 2))[..., None]
    image = 245 * light * np.exp(-density)
    image = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.6)
    image += rng.normal(0, 2.0, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)
