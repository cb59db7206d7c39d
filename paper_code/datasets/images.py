"""Decoding and checking single image files."""

import contextlib
import errno
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from paper_code.errors import UserError

MINIMUM_SIDE = 32  # px; a ResNet's last stage needs 32 px to have any extent
Image.MAX_IMAGE_PIXELS = 500_000_000  # full-field mammograms are larger than Pillow's default
# Of those that Pillow knows; it runs other programs for some of the rest (EPS).
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "PPM", "JPEG2000", "WEBP", "GIF")
# Errors of the system that say nothing about a file.
OF_THE_MACHINE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)


def load_image(path: str | Path, colour: str = "any") -> Image.Image:
    """Decode one image completely, as RGB; it is turned as its EXIF orientation says.

    `colour` "rgb" accepts RGB alone (stained tissue), "grey" also grey values, which are repeated,
    and 16-bit grey, scaled by 1/257 to 8 bits (mammograms), "any" RGB and 8-bit grey. An alpha
    channel is accepted if it is opaque. UserError names the file and says what is wrong with it.
    """
    path = Path(path)
    with _opened(path) as image:
        # Pillow would cut colour of 16 bits per channel down to 8 without a word.
        deep = image.mode[0] != "I" and any(";16" in str(tile[3]) for tile in image.tile)
        image.load()
        image = ImageOps.exif_transpose(image)
        transparent = image.has_transparency_data
        if transparent:
            transparent = image.convert("RGBA").getchannel("A").getextrema() != (255, 255)
    if min(image.size) < MINIMUM_SIDE:
        raise UserError(
            f"{path}: {image.width}x{image.height} px, but each side needs {MINIMUM_SIDE} px."
        )
    wanted = "8-bit RGB" if colour == "rgb" else "8-bit RGB or 8-bit grey"
    if deep:
        raise UserError(f"{path}: 16-bit image, {wanted} expected. Convert it or remove it.")
    if transparent:
        raise UserError(f"{path}: partly transparent. Save it without an alpha channel.")
    if image.mode in {"RGBA", "LA"}:
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


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image file, for a block that reads its pixels.

    UserError if the file cannot be used, which shows here or in the block.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # of odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                _check_frames(path, image)
                yield image
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.") from error
    except UnidentifiedImageError as error:
        raise UserError(
            f"{path}: not an image that can be read. Fetch or export it again."
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(f"{path}: too large to be decoded safely ({error}).") from error
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Pillow raises errors of many types for damaged files
        number = getattr(error, "errno", None)
        if number in OF_THE_MACHINE:
            raise
        reason = (
            f"cannot be read ({error.strerror})" if number else f"truncated or damaged ({error})"
        )
        raise UserError(f"{path}: {reason}. Fetch or export it again.") from error


def _check_frames(path: Path, image: Image.Image) -> None:
    """Raise UserError for animations and stacks; a smaller second page is a preview."""
    frames = getattr(image, "n_frames", 1)
    if frames < 2 or image.format == "MPO":  # a photograph with its preview
        return
    size = image.size
    image.seek(1)
    same = image.size == size
    image.seek(0)
    if same:
        raise UserError(f"{path}: holds {frames} pictures. Save each as a file of its own.")


def load_mask(paths: str, size: tuple[int, int]) -> Image.Image:
    """Decode a mask, or the union of several joined by ";": mode "L", values 0 and 255.

    A lesion is where the value is at least 128. `size` is (width, height) in px of its image.
    UserError if a file cannot be read, has another size, or marks lesions with lower values alone.
    """
    union = np.zeros(size[::-1], bool)
    for path in paths.split(";"):
        try:
            with _opened(Path(path)) as image:
                image = ImageOps.exif_transpose(image)
                deep = image.mode.startswith("I")
                values = np.asarray(image if deep else image.convert("L"))
        except UserError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise UserError(f"{path}: mask cannot be read: {reason}") from error
        mask = values >= (128 * 256 if deep else 128)
        if values.any() and not mask.any():
            raise UserError(
                f"{path}: the mask's largest value is {values.max()}, so that it marks nothing. "
                "Save it in 8 bits, with 255 where the lesion is and 0 elsewhere."
            )
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
