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


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes = b"", **extra):
    """A PNG with any header: what Pillow would not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    more = b"".join(chunk(name.encode(), content) for name, content in extra.items())
    content = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + content + chunk(b"IEND", b"")


def translucent(mode: str) -> Image.Image:
    image = COLOUR.convert(mode)
    image.putalpha(Image.fromarray(GREY))
    return image


def frames(kind: str, **options) -> bytes:
    images = [Image.fromarray(np.roll(RGB, shift, axis=0)) for shift in range(3)]
    return saved(images[0], kind, save_all=True, append_images=images[1:], **options)


TEXT = b"<!doctype html>\n<html><body>Please log in to download this file.</body></html>\n"
NO_IMAGE = "not an image that can be read"
WRONG = {
    "a web page": (TEXT, NO_IMAGE),
    "CMYK JPEG": (saved(COLOUR.convert("CMYK"), "JPEG"), "CMYK image, 8-bit RGB"),
    "floating point": (saved(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "floating point"),
    "grey where tissue is stained": (saved(Image.fromarray(GREY)), "8-bit grey image, 8-bit RGB"),
    "translucent colour": (saved(translucent("RGB")), "partly transparent"),
    "TIFF of three pages": (frames("TIFF"), "holds 3 pictures"),
    "a bomb of 3,600 megapixels": (png(60_000, 60_000), "too large to be decoded safely"),
    "31 px high": (saved(COLOUR.crop((0, 0, 48, 31))), "48x31 px, but each side needs"),
}
WHOLE = {
    "PNG": saved(COLOUR),
    "JPEG": saved(COLOUR, "JPEG"),
    "LZW TIFF": saved(COLOUR, "TIFF", compression="tiff_lzw"),
    "JPEG 2000": saved(COLOUR, "JPEG2000"),
}
WRONG |= {
    f"{kind} cut at {share:.0%}": (content[: int(len(content) * share)], NO_IMAGE + "|truncated")
    for kind, content in WHOLE.items()
    for share in (0.02, 0.7)
}


@pytest.fixture
def listed(tmp_path):
    """listed(content, colour) -> a manifest of `prepare` with one image, and that image."""

    def write(content: bytes, colour: str = "rgb", mask: bytes | None = None) -> tuple[Path, Path]:
        image, manifest = tmp_path / "image.png", tmp_path / "manifest.csv"
        image.write_bytes(content)
        paths = {"image": "image.png", "path": str(image), "mask": ""}
        if mask is not None:
            paths["mask"] = str(tmp_path / "mask.png")
            (tmp_path / "mask.png").write_bytes(mask)
        write_csv(manifest, pd.DataFrame([paths]))
        write_json(tmp_path / "source.json", {"dataset": "mine", "colour": colour})
        return manifest, image

    return write


@pytest.mark.parametrize("fault", WRONG)
def test_refused(fault, listed, tmp_path, refused):
    content, says = WRONG[fault]
    manifest, image = listed(content)
    words = ["prepare", manifest, "--image-size", 32, "-o", tmp_path / "out"]
    assert str(image) in refused(*words, says=says)


@pytest.mark.parametrize("kind", ["missing", "folder", "circle of links"])
def test_things_that_are_no_files(kind, listed, tmp_path, refused):
    manifest, image = listed(b"")
    image.unlink()
    if kind == "folder":
        image.mkdir()
    elif kind != "missing":
        image.symlink_to(image.name)
    words = ["prepare", manifest, "--image-size", 32, "-o", tmp_path / "out"]
    assert str(image) in refused(*words, says="no such file|cannot be read")


def rotated(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(COLOUR, kind, exif=exif)


TURN = {  # what orientations of EXIF mean for pixels as they are stored
    2: lambda a: a[:, ::-1],
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
}
PALETTE = COLOUR.quantize(256)
DARK = np.dstack([(DEEP / 257).round().astype(np.uint8)] * 3)
ODD = {
    **{
        f"EXIF orientation {number}": (rotated("TIFF", number), "rgb", turn(RGB))
        for number, turn in TURN.items()
    },
    "palette": (saved(PALETTE), "rgb", np.asarray(PALETTE.convert("RGB"))),
    "opaque alpha": (saved(COLOUR.convert("RGBA")), "rgb", RGB),
    "16-bit grey mammogram": (saved(Image.fromarray(DEEP)), "grey", DARK),
    "JPEG named .png": (
        WHOLE["JPEG"],
        "rgb",
        np.asarray(Image.open(io.BytesIO(WHOLE["JPEG"]))),
    ),
    "preview as a second page": (
        saved(COLOUR, "TIFF", save_all=True, append_images=[COLOUR.resize((12, 10))]),
        "rgb",
        RGB,
    ),
}


@pytest.mark.parametrize("oddity", ODD)
def test_accepted_with_the_right_pixels(oddity, tmp_path):
    content, colour, expected = ODD[oddity]
    path = tmp_path / "image.png"
    path.write_bytes(content)
    assert np.array_equal(np.asarray(load_image(path, colour)), expected)


LESION = np.zeros((40, 48), np.uint8)
LESION[5:20, 8:30] = 255
MASKS = {
    "a web page": (TEXT, "mask cannot be read: not an image"),
    "turned": (saved(Image.fromarray(LESION.T.copy())), "mask is 40x48 px"),
    "values of 0 and 1": (saved(Image.fromarray(LESION // 255)), "largest value is 1, so that"),
    "pages": (frames("TIFF"), "mask cannot be read: holds 3 pictures"),
}


@pytest.mark.parametrize("fault", MASKS)
def test_masks_refused(fault, listed, tmp_path, refused):
    content, says = MASKS[fault]
    manifest, _ = listed(saved(COLOUR), mask=content)
    words = ["prepare", manifest, "--image-size", 32, "-o", tmp_path / "out"]
    assert str(tmp_path / "mask.png") in refused(*words, says=says)


GOOD_MASKS = {
    "black and white": Image.fromarray(LESION > 0),
    "16 bits": Image.fromarray(LESION.astype(np.uint16) * 257),
    "JPEG": Image.open(io.BytesIO(saved(Image.fromarray(LESION), "JPEG", quality=95))),
}


@pytest.mark.parametrize("kind", GOOD_MASKS)
def test_masks_accepted(kind, tmp_path):
    path = tmp_path / "mask.png"
    path.write_bytes(saved(GOOD_MASKS[kind]))
    assert np.array_equal(np.asarray(load_mask(str(path), (48, 40))), LESION)


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
