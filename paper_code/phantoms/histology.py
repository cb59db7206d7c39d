"""Synthetic H&E micrographs with exact lesion masks.

`tissue` lays out one field in micrometres; this module gives it colour. Haematoxylin and eosin
are amounts per pixel and light passes through them by the Beer-Lambert law. Each patient has own
stains, texture and microscope settings that overlap between the classes: colour tells patients
apart, not diagnoses.
"""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from paper_code.phantoms.tissue import (
    CELL_COLUMNS,
    MARGIN,
    Tissue,
    hexagonal_points,
    lay_out,
    smooth_noise,
    streaks,
)

# Optical density of red, green, blue light (Ruifrok and Johnston 2001).
HAEMATOXYLIN = np.array([0.65, 0.70, 0.29])
EOSIN = np.array([0.07, 0.99, 0.11])
EOSIN_SHIFT = np.array([0.05, 0.0, 0.12])  # eosin as seen in BreakHis: less magenta, more red
NOMINAL_WIDTH = 700  # px; narrower images are taken as shrunk, so their blur is less


@dataclass(frozen=True)
class Patient:
    """Appearance of one patient's slides.

    Attributes:
        haematoxylin, eosin: unit optical-density vectors (red, green, blue).
        strength: density of haematoxylin and eosin.
        bundle: width of collagen bundles, micrometres.
        contrast: of the collagen texture.
        clefts: how readily the stroma splits into white clefts, 0 to 1.
        nuclei: size of all nuclei relative to the mean.
        chromatin: contrast of the chromatin texture.
        light: white balance of the microscope (red, green, blue), of 1.
        shading: fall of the light towards the corners.
        focus: blur in px of an image at least `NOMINAL_WIDTH` px wide.
        grain: standard deviation of the sensor noise, grey values.
    """

    haematoxylin: np.ndarray
    eosin: np.ndarray
    strength: tuple[float, float]
    bundle: float
    contrast: float
    clefts: float
    nuclei: float
    chromatin: float
    light: np.ndarray
    shading: float
    focus: float
    grain: float


def draw_patient(rng: np.random.Generator, signal: float = 1.0) -> Patient:
    """Draw a patient's stains, tissue texture and microscope settings.

    Args:
        rng: decides the patient.
        signal: how far patients differ from the mean patient; 0: not at all, so that an image does
            not tell whose it is.
    """

    def between(low: float, high: float) -> float:
        middle = (low + high) / 2
        return middle + signal * (rng.uniform(low, high) - middle)

    return Patient(
        haematoxylin=_stain(rng, HAEMATOXYLIN, 0.06 * signal),
        eosin=_stain(rng, EOSIN + EOSIN_SHIFT, 0.07 * signal),
        strength=(between(0.75, 1.35), between(0.6, 1.4)),
        bundle=between(5, 11),
        contrast=between(0.7, 1.3),
        clefts=between(0.0, 1.0),
        nuclei=between(0.93, 1.07),
        chromatin=between(0.6, 1.3),
        light=np.clip(rng.normal([0.95, 0.95, 0.96], 0.03 * signal), 0.85, 1.0),
        shading=between(0.02, 0.16),
        focus=between(0.5, 1.0),
        grain=between(1.0, 3.0),
    )


def draw_image(
    image: str, patient: str, kind: str, *, seed: int, patient_signal: float, **view: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw an image of a patient: the names and the seed decide it. `view`: as in `draw_field`."""
    own, shared = (np.random.default_rng([seed, zlib.crc32(n.encode())]) for n in (image, patient))
    return draw_field(own, draw_patient(shared, patient_signal), kind, **view)


def draw_field(
    rng: np.random.Generator,
    patient: Patient,
    kind: str,
    *,
    width: int,
    height: int,
    field: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one field of view.

    Args:
        rng: decides everything but the patient. The layout does not depend on the size in px.
        patient: whose slide it is.
        kind: of tissue, a key of `tissue.KINDS`.
        width, height: px.
        field: width of the field of view in micrometres.

    Returns:
        uint8 height x width x 3 RGB, and the bool height x width lesion mask.
    """
    layout_rng, texture_rng = rng.spawn(2)
    tissue = lay_out(kind, layout_rng, field, field * height / width)
    view = _View(tissue, width, height, field / width)
    blue, pink = _matrix(texture_rng, patient, view)
    _stain_nuclei(texture_rng, patient, view, blue, pink)
    image = _photograph(texture_rng, patient, blue, pink)
    return image, view.map("lesion") > 0


class _View:
    """The visible field of a layout at the image's resolution; `pixel` in micrometres."""

    def __init__(self, tissue: Tissue, width: int, height: int, pixel: float):
        self.tissue, self.pixel = tissue, pixel
        self.shape = (height, width)
        scale = pixel / tissue.pitch
        start = round(MARGIN / tissue.pitch) + 0.5 * scale - 0.5
        self._matrix = np.array([[scale, 0, start], [0, scale, start]])

    def map(self, name: str) -> np.ndarray:
        """A map of the layout, float32 at the image's resolution."""
        return self.sample(getattr(self.tissue, name))

    def sample(self, values: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(
            values.astype(np.float32, copy=False),
            self._matrix,
            self.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def cover(self, distance: np.ndarray, soft: float = 0.4) -> np.ndarray:
        """Part of each pixel inside a signed distance; the edge is at least `soft` wide."""
        return np.clip(distance / max(self.pixel, 2 * soft) + 0.5, 0, 1)

    def noise(self, rng: np.random.Generator, scale: float) -> np.ndarray:
        """Noise of unit variance with features of `scale` micrometres, or of a pixel if finer."""
        return smooth_noise(rng, self.shape, self.pixel, max(scale, 1.5 * self.pixel))


def _matrix(rng: np.random.Generator, patient: Patient, view: _View):
    """Haematoxylin and eosin of all but the nuclei: stroma, fat, cytoplasm, lumina, mucin."""
    tissue = view.tissue
    fibres, cracks = _collagen(rng, patient, view)
    pallor = view.map("pallor")
    patchy = view.noise(rng, 60.0)
    fine = 0.7 * view.noise(rng, 3.0) + 0.7 * view.noise(rng, 1.2)
    strands = patient.contrast * (0.15 - 0.05 * pallor) * fibres
    pink = (0.56 + 0.07 * patchy) * (1 - 0.55 * pallor) + strands
    pink = np.maximum(pink + 0.04 * fine, 0.08) * (1 - 0.92 * cracks)
    blue = (0.05 + 0.10 * pallor) * (1 - 0.8 * cracks) + 0.015 * fine

    edge = 1.5 * view.noise(rng, 9.0)  # no edge in tissue is perfectly smooth
    if tissue.fat.max() > 0:
        _paint(blue, pink, view.cover(view.map("fat") + edge, 2.0), *_adipose(rng, view))

    space = view.map("space") + edge
    if tissue.space.max() > 0:
        if tissue.mucin:
            wisps = 0.5 * fibres + 0.5 * patchy
            mucin = np.clip(0.10 + 0.05 * wisps, 0.01, None)
            _paint(blue, pink, view.cover(space, 1.0), mucin, 0.9 * mucin)
        else:
            secretion = np.clip(view.noise(rng, 140.0) - 0.6, 0, 0.5) * (0.8 + 0.15 * fine)
            _paint(blue, pink, view.cover(space, 0.6), 0.01 + 0.05 * secretion, 0.03 + secretion)

    tumour = view.map("tumour") + edge
    if tissue.tumour.max() > 0:
        if tissue.retraction:
            torn = (view.noise(rng, 50.0) < 2 * tissue.retraction - 1.2).astype(np.float32)
            halo = view.cover(tumour + 7, 1.0) * (1 - view.cover(tumour, 0.6))
            _paint(blue, pink, halo * cv2.GaussianBlur(torn, (0, 0), 2 / view.pixel), 0.02, 0.05)
        if tissue.basement:
            membrane = np.exp(-(((tumour + 1.5) / 2.0) ** 2))
            _paint(blue, pink, 0.8 * membrane, 0.08, 0.85)
        cells = view.cover(tumour, 0.6) * (1 - view.cover(tumour - tissue.core, 1.0))
        cells *= 1 - view.cover(space, 0.6)
        new_blue = 0.23 + 0.03 * patchy + 0.03 * fine
        _paint(blue, pink, 0.95 * cells, new_blue, 0.40 + 0.04 * patchy + 0.08 * fine)

    gland = view.map("gland") + 0.5 * edge
    if tissue.gland.max() > 0:
        membrane = np.exp(-(((gland + 1.0) / 1.3) ** 2))
        _paint(blue, pink, 0.6 * membrane, 0.08, 0.75)
        new_blue = 0.13 + 0.02 * patchy + 0.02 * fine
        _paint(blue, pink, view.cover(gland, 0.5), new_blue, 0.42 + 0.08 * fine)
        lumen = gland - tissue.wall
        secretion = np.clip(view.noise(rng, 110.0) - 0.8, 0, 0.6) * (0.7 + 0.2 * fine)
        _paint(blue, pink, view.cover(lumen, 0.8), 0.01 + 0.05 * secretion, 0.03 + secretion)

    if tissue.necrosis.max() > 0:
        necrosis = view.cover(view.map("necrosis") + 2 * edge, 2.0)
        debris = np.clip(0.22 * view.noise(rng, 5.0) - 0.10, 0.05, 1)
        _paint(blue, pink, necrosis, debris, 0.62 + 0.1 * fine)
    return blue, pink


def _paint(blue, pink, cover, new_blue, new_pink) -> None:
    """Lay new amounts of both stains over the old ones, in place."""
    blue += cover * (new_blue - blue)
    pink += cover * (new_pink - pink)


def _collagen(rng: np.random.Generator, patient: Patient, view: _View):
    """Fibre texture of unit variance, and the cover of white clefts between bundles."""
    pixel = view.pixel
    cos, sin = (view.sample(values) for values in view.tissue.along)

    def layer(thickness: float, length: float) -> np.ndarray:
        shrink = max(1.0, thickness / 6 / pixel)  # thick bundles need no fine grid
        small = tuple(int(np.ceil(n / shrink)) for n in view.shape)
        noise = smooth_noise(rng, small, pixel * shrink, max(thickness, 2 * pixel * shrink))
        angle = 0.5 * np.arctan2(*(cv2.resize(v, small[::-1]) for v in (sin, cos)))
        drawn = streaks(noise, angle, length / (pixel * shrink))
        return drawn if shrink == 1 else cv2.resize(drawn, view.shape[::-1])

    bundles = layer(patient.bundle, 9 * patient.bundle)
    threads = layer(2.4, 30.0) if pixel < 2.5 else view.noise(rng, 3.0)
    if pixel < 0.35:
        threads = 0.75 * threads + 0.6 * layer(0.9, 14.0)
    fibres = 0.7 * bundles + 0.7 * threads
    loose = 0.5 * view.noise(rng, 130.0) + patient.clefts - 0.5
    sharp = 1.2 / max(1.0, pixel)
    cracks = np.clip((loose - 0.8 * bundles - 0.6 * threads - 1.6) * sharp + 0.3, 0, 1)
    return fibres, cracks


def _adipose(rng: np.random.Generator, view: _View):
    """Fat: empty cells with thin membranes."""
    spacing = rng.uniform(52, 75)
    rows, columns = view.shape
    size = (columns * view.pixel + 2 * MARGIN, rows * view.pixel + 2 * MARGIN)
    points = (hexagonal_points(rng, size, spacing, 0.42) - MARGIN) / view.pixel
    pad = int(MARGIN / view.pixel)
    points = np.round(points + pad).astype(int)
    seeds = np.full((rows + 2 * pad, columns + 2 * pad), 255, np.uint8)
    keep = (points >= 0).all(1) & (points < seeds.shape[::-1]).all(1)
    seeds[points[keep, 1], points[keep, 0]] = 0
    _, labels = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    edges = np.ones(labels.shape, np.uint8)
    edges[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    edges[1:] &= labels[1:] == labels[:-1]
    distance = cv2.distanceTransform(edges, cv2.DIST_L2, 5) * view.pixel
    distance = cv2.GaussianBlur(distance, (0, 0), max(0.7, 1.6 / view.pixel))  # rounds the corners
    distance = distance[pad : pad + rows, pad : pad + columns]
    thick = np.maximum(1.2 + 0.6 * view.noise(rng, 40.0), 0.5)
    membrane = np.clip(1 - (distance - 0.6 * thick) / max(thick.mean(), view.pixel), 0, 1)
    return 0.01 + 0.05 * membrane, 0.02 + 0.5 * membrane


def _stain_nuclei(rng, patient: Patient, view: _View, blue: np.ndarray, pink: np.ndarray) -> None:
    """Add the nuclei, in place, as two layers, so that neighbours may overlap as in a section."""
    lumps, grain, clumps = (view.noise(rng, scale) for scale in (6.0, 0.9, 2.0))
    for half in (view.tissue.cells[::2], view.tissue.cells[1::2]):
        _stain_layer(patient, view, half, (lumps, grain, clumps), blue, pink)


def _stain_layer(patient: Patient, view: _View, cells, textures, blue, pink) -> None:
    """Add nuclei that do not overlap.

    Every pixel belongs to its nearest nucleus and is judged in that nucleus's own axes, so the
    time does not grow with the number of cells.
    """
    pixel = view.pixel
    rows, columns = view.shape
    pad = int(np.ceil(8 / pixel))
    place = np.floor(cells[:, :2] / pixel).astype(int) + pad
    keep = (place >= 0).all(1) & (place < (columns + 2 * pad, rows + 2 * pad)).all(1)
    cells, place = cells[keep], place[keep]
    if not len(cells):
        return
    seeds = np.full((rows + 2 * pad, columns + 2 * pad), 255, np.uint8)
    seeds[place[:, 1], place[:, 0]] = 0
    distance, labels = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(labels.max() + 1, int)
    owner[labels[place[:, 1], place[:, 0]]] = np.arange(len(cells))
    inner = slice(pad, pad + rows), slice(pad, pad + columns)
    distance, labels = distance[inner], labels[inner]
    at = np.flatnonzero(distance < 1.3 * patient.nuclei * cells[:, 2].max() / pixel + 1)
    own = owner[labels.ravel()[at]]

    column = {name: cells[:, index][own] for index, name in enumerate(CELL_COLUMNS)}
    major, minor = column["major"] * patient.nuclei, column["minor"] * patient.nuclei
    dx = ((at % columns) + 0.5).astype(np.float32) * pixel - column["x"]
    dy = ((at // columns) + 0.5).astype(np.float32) * pixel - column["y"]
    cos, sin = np.cos(cells[:, 4])[own], np.sin(cells[:, 4])[own]
    u, v = (dx * cos + dy * sin) / major, (dy * cos - dx * sin) / minor
    radius = np.sqrt(u * u + v * v)
    lumps = textures[0].ravel()[at]
    radius *= 1 + column["irregular"] * lumps
    inside = np.clip((1 - radius) * minor / max(pixel, 0.7) + 0.5, 0, 1)
    density = np.full(len(at), 1.0, np.float32)
    if pixel < 1.0:  # chromatin is seen
        shown = min(1.0, (1.0 - pixel) / 0.5)
        grain = textures[1].ravel()[at]
        clumps = textures[2].ravel()[at]
        texture = patient.chromatin * (0.08 * grain + 0.14 * clumps)
        pale = column["vesicular"]
        rim = np.exp(-(((radius - 0.92) / 0.13) ** 2))
        density += shown * (texture * (0.6 + pale) + pale * (0.45 * rim - 0.40 * (radius < 0.85)))
        side = (own * 0.618) % 1 - 0.5  # where the nucleolus lies, fixed per nucleus
        spot = np.hypot((u - 0.7 * side) * major, (v - 0.3 + 0.6 * np.abs(side)) * minor)
        density += shown * column["nucleolus"] * 0.8 * np.clip((1.25 - spot) / 0.5, 0, 1)
    amount = np.maximum(column["dark"] * density, 0.2) * 0.66
    flat_blue, flat_pink = blue.reshape(-1), pink.reshape(-1)
    flat_blue[at] += inside * (amount - 0.65 * flat_blue[at])
    flat_pink[at] *= 1 - 0.15 * inside


def _photograph(rng, patient: Patient, blue: np.ndarray, pink: np.ndarray) -> np.ndarray:
    """Stain amounts to an RGB image: Beer-Lambert, thickness, uneven light, blur, sensor noise."""
    rows, columns = blue.shape
    section = 1 + 0.06 * smooth_noise(rng, blue.shape, 1.0, columns / 3)
    blue = np.maximum(blue, 0) * section * (1.25 * patient.strength[0])
    pink = np.maximum(pink, 0) * section * (0.62 * patient.strength[1])
    density = blue[..., None] * np.float32(patient.haematoxylin)
    density += pink[..., None] * np.float32(patient.eosin)
    image = cv2.exp(-density)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    off = rng.uniform(-0.5, 0.5, 2)
    shade = 1 - patient.shading * ((x - off[0]) ** 2 + (y - off[1]) ** 2)
    image *= shade[..., None] * np.float32(250 * patient.light * rng.uniform(0.96, 1.02))
    sigma = patient.focus * min(1.0, columns / NOMINAL_WIDTH)
    if sigma > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    image += np.float32(patient.grain) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _stain(rng: np.random.Generator, mean: np.ndarray, spread: float) -> np.ndarray:
    vector = np.clip(mean + rng.normal(0, spread, 3), 0.02, None)
    return vector / np.linalg.norm(vector)
