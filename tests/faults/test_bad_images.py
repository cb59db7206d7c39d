"""Image files and masks that are damaged, odd or hostile."""

import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import DRAWS
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from paper_code.datasets.images import load_image, load_mask
from paper_code.errors import UserError
from paper_code.files import write_csv, write_json

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 48), dtype=np.uint8)
RGB = RNG.integers(0, 256, (40, 48, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (40, 48)).astype(np.uint16)
COLOUR = Image.fromarray(RGB)
LESION = np.zeros((40, 48), np.uint8)
LESION[5:20, 8:30] = 255


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(side: int) -> bytes:
    """The header of a PNG of that many pixels in a row and a column, and none of them."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def translucent() -> Image.Image:
    image = COLOUR.copy()
    image.putalpha(Image.fromarray(GREY))
    return image


def turned(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(COLOUR, kind, exif=exif)


PAGES = saved(COLOUR, "TIFF", save_all=True, append_images=[Image.fromarray(RGB[::-1].copy())] * 2)
TEXT = b"<!doctype html>\n<html><body>Please log in to download this file.</body></html>\n"
NO_IMAGE = "not an image that can be read"
WHOLE = {
    "PNG": saved(COLOUR),
    "JPEG": saved(COLOUR, "JPEG"),
    "LZW TIFF": saved(COLOUR, "TIFF", compression="tiff_lzw"),
    "JPEG 2000": saved(COLOUR, "JPEG2000"),
}
WRONG = {
    "a web page": (TEXT, NO_IMAGE),
    "CMYK JPEG": (saved(COLOUR.convert("CMYK"), "JPEG"), "CMYK image, 8-bit RGB"),
    "floating point": (saved(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "floating point"),
    "grey where tissue is stained": (saved(Image.fromarray(GREY)), "8-bit grey image, 8-bit RGB"),
    "translucent colour": (saved(translucent()), "partly transparent"),
    "TIFF of three pages": (PAGES, "holds 3 pictures"),
    "a bomb of 3,600 megapixels": (bomb(60_000), "too large to be decoded safely"),
    "31 px high": (saved(COLOUR.crop((0, 0, 48, 31))), "48x31 px, but each side needs"),
    **{
        f"{kind} cut in the middle": (content[: len(content) // 2], NO_IMAGE + "|truncated")
        for kind, content in WHOLE.items()
    },
}
WRONG_MASKS = {
    "a web page": (TEXT, "mask cannot be read: not an image"),
    "turned": (saved(Image.fromarray(LESION.T.copy())), "mask is 40x48 px"),
    "values of 0 and 1": (saved(Image.fromarray(LESION // 255)), "largest value is 1, so that"),
    "pages": (PAGES, "mask cannot be read: holds 3 pictures"),
}


@pytest.fixture
def prepare(tmp_path, refused):
    """Have `prepare` refuse a list of one image and perhaps its mask; the file that it names."""

    def check(says: str, mask: bytes | None = None) -> str:
        paths = {"image": "image.png", "path": str(tmp_path / "image.png"), "mask": ""}
        if mask is not None:
            paths["mask"] = str(tmp_path / "mask.png")
            (tmp_path / "mask.png").write_bytes(mask)
        write_csv(tmp_path / "manifest.csv", pd.DataFrame([paths]))
        write_json(tmp_path / "source.json", {"dataset": "mine", "colour": "rgb"})
        words = ["prepare", tmp_path / "manifest.csv", "--image-size", 32, "-o", tmp_path / "out"]
        return refused(*words, says=says)

    return check


@pytest.mark.parametrize("fault", WRONG)
def test_refused(fault, tmp_path, prepare):
    content, says = WRONG[fault]
    (tmp_path / "image.png").write_bytes(content)
    assert str(tmp_path / "image.png") in prepare(says)


@pytest.mark.parametrize("kind", ["missing", "folder", "circle of links"])
def test_things_that_are_no_files(kind, tmp_path, prepare):
    image = tmp_path / "image.png"
    if kind == "folder":
        image.mkdir()
    elif kind != "missing":
        image.symlink_to(image.name)
    assert str(image) in prepare("no such file|cannot be read")


@pytest.mark.parametrize("fault", WRONG_MASKS)
def test_masks_refused(fault, tmp_path, prepare):
    content, says = WRONG_MASKS[fault]
    (tmp_path / "image.png").write_bytes(saved(COLOUR))
    assert str(tmp_path / "mask.png") in prepare(says, content)


PALETTE = COLOUR.quantize(256)
PREVIEW = saved(COLOUR, "TIFF", save_all=True, append_images=[COLOUR.resize((12, 10))])
ODD = {
    "EXIF orientation 2": (turned("TIFF", 2), "rgb", RGB[:, ::-1]),
    "EXIF orientation 6": (turned("TIFF", 6), "rgb", np.rot90(RGB, -1)),
    "palette": (saved(PALETTE), "rgb", np.asarray(PALETTE.convert("RGB"))),
    "opaque alpha": (saved(COLOUR.convert("RGBA")), "rgb", RGB),
    "16-bit grey mammogram": (
        saved(Image.fromarray(DEEP)),
        "grey",
        np.dstack([(DEEP / 257).round().astype(np.uint8)] * 3),
    ),
    "preview as a second page": (PREVIEW, "rgb", RGB),
}
ODD_MASKS = {
    "black and white": Image.fromarray(LESION > 0),
    "16 bits": Image.fromarray(LESION.astype(np.uint16) * 257),
    "JPEG": Image.open(io.BytesIO(saved(Image.fromarray(LESION), "JPEG", quality=95))),
}


@pytest.mark.parametrize("oddity", ODD)
def test_accepted_with_the_right_pixels(oddity, tmp_path):
    content, colour, expected = ODD[oddity]
    (tmp_path / "image.png").write_bytes(content)
    assert np.array_equal(np.asarray(load_image(tmp_path / "image.png", colour)), expected)


@pytest.mark.parametrize("kind", ODD_MASKS)
def test_masks_accepted(kind, tmp_path):
    (tmp_path / "mask.png").write_bytes(saved(ODD_MASKS[kind]))
    assert np.array_equal(np.asarray(load_mask(str(tmp_path / "mask.png"), (48, 40))), LESION)


@settings(max_examples=DRAWS, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=12),
    st.floats(0.5, 1),
)
def test_whatever_bytes_are_damaged_there_is_no_other_error(kind, damaged, length):
    content = bytearray(WHOLE[kind])
    for place, value in damaged:
        content[int(place * len(content))] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.png")
        path.write_bytes(content[: int(len(content) * length)])
        try:
            image = load_image(path)
        except UserError as error:
            assert str(path) in str(error)
        else:
            assert image.mode == "RGB" and min(image.size) >= 32
