"""Synthetic H&E micrographs with exact lesion masks.

A field is laid out in micrometres at the image's own pixels, so one kind of tissue looks the same
at any magnification. Fat, lobules and stroma are alike in every image; what tells the class is the
lesion alone. Light then passes through the two stains by the Beer-Lambert law. Each patient has
own stains, texture and microscope settings: colour tells patients apart, not diagnoses.
"""

import functools
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from paper_code.phantoms.writing import Drawing

Rng = np.random.Generator

# Optical density of red, green, blue light (Ruifrok and Johnston 2001).
HAEMATOXYLIN = np.array([0.65, 0.70, 0.29])
EOSIN = np.array([0.07, 0.99, 0.11])
EOSIN_SHIFT = np.array([0.05, 0.0, 0.12])  # eosin as seen in BreakHis: less magenta, more red
# A lesion covers this part of the field, so that what tells the class is in one place.
COVERAGE = (0.10, 0.24)
TILE = 1024  # px, side of the noise that all textures are cut from
MARGIN = 24.0  # micrometres around the field in which structures may have their middle
NOWHERE = -1e4  # depth in a structure that is not there


class Nuclei(NamedTuple):
    """A population of nuclei; lengths in micrometres."""

    major: float  # median semi-axes
    minor: float
    spread: float  # standard deviation of log size
    spacing: float
    dark: float = 1.0  # haematoxylin against a benign epithelial nucleus
    pale: float = 0.0  # 0 evenly dark, 1 pale inside with a dark rim and a nucleolus


SPINDLE = Nuclei(5.6, 1.5, 0.20, 12.5)
LUMINAL = Nuclei(3.5, 2.7, 0.08, 7.5, dark=0.92, pale=0.3)


class Lesion(NamedTuple):
    """How a lesion is built; lengths in micrometres.

    `pattern` is "glands" (round, `size` apart), "slits" or "nests" (of a noise of that size) or
    "cords" (so wide). Epithelium is `wall` thick and has `inner` inside; `outer` lies around it.
    """

    pattern: str
    size: tuple[float, float]
    nuclei: Nuclei
    wall: float = np.inf
    inner: str = "lumen"
    outer: str = "stroma"
    share: float = 0.7  # of the lesion that nests, cords or slits with their walls fill
    pallor: float = 0.0  # 1: the stroma is myxoid
    cells: float = 1.5  # of the stroma, against that elsewhere


# BreakHis's eight subtypes, then BACH's four classes.
LESIONS = {
    "normal": Lesion("none", (0, 0), LUMINAL),
    "adenosis": Lesion("glands", (40, 48), LUMINAL, wall=13),
    "fibroadenoma": Lesion("slits", (120, 160), LUMINAL, 14, share=0.4, pallor=0.5, cells=3),
    "phyllodes_tumor": Lesion("slits", (220, 280), LUMINAL, 14, share=0.4, pallor=0.3, cells=5),
    "tubular_adenoma": Lesion("glands", (32, 38), LUMINAL, wall=11),
    "ductal_carcinoma": Lesion("nests", (60, 90), Nuclei(6.6, 5.2, 0.26, 14, 1.1, 0.55), share=0.8),
    "lobular_carcinoma": Lesion("cords", (14, 18), Nuclei(5.4, 4.7, 0.18, 12, 1.1, 0.35)),
    "mucinous_carcinoma": Lesion(
        "glands", (100, 130), Nuclei(5.7, 4.8, 0.18, 12, 1.05, 0.4), outer="mucin"
    ),
    "papillary_carcinoma": Lesion(
        "nests", (80, 110), Nuclei(6.8, 4.6, 0.20, 11.5, 1.05, 0.45), 28, "stroma", "lumen"
    ),
    "insitu": Lesion(
        "glands", (150, 220), Nuclei(6.0, 5.0, 0.22, 12.5, 1.0, 0.5), wall=36, inner="necrosis"
    ),
}
CHOICES = {  # kinds that are drawn at random
    "benign": ("adenosis", "adenosis", "fibroadenoma", "tubular_adenoma"),
    "invasive": ("ductal_carcinoma", "ductal_carcinoma", "lobular_carcinoma"),
}
KINDS = (*LESIONS, *CHOICES)


@dataclass(frozen=True)
class Patient:
    """Appearance of one patient's slides."""

    haematoxylin: np.ndarray  # unit optical-density vectors (red, green, blue)
    eosin: np.ndarray
    strength: tuple[float, float]  # density of haematoxylin and eosin
    bundle: float  # width of collagen bundles, micrometres
    shading: float  # fall of the light towards the corners
    grain: float  # standard deviation of the sensor noise, grey values


def draw_patient(rng: Rng, signal: float = 1.0) -> Patient:
    """Draw a patient's stains, tissue texture and microscope settings.

    `signal` is how far patients differ from the mean one; 0: an image does not tell whose it is.
    """

    def between(low: float, high: float) -> float:
        middle = (low + high) / 2
        return middle + signal * (rng.uniform(low, high) - middle)

    def stain(mean: np.ndarray, spread: float) -> np.ndarray:
        vector = np.clip(mean + rng.normal(0, spread * signal, 3), 0.02, None)
        return vector / np.linalg.norm(vector)

    return Patient(
        haematoxylin=stain(HAEMATOXYLIN, 0.06),
        eosin=stain(EOSIN + EOSIN_SHIFT, 0.07),
        strength=(between(0.75, 1.35), between(0.6, 1.4)),
        bundle=max(between(5, 11), 1),
        shading=between(0.02, 0.16),
        grain=between(1.0, 3.0),
    )


def draw_image(
    image: str, patient: str, kind: str, drawing: Drawing, aspect: float, field: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw an image of a patient, as `draw_field`: the names and the seed decide it."""
    own, shared = (
        np.random.default_rng([drawing.seed, zlib.crc32(name.encode())])
        for name in (image, patient)
    )
    who = draw_patient(shared, drawing.patient_signal)
    width = round(drawing.height * aspect)
    return draw_field(own, who, kind, width=width, height=drawing.height, field=field)


def draw_field(
    rng: Rng, patient: Patient, kind: str, *, width: int, height: int, field: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one field of view, `field` micrometres wide, of a `kind` of tissue (one of `KINDS`).

    `rng` decides everything but the patient; the layout does not depend on the size in px. Returns
    uint8 height x width x 3 RGB, and the bool height x width lesion mask.
    """
    layout_rng, texture_rng = rng.spawn(2)
    grid = Grid(width, height, field)
    tissue = lay_out(kind, layout_rng, grid)
    cells = place_nuclei(layout_rng, grid, tissue)
    blue, pink = _matrix(texture_rng, patient, grid, tissue)
    _stain_nuclei(texture_rng, grid, cells, blue, pink)
    return _photograph(texture_rng, patient, blue, pink), tissue.region > 0


class Grid:
    """The pixels of a field of view; all lengths and places are micrometres."""

    def __init__(self, width: int, height: int, field: float) -> None:
        self.pixel = field / width
        self.shape = (height, width)
        self.size = np.array([field, height * self.pixel])
        self.x = (np.arange(width, dtype=np.float32)[None] + 0.5) * np.float32(self.pixel)
        self.y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) * np.float32(self.pixel)

    def noise(self, rng: Rng, scale: float) -> np.ndarray:
        """Noise of unit variance with features of `scale`, or of a pixel if finer; float32."""
        scale = max(scale, 1.5 * self.pixel)
        tile, feature = _tile(scale < 5 * self.pixel)
        step = feature / scale
        start = _start(rng, self.size * step) + 0.5 * self.pixel * step
        matrix = np.array([[step * self.pixel, 0, start[0]], [0, step * self.pixel, start[1]]])
        flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_WRAP
        return cv2.warpAffine(tile, matrix, self.shape[::-1], flags=flags, borderMode=border)

    def fibres(self, rng: Rng, along, across, width: float, length: float) -> np.ndarray:
        """Noise of unit variance, stretched along the fibres; float32."""
        width = max(width, 1.5 * self.pixel)
        tile, feature = _tile(width < 5 * self.pixel)
        places = along * np.float32(feature / length), across * np.float32(feature / width)
        start = _start(rng, np.array([np.ptp(place) for place in places]))
        u, v = (p + np.float32(s - p.min()) for p, s in zip(places, start, strict=True))
        return cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    def points(self, rng: Rng, spacing: float, jitter: float, margin: float) -> np.ndarray:
        """A hexagonal lattice over the field and `margin` around, each point moved; n x 2."""
        columns, rows = ((self.size + 2 * margin) / (spacing * np.array([1, 0.866]))).astype(int)
        row, column = np.mgrid[0 : rows + 2, 0 : columns + 2]
        points = np.stack([column + 0.5 * (row % 2), 0.866 * row], -1).reshape(-1, 2)
        points = points + rng.uniform(-jitter, jitter, points.shape) - rng.random(2)
        return points * spacing - margin

    def at(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        """`values` (height x width) at the pixels nearest to `points`."""
        column, row = (points / self.pixel).astype(int).T
        height, width = self.shape
        return values[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each pixel's nearest of `points`: its index, x and y from there, H x W each."""
        pad = int(MARGIN / self.pixel) + 1
        seeds = np.full([n + 2 * pad for n in self.shape], 255, np.uint8)
        place = np.floor(points / self.pixel).astype(int) + pad
        known = np.flatnonzero(((place >= 0) & (place < seeds.shape[::-1])).all(1))
        column, row = place[known].T
        seeds[row, column] = 0
        _, labels = cv2.distanceTransformWithLabels(
            seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        owner = np.zeros(labels.max() + 1, int)
        owner[labels[row, column]] = known
        owner = owner[labels[pad:-pad, pad:-pad]]
        x, y = points.astype(np.float32).T
        return owner, self.x - x[owner], self.y - y[owner]


@functools.cache
def _tile(fine: bool) -> tuple[np.ndarray, int]:
    """Periodic noise of unit variance that all textures are cut from; its features in px."""
    feature = 2 if fine else 6
    noise = np.random.default_rng(0).standard_normal((TILE, TILE), dtype=np.float32)
    noise = gaussian_filter(noise, feature / 2, mode="wrap")
    return noise / noise.std(), feature


def _start(rng: Rng, extent: np.ndarray) -> np.ndarray:
    """x and y at which a window of this extent lies in the tile, where it fits."""
    return rng.random(2) * np.maximum(TILE - 1 - extent, 0)


ACINUS = 11.0  # thickness of a normal gland's epithelium


class Tissue(NamedTuple):
    """A field's layout: depths in micrometres, positive inside, float32 H x W."""

    lesion: Lesion
    region: np.ndarray  # the lesion as a whole
    epithelium: np.ndarray  # of the lesion
    lobules: np.ndarray  # acini of normal glands
    fat: np.ndarray
    along: np.ndarray  # coordinates of the fibres
    across: np.ndarray


def lay_out(kind: str, rng: Rng, grid: Grid) -> Tissue:
    """Lay out one field of tissue; `kind` is one of `KINDS`."""
    if kind in CHOICES:
        kind = str(rng.choice(CHOICES[kind]))
    lesion = LESIONS[kind]
    turn = rng.uniform(0, np.pi)
    along = grid.x * np.float32(np.cos(turn)) + grid.y * np.float32(np.sin(turn))
    across = grid.y * np.float32(np.cos(turn)) - grid.x * np.float32(np.sin(turn))
    across += rng.uniform(30, 60) * grid.noise(rng, 220) + rng.uniform(4, 10) * grid.noise(rng, 60)
    region, epithelium, fat = np.full((3, *grid.shape), NOWHERE, np.float32)
    if lesion.pattern != "none":
        region = _territory(rng, grid, rng.uniform(*COVERAGE), 0.04)
        epithelium = _epithelium(rng, grid, lesion, region, along, across)
    lobules = np.minimum(_lobules(rng, grid), -region - 15)
    if rng.random() < 0.6:
        fat = _territory(rng, grid, rng.uniform(0.15, 0.35), 0.1)
        fat = np.minimum(fat, -np.maximum(region, lobules) - 15)
    return Tissue(lesion, region, epithelium, lobules, fat, along, across)


def _territory(rng: Rng, grid: Grid, part: float, rough: float) -> np.ndarray:
    """Depth in a rounded region anywhere that covers `part` of the field."""
    reach = float(grid.size.min())
    centre = rng.uniform(0.15, 0.85, 2) * grid.size
    x, y = centre.astype(np.float32)
    level = -np.sqrt((grid.x - x) ** 2 + (grid.y - y) ** 2)
    level += 0.18 * reach * grid.noise(rng, 0.5 * reach)
    level += rough * reach * grid.noise(rng, 0.12 * reach)
    return level - float(np.quantile(level[::3, ::3], 1 - part))


def _epithelium(rng: Rng, grid: Grid, lesion: Lesion, region, along, across) -> np.ndarray:
    """Depth in a lesion's epithelium; all of it lies inside `region`."""
    size = rng.uniform(*lesion.size)
    if lesion.pattern == "glands":
        row, column = np.unravel_index(np.argmax(region), region.shape)
        points = grid.points(rng, size, 0.2, size)
        # One of them lies in the middle of the lesion, however small that is.
        middle = np.array([grid.x[0, column], grid.y[row, 0]])
        points += middle - points[np.argmin(((points - middle) ** 2).sum(1))]
        radius = (size * rng.uniform(0.32, 0.5, len(points))).astype(np.float32)
        owner, dx, dy = grid.nearest(points)
        depth = radius[owner] - np.sqrt(dx * dx + dy * dy)
        depth += 0.07 * size * grid.noise(rng, 0.6 * size)
        return np.minimum(depth, region)
    if lesion.pattern == "cords":
        level = grid.fibres(rng, along, across, size, 6 * size)
    elif lesion.pattern == "slits":
        level = -np.abs(grid.noise(rng, size))
    else:
        level = grid.noise(rng, size) + 0.4 * grid.noise(rng, size / 3)
    cut = float(np.quantile(level[region > 0], 1 - lesion.share))
    return np.minimum((level - cut) * size / 2, region)


def _lobules(rng: Rng, grid: Grid) -> np.ndarray:
    """Depth in the acini of a few normal lobules."""
    apart, spacing = 420.0, rng.uniform(38, 44)
    lobules = grid.points(rng, apart, 0.4, 100)
    reach = rng.uniform(50, 90, len(lobules))
    acini = grid.points(rng, spacing, 0.2, spacing)
    gap = np.hypot(*(acini[:, None] - lobules).transpose(2, 0, 1)) - reach
    acini = acini[gap.min(1) < 0]
    if not len(acini):
        return np.full(grid.shape, NOWHERE, np.float32)
    _, dx, dy = grid.nearest(acini)
    return 0.38 * spacing - np.sqrt(dx * dx + dy * dy) + 1.5 * grid.noise(rng, 25)


def place_nuclei(rng: Rng, grid: Grid, tissue: Tissue) -> np.ndarray:
    """Nuclei of the lesion's epithelium, of normal glands and of the stroma.

    Returns:
        float32 n x 7: x, y, major, minor, angle, dark, pale.
    """
    lesion, tables = tissue.lesion, []
    for nuclei, depth, wall in (
        (lesion.nuclei, tissue.epithelium, lesion.wall),
        (LUMINAL, tissue.lobules, ACINUS),
    ):
        points = grid.points(rng, nuclei.spacing, 0.25, 8)
        deep = grid.at(depth, points)
        points = points[(deep > 1.5) & (deep < wall - 1.5)]
        tables.append(_nuclei(rng, points, rng.uniform(0, np.pi, len(points)), nuclei))
    stroma = np.maximum(tissue.lobules, tissue.fat - 3) < -3
    stroma &= (tissue.region if lesion.outer != "stroma" else tissue.epithelium) < -3
    stroma |= (tissue.epithelium > lesion.wall + 3) & (lesion.inner == "stroma")
    density = rng.uniform(0.07, 0.14) * np.exp(0.5 * grid.noise(rng, 120))
    density *= stroma * np.where(tissue.region > 0, lesion.cells, 1)
    points = grid.points(rng, SPINDLE.spacing, 0.4, 8)
    points = points[rng.random(len(points)) < grid.at(density, points)]
    slopes = (cv2.Sobel(tissue.across, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    dx, dy = (grid.at(slope, points) for slope in slopes)
    angle = np.arctan2(-dx, dy) + rng.normal(0, 0.2, len(points))
    tables.append(_nuclei(rng, points, angle, SPINDLE))
    return np.concatenate(tables).astype(np.float32)


def _nuclei(rng: Rng, points: np.ndarray, angle: np.ndarray, kind: Nuclei) -> np.ndarray:
    """One row a point, as in `place_nuclei`."""
    number = len(points)
    size, shape = np.exp(np.clip(rng.standard_normal((2, number)), -2, 1.6) * kind.spread)
    dark = kind.dark * np.exp(0.2 * rng.standard_normal(number))
    pale = np.clip(kind.pale + rng.normal(0, 0.15, number), 0, 1)
    major, minor = kind.major * size * np.sqrt(shape), kind.minor * size / np.sqrt(shape)
    return np.column_stack([points, major, minor, angle, dark, pale])


def _matrix(rng: Rng, patient: Patient, grid: Grid, tissue: Tissue):
    """Haematoxylin and eosin of all but the nuclei, float32 H x W each."""
    lesion = tissue.lesion
    bundles = grid.fibres(rng, tissue.along, tissue.across, patient.bundle, 9 * patient.bundle)
    threads = grid.fibres(rng, tissue.along, tissue.across, 2.4, 30)
    patchy, fine, edge = grid.noise(rng, 60), grid.noise(rng, 2), 1.5 * grid.noise(rng, 9)
    pallor = np.clip(0.25 + 0.2 * grid.noise(rng, 160), 0, 1)
    pallor = np.where(tissue.region > 0, np.maximum(pallor, lesion.pallor), pallor)
    fibres = 0.7 * bundles + 0.7 * threads
    loose = 0.5 * grid.noise(rng, 130) - 1.1 * fibres - 1.3  # splits into white clefts
    cracks = np.clip(1.2 * loose / max(1.0, grid.pixel) + 0.3, 0, 1)
    pink = (0.56 + 0.07 * patchy) * (1 - 0.55 * pallor) + 0.14 * fibres + 0.04 * fine
    pink = np.maximum(pink, 0.08) * (1 - 0.92 * cracks)
    blue = (0.05 + 0.10 * pallor) * (1 - 0.8 * cracks) + 0.015 * fine

    def paint(depth: np.ndarray, soft: float, new_blue, new_pink) -> None:
        """Lay new amounts of both stains over the old ones; an edge is at least `soft` wide."""
        cover = np.clip((depth + edge) / max(grid.pixel, soft) + 0.5, 0, 1)
        blue[:] += cover * (new_blue - blue)
        pink[:] += cover * (new_pink - pink)

    fillings = {
        "lumen": (1.0, 0.01, 0.03 + 0.03 * np.clip(patchy, 0, 1)),
        "mucin": (2.0, 0.11 + 0.02 * fibres, 0.10 + 0.02 * fibres),
        "necrosis": (3.0, 0.10 + 0.05 * fine, 0.62 + 0.08 * fine),
        "stroma": (3.0, 0.06, 0.50 + 0.1 * fibres),
    }
    if tissue.fat.max() > 0:
        paint(tissue.fat, 4.0, *_adipose(rng, grid))
    paint(tissue.lobules, 1.0, 0.13 + 0.02 * fine, 0.42 + 0.08 * fine)
    paint(tissue.lobules - ACINUS, *fillings["lumen"])
    if lesion.outer != "stroma":
        paint(tissue.region, *fillings[lesion.outer])
    basophil = 0.13 + 0.2 * (lesion.nuclei.dark - 0.92) + 0.03 * fine
    paint(tissue.epithelium, 1.0, basophil, 0.41 + 0.04 * patchy + 0.08 * fine)
    paint(tissue.epithelium - lesion.wall, *fillings[lesion.inner])
    return blue, pink


def _adipose(rng: Rng, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Fat: empty cells with thin membranes."""
    points = grid.points(rng, rng.uniform(52, 75), 0.4, 60)
    owner, _, _ = grid.nearest(points)
    within = np.ones(grid.shape, np.uint8)
    within[:, 1:] &= owner[:, 1:] == owner[:, :-1]
    within[1:] &= owner[1:] == owner[:-1]
    distance = cv2.distanceTransform(within, cv2.DIST_L2, 5) * np.float32(grid.pixel)
    membrane = np.clip(1.5 - distance / max(1.2, grid.pixel), 0, 1)
    return 0.01 + 0.05 * membrane, 0.02 + 0.5 * membrane


def _stain_nuclei(rng: Rng, grid: Grid, cells: np.ndarray, blue, pink) -> None:
    """Add the nuclei, in place.

    Every pixel belongs to its nearest nucleus and is judged in that nucleus's own axes, so the
    time does not grow with the number of cells, and crowded nuclei flatten one another.
    """
    if not len(cells):
        return
    pixel = max(grid.pixel, 0.7)
    owner, dx, dy = grid.nearest(cells[:, :2])
    at = dx * dx + dy * dy < (cells[:, 2].max() + pixel) ** 2
    own, dx, dy = owner[at], dx[at], dy[at]
    major, minor, angle, dark, pale = cells[:, 2:].T
    cos, sin = np.cos(angle)[own], np.sin(angle)[own]
    u, v = (dx * cos + dy * sin) / major[own], (dy * cos - dx * sin) / minor[own]
    radius = np.sqrt(u * u + v * v) * (1 + 0.1 * grid.noise(rng, 6)[at])
    inside = np.clip((1 - radius) * minor[own] / pixel + 0.5, 0, 1)
    density = np.ones_like(radius)
    if grid.pixel < 1:  # chromatin is seen
        pale = pale[own] * min(1.0, 2 * (1 - grid.pixel))
        density += 0.15 * grid.noise(rng, 2)[at] * (0.4 + pale)
        density += pale * (0.45 * (np.abs(radius - 0.92) < 0.15) - 0.4 * (radius < 0.77))
        density += pale * (radius * minor[own] < 1.1)  # the nucleolus
    amount = np.maximum(dark[own] * density, 0.2) * 0.66
    blue[at] += inside * (amount - 0.65 * blue[at])
    pink[at] *= 1 - 0.15 * inside


def _photograph(rng: Rng, patient: Patient, blue: np.ndarray, pink: np.ndarray) -> np.ndarray:
    """Stain amounts to an RGB image: Beer-Lambert law, uneven light, blur, sensor noise."""
    rows, columns = blue.shape
    blue = np.maximum(blue, 0) * (1.25 * patient.strength[0])
    pink = np.maximum(pink, 0) * (0.62 * patient.strength[1])
    density = np.multiply.outer(patient.haematoxylin.astype(np.float32), blue)
    density += np.multiply.outer(patient.eosin.astype(np.float32), pink)
    off = rng.uniform(-0.5, 0.5, 2)
    x, y = np.linspace(-1, 1, columns) - off[0], np.linspace(-1, 1, rows) - off[1]
    shade = (1 - patient.shading * (x**2 + y[:, None] ** 2)).astype(np.float32)
    image = np.exp(-density) * (shade * rng.uniform(230, 244))
    blur = min(0.75, columns / 900)  # px; a small image is a shrunk one
    image = np.stack([cv2.GaussianBlur(channel, (0, 0), blur) for channel in image])
    image += np.float32(patient.grain) * rng.standard_normal(shade.shape, dtype=np.float32)
    image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image.transpose(1, 2, 0))
