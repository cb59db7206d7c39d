"""The page of `explain`, its masks and large images; the page is used in a real browser."""

import numpy as np
import pandas as pd
import pytest
import torch
from browser import open_browser
from conftest import run, save_noise
from PIL import Image

from paper_code.inference import explain as explanation
from paper_code.networks import build_network
from paper_code.networks.weights import save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An untrained ResNet50 for two classes at 32 px."""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    torch.manual_seed(0)
    network = build_network("resnet50", 2, weights="random", image_size=32)
    notes = {"dataset": "mine", "classes": '["benign", "malignant"]', "data": "phantom"}
    save_weights(path, network, notes)
    return path


@pytest.fixture
def folder(tmp_path):
    """Four images, of which one has no mask and one shows no lesion, and a file that is none."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    masks.mkdir()
    for number, name in enumerate(("left", "square", "clear", "unmarked")):
        save_noise(images / f"{name}.png", number, size=(96, 64))
    marked = np.zeros((64, 96), np.uint8)
    Image.fromarray(marked).save(masks / "clear.png")
    marked[:, :48] = 255
    Image.fromarray(marked).save(masks / "left.tif")
    marked[:] = 0
    marked[16:48, 24:72] = 255
    Image.fromarray(marked).save(masks / "square.png")
    (images / "broken.png").write_text("no pixels")
    return tmp_path


@pytest.fixture
def known_maps(monkeypatch):
    """Grad-CAM marks the left half, Eigen-CAM nothing."""

    def maps(network, images, classes, method, layer):
        found = torch.zeros(len(images), 32, 32)
        if method == "gradcam":
            found[:, :, :16] = 1
        return found

    monkeypatch.setattr(explanation, "compute_cam", maps)
    monkeypatch.setattr(explanation, "map_layer", lambda *_: ("layer4", (7, 7)))


def test_maps_are_scored_against_masks(weights, folder, known_maps, capsys):
    words = [folder / "images", "--weights", weights, "--method", "gradcam", "eigencam"]
    assert run("explain", *words, "--masks", folder / "masks", "-o", folder / "out") == 1
    table = pd.read_csv(folder / "out/explanations.csv")
    table["image"] = [path.rsplit("/", 1)[1] for path in table["image"]]
    table = table.set_index(["image", "method"])
    scores = ["lesion", "iou", "pointing_game", "energy_inside"]
    assert list(table.loc[("left.png", "gradcam"), scores]) == [0.5, 1, 1, 1]
    # A quarter of the image, half of it inside the map, which covers half of the image.
    expected = [0.25, 0.125 / 0.625, 0.25, 0.25]
    np.testing.assert_allclose(table.loc[("square.png", "gradcam"), scores].astype(float), expected)
    # An empty map overlaps nothing, and has no highest point.
    expected = [0.25, 0, 0.25, 0.25]
    np.testing.assert_allclose(
        table.loc[("square.png", "eigencam"), scores].astype(float), expected
    )
    assert table.loc[("clear.png", "gradcam"), "lesion"] == 0
    assert table.loc[("clear.png", "gradcam"), scores[1:]].isna().all()
    assert table.loc[("unmarked.png", "gradcam"), scores].isna().all()
    assert list(table["empty"]) == [False, True] * 4
    said = capsys.readouterr().err
    assert "4 maps are empty" in said and "1 of 5 files skipped" in said
    assert "1 of 4 images have no mask" in said
    with Image.open(folder / "out/square_eigencam.png") as overlay:
        pixels = np.asarray(overlay).astype(int)
    lesion = pixels[10:54, 18:78].min(axis=2)
    assert (lesion > 220).any(axis=1).sum() >= 30, "its outline is white, from top to bottom"
    assert (pixels[24:40, 32:64] <= 220).any(axis=2).all(), "its inside is not"


def test_masks_that_do_not_fit(weights, folder, known_maps, capsys, refused):
    words = [folder / "images", "--weights", weights, "-o", folder / "out", "--masks"]
    (folder / "none").mkdir()
    save_noise(folder / "none/other.png", mode="L")
    save_noise(folder / "twice/a/left.png", mode="L")
    save_noise(folder / "twice/b/left.png", mode="L")
    for masks, message in (
        ("none", "no mask for any of 5 images"),
        ("twice", "2 masks are called left"),
        ("images", "all images lie in this folder of masks"),
        ("gone", "no such manifest"),
    ):
        refused("explain", *words, folder / masks, says=message)
    save_noise(folder / "masks/left.png", mode="L", size=(10, 10))
    (folder / "masks/left.tif").unlink()
    assert run("explain", *words, folder / "masks") == 1
    assert "left.png: mask is 10x10 px, its image 96x64 px" in capsys.readouterr().err
    assert len(pd.read_csv(folder / "out/explanations.csv")) == 3


def test_the_mask_of_a_photograph_that_exif_turns(weights, tmp_path, known_maps):
    """The mask is drawn on the photograph as it is shown, 64 x 96 px."""
    (tmp_path / "masks").mkdir()
    photograph = Image.open(save_noise(tmp_path / "noise.png", size=(96, 64)))
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph.save(tmp_path / "photo.jpg", exif=exif)
    marked = np.zeros((96, 64), np.uint8)
    marked[:, :32] = 255
    Image.fromarray(marked).save(tmp_path / "masks/photo.png")
    words = [tmp_path / "photo.jpg", "--weights", weights, "--method", "gradcam"]
    assert run("explain", *words, "--masks", tmp_path / "masks", "-o", tmp_path / "out") == 0
    assert pd.read_csv(tmp_path / "out/explanations.csv")["iou"].tolist() == [1]


def test_the_page_in_a_browser(weights, folder, known_maps):
    words = [folder / "images", "--weights", weights, "--method", "gradcam", "eigencam"]
    (folder / "images/left.png").rename(folder / "images/<b> & 'left'.png")
    (folder / "masks/left.tif").rename(folder / "masks/<b> & 'left'.tif")
    assert run("explain", *words, "--masks", folder / "masks", "-o", folder / "out") == 1
    with open_browser(folder / "profile") as browser:
        browser.look(1280, 900)
        browser.open(folder / "out/index.html")
        text = browser.run("document.body.innerText")
        for part in (
            "Class activation maps of 4 images",
            "1 file skipped",
            "broken.png: not an image",
            "only seen synthetic images",
            "Empty map: nothing here speaks for",
            "Lesion: 25.0 % of the image",
            "The mask marks no lesion",
            "<b> & 'left'.png",
        ):
            assert part in text, part
        assert browser.run("document.querySelectorAll('main section').length") == 4
        assert browser.run("document.querySelectorAll('img.map').length") == 8
        assert browser.run("[...document.images].every((i) => i.alt && i.naturalWidth > 0)")
        assert browser.run("[...document.querySelectorAll('input')].every((i) => i.labels.length)")

        # The slider, by keyboard: from the image alone to the map alone.
        opacity = "getComputedStyle(document.querySelector('img.map')).opacity"
        assert browser.run(opacity) == "0.45"
        browser.run("document.querySelector('#mix').focus()")
        browser.press("ArrowRight")
        assert browser.run(opacity) == "0.46"
        browser.press("End")
        assert browser.run(opacity) == "1"
        assert browser.run("document.querySelector('.controls output').value") == "100 %"
        browser.press("Home")
        assert browser.run(opacity) == "0"

        outline = "getComputedStyle(document.querySelector('.lesion')).display"
        assert browser.run(outline) != "none"
        browser.click("#outline")
        assert browser.run(outline) == "none"

        shown = "[...document.querySelectorAll('figure')].filter((f) => f.offsetWidth).length"
        assert browser.run(shown) == 4 * 3
        browser.click("input[value=eigencam]")
        assert browser.run(shown) == 4 * 2

        # A click enlarges a map, with a slider of its own; Escape brings the page back.
        browser.click("figure[data-method=gradcam] .stack")
        assert browser.run("document.querySelector('dialog').open")
        large = "document.querySelector('#enlarged .stack')"
        assert browser.run(f"{large}.clientWidth") > 1000
        assert browser.run("document.querySelector('#enlarged-title').innerText").startswith(
            "Grad-CAM map of"
        )
        browser.run("document.querySelector('#mix-enlarged').focus()")
        browser.press("End")
        assert browser.run("getComputedStyle(document.querySelector('#enlarged .map')).opacity")
        assert browser.run(opacity) == "1", "both sliders are one"
        browser.press("Escape")
        assert not browser.run("document.querySelector('dialog').open")

        for width, dark in ((1280, True), (390, False)):
            browser.look(width, 900, dark)
            assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.errors == []
        elsewhere = [url for url in browser.requested if not url.startswith(("file:", "data:"))]
        assert elsewhere == []
