"""docs/guide/extending.md: its network, CAM method, data set, table and figure, as it says."""

import re
import shlex
import textwrap
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, copy_code, python, save_noise, snakemake

from paper_code.files import read_json

GUIDE = (ROOT / "docs/guide/extending.md").read_text(encoding="utf-8")
SETTINGS = [
    "scale=demo",
    "datasets=[breakhis_40x, shapes]",
    "networks=[tinynet]",
    "placements=[]",
    "leakage_datasets=[]",
    "explained_networks=[]",
    "splits=patient",
    "epochs=1",
    "bootstrap_resamples=20",
]
# Where each registration goes: file, and the line that it is put after.
PLACES = {
    "network": ("paper_code/networks/registry.py", "NETWORKS = {\n"),
    "CAM method": ("paper_code/cam/compute.py", "METHODS: dict[str, Callable[..., Tensor]] = {\n"),
    "data set": ("paper_code/datasets/catalog.py", "MODULES: dict[str, ModuleType] = {\n"),
}
CATALOGUE = "paper_code/reporting/catalogue/results.yaml"


def insert(path: Path, after: str, text: str) -> None:
    before = path.read_text(encoding="utf-8")
    assert before.count(after) == 1, (path, after)
    path.write_text(before.replace(after, after + text), encoding="utf-8")


def add(code: Path, kind: str) -> None:
    """What a section of the guide says, in a copy of the code."""
    section = GUIDE.partition(f"\n## A {kind}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.S)
    assert len(block.strip().splitlines()) < 40
    named = re.match(r"# (paper_code/\S+)\n", block)
    if named:
        (code / named[1]).write_text(block, encoding="utf-8")
    else:
        methods = code / "paper_code/cam/methods.py"
        methods.write_text(f"{methods.read_text(encoding='utf-8')}\n\n{block}", encoding="utf-8")
    if kind in ("table", "figure"):
        entry = re.search(r"(?m)^    - name: correct\n(?:      .+\n)+", section)[0]
        with (code / CATALOGUE).open("a", encoding="utf-8") as catalogue:
            catalogue.write(textwrap.dedent(entry))
        return
    entry = re.search(r'(?m)^    "\w+": .*,\n', section)[0]
    path, place = PLACES[kind]
    insert(code / path, place, entry)
    for line in re.findall(r"(?m)^    (from paper_code.*)$", section):
        insert(code / path, "from types import ModuleType\n", f"\n{line}\n")


@pytest.fixture(scope="module")
def code(tmp_path_factory) -> Path:
    """A copy of the code with all five."""
    root = copy_code(tmp_path_factory.mktemp("extended"))
    for kind in (*PLACES, "table", "figure"):
        add(root, kind)
    return root


@pytest.fixture(scope="module")
def run(code, tmp_path_factory) -> Path:
    """Results of a run on a phantom and on the new data set."""
    folder = tmp_path_factory.mktemp("run")
    for number in range(48):
        label = ("round", "star")[number % 2]
        save_noise(folder / "raw/Shapes" / label / f"p{number // 4}_{number}.png", number)
    settings = [*SETTINGS, f"data_root={folder / 'raw'}"]
    plan = snakemake(folder, "-n", "-p", "--config", *settings, root=code)
    assert plan.returncode == 0, plan.stdout
    made = set(re.findall(r"paper_code table (\w+) .*shapes", plan.stdout))
    assert made == {"results", "own_data", "convergence"}, "the others are about the paper"
    assert "Table correct" in plan.stdout and "tables/correct.md" in plan.stdout
    results = folder / "results/demo"
    targets = ["results/demo/figures/correct.png", "results/demo/tables/own_shapes.csv"]
    done = snakemake(folder, *targets, "--config", *settings, root=code)
    assert done.returncode == 0, done.stdout
    assert "shapes: real data (found 24 round, 24 star)" in done.stdout
    return results


def test_the_new_network_is_trained(run):
    facts = read_json(run / "runs/breakhis_40x/tinynet/patient-0-0/run.json")
    assert facts["network"] == "tinynet" and facts["parameters"] == 1426


def test_the_new_data_set_has_a_table_of_its_own(run):
    assert "complete: 48 images" in (run / "tables/own_shapes.md").read_text(encoding="utf-8")
    assert set(pd.read_csv(run / "tables/own_shapes.csv")["dataset"]) == {"shapes"}


def test_the_new_table_and_figure_are_about_the_paper_s_data(run):
    table = pd.read_csv(run / "tables/correct.csv")
    assert table[["dataset", "network"]].to_numpy().tolist() == [["breakhis_40x", "tinynet"]]
    assert (run / "figures/correct.pdf").is_file()


def test_the_new_network_predicts_and_is_explained_by_the_new_method(run, code, tmp_path):
    weights = run / "runs/shapes/tinynet/patient-0-0/weights.safetensors"
    image = save_noise(tmp_path / "1.png")
    words = [f"predict {image} -o p.csv", f"explain {image} --method absolute_gradcam -o maps"]
    commands = [shlex.split(f"{each} --weights {weights}") for each in words]
    both = f"from paper_code.cli import main\nassert [main(each) for each in {commands}] == [0, 0]"
    done = python(both, folder=tmp_path, root=code)
    assert done.returncode == 0, done.stderr
    assert list(pd.read_csv(tmp_path / "p.csv"))[2:] == ["p_round", "p_star"]
    assert (tmp_path / "maps/1_absolute_gradcam.png").is_file()
