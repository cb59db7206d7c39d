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
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.interpolate import PchipInterpolator

Side = Literal["LEFT", "RIGHT"]
View = Literal["CC", "MLO"]

BETA = 3.0  # Burgess 2001
GLAND_SHARE = {1: 0.08, 2: 0.24, 3: 0.46, 4: 0.70}  # of the breast's area, by BI-RADS density
SPICULE_IN_MASK = 0.07  # a spicule belongs to the mask where it is this wide or wider, in diameters
_SHIFT = 4  # OpenCV draws with coordinates in 1/16 pixel


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
    nipple_drop: float  # of the nipple below the breast's middle
    roundness: float  # exponent of the outline; small is full, large is pointed
    edge: float  # depth below the skin at which the compressed breast is flat
    pectoral: tuple[float, float]  # width at the top and length down the chest wall, in MLO views
    lobes: np.ndarray  # n x 4: depth, lateral place, radius, weight of the glandular lobes
    beta: float
    texture: float  # contrast of the power-law texture
    fibres: float  # contrast of the fibrous network
    fibre_scale: float
    ligaments: int
    vessels: int
    fat: float  # brightness of fat
    gland: float  # what glandular tissue adds
    gamma: float
    gain: float
    fog: float  # brightness of the film beside the breast
    grain: float
    marker: bool


@dataclass(frozen=True)
class Lesion:
    """One mass, the same in both views of its breast but for its lateral place and its turn."""

    malignant: bool
    diameter: float  # as a fraction of the breast's height
    depth: float  # 0 at the nipple, 1 at the chest wall
    contrast: float
    calcification: Literal["none", "popcorn", "rim", "cluster"]
    halo: bool
    shape_seed: int


def draw_patient(rng: np.random.Generator) -> Patient:
    """Draw one patient; dense breasts are commoner in the young."""
    age = int(np.clip(rng.normal(58, 11), 35, 88))
    density = int(np.clip(np.round(rng.normal(2.5 - (age - 58) / 30, 0.85)), 1, 4))
    lobes = np.column_stack(
        [
            rng.uniform(0.12, 0.75, 9),
            rng.normal(0, 0.33, 9),
            rng.uniform(0.18, 0.36, 9),
            rng.uniform(0.4, 1.0, 9),
        ]
    )
    return Patient(
        density=density,
        age=age,
        film_height=rng.uniform(0.94, 1.06),
        aspect=rng.uniform(0.53, 0.67),
        reach=rng.uniform(0.62, 0.88),
        half_height=rng.uniform(0.34, 0.44),
        nipple_drop=rng.uniform(-0.04, 0.05),
        roundness=rng.uniform(0.72, 1.0),
        edge=rng.uniform(0.07, 0.12),
        pectoral=(rng.uniform(0.2, 0.33), rng.uniform(0.42, 0.68)),
        lobes=lobes,
        beta=float(np.clip(rng.normal(BETA, 0.12), 2.7, 3.3)),
        texture=rng.uniform(0.7, 1.2),
        fibres=rng.uniform(0.6, 1.3),
        fibre_scale=rng.uniform(0.7, 1.4),
        ligaments=int(rng.integers(40, 90)),
        vessels=int(rng.integers(1, 5)),
        fat=rng.uniform(0.27, 0.38),
        gland=rng.uniform(0.18, 0.26),
        gamma=rng.uniform(0.85, 1.2),
        gain=rng.uniform(0.9, 1.1),
        fog=rng.uniform(0.01, 0.06),
        grain=rng.uniform(0.006, 0.014),
        marker=rng.random() < 0.6,
    )


def draw_lesion(rng: np.random.Generator, malignant: bool, scale: float = 1.0) -> Lesion:
    """Draw one mass of the given class.

    `scale` multiplies the diameter, and the contrast of a malignant mass, so that the class can be
    seen on very small images.
    """
    if malignant:
        calcification = "cluster" if rng.random() < 0.4 else "none"
    else:
        calcification = str(rng.choice(["none", "popcorn", "rim"], p=[0.6, 0.25, 0.15]))
    return Lesion(
        malignant=malignant,
        diameter=scale * float(rng.triangular(0.10, 0.22 if malignant else 0.16, 0.25)),
        depth=rng.uniform(0.2, 0.8),
        contrast=scale * rng.uniform(0.36, 0.5) if malignant else rng.uniform(0.24, 0.36),
        calcification=calcification,
        halo=not malignant and rng.random() < 0.6,
        shape_seed=int(rng.integers(2**32)),
    )


def power_law_noise(shape: tuple[int, int], beta: float, rng: np.random.Generator) -> np.ndarray:
    """Isotropic Gaussian noise with power ~ 1/f^beta: float32, mean 0, standard deviation 1."""
    rows, columns = (next_fast_len(n, real=True) for n in shape)
    spectrum = rfft2(rng.standard_normal((rows, columns), dtype=np.float32))
    squared = np.fft.fftfreq(rows)[:, None] ** 2 + np.fft.rfftfreq(columns) ** 2
    squared[0, 0] = np.inf
    field = irfft2(spectrum * (squared ** (-beta / 4)).astype(np.float32), (rows, columns))
    field = field[: shape[0], : shape[1]]
    return (field - field.mean()) / field.std()


def render_mammogram(
    patient: Patient,
    side: Side,
    view: View,
    height: int,
    rng: np.random.Generator,
    lesion: Lesion | None = None,
) -> Mammogram:
    """Render one view of one breast.

    The lesion's mask is the mass's body together with its spicules where they are at least
    `SPICULE_IN_MASK` of its diameter wide; thinner ends, halo and distortion lie outside it.

    Args:
        height: of the image in pixels; the width follows from the patient, give or take 3 %.
        rng: decides what differs between the views of a patient.
    """
    width = round(height * np.clip(patient.aspect * rng.uniform(0.97, 1.03), 0.5, 0.7))
    breast, depth, nipple = _outline(patient, view, height, width, rng)
    tissue, thickness, muscle = _tissue(patient, view, breast, depth, nipple, rng)
    mask = np.zeros(breast.shape, bool)
    if lesion is not None:
        breast_height = np.ptp(np.flatnonzero(breast.any(axis=1))) / height
        radius = lesion.diameter * breast_height / 2
        centre, radius = _place(lesion, depth, muscle, nipple, radius, rng)
        tissue, mask = _add_lesion(tissue, lesion, centre, radius, depth, thickness, rng)
        mask &= breast
    image = _film(patient, side, view, tissue, breast, rng)
    if side == "RIGHT":
        image, mask, breast = (np.ascontiguousarray(a[:, ::-1]) for a in (image, mask, breast))
    if patient.marker:
        _stamp(image, side, view)
    return Mammogram(image, mask, breast)


def _smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _outline(
    patient: Patient, view: View, height: int, width: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Breast (bool), depth below the skin (float32, in heights), nipple (x, y)."""
    reach = patient.reach * width / height * rng.uniform(0.96, 1.03)
    half = patient.half_height * rng.uniform(0.97, 1.03)
    if view == "CC":
        middle = 0.5 + rng.uniform(-0.02, 0.02)
        nipple = (reach, middle + patient.nipple_drop * 0.4)
        angle = np.linspace(-np.pi / 2, np.pi / 2, 181)
        x = reach * np.cos(angle) ** patient.roundness
        y = nipple[1] + np.where(
            angle < 0, half - nipple[1] + middle, half + nipple[1] - middle
        ) * np.sin(angle)
        x, y = np.r_[-0.3, x, -0.3], np.r_[y[0], y, y[-1]]
    else:
        nipple = (reach, 0.6 + patient.nipple_drop)
        shoulder = min(patient.pectoral[0] + 0.06, 0.8 * reach) * rng.uniform(0.95, 1.05)
        drop = min(half * 0.9, 0.97 - nipple[1])
        knots = np.array(
            [
                (shoulder - 0.04, -0.3),
                (shoulder, 0.0),
                (shoulder + 0.22 * (reach - shoulder), 0.3 * nipple[1]),
                (shoulder + 0.74 * (reach - shoulder), 0.68 * nipple[1]),
                (reach, nipple[1]),
                (0.9 * reach, nipple[1] + 0.45 * drop),
                (0.52 * reach, nipple[1] + 0.88 * drop),
                (0.15 * reach, nipple[1] + drop),
                (-0.3, nipple[1] + 1.05 * drop),
            ]
        )
        along = np.r_[0, np.cumsum(np.hypot(*np.diff(knots, axis=0).T))]
        points = PchipInterpolator(along, knots)(np.linspace(0, along[-1], 200))
        x, y = np.r_[-0.3, points[:, 0]], np.r_[-0.3, points[:, 1]]
    # A margin all round, so that only the skin counts as an edge, not the image's border.
    margin = round(0.25 * height)
    canvas = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    points = np.stack([x, y], axis=1) * height + margin
    cv2.fillPoly(canvas, [np.round(points * 2**_SHIFT).astype(np.int32)], 1, shift=_SHIFT)
    centre = (np.array([nipple[0] - 0.004, nipple[1]]) * height + margin) * 2**_SHIFT
    size = round(0.016 * height * 2**_SHIFT)
    cv2.circle(canvas, tuple(np.round(centre).astype(int).tolist()), size, 1, -1, shift=_SHIFT)
    depth = cv2.distanceTransform(canvas, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / height
    inside = (slice(margin, margin + height), slice(margin, margin + width))
    return canvas[inside] > 0, depth[inside], nipple


def _tissue(
    patient: Patient,
    view: View,
    breast: np.ndarray,
    depth: np.ndarray,
    nipple: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Brightness, thickness and pectoral muscle, each float32 H x W."""
    height, width = breast.shape
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    noise = power_law_noise(breast.shape, patient.beta, rng)
    coarse = cv2.GaussianBlur(noise, (0, 0), 0.02 * height)
    thickness = np.sqrt(1 - (1 - np.clip(depth / patient.edge, 0, 1)) ** 2)

    # Fibres: the zero crossings of a noise that varies slowly away from the nipple.
    dx, dy = nipple[0] + 0.12 - x, y - nipple[1]
    distance = np.hypot(dx, dy) + 0.05 * coarse
    bearing = np.arctan2(dy, dx) + 0.12 * coarse
    scale = patient.fibre_scale * height
    streaks = power_law_noise(breast.shape, 2.6, rng)
    streaks = cv2.remap(
        streaks,
        0.45 * scale * distance,
        0.6 * scale * (bearing + 2),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    fine = noise - coarse
    fine /= fine.std()
    fibres = np.exp(-((streaks / 0.16) ** 2)) * _smoothstep(coarse, -2, 1)
    fibres = (fibres - fibres.mean()) / fibres.std()

    # Glandular tissue: lobes around the nipple's axis, broken up by the noise.
    along, across = (nipple[0] - x) / nipple[0], (y - nipple[1]) / patient.half_height
    if view == "MLO":
        across = across + 0.35 * along  # the gland follows the tilt of the breast
    lobes = np.zeros_like(x)
    for place, lateral, radius, weight in patient.lobes.astype(np.float32):
        squared = (along - place) ** 2 + (across - lateral) ** 2
        lobes += weight * np.exp(squared / (-2 * radius**2))
    smooth = cv2.GaussianBlur(0.7 * noise + 0.8 * streaks, (0, 0), 0.005 * height)
    field = lobes + 0.4 * smooth + 4 * np.minimum(depth - 0.07, 0.0)
    cut = np.quantile(field[breast][::7], 1 - GLAND_SHARE[patient.density])
    gland = 0.45 * _smoothstep(field, cut - 0.9, cut + 0.7) + 0.55 * _smoothstep(
        field, cut - 0.4, cut + 1.2
    )
    gland *= _smoothstep(depth, 0.008, 0.07)

    muscle = np.zeros_like(x)
    if view == "MLO":
        top, length = patient.pectoral
        bulge = 0.03 * np.sin(np.clip(y / length, 0, 1) * np.pi)
        muscle = _smoothstep(top * (1 - y / length) + bulge + 0.004 * noise - x, -0.015, 0.035)
        gland = gland * (1 - 0.8 * muscle)

    lines = _lines(patient, breast.shape, nipple, rng)
    texture = patient.texture * noise
    fibres *= patient.fibres
    tissue = patient.fat + 0.03 * texture + 0.013 * fibres
    tissue += gland * (patient.gland + 0.07 * texture + 0.03 * fibres + 0.03 * fine)
    tissue += 0.13 * lines * (1 - 0.5 * gland) * (1 - 0.7 * muscle)
    tissue += muscle * (0.27 - 0.12 * y + 0.02 * streaks)
    tissue = tissue * thickness + 0.03 * np.exp(-((depth / 0.005 - 1) ** 2))
    return np.where(breast, tissue, 0).astype(np.float32), thickness, muscle


def _polyline(canvas: np.ndarray, points: np.ndarray, value: float, thickness: int = 1) -> None:
    """Draw an antialiased line through n x 2 pixel coordinates on a uint8 canvas."""
    cv2.polylines(
        canvas,
        [np.round(points * 2**_SHIFT).astype(np.int32)],
        False,
        float(value),
        thickness,
        cv2.LINE_AA,
        _SHIFT,
    )


def _lines(
    patient: Patient, shape: tuple[int, int], nipple: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Cooper ligaments, ducts and vessels: float32 H x W in [0, 1]."""
    height = shape[0]
    canvas = np.zeros(shape, np.uint8)
    t = np.linspace(0, 1, 16)[:, None]
    target = np.array(nipple)
    for _ in range(patient.ligaments):
        start = np.array([rng.uniform(-0.02, nipple[0] * 0.95), rng.uniform(0.02, 0.98)])
        heading = target - start
        distance = np.hypot(*heading) + 1e-6
        heading = heading / distance * min(rng.uniform(0.08, 0.3), distance)
        normal = np.array([-heading[1], heading[0]])
        bend = rng.normal(0, 0.25) * t * (1 - t) * 4 + rng.normal(0, 0.05) * np.sin(9 * t)
        _polyline(canvas, (start + heading * t + normal * bend) * height, rng.uniform(60, 200))
    fine = cv2.GaussianBlur(canvas, (0, 0), 0.0011 * height + 0.3)
    canvas = np.zeros(shape, np.uint8)
    thickness = max(1, round(0.006 * height))
    for _ in range(patient.vessels):
        start = np.array([-0.02, rng.uniform(0.15, 0.85)])
        end = start + (target - start) * rng.uniform(0.5, 0.9) + [0, rng.normal(0, 0.12)]
        normal = np.array([-(end - start)[1], (end - start)[0]])
        bend = rng.normal(0, 0.15) * np.sin(np.pi * t) + rng.normal(0, 0.03) * np.sin(7 * t)
        path = (start + (end - start) * t + normal * bend) * height
        _polyline(canvas, path, rng.uniform(70, 150), thickness)
    broad = cv2.GaussianBlur(canvas, (0, 0), 0.002 * height)
    return np.maximum(fine, broad).astype(np.float32) / 255


def _place(
    lesion: Lesion,
    depth: np.ndarray,
    muscle: np.ndarray,
    nipple: tuple[float, float],
    radius: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
    """Centre (x, y) nearest to where the lesion is wanted, and its radius, less if it must be."""
    height, width = depth.shape
    wanted = np.array([nipple[0] * (1 - lesion.depth), nipple[1] + rng.normal(0, 0.14)])
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    margin = np.minimum(np.minimum(x, width / height - x), np.minimum(y, 1 - y))
    room = np.where(muscle > 0.5, 0, np.minimum(margin, depth))
    radius = min(radius, 0.85 * float(room.max()))
    distance = np.where(room > 1.15 * radius, np.hypot(x - wanted[0], y - wanted[1]), np.inf)
    row, column = np.unravel_index(np.argmin(distance), distance.shape)
    return np.array([column, row]) / height, radius


def _add_lesion(
    tissue: np.ndarray,
    lesion: Lesion,
    centre: np.ndarray,
    radius: float,
    depth: np.ndarray,
    thickness: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The tissue with the mass in it (float32) and the mass's mask (bool)."""
    height = tissue.shape[0]
    shape = np.random.default_rng(lesion.shape_seed)  # both views of the mass share its form
    turn = rng.uniform(-0.4, 0.4)
    centre, radius = centre * height, radius * height  # pixels from here on
    if lesion.malignant:
        tissue = _pull(tissue, centre, radius, depth, shape.uniform(0.35, 0.6))
        body, spicules, rays = _spiculated(shape, turn, tissue.shape, centre, radius)
        mask = (body | spicules) > 0
        inside = cv2.distanceTransform(body, cv2.DIST_L2, 5)
        mass = 0.6 * np.minimum(inside / (0.3 * radius), 1) + 0.4 * (body > 0)
        mass = cv2.GaussianBlur(mass.astype(np.float32), (0, 0), 0.06 * radius + 0.3)
        mass = np.maximum(mass, rays)
    else:
        body = _lobulated(shape, turn, tissue.shape, centre, radius)
        mask = body > 0
        inside = cv2.distanceTransform(body, cv2.DIST_L2, 5)
        mass = 0.75 * np.minimum(inside / (0.12 * radius + 1), 1) + 0.25 * np.minimum(
            inside / (0.6 * radius), 1
        )
        if lesion.halo:
            outside = cv2.distanceTransform(1 - body, cv2.DIST_L2, 5)
            mass = mass - 0.14 * np.exp(-((outside / (0.12 * radius) - 1) ** 2)) * (body == 0)
    mass = mass * _smoothstep(depth, 0.0, 0.012)
    # A mass replaces part of what lies above and below it, hence the smoother texture inside.
    local = cv2.GaussianBlur(tissue, (0, 0), 0.5 * radius)
    cover = 0.55 * np.clip(mass, 0, 1)
    tissue = tissue * (1 - cover) + local * cover + lesion.contrast * mass * thickness
    specks = _calcifications(lesion, shape, rng, tissue.shape, centre, radius, inside)
    return (tissue + specks).astype(np.float32), mask


def _polygon(
    shape: tuple[int, int], centre: np.ndarray, angle: np.ndarray, radii: np.ndarray
) -> np.ndarray:
    points = centre + radii[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(points * 2**_SHIFT).astype(np.int32)], 1, shift=_SHIFT)
    return canvas


def _harmonics(
    rng: np.random.Generator, angle: np.ndarray, orders: range, decay: float
) -> np.ndarray:
    """A periodic curve of unit standard deviation whose amplitudes fall as order^-decay."""
    curve = sum(
        rng.normal() * k**-decay * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in orders
    )
    return curve / curve.std()


def _lobulated(
    rng: np.random.Generator,
    turn: float,
    shape: tuple[int, int],
    centre: np.ndarray,
    radius: float,
) -> np.ndarray:
    """A round, oval or gently lobulated body: uint8 H x W in {0, 1}."""
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    axis = rng.uniform(0.7, 1.0)
    radii = axis / np.hypot(axis * np.cos(angle), np.sin(angle))
    radii = radii * (1 + rng.choice([0.0, 0.02, 0.05]) * _harmonics(rng, angle, range(2, 5), 1.0))
    radii = radii / radii.max() * radius
    return _polygon(shape, centre, angle + turn + rng.uniform(0, 2 * np.pi), radii)


def _spiculated(
    rng: np.random.Generator,
    turn: float,
    shape: tuple[int, int],
    centre: np.ndarray,
    radius: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Body and thick part of the spicules (uint8 in {0, 1}), spicules whole (float32 in [0, 1])."""
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    rough = 1 + 0.13 * _harmonics(rng, angle, range(2, 14), 0.7)
    radii = np.clip(rough, 0.6, 1.4) * 0.7 * radius
    angle = angle + turn
    body = _polygon(shape, centre, angle, radii)
    thick, rays = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    t = np.linspace(0, 1, 14)
    count = int(rng.integers(16, 30))
    for bearing in (np.arange(count) + rng.uniform(-0.35, 0.35, count)) * 2 * np.pi / count:
        length = radius * rng.uniform(0.6, 1.0) * rng.uniform(1.0, 2.0)
        base = radius * rng.uniform(0.12, 0.3)
        curve = bearing + turn + rng.normal(0, 0.25) * t**2
        reach = 0.45 * radius + length * t
        spine = centre + reach[:, None] * np.stack([np.cos(curve), np.sin(curve)], axis=1)
        normal = np.stack([-np.sin(curve), np.cos(curve)], axis=1)
        half = base * (1 - t) ** 1.6 / 2
        keep = 2 * half >= SPICULE_IN_MASK * 2 * radius
        for canvas, value, chosen in ((rays, rng.uniform(100, 185), t <= 1), (thick, 1, keep)):
            if not chosen.any():
                continue
            edges = np.r_[
                spine[chosen] + normal[chosen] * half[chosen, None],
                (spine[chosen] - normal[chosen] * half[chosen, None])[::-1],
            ]
            points = [np.round(edges * 2**_SHIFT).astype(np.int32)]
            line = cv2.LINE_8 if canvas is thick else cv2.LINE_AA
            cv2.fillPoly(canvas, points, value, line, _SHIFT)
        _polyline(rays, spine, rng.uniform(60, 130))
    rays = cv2.GaussianBlur(rays, (0, 0), 0.03 * radius + 0.3)
    return body, thick, rays.astype(np.float32) / 255


def _pull(
    tissue: np.ndarray, centre: np.ndarray, radius: float, depth: np.ndarray, strength: float
) -> np.ndarray:
    """Architectural distortion: tissue is drawn towards the mass, less so at the skin."""
    y, x = np.mgrid[: tissue.shape[0], : tissue.shape[1]].astype(np.float32)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    pull = strength * np.exp(-(dx**2 + dy**2) / np.float32((1.8 * radius) ** 2))
    pull *= _smoothstep(depth, 0.0, 0.12)
    return cv2.remap(
        tissue, x + pull * dx, y + pull * dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _calcifications(
    lesion: Lesion,
    shape_rng: np.random.Generator,
    rng: np.random.Generator,
    shape: tuple[int, int],
    centre: np.ndarray,
    radius: float,
    inside: np.ndarray,
) -> np.ndarray | float:
    """Added brightness of calcium: coarse popcorn or rim (benign), fine and varied (malignant)."""
    if lesion.calcification == "none":
        return 0.0
    canvas = np.zeros(shape, np.uint8)
    if lesion.calcification == "rim":
        ring = np.exp(-((inside / (0.08 * radius + 0.5) - 1.2) ** 2)) * (inside > 0)
        y, x = np.mgrid[: shape[0], : shape[1]] - centre[::-1, None, None]
        gaps = 0.5 + 0.5 * np.cos(2 * np.arctan2(y, x) + shape_rng.uniform(0, 6))
        return 0.2 * ring * gaps
    if lesion.calcification == "popcorn":
        count, spread, sizes = int(shape_rng.integers(4, 9)), 0.28, (0.06, 0.16)
    else:
        count, spread, sizes = int(shape_rng.integers(10, 26)), 0.4, (0.018, 0.045)
    for _ in range(count):
        place = (centre + rng.normal(0, spread * radius, 2)) * 2**_SHIFT
        axes = np.maximum(rng.uniform(*sizes, 2) * radius, 0.4) * 2**_SHIFT
        cv2.ellipse(
            canvas,
            np.round(place).astype(int).tolist(),
            np.round(axes).astype(int).tolist(),
            angle=rng.uniform(0, 180),
            startAngle=0,
            endAngle=360,
            color=rng.uniform(150, 255),
            thickness=-1,
            lineType=cv2.LINE_AA,
            shift=_SHIFT,
        )
    if not lesion.malignant:
        canvas[inside == 0] = 0
    return 0.45 * cv2.GaussianBlur(canvas, (0, 0), 0.4).astype(np.float32) / 255


def _film(
    patient: Patient,
    side: Side,
    view: View,
    tissue: np.ndarray,
    breast: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Exposure, the film's curve and its grain: uint8 H x W."""
    gain = patient.gain * rng.uniform(0.98, 1.02)
    level = np.clip(gain * tissue, 0, None) ** patient.gamma
    level = patient.fog + (1 - patient.fog) * np.tanh(1.2 * level) / np.tanh(1.5)
    grain = rng.standard_normal(tissue.shape, dtype=np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.7)
    level = level + 2 * patient.grain * grain * (0.3 + 0.7 * breast)
    return np.clip(np.round(255 * level), 0, 255).astype(np.uint8)


def _stamp(image: np.ndarray, side: Side, view: View) -> None:
    """Write the view's label into the upper corner away from the chest wall, in place."""
    height, width = image.shape
    scale = height / 900
    text = f"{side[0]} {view}"
    (w, h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    left = width - w - round(0.02 * height) if side == "LEFT" else round(0.02 * height)
    corner = (left, h + round(0.03 * height))
    cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, 235, 1, cv2.LINE_AA)
