"""From image files to arrays: what is decoded, how it is resized, and what bad files leave."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import breakhis_path
from PIL import Image

from paper_code.datasets import PAPER_DATASETS
from paper_code.datasets.prepare import make_manifest, prepare, resize_mask
from paper_code.errors import UserError
from paper_code.files import replacing, replacing_together


@pytest.fixture
def manifest(breakhis_root, tmp_path) -> Path:
    """Twelve BreakHis images at 40X; the first of the list has a mask."""
    image = breakhis_path(breakhis_root, "A", "14-22549AB", 40, 1)
    mask = np.zeros((40, 48), np.uint8)
    mask[:, 24:] = 255
    path = Path(str(image).replace("histology_slides", "lesion_masks"))
    path.parent.mkdir(parents=True)
    Image.fromarray(mask).save(path)
    output = tmp_path / "listed/manifest.csv"
    make_manifest(PAPER_DATASETS["breakhis_40x"], breakhis_root, "real", output)
    return output


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    return np.load(folder / "images.npy", mmap_mode="r"), np.load(folder / "masks.npy")


def test_arrays(manifest, tmp_path):
    prepare(manifest, tmp_path / "out", image_size=32)
    images, masks = load(tmp_path / "out")
    assert images.shape == (12, 3, 32, 32) and images.dtype == np.uint8
    assert masks.shape == (12, 32, 32) and masks.dtype == np.uint8
    paths = pd.read_csv(manifest)["path"]
    for row, path in enumerate(paths):
        with Image.open(path) as image:
            expected = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR))
        assert np.array_equal(images[row], expected.transpose(2, 0, 1))
    assert np.array_equal(masks[0], np.tile(np.arange(32) >= 16, (32, 1)))
    assert not masks[1:].any()
    # With the manifest and its facts the folder is all that later steps need.
    for name in ("manifest.csv", "source.json"):
        assert (tmp_path / "out" / name).read_bytes() == manifest.with_name(name).read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_mask_pixel_counts_if_half_of_it_is_lesion():
    mask = np.zeros((40, 40), np.uint8)
    mask[0:4, 0:2] = 255  # half of the first pixel
    mask[0:4, 4:5] = 255  # a quarter of the second
    small = resize_mask(Image.fromarray(mask), 10)
    assert small.sum() == small[0, 0] == 1


def test_a_tiny_lesion_is_not_lost():
    mask = np.zeros((400, 400), np.uint8)
    mask[105:110, 205:210] = 255
    small = resize_mask(Image.fromarray(mask), 10)
    assert small.sum() == small[2, 5] == 1
    assert not resize_mask(Image.new("L", (400, 400)), 10).any()


def test_a_failed_preparation_keeps_the_older_arrays(manifest, breakhis_root, tmp_path):
    prepare(manifest, tmp_path / "out", image_size=32)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    breakhis_path(breakhis_root, "DC", "14-13412", 40, 2).write_text("not an image at all\n")
    with pytest.raises(UserError):
        prepare(manifest, tmp_path / "out", image_size=40)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


# --- Files that appear whole or not at all -------------------------------------------------------


def test_a_failed_writer_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "new/table.csv"
    for before in ([], ["old"]):
        for text in before:
            path.write_text(text)
        with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
        assert [file.read_text() for file in path.parent.iterdir()] == before


def test_a_move_that_is_cut_short_leaves_no_mixture_of_two_sets(tmp_path, monkeypatch):
    for name in ("a", "b", "mine"):
        (tmp_path / name).write_text("old")
    move, moved = Path.replace, []

    def cut_short(path, target):
        if moved:
            raise KeyboardInterrupt
        moved.append(move(path, target))

    monkeypatch.setattr(Path, "replace", cut_short)
    with pytest.raises(KeyboardInterrupt), replacing_together(tmp_path, ["a", "b", "c"]) as new:
        for name in ("a", "b"):
            (new / name).write_text("new")
    left = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert left == {"a": "new", "mine": "old"}
