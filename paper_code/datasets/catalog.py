"""The data sets of the paper as plain facts: classes, published counts, source, licence."""

from dataclasses import dataclass, field

from paper_code.errors import UserError


@dataclass(frozen=True)
class Dataset:
    """One data set.

    Attributes:
        name: its name everywhere in this repository.
        family: the published archive that holds it; one reader and one phantom writer a family.
        classes: label names in the order of their class index; the last one is malignant.
        counts: images per class as used by the paper (Tables III-V); empty for a user's own set.
        colour: "rgb" for stained tissue, "grey" for mammograms, "any" for a user's own set.
        magnification: of a BreakHis subset, else None.
        manifest: the `manifest.csv` of a user's own set, else None.
    """

    name: str
    family: str
    classes: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)
    colour: str = "any"
    magnification: int | None = None
    manifest: str | None = None

    @property
    def total(self) -> int:
        """Images in all classes as used by the paper."""
        return sum(self.counts.values())


def _breakhis(magnification: int, benign: int, malignant: int) -> Dataset:
    return Dataset(
        name=f"breakhis_{magnification}x",
        family="breakhis",
        classes=("benign", "malignant"),
        counts={"benign": benign, "malignant": malignant},
        colour="rgb",
        magnification=magnification,
    )


# Tables III, IV and V of the paper.
PAPER_DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        _breakhis(40, 625, 1370),
        _breakhis(100, 644, 1437),
        _breakhis(200, 623, 1390),
        _breakhis(400, 588, 1232),
        Dataset(
            name="bach",
            family="bach",
            classes=("normal", "benign", "insitu", "invasive"),
            counts={"normal": 100, "benign": 100, "insitu": 100, "invasive": 100},
            colour="rgb",
        ),
        Dataset(
            name="mini_ddsm",
            family="mini_ddsm",
            classes=("normal", "benign", "malignant"),
            counts={"normal": 500, "benign": 700, "malignant": 800},
            colour="grey",
        ),
    )
}


def find_dataset(name: str, manifests: dict[str, dict] | None = None) -> Dataset:
    """Look a data set up by name.

    Args:
        name: one of the paper's six, or a key of `manifests`.
        manifests: the user's own sets, `{name: {"path": ..., "classes": [...]}}` as in the config.

    Raises:
        UserError: no data set has that name.
    """
    if name in PAPER_DATASETS:
        return PAPER_DATASETS[name]
    if manifests and name in manifests:
        entry = manifests[name]
        return Dataset(
            name=name,
            family="manifest",
            classes=tuple(entry.get("classes", ())),
            manifest=entry["path"],
        )
    known = ", ".join([*PAPER_DATASETS, *(manifests or {})])
    raise UserError(
        f"Unknown data set '{name}'. Known: {known}. "
        "A set of your own needs an entry under 'manifests' in the config."
    )
