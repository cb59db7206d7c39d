"""Data sets: reading, checking, preparing and splitting.

read_dataset(name, data_root) -> DataFrame with path, label, group, mask
"""

import lazy_loader

# Imported at first use: a run reads prepared files, and none of the modules of data sets.
__getattr__, _, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "catalog": ["PAPER_DATASETS", "Dataset", "find_dataset"],
        "read": ["dataset_files_present", "read_dataset"],
    },
)
