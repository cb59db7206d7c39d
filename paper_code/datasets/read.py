"""One call that reads any data set and asserts what can be asserted."""

from pathlib import Path

import pandas as pd

from paper_code.datasets import manifest
from paper_code.datasets.catalog import MODULES, find_dataset
from paper_code.datasets.dataset import Dataset
from paper_code.errors import UserError
from paper_code.progress import count_text


def read_dataset(
    name: str | Dataset, data_root: str | Path, manifests: dict[str, dict] | None = None
) -> pd.DataFrame:
    """Read a data set in its published layout below `data_root`, or as a manifest lists it.

    `name` is a data set of `catalog.MODULES`, a key of `manifests` (the user's own sets, `{name:
    {"path": ..., "classes": [...]}}`), or the data set itself.

    Returns one row per image, sorted by path: `path` (opens as it stands), `image` (the path below
    the data set's folder: its name in every later file), `label`, `group` (patient; "" where
    unknown), `mask` (";"-joined files; "" where there is none), plus subtype, slide and
    magnification (BreakHis) or view and side (Mini-DDSM). `attrs["classes"]` is the tuple of labels
    in class order, `attrs["status"]` says how complete the set is. UserError if files are missing,
    misplaced or misnamed, a class is empty or unknown, or there are more images than were
    published.
    """
    dataset = name if isinstance(name, Dataset) else find_dataset(name, manifests)
    name = dataset.name
    table = _read(dataset, Path(data_root))
    where = dataset.manifest or data_root
    if table.empty:
        hint = "" if dataset.manifest else " Check 'data_root'."
        raise UserError(f"{where}: holds no image of {name}.{hint}")
    classes = dataset.classes or tuple(sorted(table["label"].unique()))
    unknown = sorted(set(table["label"]) - set(classes))
    if unknown:
        row = table[table["label"] == unknown[0]].iloc[0]
        raise UserError(
            f"{row['path']}: label '{unknown[0]}' is not one of {name}'s classes "
            f"({', '.join(classes)})."
        )
    counts = table["label"].value_counts()
    for label in classes:
        if counts.get(label, 0) == 0:
            mend = "Correct the list of classes" if dataset.manifest else "Fetch it again"
            raise UserError(f"{where}: class '{label}' of {name} has no image. {mend}.")
    if len(classes) < 2:
        raise UserError(f"{where}: {name} has one class only ('{classes[0]}'); two are needed.")
    table = table.sort_values("path", ignore_index=True)
    root = Path(dataset.manifest or data_root)
    root = root.parent if dataset.manifest and not root.is_dir() else root
    table.insert(1, "image", [Path(path).relative_to(root).as_posix() for path in table["path"]])
    table.attrs["classes"] = classes
    table.attrs["status"] = _status(dataset, counts, where)
    return table


def _read(dataset: Dataset, data_root: Path) -> pd.DataFrame:
    """One row per image: path, label, group, mask."""
    if dataset.manifest:
        return manifest.read(Path(dataset.manifest), dataset.group_pattern)
    return MODULES[dataset.family].read(dataset, data_root)


def dataset_files_present(dataset: Dataset, data_root: str | Path) -> bool:
    """Whether the folder (or manifest) of a data set is there at all."""
    if dataset.manifest:
        return Path(dataset.manifest).exists()
    return MODULES[dataset.family].place(dataset, Path(data_root)).exists()


def class_counts(dataset: Dataset, data_root: str | Path) -> dict[str, int]:
    """Images found of each class (0 where there is none)."""
    table = _read(dataset, Path(data_root))
    counts = table["label"].value_counts() if len(table) else {}
    classes = dataset.classes or tuple(sorted(table["label"].unique()))
    return {label: int(counts.get(label, 0)) for label in classes}


def _status(dataset: Dataset, counts: pd.Series, where: str | Path) -> str:
    found = int(counts.sum())
    if not dataset.counts:
        return count_text(found, "image")
    if all(counts[label] == number for label, number in dataset.counts.items()):
        return f"complete: {found} images"
    # Mini-DDSM holds 7,808 images, of which the paper used 2,000.
    if dataset.family != "mini_ddsm":
        for label, number in dataset.counts.items():
            if counts[label] > number:
                raise UserError(
                    f"{where}: {dataset.name} has {counts[label]} images of class '{label}', more "
                    f"than the {number} that were published. Remove what was added."
                )
    if all(counts[label] >= number for label, number in dataset.counts.items()):
        return f"{found} images, of which the paper used {dataset.total}"
    return f"subset {found} of {dataset.total} images"
