"""Figures of synthetic images say so above everything else."""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from paper_code.reporting.plotting import data_line, save_figure, synthetic_title

PHANTOM = {"description": "phantom (160 synthetic images)"}
REAL = {"description": "real (subset 423 of 2081 images)", "dataset": "breakhis_100x"}


def test_the_title_names_the_synthetic_data_sets_alone():
    sources = [PHANTOM | {"dataset": "breakhis_40x"}, REAL, PHANTOM | {"dataset": "bach"}]
    line = f"demo scale; {data_line(sources)}; commit abc"
    assert synthetic_title(line) == "Synthetic images: BreakHis 40X, BACH"
    assert synthetic_title(f"demo scale; {data_line([REAL])}; commit abc") == ""
    assert synthetic_title("phantom (160 synthetic images), real (subset)") == (
        "Synthetic images in part"
    )


def test_the_title_stands_above_the_figure(tmp_path):
    heights = []
    for source in (REAL, PHANTOM | {"dataset": "bach"}):
        figure, axis = plt.subplots(figsize=(4, 3))
        axis.set_title("A title")
        save_figure(figure, tmp_path / "a.png", data_line([source]))
        heights.append(np.asarray(Image.open(tmp_path / "a.png")).shape[0])
    assert heights[1] > heights[0]
