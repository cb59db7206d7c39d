"""Decoding and checking single image files."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from paper_code.errors import UserError

MINIMUM_SIDE = 32  # px; a ResNet's last stage needs 32 px to have any extent
Image.MAX_IMAGE_PIXELS = 500_000_000  # full-field mammograms are larger than Pillow's default


def load_image(path: str | Path, colour: str = "any") -> Image.Image:
    """Decode one image completely.

    Args:
        path: PNG, JPEG or TIFF with 8 bits a channel (or 16-bit grey for `colour` "grey").
        colour: "rgb" accepts RGB only (stained tissue), "grey" grey or RGB with equal channels'
            meaning (mammograms), "any" both. An alpha channel is accepted if it is opaque.

    Returns:
        An RGB image; grey values are repeated, 16-bit grey is scaled by 1/257 to 8 bits.

    Raises:
        UserError: names the file and says what is wrong with it.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            # Pillow would cut colour of 16 bits a channel down to 8 without a word.
            deep = image.mode[0] != "I" and any(";16" in str(tile[3]) for tile in image.tile)
            image.load()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.") from error
    except UnidentifiedImageError as error:
        raise UserError(
            f"{path}: not an image that can be read. Fetch or export it again."
        ) from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: too large to be decoded safely ({error}).") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f"{path}: truncated or damaged ({error}). Fetch or export it again."
        ) from error
    if min(image.size) < MINIMUM_SIDE:
        raise UserError(
            f"{path}: {image.width}x{image.height} px, but each side needs {MINIMUM_SIDE} px."
        )
    wanted = "8-bit RGB" if colour == "rgb" else "8-bit RGB or 8-bit grey"
    if deep:
        raise UserError(f"{path}: 16-bit image, {wanted} expected. Convert it or remove it.")
    if image.mode in {"RGBA", "LA"}:
        if image.getchannel("A").getextrema() != (255, 255):
            raise UserError(f"{path}: partly transparent. Save it without an alpha channel.")
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
    if image.mode == "P":
        image = image.convert("RGB")
    if image.mode == "RGB":
        return image
    if image.mode == "L" and colour != "rgb":
        return image.convert("RGB")
    if image.mode in {"I;16", "I;16B", "I"} and colour == "grey":
        pixels = np.asarray(image, dtype=np.uint32)
        if pixels.max() <= 65535:
            return Image.fromarray((pixels / 257).round().astype(np.uint8)).convert("RGB")
    names = {"L": "8-bit grey", "1": "black and white", "CMYK": "CMYK", "F": "floating point"}
    found = names.get(image.mode, "16-bit" if image.mode.startswith("I") else image.mode)
    raise UserError(f"{path}: {found} image, {wanted} expected. Convert it or remove it.")


def load_mask(paths: str, size: tuple[int, int]) -> Image.Image:
    """Decode a mask, or the union of several joined by ";".

    Args:
        paths: mask files, lesion where the value is at least 128.
        size: (width, height) in px of the image that the mask belongs to.

    Returns:
        An image of mode "L" with values 0 and 255.

    Raises:
        UserError: a file cannot be read or has another size than its image.
    """
    union = np.zeros(size[::-1], bool)
    for path in paths.split(";"):
        try:
            with Image.open(path) as image:
                mask = np.asarray(image.convert("L")) >= 128
        except (OSError, SyntaxError, ValueError) as error:
            raise UserError(f"{path}: mask cannot be read ({error}).") from error
        if mask.shape != union.shape:
            raise UserError(
                f"{path}: mask is {mask.shape[1]}x{mask.shape[0]} px, "
                f"its image {size[0]}x{size[1]} px."
            )
        union |= mask
    return Image.fromarray(union.astype(np.uint8) * 255)


def content_hash(path: str | Path) -> str:
    """SHA-256 of the file's bytes."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
