"""Walking a published folder tree."""

from pathlib import Path

from paper_code.errors import UserError
from paper_code.progress import say


def published_folder(data_root: Path, folder: str) -> Path:
    """Where a folder of a published archive lies below `data_root`.

    Some copies unpack into a folder of their own: Kaggle's BreakHis lies in
    `BreaKHis_v1/BreaKHis_v1/`. Without either, it is where the archive itself unpacks to.
    """
    plain = data_root / folder
    nested = data_root / Path(folder).parts[0] / folder
    return nested if nested.is_dir() and not plain.is_dir() else plain


def visible_files(folder: Path) -> list[Path]:
    """All files below `folder`, sorted by path, without hidden ones and those in hidden folders."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(folder / p for p in paths if not any(part.startswith(".") for part in p.parts))


def image_files(folder: Path, suffixes: set[str]) -> list[Path]:
    """All files below `folder` with one of `suffixes` (lower case), sorted by path.

    Other files are named on standard error, not skipped in silence; hidden files are left out.

    UserError if the folder is not there.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder. Set 'data_root' to the folder that holds it, "
            "fetch the data (python -m paper_code fetch --help), or use data=phantom."
        )
    found, others = [], []
    for path in visible_files(folder):
        (found if path.suffix.lower() in suffixes else others).append(path)
    others = [path for path in others if path.suffix.lower() not in {".csv", ".xlsx", ".txt"}]
    if others:
        say(f"{folder}: {len(others)} other files are not part of the set, such as {others[0]}")
    return found
