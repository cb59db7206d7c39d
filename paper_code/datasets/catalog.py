"""Every data set, from the facts at the top of each one's module, and a user's own manifests."""

from types import ModuleType

from paper_code.datasets import bach, breakhis, mini_ddsm
from paper_code.datasets.dataset import Dataset, Source
from paper_code.errors import UserError

# Family -> module: the facts of its data sets (`DATASETS`), then how to find (`place`) and to list
# (`read`) their images. A data set that others have on disk is a module and a line here.
MODULES: dict[str, ModuleType] = {
    "breakhis": breakhis,
    "bach": bach,
    "mini_ddsm": mini_ddsm,
}
BUILT_IN: dict[str, Dataset] = {
    dataset.name: dataset for module in MODULES.values() for dataset in module.DATASETS
}
# What results about the paper can be about. The paper's sets alone have phantoms, and so a source
# that is chosen: all others are a user's own, read from files.
PAPER_DATASETS = {name: dataset for name, dataset in BUILT_IN.items() if dataset.paper}
# Where the paper's sets are published, by family.
SOURCES: dict[str, Source] = {
    dataset.family: MODULES[dataset.family].SOURCE for dataset in PAPER_DATASETS.values()
}


def find_dataset(name: str, manifests: dict[str, dict] | None = None) -> Dataset:
    """Look a data set up by name, among `BUILT_IN` and the user's own.

    `manifests` are these, `{name: {"path": ..., "classes": [...]}}` as in the config, with
    "group_pattern" and "credit" or without. UserError if no data set has that name.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if manifests and name in manifests:
        entry = manifests[name]
        return Dataset(
            name=name,
            family="manifest",
            classes=tuple(entry.get("classes", ())),
            manifest=entry["path"],
            group_pattern=entry.get("group_pattern"),
            credit=entry.get("credit", ""),
        )
    known = ", ".join([*BUILT_IN, *(manifests or {})])
    raise UserError(
        f"Unknown data set '{name}'. Known: {known}. A set of your own needs a manifest.csv, named "
        "under 'manifests' in the config or by --manifest."
    )


def of_families(families: str) -> tuple[str, ...]:
    """The paper's data sets of families that are joined by " and ", as in "bach and mini_ddsm"."""
    names = families.split(" and ")
    return tuple(name for name, dataset in PAPER_DATASETS.items() if dataset.family in names)


def is_own(name: str) -> bool:
    """Whether a data set is a user's own: not of the paper."""
    return name not in PAPER_DATASETS
