"""Full disks while networks are trained and maps are made (not in CI: a minute)."""

import numpy as np
import pandas as pd
import pytest
from conftest import files_below, save_noise, write_prepared
from test_disk import Disk, one_message

from paper_code import cli
from paper_code.files import write_csv


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A prepared data set with a lesion in every image, its split and a run."""
    folder = tmp_path_factory.mktemp("trained")
    prepared, _ = write_prepared(folder, size=64, per_class=10)
    masks = np.zeros((20, 64, 64), np.uint8)
    masks[:, 10:40, 10:40] = 1
    np.save(prepared / "masks.npy", masks)
    manifest = pd.read_csv(prepared / "manifest.csv", dtype=str).assign(mask="mask.png")
    write_csv(prepared / "manifest.csv", manifest)
    for number in range(3):
        save_noise(folder / f"images/{number}.png", number, size=(64, 64))
    assert cli.main(TRAIN.format(folder=folder, out=folder, checkpoints=folder).split()) == 0
    return folder


TRAIN = (
    "train dalaresnet50 --prepared {folder}/prepared --split {folder}/split.csv --epochs 2"
    " --batch-size 4 --checkpoint-seconds 0 --checkpoints {checkpoints}/checkpoints -o {out}/run"
)
COMMANDS = {
    "train, its results": TRAIN.replace("{checkpoints}", "{folder}"),
    "train, its checkpoint": TRAIN.replace("{out}", "{folder}/second").replace(
        "{checkpoints}", "{out}"
    ),
    "cam": "cam --run {folder}/run --prepared {folder}/prepared --cam-images 2 --scorecam-images 1"
    " --faithfulness-images 2 --cam-tuning-images 2 -o {out}/cam",
    "predict": "predict {folder}/images --weights {folder}/run -o {out}/classes.csv",
    "explain": "explain {folder}/images --weights {folder}/run -o {out}/maps",
    "figure": "figure 02 -o {out}/figure.png",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_full_disk_then_room(name, trained, small_disk, capsys):
    disk = Disk(small_disk)
    words = COMMANDS[name].format(folder=trained, out=disk.folder / "out").split()
    disk.fill()
    before = files_below(disk.folder)
    capsys.readouterr()
    assert cli.main(words) == 2
    said = one_message(capsys.readouterr().err)
    assert str(disk.folder) in said and "no space left" in said.lower()
    assert files_below(disk.folder) == before
    disk.remount("size=600m")
    assert cli.main(words) == 0
