"""Figures from hand-made files: whole, with the same bytes each time, and true to their numbers."""

import shutil
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import from_catalogue, save_noise
from hand_made import SOURCES
from PIL import Image

from paper_code.errors import UserError
from paper_code.reporting.figures import confusion_matrices, dalaresnet50, framework
from paper_code.reporting.plotting import data_line, save_figure, synthetic_title

REAL, PHANTOM = ({"dataset": "bach"} | SOURCES[name] for name in ("real", "phantom"))
FOUR = ("normal", "benign", "insitu", "invasive")


def check_figure(draw, path: Path, **options) -> Image.Image:
    """Draw twice; both files must be there alone, whole and the same."""
    found = []
    for _ in range(2):
        draw(str(path), **options)
        assert {p.name for p in path.parent.iterdir()} == {path.name, f"{path.stem}.pdf"}
        found.append([path.with_suffix(end).read_bytes() for end in (".png", ".pdf")])
    assert found[0] == found[1]
    assert found[0][1].startswith(b"%PDF") and b"%%EOF" in found[0][1][-10:]
    with Image.open(path) as image:
        image.load()
        return image


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """The texts in the figures that are drawn."""
    found, text = [], plt.Axes.text

    def keep(self, x, y, s, *arguments, **options):
        found.append(s)
        return text(self, x, y, s, *arguments, **options)

    monkeypatch.setattr(plt.Axes, "text", keep)
    return found


def fill(folder: str) -> str:
    """Write the images of a prepared data set."""
    for seed, path in enumerate(pd.read_csv(Path(folder) / "manifest.csv")["path"]):
        save_noise(Path(path), seed, mode="RGB", size=(64, 40))
    return folder


# --- all figures ----------------------------------------------------------------------------------


def test_a_figure_of_synthetic_images_says_so_above_everything_else(tmp_path):
    sources = [PHANTOM | {"dataset": "breakhis_40x"}, REAL | {"dataset": "mias"}, PHANTOM]
    line = f"demo scale; {data_line(sources)}; commit abc"
    assert synthetic_title(line) == "Synthetic images: BreakHis 40X, BACH"
    assert synthetic_title(f"demo scale; {data_line([REAL])}; commit abc") == ""
    mixed = "phantom (160 synthetic images), real (subset)"
    assert synthetic_title(mixed) == "Synthetic images in part"
    heights = []
    for source in (REAL, PHANTOM):
        figure, axis = plt.subplots(figsize=(4, 3))
        axis.set_title("A title")
        save_figure(figure, tmp_path / "a.png", data_line([source]))
        heights.append(np.asarray(Image.open(tmp_path / "a.png")).shape[0])
    assert heights[1] > heights[0]


# --- Figures 1 and 2 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "texts"),
    [
        (
            framework,
            [
                "25,611,842 parameters, 4.09 billion multiply-adds",
                "7×7, stride 2",
                "6 bottlenecks",
                "1024 × 14 × 14",
                "14,964,736",
                "reduction 4",
                "Mean → Linear → LeakyReLU\n→ Linear → ReLU",
            ],
        ),
        (
            dalaresnet50,
            [
                "Mean\nover H, W",
                "Linear\n2048 → 512",
                "LeakyReLU\nslope 0.01",
                "Linear\n512 → 2048",
                "ReLU",
                "1,050,624 parameters",
                "Eq. 4",
                "x, layer4",
                "gate: 2,099,712 parameters",
            ],
        ),
    ],
)
def test_figures_of_the_network(module, texts, tmp_path, written):
    image = check_figure(module.draw, tmp_path / "figures/f.png")
    assert set(texts) <= set(written)
    assert image.width > 1200 and "commit" in image.info["Comment"]


def test_figure_02_follows_the_gate(tmp_path, monkeypatch, written):
    """Another reduction gives other numbers: nothing in the figure is typed by hand."""
    monkeypatch.setattr(dalaresnet50, "CLASSES", 3)
    dalaresnet50.draw(str(tmp_path / "f.png"))
    assert {"Linear\n2048 → 128", "Linear\n128 → 2048"} <= set(written)


# --- Figures 3 to 6 -------------------------------------------------------------------------------


def test_figures_03_and_04(make_dataset, tmp_path):
    folders = [
        fill(make_dataset(f"breakhis_{m}x", {"benign": 3, "malignant": 3})) for m in (40, 100)
    ]
    path = tmp_path / "figures/f.png"
    draw = from_catalogue("figure", "03").draw
    image = check_figure(draw, path, prepared=folders, scale="demo")
    described = f"breakhis_40x, breakhis_100x: {REAL['description']}"
    assert f"demo scale; {described}; commit " in image.info["Comment"]
    assert image.width > 600
    folder = fill(make_dataset("bach", dict.fromkeys(FOUR, 2)))
    draw = from_catalogue("figure", "04").draw
    check_figure(draw, path, prepared=[folder], scale="demo")
    shutil.rmtree(Path(folder) / "raw")
    with pytest.raises(UserError, match=r"normal-1.png: no such file"):
        draw(str(tmp_path / "none/f.png"), prepared=[folder], scale="demo")
    assert not (tmp_path / "none").exists()


def test_figure_05_takes_16_bit_mammograms(make_dataset, tmp_path):
    classes = dict.fromkeys(("normal", "benign", "malignant"), 1)
    folder = make_dataset("mini_ddsm", classes, "grey")
    for path in pd.read_csv(Path(folder) / "manifest.csv")["path"]:
        Path(path).parent.mkdir(exist_ok=True)
        cv2.imwrite(path, np.linspace(0, 65535, 2400).reshape(60, 40).astype(np.uint16))
    draw = from_catalogue("figure", "05").draw
    check_figure(draw, tmp_path / "figures/f.png", prepared=[folder], scale="demo")


def test_figure_06(make_run, tmp_path, written):
    """The numbers in the cells are the test images' counts, summed over the seeds."""
    runs = [make_run(right=16), make_run(right=20, seed=1), make_run("dalaresnet50", 18)]
    draw = confusion_matrices.draw
    image = check_figure(draw, tmp_path / "figures/f.png", runs=runs, scale="demo")
    texts = [text for text in written if "%" in text]
    assert texts[:4] == ["18\n90.0%", "2\n10.0%", "2\n10.0%", "18\n90.0%"]
    assert texts[4:8] == ["9\n90.0%", "1\n10.0%", "1\n10.0%", "9\n90.0%"]
    assert image.info["Comment"].startswith("demo scale; imagenet (torchvision) weights")
