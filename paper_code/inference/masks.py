"""What is known of a user's images: their masks and true classes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from paper_code.datasets import manifest
from paper_code.errors import UserError
from paper_code.inference.predict import find_images
from paper_code.progress import count_text


def find_masks(source: str | Path, images: Sequence[Path]) -> dict[Path, str]:
    """The mask of each image that has one, as `load_mask` takes it.

    `source` is a folder, in which a mask has the name of its image but for the ending, also in
    subfolders; or a manifest.csv with a column `mask`. UserError if none of the images has a mask;
    or two masks, or two images, have one name.
    """
    source = Path(source)
    found = _in_folder(source, images) if source.is_dir() else _in_manifest(source, images)
    if not found:
        raise UserError(
            f"--masks {source}: no mask for any of {count_text(len(images), 'image')}. In a "
            "folder, a mask has the name of its image but for the ending; a manifest.csv has "
            "columns path and mask."
        )
    return found


def _in_folder(folder: Path, images: Sequence[Path]) -> dict[Path, str]:
    masks = find_images([folder])
    names = {path.stem for path in masks}
    for kind, paths in (("masks", masks), ("images", images)):
        for name, times in Counter(path.stem for path in paths).items():
            if times > 1 and name in names:
                raise UserError(
                    f"--masks {folder}: {times} {kind} are called {name}, so it is not clear what "
                    "belongs together. Give a manifest.csv with path, label and mask instead."
                )
    by_name = {path.stem: str(path) for path in masks}
    return {path: by_name[path.stem] for path in images if path.stem in by_name}


def _in_manifest(path: Path, images: Sequence[Path]) -> dict[Path, str]:
    table = manifest.read(path)
    masks = {
        Path(image).resolve(): mask
        for image, mask in zip(table["path"], table["mask"], strict=True)
        if mask
    }
    return {image: masks[image.resolve()] for image in images if image.resolve() in masks}


def true_classes(
    given: Sequence[str | Path], images: Sequence[Path], classes: Sequence[str]
) -> dict[Path, str]:
    """The class of each image that a manifest.csv among `given` lists, or whose folder, or nearest
    folder above, has the name of a class."""
    known = {}
    for path in images:
        above = [folder.name for folder in path.parents if folder.name in classes]
        if above:
            known[path] = above[0]
    listed = {}
    for path in map(Path, given):
        if path.suffix == ".csv":
            table = manifest.read(path)
            listed |= dict(zip(map(Path, table["path"]), table["label"], strict=True))
    listed = {path.resolve(): label for path, label in listed.items() if label in classes}
    return known | {path: listed[path.resolve()] for path in images if path.resolve() in listed}
