"""Small data sets in their published layouts, prepared ones, and one thread for arithmetic."""

import importlib
import os

# Tiny tensors gain nothing from threads, and on a busy machine two are far slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

# PAPER_CODE_TEST_SEED=1 gives another seed to every network that a test draws or trains.
if shift := int(os.environ.get("PAPER_CODE_TEST_SEED", "0")):
    import torch

    manual_seed = torch.manual_seed
    torch.manual_seed = lambda seed: manual_seed(seed + shift)

pytest_plugins = ["hand_made", "published_trees"]  # their fixtures
ROOT = Path(__file__).parents[1]
MANY = "FAULT_DRAWS" in os.environ  # `make faults`, which also fills disks under longer commands
DRAWS = int(os.environ.get("FAULT_DRAWS", "150"))  # examples of each test that draws damaged files
BREAKHIS = Path("BreaKHis_v1/histology_slides/breast")
BACH = Path("ICIAR2018_BACH_Challenge/Photos")
SUBTYPES = {
    "A": "benign/SOB/adenosis",
    "F": "benign/SOB/fibroadenoma",
    "DC": "malignant/SOB/ductal_carcinoma",
    "LC": "malignant/SOB/lobular_carcinoma",
}


def save_noise(path: Path, seed: int = 0, mode: str = "RGB", size: tuple[int, int] = (48, 40)):
    """Write random pixels; one seed gives one content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size[::-1] if mode == "L" else (*size[::-1], len(mode))
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels, mode="CMYK" if mode == "CMYK" else None).save(path)
    return path


def breakhis_path(root: Path, subtype: str, slide: str, magnification: int, number: int) -> Path:
    """Where the published archive keeps an image: breakhis_path(root, "A", "14-22549AB", 40, 1)."""
    prefix = f"SOB_{SUBTYPES[subtype][0].upper()}_{subtype}"
    name = f"{prefix}-{slide}-{magnification}-{number:03d}.png"
    return root / BREAKHIS / SUBTYPES[subtype] / f"{prefix}_{slide}" / f"{magnification}X" / name


@pytest.fixture
def breakhis_root(tmp_path) -> Path:
    """BreakHis at 40X and 100X: two benign and two malignant patients, 14-13412 in two subtypes."""
    root, seed = tmp_path / "raw", 0
    slides = [
        ("A", "14-22549AB"),
        ("A", "14-22549CD"),
        ("F", "14-9133"),
        ("DC", "14-13412"),
        ("LC", "14-13412"),
        ("DC", "14-2523"),
    ]
    for magnification in (40, 100):
        for subtype, slide in slides:
            for number in (1, 2):
                seed += 1
                save_noise(breakhis_path(root, subtype, slide, magnification, number), seed)
    return root


@pytest.fixture
def bach_root(tmp_path) -> Path:
    """BACH, two images per class."""
    root, seed = tmp_path / "raw", 0
    for folder, prefix in {"Normal": "n", "Benign": "b", "InSitu": "is", "Invasive": "iv"}.items():
        for number in (1, 2):
            seed += 1
            save_noise(root / BACH / folder / f"{prefix}{number:03d}.tif", seed)
    return root


def write_prepared(root: Path, *, size=32, per_class=20, by="image", **source) -> tuple[Path, Path]:
    """A prepared data set below `root`, as `prepare` and `make_split` write it, whose classes
    differ in grey: (folder, split CSV)."""
    from paper_code.datasets.splits import make_split
    from paper_code.files import write_csv, write_json

    folder = root / "prepared"
    rng = np.random.default_rng(0)
    labels = np.repeat(["benign", "malignant"], per_class)
    level = np.where(labels == "benign", 100, 150)[:, None, None, None]
    images = rng.normal(level, 40, (len(labels), 3, size, size)).clip(0, 255).astype(np.uint8)
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images)
    table = pd.DataFrame(
        {
            "image": [f"{label}/{i:03d}.png" for i, label in enumerate(labels)],
            "label": labels,
            "group": [f"patient {i // 2}" for i in range(len(labels))],
        }
    )
    write_csv(folder / "manifest.csv", table)
    facts = {
        "dataset": "breakhis_40x",
        "source": "phantom",
        "complete": False,
        "description": f"phantom ({len(labels)} synthetic images)",
        "images": len(labels),
        "classes": ["benign", "malignant"],
        "colour": "rgb",
        "patients": per_class,
        "duplicates": [],
    }
    write_json(folder / "source.json", facts | source)
    split = root / "split.csv"
    make_split(folder / "manifest.csv", split, by=by, seed=0)
    return folder, split


@pytest.fixture
def make_prepared(tmp_path):
    """make_prepared(name="set", size=32, per_class=20, by="image") -> `write_prepared`."""

    def make(name="set", **options) -> tuple[Path, Path]:
        return write_prepared(tmp_path / name, **options)

    return make


def files_below(folder: Path) -> dict[str, int]:
    """Size of every file below a folder, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def one_message(said: str) -> str:
    """The message of a command that has failed, its last line and its only one."""
    assert "Traceback" not in said
    *_, last = said.strip().splitlines()
    assert re.findall(r"(?m)^error: .*$", said) == [last], said
    return last


@pytest.fixture
def refused(tmp_path, capsys):
    """Check that a command ends with status 2 and one message, and writes nothing below tmp_path.

    refused("split", "gone.csv", "-o", "x.csv", says="gone.csv") -> what it said.
    """

    def check(*words, says: str) -> str:
        before = files_below(tmp_path)
        status = run(*words)
        said = capsys.readouterr().err
        assert status == 2, said
        last = one_message(said)
        assert re.search(says, last), said
        assert files_below(tmp_path) == before
        return last

    return check


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """An empty weight cache, and no way out to fill it: any download would raise."""
    from paper_code.networks import pretrained

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(pretrained, "unreachable", lambda site: f"no route to {site}")
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def run(*words: object) -> int:
    """Run a command in this process; its exit status."""
    from paper_code import cli

    return cli.main([str(word) for word in words])


def copy_code(root: Path) -> Path:
    """Copy the workflow and its code to the folder `root`, without notebooks."""
    for name in ("paper_code", "workflow", "config"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "environment.yml"):
        shutil.copy2(ROOT / name, root / name)
    return root


def environment(root: Path = ROOT) -> dict[str, str]:
    """The environment of a process that runs the code of `root` with one thread."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}


def python(
    code: str, *words: object, folder: Path = ROOT, root: Path = ROOT
) -> subprocess.CompletedProcess:
    """Run Python code in a process of its own, on the package below `root`."""
    command = [sys.executable, "-c", code, *map(str, words)]
    streams = {"capture_output": True, "text": True}
    return subprocess.run(command, cwd=folder, env=environment(root), **streams)


def started(command: list[str], folder: Path, stdout=subprocess.PIPE) -> subprocess.Popen:
    """Start a command in a folder, in a process group of its own."""
    streams = {"stdout": stdout, "stderr": subprocess.STDOUT, "text": True}
    given = {"env": environment(), "start_new_session": True}
    return subprocess.Popen(command, cwd=folder, **streams, **given)


def snakemake(folder: Path, *arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess:
    """Run the workflow of `root` in `folder` and return what it printed, both streams in one."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--workflow-profile", "none", "--cores", "2", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run(command, cwd=folder, env=environment(root), **streams)


def benchmark(name: str):
    """A module of benchmarks/, which is no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        return importlib.import_module(name)


def from_catalogue(kind: str, key: str):
    """A result as a module whose `write` or `draw` makes its files as the catalogue declares."""
    import types

    from paper_code.reporting.catalogue import find_result

    result = find_result(kind, key)
    return types.SimpleNamespace(write=result.make, draw=result.make)


def training_settings(**changes):
    """The config's defaults with some changes."""
    from paper_code.settings import defaults

    return defaults().changed(**changes)


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> tuple[Path, Path, Path]:
    """One epoch of DALAResNet50 at 32 px: (run, prepared data set, split by patient)."""
    from paper_code.training.run import train_run

    folder = tmp_path_factory.mktemp("trained")
    prepared, split = write_prepared(folder, by="patient")
    changes = {"recalibrate_batchnorm": True, "precision": "fp32", "weights": "random"}
    settings = training_settings(epochs=1, batch_size=8, **changes)
    train_run("dalaresnet50", prepared, split, folder / "run", settings)
    return folder / "run", prepared, split


@pytest.fixture(scope="session")
def printed():
    """The audit of the printed tables, run once for all tests."""
    from paper_code.audit import run_audit

    return run_audit().set_index("id")
