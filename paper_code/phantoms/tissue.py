"""Breast tissue as geometry in micrometres: where glands, tumour, stroma, fat and cells lie.

All lengths are micrometres, so one kind of tissue gives consistent images at any magnification.
`histology` renders what is laid out here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from scipy.spatial import cKDTree

MARGIN = 24.0  # laid out around the visible field, so that structures cut by its edge are whole
COLUMNS = 350  # layout cells across the visible field; signed distances are smooth between them
# A lesion covers this part of the visible field, so that what tells the class is in one place.
COVERAGE = (0.08, 0.25)
DRAWS = 40  # of a lesion; most need one or two
EXTENT = 0.35  # of the region in which a lesion grows, relative to that of BreakHis's larger ones

Rng = np.random.Generator


@dataclass(frozen=True)
class Nucleus:
    """A population of nuclei; sizes are semi-axes in micrometres.

    Attributes:
        major, minor: median semi-axes.
        spread: standard deviation of log size (anisonucleosis).
        dark: haematoxylin density relative to a benign epithelial nucleus.
        vesicular: 0 evenly dark, 1 pale inside with a dark membrane.
        nucleolus: part of the nuclei with a prominent nucleolus.
        irregular: wobble of the outline relative to the radius.
        mitosis: part of the nuclei in mitosis.
    """

    major: float
    minor: float
    spread: float
    dark: float = 1.0
    vesicular: float = 0.3
    nucleolus: float = 0.0
    irregular: float = 0.05
    mitosis: float = 0.0


SPINDLE = Nucleus(5.6, 1.5, 0.20, dark=0.95, vesicular=0.1)
FIBROADENOMA_STROMA = Nucleus(5.4, 1.9, 0.18, dark=0.85, vesicular=0.3)
PHYLLODES_STROMA = Nucleus(6.2, 2.1, 0.24, dark=0.95, vesicular=0.2, irregular=0.08)
LYMPHOCYTE = Nucleus(2.9, 2.7, 0.08, dark=1.25, vesicular=0.0)
MYOEPITHELIAL = Nucleus(3.5, 1.6, 0.12, dark=1.0, vesicular=0.1)
LUMINAL = Nucleus(3.5, 2.7, 0.08, dark=0.92, vesicular=0.35, nucleolus=0.05)
DUCTAL = Nucleus(
    6.6, 5.2, 0.26, dark=1.1, vesicular=0.55, nucleolus=0.55, irregular=0.16, mitosis=0.03
)
LOBULAR = Nucleus(5.4, 4.7, 0.16, dark=1.1, vesicular=0.35, nucleolus=0.2, irregular=0.09)
MUCINOUS = Nucleus(5.7, 4.8, 0.17, dark=1.05, vesicular=0.4, nucleolus=0.25, irregular=0.09)
PAPILLARY = Nucleus(
    6.8, 4.6, 0.20, dark=1.05, vesicular=0.45, nucleolus=0.35, irregular=0.11, mitosis=0.01
)
IN_SITU = Nucleus(
    6.0, 5.0, 0.20, dark=1.0, vesicular=0.5, nucleolus=0.4, irregular=0.12, mitosis=0.01
)

MITOTIC = Nucleus(5.0, 1.8, 0.0, dark=1.9, vesicular=0.0, irregular=0.25)  # a plate, edge on

# Columns of the cell table that `Tissue.cells` holds.
CELL_COLUMNS = ("x", "y", "major", "minor", "angle", "dark", "vesicular", "nucleolus", "irregular")


@dataclass
class Canvas:
    """A layout being drawn: boolean maps on a grid of `pitch` micrometres, rows x columns.

    Attributes:
        gland: benign glands, from the basement membrane inwards; lumen beyond `wall`.
        tumour: tumour epithelium; stroma again beyond `core` (fibrovascular cores).
        space: empty or mucin-filled space that is no gland's lumen.
        necrosis: dead centres of in-situ ducts.
        fat: fat tissue.
        lesion: the lesion mask.
        pallor: 0 collagenous to 1 myxoid stroma.
        cellularity: stromal nuclei per square millimetre.
        angle: fibre direction in radians.
    """

    rng: Rng
    pitch: float
    shape: tuple[int, int]
    angle: np.ndarray
    gland: np.ndarray
    tumour: np.ndarray
    space: np.ndarray
    necrosis: np.ndarray
    fat: np.ndarray
    lesion: np.ndarray
    pallor: np.ndarray
    cellularity: np.ndarray
    wall: float = 15.0
    core: float = np.inf
    mucin: bool = False
    basement: bool = False
    retraction: float = 0.0
    atypia: Nucleus = DUCTAL
    spacing: float = 11.0
    stroma: Nucleus = SPINDLE

    @property
    def size(self) -> tuple[float, float]:
        """Width and height with margins."""
        return self.shape[1] * self.pitch, self.shape[0] * self.pitch

    @property
    def visible(self) -> tuple[slice, slice]:
        """The part inside the margins."""
        margin = round(MARGIN / self.pitch)
        return slice(margin, -margin), slice(margin, -margin)


@dataclass(frozen=True)
class Tissue:
    """A finished layout. Maps are float32, rows x columns at `pitch`, with `MARGIN` around.

    `gland`, `tumour`, `space`, `necrosis`, `fat`, `lesion` are signed distances, positive inside.
    `along` holds the cosine and sine of twice the fibre direction, which has no sign.
    `cells` is (number, len(CELL_COLUMNS)); positions are relative to the visible field.
    """

    pitch: float
    gland: np.ndarray
    tumour: np.ndarray
    space: np.ndarray
    necrosis: np.ndarray
    fat: np.ndarray
    lesion: np.ndarray
    pallor: np.ndarray
    along: tuple[np.ndarray, np.ndarray]
    wall: float
    core: float
    mucin: bool
    basement: bool
    retraction: float
    cells: np.ndarray = field(repr=False)


def lay_out(kind: str, rng: Rng, width: float, height: float) -> Tissue:
    """Draw one field of tissue.

    Args:
        kind: a key of `KINDS`.
        rng: decides everything.
        width, height: the visible field.

    A lesion that covers too little or too much of the field is drawn again; the best of `DRAWS` is
    kept.
    """
    best, best_excess = None, np.inf
    for _ in range(DRAWS):
        canvas = _empty(rng, width, height)
        KINDS[kind](canvas)
        covered = canvas.lesion[canvas.visible].mean()
        excess = 0.0 if kind == "normal" else max(COVERAGE[0] - covered, covered - COVERAGE[1], 0.0)
        if excess < best_excess:
            best, best_excess = canvas, excess
        if excess == 0.0:
            break
    _add_surroundings(best, sparse=kind == "normal")
    return _finish(best)


def smooth_noise(rng: Rng, shape: tuple[int, int], pitch: float, scale: float) -> np.ndarray:
    """Isotropic noise of unit variance whose features are about `scale` wide, float32."""
    cell = scale / (2 * pitch)  # of the random lattice, in pixels
    rows, columns = (int(np.ceil(n / cell)) + 6 for n in shape)
    lattice = rng.standard_normal((rows, columns), dtype=np.float32)
    lattice = cv2.GaussianBlur(lattice, (0, 0), 1.0) * (2 * np.sqrt(np.pi))
    shrink = max(1, int(cell / 3))  # features many pixels wide need no fine evaluation
    small = [int(np.ceil(n / shrink)) for n in shape]
    step = shrink / cell
    matrix = np.array([[step, 0, 2], [0, step, 2]])
    drawn = cv2.warpAffine(
        lattice, matrix, small[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    if shrink > 1:
        drawn = cv2.resize(drawn, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(drawn[: shape[0], : shape[1]])


def blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, on a coarser grid where `sigma` (pixels) is large; float32."""
    values = values.astype(np.float32, copy=False)
    shrink = int(sigma / 2.5)
    if shrink <= 1:
        return cv2.GaussianBlur(values, (0, 0), sigma)
    size = tuple(max(2, n // shrink) for n in values.shape[::-1])
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return cv2.resize(small, values.shape[::-1], interpolation=cv2.INTER_CUBIC)


def streaks(noise: np.ndarray, angle: np.ndarray, length: float) -> np.ndarray:
    """Smear `noise` along `angle` over about `length` pixels; unit variance (line integral).

    The smear is symmetric, so that a jump of the angle by pi leaves no seam.
    """
    rows, columns = noise.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    angle = angle.astype(np.float32, copy=False)
    cos, sin = np.cos(angle), np.sin(angle)
    step = 0.5
    while 2 * step < length:
        ahead, behind = (
            cv2.remap(
                noise, x + s * cos, y + s * sin, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
            for s in (step, -step)
        )
        noise = 0.5 * (ahead + behind)
        step *= 2
    return (noise - noise.mean()) / (noise.std() + 1e-6)


def signed_distance(mask: np.ndarray, pitch: float) -> np.ndarray:
    """Distance to the edge of `mask`, positive inside, float32; far away where there is no edge."""
    if mask.all() or not mask.any():
        return np.full(mask.shape, 1e4 if mask.all() else -1e4, np.float32)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return cv2.GaussianBlur((inside - outside) * np.float32(pitch), (0, 0), 0.8)


def hexagonal_points(rng: Rng, size: tuple[float, float], spacing: float, jitter: float):
    """Points of a hexagonal lattice over `size` (width, height), each moved by up to `jitter`."""
    rows, columns = int(size[1] / (spacing * 0.866)) + 2, int(size[0] / spacing) + 2
    row, column = np.mgrid[0:rows, 0:columns]
    points = np.stack([(column + 0.5 * (row % 2)) * spacing, row * spacing * 0.866], -1)
    points = points.reshape(-1, 2) - spacing * rng.random(2)
    points = points + rng.uniform(-jitter, jitter, points.shape) * spacing
    return points[(points >= 0).all(1) & (points < size).all(1)]


def _empty(rng: Rng, width: float, height: float) -> Canvas:
    pitch = width / COLUMNS
    margin = round(MARGIN / pitch)
    shape = (round(height / pitch) + 2 * margin, COLUMNS + 2 * margin)
    angle = np.float32(rng.uniform(0, np.pi)) + 0.45 * smooth_noise(rng, shape, pitch, 220.0)
    angle += rng.uniform(0.2, 0.5) * smooth_noise(rng, shape, pitch, 60.0)
    maps = {
        name: np.zeros(shape, bool)
        for name in ("gland", "tumour", "space", "necrosis", "fat", "lesion")
    }
    pallor = np.clip(0.25 + 0.22 * smooth_noise(rng, shape, pitch, 160.0), 0, 1)
    cellularity = np.full(shape, rng.uniform(500, 1000), np.float32)
    cellularity *= np.exp(0.5 * smooth_noise(rng, shape, pitch, 120.0))
    return Canvas(rng, pitch, shape, angle, pallor=pallor, cellularity=cellularity, **maps)


def _territory(canvas: Canvas, part: float, rough: float, avoid: np.ndarray | None = None):
    """One or few rounded regions anywhere that cover about `part` of the field, bool map."""
    rng = canvas.rng
    rows, columns = canvas.shape
    y, x = np.mgrid[0:rows, 0:columns] * canvas.pitch
    width, height = canvas.size
    reach = min(width, height)
    centre = rng.uniform(0.12, 0.88, 2) * (width, height)
    level = -np.hypot(x - centre[0], y - centre[1]) / reach
    level += 0.25 * smooth_noise(rng, canvas.shape, canvas.pitch, 0.5 * reach)
    level += rough * smooth_noise(rng, canvas.shape, canvas.pitch, 0.12 * reach)
    if avoid is not None:
        level = np.where(avoid, -10.0, level)
    return level > np.quantile(level[canvas.visible][::4, ::4], 1 - part)


def _dilated(canvas: Canvas, mask: np.ndarray, radius: float) -> np.ndarray:
    """`mask` grown by `radius`; shrunk by it where negative."""
    if mask.all() or not mask.any():
        return mask
    away = cv2.distanceTransform((mask if radius < 0 else ~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return away * canvas.pitch > -radius if radius < 0 else away * canvas.pitch < radius


def _closed(canvas: Canvas, mask: np.ndarray, radius: float) -> np.ndarray:
    """`mask` with gaps narrower than twice `radius` filled."""
    return _dilated(canvas, _dilated(canvas, mask, radius), -radius) | mask


def _at(canvas: Canvas, values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """`values` of the layout cells under `points`."""
    column, row = (points / canvas.pitch).astype(int).T
    return values[row, column]


def _blobs(
    canvas: Canvas,
    inside: np.ndarray,
    spacing: float,
    radius: tuple[float, float],
    elongation: float = 1.3,
    wobble: float = 0.06,
    jitter: float = 0.22,
) -> np.ndarray:
    """Rounded closed shapes with centres in `inside`, bool map."""
    rng = canvas.rng
    centres = hexagonal_points(rng, canvas.size, spacing, jitter)
    centres = centres[_at(canvas, inside, centres)]
    number = len(centres)
    theta = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    size = rng.uniform(*radius, (number, 1))
    outline = np.ones((number, theta.size))
    for order in (2, 3, 5):
        phase = rng.uniform(0, 2 * np.pi, (number, 1))
        outline += wobble * rng.standard_normal((number, 1)) * np.cos(order * theta + phase)
    stretch = np.sqrt(rng.uniform(1, elongation, (number, 1)))
    u, v = size * stretch * outline * np.cos(theta), size / stretch * outline * np.sin(theta)
    turn = _at(canvas, canvas.angle, centres)[:, None] + rng.normal(0, 0.3, (number, 1))
    x = centres[:, :1] + u * np.cos(turn) - v * np.sin(turn)
    y = centres[:, 1:] + u * np.sin(turn) + v * np.cos(turn)
    polygons = np.round(np.stack([x, y], -1) / canvas.pitch * 16).astype(np.int32)
    drawn = np.zeros(canvas.shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(drawn, [polygon], 1, shift=4)
    return drawn > 0


def _labyrinth(canvas: Canvas, scale: float, width: float) -> np.ndarray:
    """Curved branching slits about `width` wide and `scale` apart, bool map."""
    noise = smooth_noise(canvas.rng, canvas.shape, canvas.pitch, scale)
    gradient = np.hypot(*np.gradient(noise, canvas.pitch))
    distance = np.abs(noise) / np.maximum(gradient, 0.3 / scale)
    width = width * np.exp(0.5 * smooth_noise(canvas.rng, canvas.shape, canvas.pitch, scale / 2))
    return distance < width / 2


def _adenosis(canvas: Canvas) -> None:
    rng = canvas.rng
    region = _territory(canvas, EXTENT * rng.uniform(0.3, 0.6), 0.06)
    canvas.wall = rng.uniform(11.5, 13.5)
    canvas.gland = _blobs(canvas, region, rng.uniform(58, 68), (16, 29), 1.6, 0.06, 0.3)
    canvas.lesion = _closed(canvas, canvas.gland, 26)
    canvas.pallor[canvas.lesion] += 0.25
    canvas.cellularity[canvas.lesion] *= 1.6


def _tubular_adenoma(canvas: Canvas) -> None:
    rng = canvas.rng
    region = _territory(canvas, EXTENT * rng.uniform(0.3, 0.55), 0.02)
    canvas.wall = rng.uniform(10.5, 12.0)
    canvas.gland = _blobs(canvas, region, rng.uniform(42, 47), (14.5, 20), 1.35, 0.04, 0.2)
    canvas.lesion = _closed(canvas, canvas.gland, 16)
    canvas.cellularity[canvas.lesion] *= 1.4


def _fibroadenoma(canvas: Canvas) -> None:
    _fibroepithelial(canvas, spacing=(130, 170), width=(5, 9), patchy=True)
    canvas.pallor[canvas.lesion] += 0.45
    canvas.cellularity[canvas.lesion] = canvas.rng.uniform(2200, 3200)
    canvas.stroma = FIBROADENOMA_STROMA


def _phyllodes_tumor(canvas: Canvas) -> None:
    _fibroepithelial(canvas, spacing=(240, 300), width=(16, 30), patchy=False)
    canvas.pallor[canvas.lesion] += 0.3
    canvas.cellularity[canvas.lesion] = canvas.rng.uniform(3200, 4600)
    canvas.stroma = PHYLLODES_STROMA


def _fibroepithelial(
    canvas: Canvas, *, spacing: tuple[float, float], width: tuple[float, float], patchy: bool
) -> None:
    """A round mass with slits lined by epithelium, so far apart and so wide (micrometres)."""
    rng = canvas.rng
    region = _territory(canvas, EXTENT * rng.uniform(0.3, 0.6), 0.015)
    slits = _labyrinth(canvas, rng.uniform(*spacing), rng.uniform(*width))
    if patchy:
        slits &= smooth_noise(rng, canvas.shape, canvas.pitch, 130.0) > -0.1
    canvas.wall = rng.uniform(13, 15)
    slits &= _dilated(canvas, region, -canvas.wall - 8)
    canvas.gland = _dilated(canvas, slits, canvas.wall)
    canvas.lesion = region


def _ductal_carcinoma(canvas: Canvas) -> None:
    rng = canvas.rng
    region = _territory(canvas, EXTENT * rng.uniform(0.35, 0.75), 0.12)
    depth = signed_distance(region, canvas.pitch)
    scale = rng.uniform(55, 95)
    level = smooth_noise(rng, canvas.shape, canvas.pitch, scale)
    level += 0.5 * smooth_noise(rng, canvas.shape, canvas.pitch, scale / 3)
    # Sparse clusters reach beyond the edge: the tumour infiltrates.
    canvas.tumour = level + np.clip(depth / 60, -3, 0.6) > rng.uniform(-0.1, 0.35)
    if rng.random() < 0.3:
        lumina = smooth_noise(rng, canvas.shape, canvas.pitch, 30.0) > 1.75
        canvas.space = lumina & (signed_distance(canvas.tumour, canvas.pitch) > 8)
    canvas.lesion = _closed(canvas, canvas.tumour, 8)
    canvas.retraction = rng.uniform(0, 1)
    canvas.pallor[region] += rng.uniform(0, 0.3)
    canvas.cellularity[region] *= 1.8
    canvas.atypia, canvas.spacing = DUCTAL, rng.uniform(13.0, 16.0)


def _lobular_carcinoma(canvas: Canvas) -> None:
    rng = canvas.rng
    region = _territory(canvas, EXTENT * rng.uniform(0.45, 0.8), 0.08)
    noise = smooth_noise(rng, canvas.shape, canvas.pitch, 15.0)
    cords = streaks(noise, canvas.angle, 90 / canvas.pitch)
    depth = signed_distance(region, canvas.pitch)
    canvas.tumour = cords + np.clip(depth / 60, -3, 0.3) > rng.uniform(0.3, 0.6)
    canvas.lesion = _closed(canvas, canvas.tumour, 9)
    canvas.retraction = 0.2
    canvas.atypia, canvas.spacing = LOBULAR, rng.uniform(11.5, 13.5)


def _mucinous_carcinoma(canvas: Canvas) -> None:
    rng = canvas.rng
    pool = _territory(canvas, EXTENT * rng.uniform(0.5, 0.75), 0.06)
    canvas.tumour = _blobs(canvas, pool, rng.uniform(120, 150), (32, 58), 1.9, 0.14, 0.22)
    septa = _labyrinth(canvas, 260.0, 14.0)
    canvas.space = pool & ~canvas.tumour & ~septa
    canvas.mucin = True
    canvas.lesion = _closed(canvas, canvas.tumour, 8)
    canvas.atypia, canvas.spacing = MUCINOUS, rng.uniform(11.5, 13.5)


def _papillary_carcinoma(canvas: Canvas) -> None:
    rng = canvas.rng
    cyst = _territory(canvas, EXTENT * rng.uniform(0.45, 0.75), 0.05)
    scale = rng.uniform(80, 110)
    level = smooth_noise(rng, canvas.shape, canvas.pitch, scale)
    level += 0.25 * smooth_noise(rng, canvas.shape, canvas.pitch, scale / 4)
    canvas.tumour = cyst & (level > rng.uniform(-0.5, -0.15))
    canvas.core = rng.uniform(26, 34)
    canvas.space = cyst & ~canvas.tumour
    canvas.lesion = _closed(canvas, canvas.tumour, 6)
    canvas.atypia, canvas.spacing = PAPILLARY, rng.uniform(10.5, 12.5)


def _in_situ(canvas: Canvas) -> None:
    rng = canvas.rng
    region = _territory(canvas, EXTENT * rng.uniform(0.45, 0.85), 0.05)
    radius = rng.uniform(60, 95)
    canvas.tumour = _blobs(canvas, region, 2.9 * radius, (0.7 * radius, 1.25 * radius), 1.5, 0.05)
    depth = signed_distance(canvas.tumour, canvas.pitch)
    pattern = rng.choice(["solid", "comedo", "cribriform"])
    if pattern == "comedo":
        wobble = 6 * smooth_noise(rng, canvas.shape, canvas.pitch, 30.0)
        canvas.necrosis = depth + wobble > 0.62 * radius
    elif pattern == "cribriform":
        holes = _blobs(canvas, depth > 22, 38.0, (7, 12), 1.3, 0.05, 0.2)
        canvas.space = holes & (depth > 14)
    canvas.basement = True
    canvas.lesion = _closed(canvas, canvas.tumour, 4)
    canvas.atypia, canvas.spacing = IN_SITU, rng.uniform(11.5, 13.5)


def _invasive(canvas: Canvas) -> None:
    (_lobular_carcinoma if canvas.rng.random() < 0.3 else _ductal_carcinoma)(canvas)


def _benign(canvas: Canvas) -> None:
    kinds = [_adenosis, _fibroadenoma, _tubular_adenoma]
    kinds[canvas.rng.choice(3, p=[0.5, 0.25, 0.25])](canvas)


def _normal(canvas: Canvas) -> None:
    rng = canvas.rng
    lobules = _blobs(canvas, np.ones(canvas.shape, bool), 420.0, (55, 85), 1.4, 0.1, 0.4)
    canvas.wall = rng.uniform(11, 13)
    canvas.gland = _blobs(canvas, lobules, rng.uniform(40, 46), (13, 18), 1.3, 0.04, 0.2)
    canvas.pallor[lobules] += 0.3


# Kind of tissue -> how it is laid out: BreakHis's eight subtypes, then BACH's four classes.
KINDS: dict[str, Callable[[Canvas], None]] = {
    "adenosis": _adenosis,
    "fibroadenoma": _fibroadenoma,
    "phyllodes_tumor": _phyllodes_tumor,
    "tubular_adenoma": _tubular_adenoma,
    "ductal_carcinoma": _ductal_carcinoma,
    "lobular_carcinoma": _lobular_carcinoma,
    "mucinous_carcinoma": _mucinous_carcinoma,
    "papillary_carcinoma": _papillary_carcinoma,
    "normal": _normal,
    "benign": _benign,
    "in_situ": _in_situ,
    "invasive": _invasive,
}


def _add_surroundings(canvas: Canvas, sparse: bool) -> None:
    """Fat, and a few normal glands beside the lesion, as in any slide whatever its class."""
    rng = canvas.rng
    taken = _dilated(canvas, canvas.lesion | canvas.gland | canvas.space | canvas.tumour, 14)
    if rng.random() < (0.8 if sparse else 0.5):
        part = rng.uniform(0.15, 0.5 if sparse else 0.3)
        canvas.fat = _territory(canvas, part, 0.1, avoid=taken) & ~taken
        taken |= canvas.fat
    if not sparse and rng.random() < 0.5:
        free = ~_dilated(canvas, taken, 30)
        ducts = _blobs(canvas, free, 260.0, (18, 34), 1.6, 0.06, 0.4)
        keep = smooth_noise(rng, canvas.shape, canvas.pitch, 300.0) > 0.3
        ducts &= keep & ~taken
        canvas.gland |= _dilated(canvas, _dilated(canvas, ducts, -10), 10)


def _finish(canvas: Canvas) -> Tissue:
    distances = {
        name: signed_distance(getattr(canvas, name), canvas.pitch)
        for name in ("gland", "tumour", "space", "necrosis", "fat", "lesion")
    }
    nearest = np.maximum.reduce([distances[name] for name in ("gland", "tumour", "space", "fat")])
    along = _wrapped(canvas, nearest)
    canvas.angle = 0.5 * np.arctan2(along[1], along[0])
    cells = np.concatenate(_cells(canvas, distances)).astype(np.float32)
    cells[:, :2] -= MARGIN
    return Tissue(
        pitch=canvas.pitch,
        pallor=blurred(np.clip(canvas.pallor, 0, 1), 8 / canvas.pitch),
        along=along,
        wall=canvas.wall,
        core=canvas.core,
        mucin=canvas.mucin,
        basement=canvas.basement,
        retraction=canvas.retraction,
        cells=cells,
        **distances,
    )


def _wrapped(canvas: Canvas, nearest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fibre direction turned to run around structures near them, as a double angle."""
    soft = blurred(np.maximum(nearest, -150), 10 / canvas.pitch)
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    around = np.arctan2(dx, -dy)
    weight = 0.9 * np.exp(np.minimum(nearest, 0) / 30)
    cos = (1 - weight) * np.cos(2 * canvas.angle) + weight * np.cos(2 * around)
    sin = (1 - weight) * np.sin(2 * canvas.angle) + weight * np.sin(2 * around)
    return blurred(cos, 4 / canvas.pitch), blurred(sin, 4 / canvas.pitch)


def _cells(canvas: Canvas, distances: dict[str, np.ndarray]) -> list[np.ndarray]:
    """All nuclei, compartment by compartment."""
    rng = canvas.rng
    gland, tumour = distances["gland"], distances["tumour"]
    clear = (distances["space"] < -1) & (distances["necrosis"] < -2)
    tables = []

    points, normal = _ring(canvas, gland, 0.24 * canvas.wall, 9.5)
    tables.append(_nuclei(rng, points, normal + np.pi / 2, MYOEPITHELIAL))
    points, normal = _ring(canvas, gland, 0.66 * canvas.wall, 7.0)
    tables.append(_nuclei(rng, points, normal, LUMINAL))

    points = hexagonal_points(rng, canvas.size, canvas.spacing, 0.3)
    depth = _at(canvas, tumour, points)
    points = points[(depth > 1.5) & (depth < canvas.core) & _at(canvas, clear, points)]
    turn = rng.uniform(0, np.pi, len(points))
    if np.isfinite(canvas.core):  # columnar cells stand on their core
        turn = _normal_at(canvas, tumour, points) + rng.normal(0, 0.35, len(points))
    tables.append(_nuclei(rng, points, turn, canvas.atypia))
    if canvas.basement:
        points, normal = _ring(canvas, tumour, 1.0, 17.0)
        tables.append(_nuclei(rng, points, normal + np.pi / 2, MYOEPITHELIAL))

    filled = np.maximum(gland, np.where(tumour > canvas.core, -10, tumour))
    stroma = (filled < -3) & clear & (distances["fat"] < 0)
    points = hexagonal_points(rng, canvas.size, 12.5, 0.45)
    density = _at(canvas, canvas.cellularity, points) * 12.5**2 * 0.866 * 1e-6
    points = points[(rng.random(len(points)) < density) & _at(canvas, stroma, points)]
    turn = _at(canvas, canvas.angle, points) + rng.normal(0, 0.2, len(points))
    inside = _at(canvas, canvas.lesion, points)
    tables.append(_nuclei(rng, points[inside], turn[inside], canvas.stroma))
    tables.append(_nuclei(rng, points[~inside], turn[~inside], SPINDLE))

    if rng.random() < 0.35:  # lymphocytes gather in any kind of tissue
        points = hexagonal_points(rng, canvas.size, 8.0, 0.4)
        patch = smooth_noise(rng, canvas.shape, canvas.pitch, 110.0) - rng.uniform(1.0, 1.7)
        keep = rng.random(len(points)) < np.clip(_at(canvas, patch, points) * 1.5, 0, 0.75)
        points = points[keep & _at(canvas, stroma, points)]
        tables.append(_nuclei(rng, points, rng.uniform(0, np.pi, len(points)), LYMPHOCYTE))
    return tables


def _normal_at(canvas: Canvas, distance: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Direction of steepest change of `distance` at `points`, radians."""
    soft = blurred(distance, max(0.8, 2.5 / canvas.pitch))
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    return np.arctan2(_at(canvas, dy, points), _at(canvas, dx, points))


def _ring(canvas: Canvas, distance: np.ndarray, depth: float, spacing: float):
    """Points about `spacing` apart at `depth` inside an edge, and the inward direction there."""
    points = hexagonal_points(canvas.rng, canvas.size, spacing, 0.2)
    gap = depth - _at(canvas, distance, points)
    near = np.abs(gap) < 0.42 * spacing
    points, gap = points[near], gap[near]
    normal = _normal_at(canvas, distance, points)
    moved = points + gap[:, None] * np.stack([np.cos(normal), np.sin(normal)], -1)
    moved = np.clip(moved, 0, np.array(canvas.size) - 1e-3)
    crowded = cKDTree(moved).query_pairs(0.6 * spacing, output_type="ndarray")
    keep = np.setdiff1d(np.arange(len(moved)), crowded[:, 1])
    return moved[keep], normal[keep]


def _nuclei(rng: Rng, points: np.ndarray, angle: np.ndarray, kind: Nucleus) -> np.ndarray:
    """One row of `CELL_COLUMNS` a point."""
    number = len(points)
    size, shape = np.exp(np.clip(rng.standard_normal((2, number)), -2, 1.6) * kind.spread)
    shape = np.sqrt(shape)
    table = np.column_stack(
        [
            points,
            kind.major * size * shape,
            kind.minor * size / shape,
            angle,
            kind.dark * np.exp(0.22 * rng.standard_normal(number)),
            np.clip(kind.vesicular + rng.normal(0, 0.15, number), 0, 1),
            rng.random(number) < kind.nucleolus,
            np.full(number, kind.irregular),
        ]
    )
    if kind.mitosis:
        mitotic = rng.random(number) < kind.mitosis
        table[mitotic] = _nuclei(rng, points[mitotic], angle[mitotic], MITOTIC)
    return table
