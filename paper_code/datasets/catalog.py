"""The data sets of the paper, from the facts at the top of each one's file, and a user's own."""

from paper_code.datasets import bach, breakhis, mini_ddsm
from paper_code.datasets.facts import Dataset
from paper_code.errors import UserError

# One module per family of data sets: facts, then the reader.
MODULES = {"breakhis": breakhis, "bach": bach, "mini_ddsm": mini_ddsm}
PAPER_DATASETS: dict[str, Dataset] = {
    dataset.name: dataset for module in MODULES.values() for dataset in module.DATASETS
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
