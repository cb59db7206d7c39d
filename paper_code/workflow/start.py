"""What a run chooses at its start, and its opening lines: real data or phantoms, and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paper_code.datasets.catalog import find_dataset, is_own
from paper_code.datasets.read import class_counts, dataset_files_present, read_dataset
from paper_code.device import check_gpu, cuda_device_count, explain_precision
from paper_code.errors import UserError
from paper_code.networks.registry import TIMM
from paper_code.settings import Settings, defaults, resolve_settings

Sources = dict[str, tuple[str, str]]  # data set: ("real" or "phantom", why)


def begin(config: Mapping[str, Any]) -> tuple[Settings, Sources]:
    """What a configuration means on this machine.

    UserError if it is wrong, data that it asks for are missing, or PyTorch cannot use the GPU.
    """
    settings = resolve_settings(config)
    for name in dict.fromkeys(settings.every_network):
        if name.startswith(TIMM):
            from paper_code.networks.elsewhere import check_timm  # takes seconds, for these alone

            check_timm(name)
    if cuda_device_count():
        check_gpu()
    return settings, choose_sources(settings)


def choose_sources(settings: Settings) -> Sources:
    """Decide for each data set whether its real files or its phantom are used, and why.

    UserError if `data` is "real" and files are missing; the message says what to fetch. Or if
    `data_root` was given and is no folder, or a file that is there cannot belong to its data set.
    """
    sources, root = {}, settings.data_root
    chosen = settings.data if isinstance(settings.data, dict) else {}
    wanted = "auto" if chosen else settings.data
    for name in settings.datasets:
        if name in chosen:  # where the run was started
            sources[name] = (chosen[name], "as chosen before")
            continue
        dataset = find_dataset(name, settings.manifests)
        if is_own(name):  # it has no phantom
            counts = read_dataset(name, root, settings.manifests)["label"].value_counts()
            in_order = {
                label: counts.get(label, 0) for label in dataset.classes or sorted(counts.index)
            }
            sources[name] = ("real", f"found {_in_words(in_order)}")
            continue
        if wanted == "phantom":
            sources[name] = ("phantom", "data=phantom")
            continue
        if root != defaults().data_root and not Path(root).is_dir():
            raise UserError(
                f"data_root={root}: no such folder. Correct the path, or use data=phantom to run "
                "without real images."
            )
        needed = settings.minimum_images_per_class if wanted == "auto" else 1
        if not dataset_files_present(dataset, root):
            reason = f"no files below data_root={root}"
        else:
            counts = class_counts(dataset, root)
            if min(counts.values()) >= needed:
                sources[name] = ("real", f"found {_in_words(counts)}")
                continue
            reason = f"found only {_in_words(counts)}; {needed} per class are needed"
        if wanted == "real":
            raise UserError(
                f"data=real, but {name}: {reason}. Run 'python -m paper_code fetch "
                f"{dataset.family} --data-root DIR' (it downloads the set, or says how to), set "
                "data_root to the folder that holds it, or use data=auto or data=phantom."
            )
        sources[name] = ("phantom", reason)
    return sources


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {label}" for label, count in counts.items())


def announce(config: Mapping[str, Any], settings: Settings, sources: Sources) -> str:
    """The opening lines of a run: what was chosen and why."""
    devices = cuda_device_count()
    seen = (
        f"{devices} CUDA device{'s' if devices > 1 else ''} seen" if devices else "no CUDA device"
    )
    why = f"auto: {seen}" if config["scale"] == "auto" else "as configured"
    drawn = {
        find_dataset(name, settings.manifests).family
        for name, (source, _) in sources.items()
        if source == "phantom"
    }
    phantoms = {family: n for family, n in settings.phantom_images.items() if family in drawn}
    images = f"{settings.images_per_dataset} real"
    if phantoms:
        images += f", {_in_words(phantoms)} phantom"
    kind = "cuda" if devices else "cpu"
    training, maps = (
        explain_precision(getattr(settings, key), kind) for key in ("precision", "cam_precision")
    )
    lines = [
        f"scale: {settings.scale} ({why}): {settings.image_size} px, {settings.epochs} "
        f"epochs, batch {settings.batch_size}; images per data set: {images}",
        f"splits: by {settings.splits}; seeds: {settings.seeds} "
        f"(splits: {settings.split_seeds}); "
        f"networks: {', '.join(settings.networks)}",
        f"precision: {training}" + ("" if maps == training else f"; of maps: {maps}"),
    ]
    if settings.network_epochs:
        other = ", ".join(f"{name} {epochs}" for name, epochs in settings.network_epochs.items())
        lines.append(f"other numbers of epochs: {other}")
    for name in sources:
        few = settings.of(name).networks
        if few != settings.networks and name not in settings.for_dataset:
            lines.append(f"{name}: only {', '.join(few)} (compared_datasets leaves it out)")
    for name, (source, reason) in sources.items():
        own = ", ".join(f"{k} {v}" for k, v in settings.for_dataset.get(name, {}).items())
        lines.append(f"{name}: {source} data ({reason})" + (f"; {own}" if own else ""))
    return "\n".join(lines)
