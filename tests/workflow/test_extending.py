"""docs/guide/extending.md: adding a network, CAM method, data set, table or figure in a few lines.

This file is the module of the new network and of the new reader.
"""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import (
    ROOT,
    read_json,
    save_noise,
    snakemake,
    train_run,
    training_settings,
    write_prepared,
)
from torch import nn

from paper_code import cli
from paper_code.cam import METHODS, compute_cam
from paper_code.cam.compute import of_gradients
from paper_code.networks import NETWORKS, build_network, network_from_checkpoint

GUIDE = (ROOT / "docs/guide/extending.md").read_text(encoding="utf-8")


@pytest.fixture
def code(tmp_path) -> Path:
    """A copy of the code, to be edited."""
    root = tmp_path / "code"
    for name in ("paper_code", "workflow", "config", "notebooks"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "Snakefile", root / "Snakefile")
    shutil.copy2(ROOT / "environment.yml", root / "environment.yml")
    return root


# --- a network: what its module must have (shown in docs/guide/extending.md) --------

CAM_LAYER = "features"  # its output is explained by default
NEW_PARTS = ("head",)  # what no published weights fill
WEIGHTS_URL = None  # of a published file; None: there is none


class TinyNet(nn.Module):
    """Two convolutions, a pooling and a linear layer."""

    def __init__(self, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(16, num_classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """N x 3 x H x W -> N x num_classes logits."""
        return self.head(self.features(x).mean((2, 3)))


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """Called by `build_network`."""
    network = TinyNet(num_classes, dropout)
    network.weights_source = "random"
    return network


@pytest.fixture
def tinynet(monkeypatch):
    """The one line of registration."""
    monkeypatch.setitem(NETWORKS, "tinynet", "test_extending")


def test_a_new_network_trains_and_predicts(tinynet, tmp_path):
    prepared, split = write_prepared(tmp_path, size=32)
    settings = training_settings(epochs=2, batch_size=4, learning_rate=0.01)
    train_run("tinynet", prepared, split, tmp_path / "run", settings, weights="auto")
    facts = read_json(tmp_path / "run/run.json")
    assert facts["network"] == "tinynet" and facts["parameters"] == 1426
    assert len(pd.read_csv(tmp_path / "run/history.csv")) == 2
    weights = tmp_path / "run/weights.safetensors"
    network, _ = network_from_checkpoint(weights)
    assert isinstance(network, TinyNet)
    torch.manual_seed(0)
    untrained = build_network("tinynet", 2)
    assert not torch.equal(network.head[1].bias, untrained.head[1].bias)
    save_noise(tmp_path / "mine/1.png")
    words = ["predict", tmp_path / "mine", "--weights", weights, "-o", tmp_path / "p.csv"]
    assert cli.main([str(word) for word in words]) == 0


def test_a_new_network_is_explained(tinynet):
    network = build_network("tinynet", 2)
    maps = compute_cam(network, torch.rand(2, 3, 32, 32) * 2 - 1, None, "dt_gradcam")
    assert maps.shape == (2, 32, 32)


# --- a CAM method --------------------------------------------------------------------------------


def absolute_gradcam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """N x C x h x w activations and gradients -> N x h x w raw maps."""
    return torch.einsum("nchw,nc->nhw", activations, gradients.abs().mean((2, 3)))


def test_a_new_cam_method(tinynet, monkeypatch):
    monkeypatch.setitem(METHODS, "absolute_gradcam", of_gradients(absolute_gradcam))
    torch.manual_seed(0)
    network, images = build_network("tinynet", 2), torch.rand(2, 3, 32, 32) * 2 - 1
    maps = compute_cam(network, images, [0, 1], "absolute_gradcam")
    assert maps.shape == (2, 32, 32) and maps.max() == 1 and maps.min() >= 0
    assert not torch.equal(maps, compute_cam(network, images, [0, 1], "gradcam"))
    with pytest.raises(Exception, match="did you mean absolute_gradcam"):
        compute_cam(network, images, [0, 1], "absolute_gradcan")


# --- a data set with its own layout --------------------------------------------------------------


def test_a_new_data_set_is_a_module_and_a_line(tmp_path, code):
    """The steps of the guide, in a copy of the code; the paper's tables leave the set out."""
    steps = GUIDE.partition("## A data set")[2].partition("\n## ")[0]
    module = re.search(r"```python\n# (.*?)\n(.*?)```", steps, re.S)
    (code / module[1]).write_text(module[2])
    catalog = code / "paper_code/datasets/catalog.py"
    text = catalog.read_text()
    imported, entry = re.findall(r"(?m)^    (from .*|\"shapes\".*)$", steps)
    for place, line in (("from paper_code.errors", imported), ('"bach": bach,', entry)):
        assert text.count(place) == 1
        text = text.replace(place, f"{line}\n{place}")
    catalog.write_text(text)

    folder = tmp_path / "run"
    for number in range(48):
        label = ("round", "star")[number % 2]
        save_noise(tmp_path / "raw/Shapes" / label / f"p{number // 4}_{number}.png", number)
    settings = [
        "scale=demo",
        f"data_root={tmp_path / 'raw'}",
        "datasets=[bach, shapes]",
        "networks=[resnet50]",
        "splits=patient",
        "epochs=1",
        "bootstrap_resamples=20",
    ]
    folder.mkdir()
    plan = snakemake(folder, "-n", "-p", "--config", *settings, root=code)
    assert plan.returncode == 0, plan.stdout
    made = re.findall(r"paper_code table (\w+) .*shapes", plan.stdout)
    made = set(made)
    assert made == {"results", "own_data", "convergence"}, "the others are about the paper"
    assert "Table table_08_bach_mini_ddsm_comparison" in plan.stdout
    table = "results/demo/tables/own_shapes.csv"
    done = snakemake(folder, table, "--config", *settings, root=code)
    assert done.returncode == 0, done.stdout
    assert "shapes: real data (found 24 round, 24 star)" in done.stdout
    assert "complete: 48 images" in (folder / table).with_suffix(".md").read_text()
    assert set(pd.read_csv(folder / table)["dataset"]) == {"shapes"}


# --- a table and a figure ------------------------------------------------------------------------

TABLE = '''\
"""How many test images each run classified correctly."""

import pandas as pd

from paper_code.reporting.markdown import markdown, write_table
from paper_code.runs import load_run


def write(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md: one row per run."""
    rows = []
    for run in map(load_run, runs):
        labels, probabilities, _ = run.part("test")
        correct = int((probabilities.argmax(axis=1) == labels).sum())
        rows.append({"dataset": run.dataset, "network": run.network, "correct": correct})
    table = pd.DataFrame(rows)
    write_table(output, table, f"Correct images, {scale} scale", [markdown(table)])
'''
FIGURE = '''\
"""Bars of the correct images."""

import matplotlib.pyplot as plt
import pandas as pd

from paper_code.reporting.plotting import save_figure


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one bar per run."""
    table = pd.read_csv(tables[0])
    figure, axis = plt.subplots()
    axis.bar(table["network"], table["correct"])
    save_figure(figure, output, "correct images")
'''
ENTRIES = """
- name: correct
  module: tables.correct
  group: Further evidence
  caption: Correct test images of each run.
  needs: [runs]
  settings: [scale]
- name: correct
  module: figures.correct
  group: Further evidence
  caption: Correct test images of each run, as bars.
  needs: [tables]
  tables: [correct]
"""


def test_a_new_table_and_a_new_figure_are_a_module_and_an_entry_each(tmp_path, code):
    """Nothing else is edited: the rules, the command line and the report find them."""
    reporting = code / "paper_code" / "reporting"
    (reporting / "tables" / "correct.py").write_text(TABLE)
    (reporting / "figures" / "correct.py").write_text(FIGURE)
    with (reporting / "catalogue" / "results.yaml").open("a") as catalogue:
        catalogue.write(ENTRIES)
    settings = [
        "scale=demo",
        "data=phantom",
        "datasets=[breakhis_40x]",
        "networks=[resnet50]",
        "placements=[]",
        "leakage_datasets=[]",
        "epochs=1",
    ]
    folder = tmp_path / "run"
    folder.mkdir()
    plan = snakemake(folder, "-n", "-p", "--config", *settings, root=code)
    assert plan.returncode == 0, plan.stdout
    assert "Table correct" in plan.stdout and "tables/correct.md" in plan.stdout
    figure = "results/demo/figures/correct.png"
    done = snakemake(folder, figure, "--config", *settings, root=code)
    assert done.returncode == 0, done.stdout
    table = pd.read_csv(folder / "results/demo/tables/correct.csv")
    assert table["network"].tolist() == ["resnet50"]
    assert (folder / figure).with_suffix(".pdf").is_file()


# --- the guide -----------------------------------------------------------------------------------


def test_the_guide_shows_these_lines_and_each_is_under_thirty():
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    assert len(blocks) == 5
    subset = {line.strip() for line in Path(__file__).read_text(encoding="utf-8").splitlines()}
    for block in blocks:
        lines = [line for line in block.splitlines() if line.strip()]
        assert len(lines) < 30
        if "datasets/shapes.py" in block:  # run as it stands
            continue
        shown = [
            line.strip() for line in lines if not line.lstrip().startswith(("#", "import", "from"))
        ]
        assert [line for line in shown if line not in subset] == []
