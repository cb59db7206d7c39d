"""docs/guide/own_data.md: the documented command, on images of one's own, to its end."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, save_noise, snakemake
from PIL import Image

from paper_code import cli
from paper_code.files import read_json

CLASSES = ["normal", "benign", "malignant"]
GUIDE = (ROOT / "docs/guide/own_data.md").read_text(encoding="utf-8")
SECTIONS = GUIDE.split("\n## ")
SMALL = [
    "scale=demo",
    "own_image_size=33",  # of 32 px the last map would be a single value
    "cam_images=2",
    "scorecam_images=1",
    "cam_tuning_images=1",
    "epochs=1",
    "images_per_dataset=36",
    "bootstrap_resamples=50",
]


def documented() -> list[str]:
    """The settings of the guide's command, which follow `--config`."""
    command = re.search(r"(?m)^    snakemake (.*\\\n)*.*$", GUIDE)[0]
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:4] == ["snakemake", "--cores", "all", "--config"]
    return words[4:]


def commands(section: int) -> list[str]:
    """The commands of a section of the guide, without `python -m paper_code`."""
    found = re.findall(r"(?m)^    python -m paper_code (.+)$", SECTIONS[section])
    assert found
    return found


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """36 grey and colour images of three classes, 12 patients, lesion masks for two classes."""
    folder = tmp_path_factory.mktemp("a folder of mine") / "images"
    mask = np.zeros((48, 40), np.uint8)
    mask[10:24, 10:24] = 255
    (folder / "lesion_masks").mkdir(parents=True)
    rows = []
    for number in range(36):
        label = CLASSES[number % 3]
        name, mask_name = f"{label}/{number:02d}.png", ""
        save_noise(folder / name, number, ("RGB", "L")[number % 2], size=(40, 48))
        if label != "normal":
            mask_name = f"lesion_masks/{number:02d}.png"
            Image.fromarray(mask).save(folder / mask_name)
        rows.append((name, label, f"patient {number // 3}", mask_name))
    table = pd.DataFrame(rows, columns=["path", "label", "group", "mask"])
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def done(images) -> subprocess.CompletedProcess:
    """The documented command, at the smallest settings, in a folder beside that of the images."""
    (images.parent / "run").mkdir()
    return snakemake(images.parent / "run", "--config", *documented(), *SMALL)


@pytest.fixture(scope="module")
def finished(done, images) -> Path:
    """The folder of its results."""
    assert done.returncode == 0, done.stdout
    assert "mias: real data (found 12 normal, 12 benign, 12 malignant)" in done.stdout
    return images.parent / "run/results/demo"


def test_the_page_opens_with_the_images_and_the_scores(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    opening = re.sub(r"<style>.*?</style>", "", page[: page.index('id="own_mias--provenance"')])
    assert "<h1>Results on your images</h1>" in opening
    assert "12 patients, 0 of them in more than one part" in opening
    assert re.search(r"<td>ResNet50</td>\s*<td>\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]</td>", opening)
    assert not re.search(r"(?i)paper|BreakHis|printed", opening)
    assert not re.search(r"printed|BreakHis|Evidence about the paper|Counts as evidence", page)
    assert {*re.findall(r'href="(#[^"]+)"', page)} <= {
        "#top",
        *(f"#{name}" for name in re.findall(r' id="([^"]+)"', page)),
    }


def test_the_guide_names_files_that_are_there(finished):
    """The first column of its table, and whatever it says is below results/."""
    rows = re.findall(r"(?m)^\| (`.+?`.*?) \|", SECTIONS[3])
    assert len(rows) >= 8
    for row in rows:
        name, *endings = re.findall(r"`(.+?)`", row)
        names = [name, *(str(Path(name).with_suffix(ending)) for ending in endings)]
        for path in names:
            assert list(finished.glob(path.replace("<network>", "*"))), path
    named = re.findall(r"results/demo/([\w/.-]+)", GUIDE)
    assert len(named) >= 2
    for path in named:
        assert (finished / path).exists(), path


@pytest.fixture(scope="module")
def few(images, tmp_path_factory) -> Path:
    """A folder with one image, since Score-CAM takes its time."""
    folder = tmp_path_factory.mktemp("few")
    shutil.copy(images / "malignant/02.png", folder)
    return folder


@pytest.mark.parametrize("command", commands(4) + commands(5))
def test_the_guide_s_commands_run(command, finished, images, few, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = {
        "results/demo": finished,
        "WEIGHTS": finished / "runs/mias/dalaresnet50/patient-0-0/weights.safetensors",
        "FOLDER": few,
        "other/manifest.csv": images / "manifest.csv",
        "lesion_masks/": images / "lesion_masks",
    }
    for name, place in places.items():
        command = command.replace(name, shlex.quote(str(place)))
    assert cli.main(shlex.split(command)) == 0
    if "classes.csv" in command:
        found = pd.read_csv("classes.csv")
        assert len(found) == 1 and list(found)[2:] == [f"p_{name}" for name in CLASSES]
    elif "metrics.csv" in command:
        expected = 36 if "manifest.csv" in command else 12
        assert set(pd.read_csv("metrics.csv")["images"]) == {expected}
    else:
        methods = 6 if "all" in command else 2
        assert len(pd.read_csv("maps/explanations.csv")) == methods
        assert Path("maps/index.html").is_file()


def test_one_command_after_the_other_in_any_folders(images, tmp_path, monkeypatch):
    """The split says what it was made by, and the prepared folder is complete."""
    (tmp_path / "images").symlink_to(images)
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    *chain, train = commands(3)
    for command in (*chain, train.replace("--epochs 6", "--epochs 1")):
        assert cli.main(shlex.split(command.replace("--image-size 160", "--image-size 33"))) == 0
    facts = read_json(Path("run/run.json"))
    assert (facts["by"], facts["split_seed"]) == ("patient", 1)
    words = "table results --runs run --resamples 20 --scale demo -o results.csv"
    assert cli.main(words.split()) == 0
    words = "table own_mias --prepared prepared --splits splits/first.csv --tables results.csv"
    assert cli.main([*words.split(), "--scale", "demo", "-o", "own_mias.csv"]) == 0
    assert "Split by patient" in Path("own_mias.md").read_text(encoding="utf-8")
