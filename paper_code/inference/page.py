"""The page of `explain`: images in rows, methods in columns, in one HTML file without network."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

import cv2
import numpy as np
from PIL import Image

from paper_code.inference.drawing import OPACITY, coloured, outlines
from paper_code.progress import count_text
from paper_code.reporting.labels import METHOD_LABELS, NETWORK_LABELS
from paper_code.webpage import document

# Sides of an embedded picture (px), and the pixels of all of them, which keep the page small.
LARGEST, SMALLEST = 1000, 320
PIXELS = 40_000_000
MOST_IMAGES = PIXELS // SMALLEST**2
QUALITY = 85  # of JPEG
# Scores of a map beside a mask, as in `explanations.csv`.
SCORES = {"iou": "IoU", "pointing_game": "Pointing game", "energy_inside": "Energy inside"}


@dataclass(frozen=True)
class Cell:
    """One map: its picture (JPEG), its overlay's file name, and scores if there is a lesion."""

    picture: bytes
    overlay: str
    empty: bool
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One image.

    Attributes:
        name: path of the image.
        size: width and height in px, of the file.
        photo: the image as JPEG, scaled down.
        probabilities: of each class.
        predicted, explained: classes.
        cells: by method.
        lesion: the mask's share of the image; None without a mask.
        outline: the mask's outline as an SVG path in px of the photo.
        photo_size: width and height of the photo in px.
    """

    name: str
    size: tuple[int, int]
    photo: bytes
    photo_size: tuple[int, int]
    probabilities: Mapping[str, float]
    predicted: str
    explained: str
    cells: Mapping[str, Cell]
    lesion: float | None = None
    outline: str = ""


def photo_side(images: int) -> int:
    """The longer side in px of each of so many embedded pictures."""
    return int(np.clip((PIXELS / images) ** 0.5, SMALLEST, LARGEST))


def photo(image: Image.Image, side: int) -> tuple[bytes, tuple[int, int]]:
    """An RGB image as JPEG, no side longer than `side` px, and its width and height."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.BILINEAR)
    return _jpeg(np.asarray(small)[..., ::-1]), small.size


def map_picture(heat: np.ndarray) -> bytes:
    """An S x S map in [0, 1] as JPEG in colours; the browser enlarges it to the image."""
    return _jpeg(coloured(heat))


def outline_path(mask: np.ndarray, size: tuple[int, int]) -> str:
    """The outline of an H x W mask as an SVG path in an image of `size` (width, height) px."""
    scale = np.array([size[0] / mask.shape[1], size[1] / mask.shape[0]])
    tolerance = 0.5 / scale.max()  # half a px of the picture
    parts = []
    for line in outlines(mask):
        points = (cv2.approxPolyDP(line, tolerance, True)[:, 0] + 0.5) * scale
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z")
    return "".join(parts)


def make_page(
    rows: Sequence[Row],
    methods: Sequence[str],
    facts: Mapping[str, object],
    skipped: Sequence[str],
    images: int,
    scores: Mapping[str, Mapping[str, float]],
) -> str:
    """The page as HTML.

    Args:
        rows: the images to show.
        methods: in the order of the columns.
        facts: of `load_trained`.
        skipped: what is wrong with each file that could not be used.
        images: how many were explained; `rows` may be fewer.
        scores: per method, the means over images with a lesion and `images`, their number; empty
            without masks.
    """
    title = f"Class activation maps of {count_text(images, 'image')}"
    photos = "\n".join(
        f".photo-{number} {{ background-image: url({_uri(row.photo)}); "
        f"aspect-ratio: {row.photo_size[0]} / {row.photo_size[1]}; }}"
        for number, row in enumerate(rows)
    )
    body = [
        f"<header>\n<h1>{title}</h1>\n{_about(facts)}",
        _failures(skipped),
        _means(scores),
        f"</header>\n{_controls(methods, any(row.outline for row in rows))}\n<main>",
        *(_row(number, row) for number, row in enumerate(rows)),
        "</main>",
        _rest(images - len(rows)),
        _enlarged(),
    ]
    style = f"{STYLE}.map {{ opacity: var(--mix, {OPACITY}); }}\n"
    style += f".maps {{ --columns: {len(methods) + 1}; }}\n{photos}\n"
    return document(title, "\n".join(filter(None, body)), style, SCRIPT)


def _about(facts: Mapping[str, object]) -> str:
    network = NETWORK_LABELS.get(facts["network"], facts["network"])
    text = (
        f"<p>{escape(str(network))}, trained on {escape(str(facts['dataset']))} "
        f"({escape(str(facts['data']))} images) at {facts['image_size']} px. Each map shows where "
        "the network found evidence for the class named above it, scaled to its own highest value; "
        "a map says nothing about how sure the network is. Research code, not a medical device.</p>"
    )
    if facts["data"] == "phantom":
        text += (
            '\n<p class="warning">This network has only seen synthetic images: what it says about '
            "real ones means nothing.</p>"
        )
    return text


def _failures(skipped: Sequence[str]) -> str:
    if not skipped:
        return ""
    items = "".join(f"<li>{escape(reason)}</li>" for reason in skipped)
    return (
        f'<section class="failures warning" aria-labelledby="failures">\n'
        f'<h2 id="failures">{count_text(len(skipped), "file")} skipped</h2>\n<ul>{items}</ul>\n'
        "</section>"
    )


def _means(scores: Mapping[str, Mapping[str, float]]) -> str:
    """The table of mean scores, if there are masks with a lesion."""
    if not scores:
        return ""
    head = "".join(f'<th scope="col">{label}</th>' for label in SCORES.values())
    lines = "".join(
        f'<tr><th scope="row">{METHOD_LABELS[method]}</th>'
        + "".join(f"<td>{values[name]:.3f}</td>" for name in SCORES)
        + "</tr>"
        for method, values in scores.items()
    )
    images, lesion = (next(iter(scores.values()))[key] for key in ("images", "lesion"))
    return (
        '<section aria-labelledby="scores">\n<h2 id="scores">Maps against the masks</h2>\n'
        f'<table>\n<thead><tr><th scope="col">Mean of {count_text(int(images), "image")}</th>{head}'
        f"</tr></thead>\n<tbody>{lines}</tbody>\n</table>\n"
        '<p class="quiet">IoU: overlap of the lesion with the map after Otsu’s threshold. '
        "Pointing game: whether the map’s highest point is in the lesion. Energy inside: the part "
        f"of the map’s sum that is. The lesions cover {100 * lesion:.1f} % of the images on "
        "average; a map that marks everything would score that share in all three.</p>\n</section>"
    )


def _controls(methods: Sequence[str], outlined: bool) -> str:
    outline = (
        '<label><input type="checkbox" id="outline" checked> Lesion outline</label>'
        if outlined
        else ""
    )
    shown = "".join(
        f'<label><input type="checkbox" name="method" value="{method}" checked> '
        f"{METHOD_LABELS[method]}</label>"
        for method in methods
    )
    chosen = f"<fieldset><legend>Methods</legend>{shown}</fieldset>" if len(methods) > 1 else ""
    return (
        f'<div class="controls" role="group" aria-label="What is shown">\n{_slider("mix")}\n'
        f'{outline}\n{chosen}\n<span class="scale">Map: low <span class="colours" role="img" '
        'aria-label="from blue through green and yellow to red"></span> high</span>\n</div>'
    )


def _slider(name: str) -> str:
    per_cent = round(100 * OPACITY)
    return (
        f'<span class="slider"><label for="{name}">Image</label><input type="range" id="{name}" '
        f'class="mix" min="0" max="100" value="{per_cent}" aria-label="Image or map: opacity of '
        f'the maps in per cent"><label for="{name}">Map</label> <output for="{name}">{per_cent} %'
        "</output></span>"
    )


def _row(number: int, row: Row) -> str:
    path = escape(row.name)
    best = row.probabilities[row.predicted]
    verdict = f"predicted {escape(row.predicted)} ({best:.3f})"
    if row.explained != row.predicted:
        verdict += f", explained {escape(row.explained)}"
    bars = "".join(
        f"<li class='{'best' if name == row.predicted else 'other'}'>"
        f'<span>{escape(name)}</span><span class="bar" aria-hidden="true">'
        f'<span style="width: {100 * value:.1f}%"></span></span><span>{value:.3f}</span></li>'
        for name, value in row.probabilities.items()
    )
    lesion = ""
    if row.lesion is not None:
        lesion = (
            f"<p>Lesion: {100 * row.lesion:.1f} % of the image</p>"
            if row.lesion
            else "<p>The mask marks no lesion, so nothing is scored.</p>"
        )
    symbol = ""
    if row.outline:
        width, height = row.photo_size
        symbol = (
            '<svg class="hidden" aria-hidden="true"><symbol '
            f'id="lesion-{number}" viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
            f'<path d="{row.outline}" vector-effect="non-scaling-stroke"/></symbol></svg>'
        )
    first = (
        f"<figure>\n{_stack(number, row, path)}\n<figcaption><strong>Image</strong> "
        f'<span class="quiet">{row.size[0]} × {row.size[1]} px</span>'
        f'<ul class="classes" aria-label="Class probabilities">{bars}</ul>{lesion}'
        "</figcaption>\n</figure>"
    )
    cells = "\n".join(_cell(number, row, method, cell) for method, cell in row.cells.items())
    return (
        f'<section class="image" aria-labelledby="image-{number}">\n{symbol}'
        f'<h2 id="image-{number}">{path} <span class="quiet">{verdict}</span></h2>\n'
        f'<div class="maps">\n{first}\n{cells}\n</div>\n</section>'
    )


def _cell(number: int, row: Row, method: str, cell: Cell) -> str:
    label = METHOD_LABELS[method]
    alt = f"{label} map of {escape(row.name)} for {escape(row.explained)}"
    notes = []
    if cell.empty:
        alt += ", empty"
        notes.append(
            f'<p class="empty">Empty map: nothing here speaks for {escape(row.explained)}.</p>'
        )
    if cell.scores:
        notes.append(
            '<dl class="scores">'
            + "".join(
                f"<div><dt>{text}</dt><dd>{cell.scores[name]:.3f}</dd></div>"
                for name, text in SCORES.items()
            )
            + "</dl>"
        )
    picture = f'<img class="map" alt="{alt}" src="{_uri(cell.picture)}">'
    return (
        f'<figure data-method="{method}">\n{_stack(number, row, alt, picture)}\n'
        f"<figcaption><strong>{label}</strong> "
        f'<a href="{quote(cell.overlay)}" aria-label="{alt}, overlay at full size">full size</a>'
        f"{''.join(notes)}</figcaption>\n</figure>"
    )


def _stack(number: int, row: Row, about: str, picture: str = "") -> str:
    """The image with a map and the lesion's outline on it, as a button that enlarges it."""
    lines = ""
    if row.outline:
        lines = '<svg class="lesion" aria-hidden="true">' + "".join(
            f'<use href="#lesion-{number}" class="{name}"/>' for name in ("edge", "line")
        )
        lines += "</svg>"
    alone = "" if picture else f'<span class="photo-alone" role="img" aria-label="{about}"></span>'
    return (
        f'<button type="button" class="stack photo-{number}" data-title="{about}" '
        f'title="Enlarge">{alone}{picture}{lines}</button>'
    )


def _rest(missing: int) -> str:
    if missing <= 0:
        return ""
    return (
        f"<p>{count_text(missing, 'more image')} would make this page too large: the overlays and "
        "explanations.csv have all of them.</p>"
    )


def _enlarged() -> str:
    return (
        '<dialog aria-labelledby="enlarged-title"><div class="bar-top">'
        f'<h2 id="enlarged-title"></h2>{_slider("mix-enlarged")}'
        '<button type="button" id="close">Close</button></div><div id="enlarged"></div></dialog>'
    )


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _jpeg(pixels: np.ndarray) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)[1].tobytes()


STYLE = """
body { max-width: 110rem; }
header > p { max-width: 60rem; }
.failures h2 { margin: 0; font-size: 1rem; }
.failures ul { margin: .25rem 0; padding-left: 1.25rem; max-height: 12rem; overflow: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; }
td, thead th + th { text-align: right; }
.controls {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem 1.5rem;
  align-items: center; margin: 1rem -1.25rem; padding: .5rem 1.25rem; background: var(--panel);
  border-block: 1px solid var(--line);
}
.controls label { white-space: nowrap; }
.slider { display: inline-flex; align-items: center; gap: .5rem; }
.slider input { width: clamp(6rem, 20vw, 14rem); }
.slider output { min-width: 3.2em; font-variant-numeric: tabular-nums; }
fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1rem; }
legend { float: left; padding: 0; }
.scale { display: inline-flex; align-items: center; gap: .4rem; }
.colours {
  width: 6rem; height: .8rem;
  background: linear-gradient(90deg, #00007f, #00f, #0ff, #ff0, #f00, #7f0000);
}
.image { border-bottom: 1px solid var(--line); padding-bottom: 1rem; }
.image h2 { scroll-margin-top: 6rem; font-size: 1.05rem; }
.image h2 .quiet { font-weight: normal; }
.maps {
  --narrow: calc((100% - (var(--columns) - 1) * 1rem) / var(--columns));
  display: grid; gap: 1rem; max-width: calc(var(--columns) * 23rem);
  grid-template-columns: repeat(auto-fill, minmax(max(9.5rem, var(--narrow)), 1fr));
}
figure { margin: 0; min-width: 0; }
figcaption { margin-top: .3rem; font-size: .9rem; }
figcaption p { margin: .3rem 0 0; }
.stack {
  position: relative; display: block; width: 100%; padding: 0; border: 0; cursor: zoom-in;
  background-color: var(--panel); background-size: 100% 100%; print-color-adjust: exact;
}
.stack > * { position: absolute; inset: 0; width: 100%; height: 100%; }
.hidden { position: absolute; width: 0; height: 0; }
.lesion use { fill: none; stroke-linejoin: round; }
.lesion .edge { stroke: #000; stroke-width: 4; }
.lesion .line { stroke: #fff; stroke-width: 1.5; }
.no-outline .lesion { display: none; }
.classes { list-style: none; margin: .3rem 0 0; padding: 0; font-variant-numeric: tabular-nums; }
.classes li {
  display: grid; grid-template-columns: minmax(0, 5.5rem) 1fr auto; gap: .5rem;
  align-items: center;
}
.classes .best :first-child { font-weight: bold; }
.bar { height: .6rem; background: var(--panel); border: 1px solid var(--line); }
.bar span { display: block; height: 100%; background: var(--link); }
.empty { color: var(--warn); }
.scores { margin: .3rem 0 0; font-variant-numeric: tabular-nums; }
.scores div { display: flex; justify-content: space-between; gap: .5rem; }
.scores dd { margin: 0; }
dialog {
  width: 96vw; height: 96vh; max-width: none; max-height: none; padding: .75rem;
  border: 1px solid var(--line); background: var(--page); color: var(--text);
}
dialog[open] { display: flex; flex-direction: column; gap: .5rem; }
dialog::backdrop { background: rgb(0 0 0 / .6); }
.bar-top { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; align-items: center; }
.bar-top h2 { margin: 0; font-size: 1rem; flex: 1 1 12rem; }
#enlarged {
  flex: 1; min-height: 0; display: flex; align-items: center; justify-content: center;
  container-type: size;
}
#enlarged .stack { width: min(100cqw, 100cqh * var(--ratio)); cursor: default; }
@media (max-width: 40rem) { .controls { position: static; } }
@media print { .controls { position: static; } .image { break-inside: avoid; } }
"""
SCRIPT = """
const all = (selector) => [...document.querySelectorAll(selector)];
const sliders = all("input.mix");
function mix(value) {
  document.body.style.setProperty("--mix", value / 100);
  for (const slider of sliders) {
    slider.value = value;
    slider.parentElement.querySelector("output").value = `${value} %`;
  }
}
for (const slider of sliders) slider.addEventListener("input", () => mix(slider.value));
const outline = document.querySelector("#outline");
outline?.addEventListener("change", () =>
  document.body.classList.toggle("no-outline", !outline.checked));
const methods = all("input[name=method]");
function choose() {
  const shown = new Set(methods.filter((box) => box.checked).map((box) => box.value));
  for (const figure of all("figure[data-method]")) {
    figure.hidden = !shown.has(figure.dataset.method);
  }
  for (const row of all(".maps")) row.style.setProperty("--columns", shown.size + 1);
}
for (const box of methods) box.addEventListener("change", choose);
const dialog = document.querySelector("dialog");
for (const stack of all(".maps .stack")) {
  stack.addEventListener("click", () => {
    const large = document.createElement("div");
    large.className = stack.className;
    large.style.setProperty("--ratio", stack.clientWidth / stack.clientHeight);
    large.append(...[...stack.children].map((child) => child.cloneNode(true)));
    document.querySelector("#enlarged").replaceChildren(large);
    document.querySelector("#enlarged-title").textContent = stack.dataset.title;
    dialog.showModal();
  });
}
document.querySelector("#close").addEventListener("click", () => dialog.close());
// A browser keeps boxes and sliders as they were when a page is loaded anew.
mix(sliders[0].value);
if (methods.length) choose();
if (outline) document.body.classList.toggle("no-outline", !outline.checked);
"""
