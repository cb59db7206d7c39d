"""Synthetic mammograms with exact lesion masks.

Units: lengths are fractions of the image's height and brightness is a fraction of full scale, so
one patient looks the same at any resolution. The chest wall lies at x = 0; right breasts are
mirrored at the end.

The tissue's texture follows a power law, power ~ 1/f^beta with beta about 3, as measured in
mammograms: A. E. Burgess, F. L. Jacobson, P. F. Judy, "Human observer detection experiments with
mammograms and power-law noise", Medical Physics 28(4), 2001. Everything else is drawn by eye.

Lesions are larger and easier to see than in a screening population, so that their class survives
shrinking to 64 pixels. Nothing measured on these images says anything about real mammograms.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from scipy.fft import irfft2, next_fast_len

Rng = np.random.Generator
Side = Literal["LEFT", "RIGHT"]
View = Literal["CC", "MLO"]

BETA = 3.0  # Burgess 2001
GLAND_SHARE = {1: 0.08, 2: 0.24, 3: 0.46, 4: 0.70}  # of the breast's area, by BI-RADS density


class Mammogram(NamedTuple):
    """image: uint8 H x W; lesion, breast: bool H x W (lesion is all False where there is none)."""

    image: np.ndarray
    lesion: np.ndarray
    breast: np.ndarray


@dataclass(frozen=True)
class Patient:
    """What the views of one patient share."""

    density: int  # 1 (fatty) to 4 (dense)
    age: int  # years
    film_height: float  # against the nominal height
    aspect: float  # image width / height
    reach: float  # chest wall to nipple / image width
    half_height: float
    roundness: float  # exponent of the outline; small is full, large is pointed
    edge: float  # depth below the skin at which the compressed breast is flat
    pectoral: tuple[float, float]  # width at the top and length down the chest wall, in MLO views
    gland_depth: float  # of the glandular tissue's middle; 0 at the nipple, 1 at the chest wall
    fat: float  # brightness of fat
    gland: float  # what glandular tissue adds
    fog: float  # brightness of the film beside the breast
    grain: float


@dataclass(frozen=True)
class Lesion:
    """One mass, the same in both views of its breast but for its lateral place and its turn."""

    malignant: bool
    diameter: float  # as a fraction of the breast's height
    depth: float  # 0 at the nipple, 1 at the chest wall
    contrast: float
    shape_seed: int


def draw_patient(rng: Rng) -> Patient:
    """Draw one patient; dense breasts are commoner in the young."""
    age = int(np.clip(rng.normal(58, 11), 35, 88))
    density = int(np.clip(np.round(rng.normal(2.5 - (age - 58) / 30, 0.85)), 1, 4))
    return Patient(
        density=density,
        age=age,
        film_height=rng.uniform(0.94, 1.06),
        aspect=rng.uniform(0.53, 0.67),
        reach=rng.uniform(0.62, 0.88),
        half_height=rng.uniform(0.34, 0.44),
        roundness=rng.uniform(0.72, 1.0),
        edge=rng.uniform(0.07, 0.12),
        pectoral=(rng.uniform(0.2, 0.33), rng.uniform(0.42, 0.68)),
        gland_depth=rng.uniform(0.3, 0.6),
        fat=rng.uniform(0.27, 0.38),
        gland=rng.uniform(0.18, 0.26),
        fog=rng.uniform(0.01, 0.06),
        grain=rng.uniform(0.006, 0.014),
    )


def draw_lesion(rng: Rng, malignant: bool, scale: float = 1.0) -> Lesion:
    """Draw one mass of the given class.

    `scale` multiplies the diameter, and the contrast of a malignant mass, so that the class can be
    seen on very small images.
    """
    return Lesion(
        malignant=malignant,
        diameter=scale * float(rng.triangular(0.10, 0.22 if malignant else 0.16, 0.25)),
        depth=rng.uniform(0.2, 0.8),
        contrast=scale * rng.uniform(0.36, 0.5) if malignant else rng.uniform(0.24, 0.36),
        shape_seed=int(rng.integers(2**32)),
    )


def power_law_noise(shape: tuple[int, int], beta: float, rng: Rng) -> np.ndarray:
    """Isotropic Gaussian noise with power ~ 1/f^beta: float32, mean 0, standard deviation 1."""
    rows, columns = (next_fast_len(n, real=True) for n in shape)
    squared = np.fft.fftfreq(rows)[:, None] ** 2 + np.fft.rfftfreq(columns) ** 2
    squared[0, 0] = np.inf
    amplitude = np.exp(-beta / 4 * np.log(squared.astype(np.float32)))
    spectrum = rng.standard_normal((*amplitude.shape, 2), dtype=np.float32).view(np.complex64)
    field = irfft2(spectrum[..., 0] * amplitude, (rows, columns))[: shape[0], : shape[1]]
    return (field - field.mean()) / field.std()


def render_mammogram(
    patient: Patient, side: Side, view: View, height: int, rng: Rng, lesion: Lesion | None = None
) -> Mammogram:
    """Render one view of one breast, `height` px high; the width follows from the patient.

    `rng` decides what differs between the views of a patient.
    """
    width = round(height * np.clip(patient.aspect * rng.uniform(0.97, 1.03), 0.5, 0.7))
    x = (np.arange(width, dtype=np.float32)[None] + 0.5) / height
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    form = _form(patient, view, x, y, rng)
    breast = form.breast
    tissue = _tissue(patient, view, form, rng)
    mask = np.zeros(breast.shape, bool)
    if lesion is not None:
        centre, radius = _place(lesion, form, rng)
        mass, mask = _mass(lesion, breast.shape, centre * height, radius * height, rng)
        tissue += lesion.contrast * mass
        mask &= breast
    tissue *= np.sqrt(1 - (1 - np.clip(form.depth / patient.edge, 0, 1)) ** 2)  # thinner outside
    tissue += 0.03 * np.exp(-((form.depth / 0.005 - 1) ** 2))  # the skin
    level = 1 - np.exp(-rng.uniform(1.4, 1.6) * np.where(breast, tissue, 0))  # the film's curve
    level = patient.fog + (1 - patient.fog) * level
    level += patient.grain * rng.standard_normal(level.shape, dtype=np.float32)
    image = np.clip(np.round(255 * level), 0, 255).astype(np.uint8)
    if side == "RIGHT":
        image, mask, breast = (np.ascontiguousarray(a[:, ::-1]) for a in (image, mask, breast))
    return Mammogram(image, mask, breast)


def _smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


class Form(NamedTuple):
    """A breast's geometry; float32 H x W unless said otherwise, in heights."""

    x: np.ndarray  # 1 x W
    y: np.ndarray  # H x 1
    breast: np.ndarray  # bool
    depth: np.ndarray  # below the skin
    muscle: np.ndarray  # 1: the pectoral muscle
    nipple: tuple[float, float]


def _form(patient: Patient, view: View, x: np.ndarray, y: np.ndarray, rng: Rng) -> Form:
    reach = patient.reach * float(x[0, -1]) * rng.uniform(0.96, 1.03)
    half = patient.half_height * rng.uniform(0.97, 1.03)
    middle = rng.uniform(0.48, 0.52) if view == "CC" else rng.uniform(0.56, 0.61)
    below = half if view == "CC" else min(half, 0.95 - middle)
    edge = reach * np.clip(1 - ((y - middle) / below) ** 2, 0, None) ** (patient.roundness / 2)
    if view == "MLO":  # upwards the breast passes into the armpit
        shoulder = min(patient.pectoral[0] + 0.06, 0.8 * reach)
        upper = shoulder + (reach - shoulder) * np.cos(np.pi / 2 * (1 - y / middle))
        edge = np.where(y < middle, upper, edge)
    breast = (x < edge) | ((x - reach + 0.004) ** 2 + (y - middle) ** 2 < 0.016**2)
    # A margin all round, so that only the skin counts as an edge, not the image's border.
    height = len(y)
    margin = round(0.25 * height)
    wide = cv2.copyMakeBorder(breast.astype(np.uint8), *[margin] * 4, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(wide, cv2.DIST_L2, 5) / height
    depth = depth[margin:-margin, margin:-margin]
    muscle = np.zeros_like(depth)
    if view == "MLO":
        top, length = patient.pectoral
        bulge = 0.03 * np.sin(np.clip(y / length, 0, 1) * np.pi)
        muscle = _smoothstep(top * (1 - y / length) + bulge - x, -0.015, 0.035)
    return Form(x, y, breast, depth, muscle, (reach, middle))


def _tissue(patient: Patient, view: View, form: Form, rng: Rng) -> np.ndarray:
    """Brightness of the tissue without skin or lesion, float32 H x W."""
    x, y, _, depth, muscle, nipple = form
    height = len(y)
    noise = power_law_noise(depth.shape, BETA, rng)
    coarse = cv2.GaussianBlur(noise, (0, 0), 0.02 * height)
    # Fibres: the same noise, slowly varying away from the nipple.
    inwards, down = np.broadcast_arrays(nipple[0] + 0.12 - x, y - nipple[1])
    distance, bearing = cv2.cartToPolar(down.copy(), inwards.copy())
    distance = 0.45 * height * (distance + 0.05 * coarse)
    bearing = 0.6 * height * (bearing + 0.12 * coarse)
    streaks = cv2.remap(noise, distance, bearing, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    # Glandular tissue: around the nipple's axis, broken up by the noise.
    along, across = (nipple[0] - x) / nipple[0], (y - nipple[1]) / patient.half_height
    if view == "MLO":
        across = across + 0.35 * along  # the gland follows the tilt of the breast
    field = 0.3 * noise + 0.35 * streaks + 4 * np.minimum(depth - 0.07, 0)
    field -= 1.6 * np.sqrt((along - patient.gland_depth) ** 2 + across**2)
    cut = float(np.quantile(field[depth > 0][::7], 1 - GLAND_SHARE[patient.density]))
    gland = _smoothstep(field, cut - 0.6, cut + 1.0) * _smoothstep(depth, 0.008, 0.07)
    gland *= 1 - 0.8 * muscle
    tissue = patient.fat + 0.03 * noise + 0.015 * streaks
    tissue += gland * (patient.gland + 0.07 * noise + 0.04 * streaks)
    return tissue + muscle * (0.27 - 0.12 * y + 0.02 * streaks)


def _place(lesion: Lesion, form: Form, rng: Rng) -> tuple[np.ndarray, float]:
    """Centre (x, y) nearest to where the lesion is wanted, and its radius, less if it must be."""
    x, y, breast, depth, muscle, nipple = form
    radius = lesion.diameter * np.ptp(np.flatnonzero(breast.any(axis=1))) / len(y) / 2
    margin = np.minimum(np.minimum(x, x[0, -1] - x), np.minimum(y, 1 - y))
    room = np.where(muscle > 0.5, 0, np.minimum(margin, depth))
    radius = min(radius, 0.85 * float(room.max()))
    wanted = nipple[0] * (1 - lesion.depth), nipple[1] + rng.normal(0, 0.14)
    distance = (x - wanted[0]) ** 2 + (y - wanted[1]) ** 2
    distance = np.where(room > 1.15 * radius, distance, np.inf)
    row, column = np.unravel_index(np.argmin(distance), distance.shape)
    return np.array([x[0, column], y[row, 0]]), radius


def _mass(
    lesion: Lesion, shape: tuple[int, int], centre: np.ndarray, radius: float, rng: Rng
) -> tuple[np.ndarray, np.ndarray]:
    """Brightness of the mass (float32, at most 1) and its mask (bool); lengths in px."""
    form = np.random.default_rng(lesion.shape_seed)  # both views of the mass share it
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    if lesion.malignant:
        radii = 0.65 * radius * np.clip(1 + 0.13 * _harmonics(form, angle, 14), 0.6, 1.4)
        number = int(form.integers(16, 28))
        bearing = (np.arange(number) + form.uniform(-0.35, 0.35, number)) * 2 * np.pi / number
        away = np.abs((angle - bearing[:, None] + np.pi) % (2 * np.pi) - np.pi)
        length = radius * form.uniform(0.4, 1.2, (number, 1))
        radii = radii + (length * np.clip(1 - away / 0.13, 0, 1) ** 2).max(0)
    else:
        axis = form.uniform(0.7, 1.0)
        radii = axis / np.hypot(axis * np.cos(angle), np.sin(angle))
        radii = radii * (1 + form.choice([0.0, 0.02, 0.04]) * _harmonics(form, angle, 4))
        radii = radii / radii.max() * radius
        angle = angle + form.uniform(0, 2 * np.pi)
    angle = angle + rng.uniform(-0.4, 0.4)
    outline = centre + radii[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    body = np.zeros(shape, np.uint8)
    cv2.fillPoly(body, [np.round(outline * 16).astype(np.int32)], 1, shift=4)
    inside = cv2.distanceTransform(body, cv2.DIST_L2, 5)
    if lesion.malignant:  # densest in the middle, fading along the spicules
        mass = 0.35 * body + 0.65 * np.minimum(inside / (0.3 * radius), 1)
        mass = cv2.GaussianBlur(mass.astype(np.float32), (0, 0), 0.05 * radius + 0.3)
    else:
        mass = np.minimum(inside / (0.12 * radius + 1), 1) * 0.8
        mass += 0.2 * np.minimum(inside / (0.6 * radius), 1)
    return mass, body > 0


def _harmonics(rng: Rng, angle: np.ndarray, most: int) -> np.ndarray:
    """A periodic curve of unit standard deviation, of orders 2 to `most`."""
    order = np.arange(2, most + 1)[:, None]
    size, phase = rng.normal(size=order.shape) / order, rng.uniform(0, 2 * np.pi, order.shape)
    curve = (size * np.cos(order * angle + phase)).sum(0)
    return curve / curve.std()
