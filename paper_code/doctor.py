"""What this machine can do: hardware, disk, data, weights, and how long each scale takes."""

import functools
import importlib
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from paper_code.config import choose_sources, cuda_device_count, resolve_settings
from paper_code.datasets.catalog import find_dataset
from paper_code.datasets.splits import part_sizes
from paper_code.errors import UserError
from paper_code.networks.names import parse_network
from paper_code.networks.registry import NETWORKS, network_module
from paper_code.progress import track
from paper_code.provenance import processor, versions

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "benchmarks" / "results" / "scales.csv"
SCALES = ("smoke", "demo", "paper")
GIB = 2**30
PROBE_STEPS = 3


def doctor(data_root: str | Path | None = None, probe: str | None = None) -> list[str]:
    """Print what this machine can do and return what stands in the way of a run.

    Args:
        data_root: the folder of the data sets; defaults to that of config/config.yaml.
        probe: a scale whose training time is estimated from a few steps of every network.
    """
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    if data_root:
        config["data_root"] = str(data_root)
    settings = {scale: resolve_settings(config | {"scale": scale}) for scale in SCALES}
    chosen = resolve_settings(config)["scale"]
    problems, (unusable, sources) = _machine(), _data(settings[chosen])
    problems += unusable
    _weights()
    problems += _scales(settings, chosen, sources)
    if probe:
        _probe(settings[probe], probe, sources)
    for problem in problems:
        print(f"problem: {problem}")
    if not problems:
        print(f"\nReady: snakemake --cores all (scale {chosen})")
    return problems


def _machine() -> list[str]:
    problems = []
    print("Software")
    print("  " + ", ".join(f"{name} {version}" for name, version in versions().items()))
    print("\nHardware")
    print(f"  processor: {processor()}")
    print(f"  memory: {_memory() / GIB:.1f} GiB")
    if cuda_device_count():
        import torch

        if torch.cuda.is_available():
            for index in range(torch.cuda.device_count()):
                facts = torch.cuda.get_device_properties(index)
                print(f"  GPU {index}: {facts.name}, {facts.total_memory / GIB:.1f} GiB")
        else:
            problems.append(
                "the driver shows a GPU, but PyTorch cannot use it. Install a build of PyTorch "
                "for this driver's CUDA version."
            )
    else:
        print("  GPU: none (runs are on the processor; the scale is demo unless set)")
    print(f"  disk free here: {shutil.disk_usage(Path.cwd()).free / GIB:.1f} GiB")
    return problems


def _memory() -> int:
    """Physical memory in bytes, or what this process's control group may use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="utf-8").strip() if limit.is_file() else "max"
    return total if text == "max" else min(total, int(text))


def _data(settings: dict) -> tuple[list[str], dict[str, str]]:
    """What is wrong with the files found, and "real" or "phantom" for each data set."""
    print(f"\nData (data_root: {settings['data_root']})")
    problems, sources = [], {}
    for name in settings["datasets"]:
        try:
            source, reason = choose_sources(settings | {"datasets": [name]})[name]
        except UserError as error:
            problems.append(str(error))
            source, reason = "unusable", "see below"
        print(f"  {name}: {source} ({reason})")
        sources[name] = source
    return problems, sources


def _weights() -> None:
    from paper_code.networks.pretrained import cached_file

    print("\nPre-trained weights")
    for name in NETWORKS:
        url = importlib.import_module(network_module(name)).WEIGHTS_URL
        if url is None:
            print(f"  {name}: none are published; starts at random")
        elif cached_file(url).is_file():
            print(f"  {name}: {cached_file(url)}")
        else:
            print(f"  {name}: not here (would be {cached_file(url)})")


def images_of(settings: dict, dataset: str, sources: dict[str, str]) -> int:
    """Images that a scale draws from one of the paper's data sets; "all" are those published."""
    facts = find_dataset(dataset)
    phantom = sources[dataset] == "phantom"
    limit = settings["phantom_images"][facts.family] if phantom else settings["images_per_dataset"]
    return facts.total if limit == "all" else min(limit, facts.total)


def runs_of(settings: dict) -> list[tuple[str, str]]:
    """Data set and network of each run of one seed, as the workflow makes them."""
    placed = [f"dalaresnet50-layer{n}" for n in settings["placements"] if n != 4]
    leaked = [name for name in settings["leakage_networks"] if name in settings["networks"]]
    runs = []
    for dataset in settings["datasets"]:
        networks = [*settings["networks"], *(placed if dataset.startswith("breakhis_") else [])]
        networks += leaked if dataset in settings["leakage_datasets"] else []  # the other split
        runs += [(dataset, network) for network in networks]
    return runs


def needed_bytes(settings: dict, sources: dict[str, str]) -> dict[str, int]:
    """Disk for one scale: prepared arrays, and the weights that stay (4 bytes a parameter)."""
    size = settings["image_size"]
    images = sum(images_of(settings, name, sources) for name in settings["datasets"])
    weights = 0
    if settings["keep_weights"]:
        for dataset, network in runs_of(settings):
            weights += 4 * parameters(*parse_network(network), len(find_dataset(dataset).classes))
    return {"arrays": 4 * size * size * images, "weights": weights * len(settings["seeds"])}


@functools.cache
def parameters(network: str, gate_after: int, classes: int) -> int:
    """Parameters of a network."""
    from paper_code.networks.structure import count_parameters, meta_network

    gate = {"gate_after": gate_after} if network == "dalaresnet50" else {}
    return count_parameters(meta_network(network, classes, **gate))


def _scales(settings: dict[str, dict], chosen: str, sources: dict[str, str]) -> list[str]:
    measured = pd.read_csv(MEASURED)
    free = shutil.disk_usage(Path.cwd()).free
    problems = []
    print("\nScales")
    for scale, values in settings.items():
        need = needed_bytes(values, sources)
        total = sum(need.values())
        runs = len(runs_of(values)) * len(values["seeds"])
        print(
            f"  {scale}{' (chosen here)' if scale == chosen else ''}: {values['image_size']} px, "
            f"{values['epochs']} epochs, {runs} runs; disk {total / GIB:.1f} GiB "
            f"({need['weights'] / GIB:.1f} of them weights) besides phantoms"
        )
        rows = list(measured[measured["scale"] == scale].itertuples())
        for row in rows:
            print(f"    measured on {row.hardware}: {row.seconds / 60:.1f} min ({row.what})")
        here = job_seconds(Path("results") / scale / "benchmarks")
        if here:
            print(f"    measured here: {sum(here) / 60:.1f} min over {len(here)} finished jobs")
        if not rows and not here:
            print(f"    time: not measured; --probe {scale} estimates it")
        if total > free and scale == chosen:
            problems.append(
                f"scale {scale} needs {total / GIB:.1f} GiB, {free / GIB:.1f} GiB are free here. "
                "Free some space or run in another folder (--directory)."
            )
    return problems


def job_seconds(benchmarks: Path) -> list[float]:
    """Seconds of each finished job, as Snakemake's benchmark files have them."""
    return [
        float(pd.read_csv(path, sep="\t")["s"].iloc[0])
        for path in sorted(benchmarks.rglob("*.tsv"))
    ]


def _probe(settings: dict, scale: str, sources: dict[str, str]) -> None:
    """Estimate a scale's training time from a few real steps of each network."""
    import torch

    from paper_code.device import default_device
    from paper_code.networks import build_network
    from paper_code.training.loop import ImageSet, TrainingSettings, fit

    device, batch, size = default_device(), settings["batch_size"], settings["image_size"]
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (batch * PROBE_STEPS, 3, size, size), dtype=np.uint8)
    images = torch.from_numpy(pixels).to(device)
    labels = torch.arange(len(images), device=device) % 2
    part = ImageSet(images, labels)
    protocol = TrainingSettings(
        epochs=1, batch_size=batch, learning_rate=settings["learning_rate"],
        rotation=settings["rotation"], precision=settings["precision"],
    )  # fmt: skip
    rates, seconds = {}, 0.0
    for name in track(settings["networks"], f"probing {scale}"):
        network = build_network(name, 2, image_size=size).to(
            device, memory_format=torch.channels_last
        )
        state = fit(network, part, part, protocol, label=f"{name}, probe, ")
        rates[name] = [len(part) / state.seconds[0][f"{key}_seconds"] for key in ("train", "val")]
        print(f"  {name}: {rates[name][0]:.1f} images/s training, {rates[name][1]:.1f} validation")
        del network
    for dataset, network in runs_of(settings):
        train, val, _ = part_sizes(images_of(settings, dataset, sources))
        speed = rates.get(parse_network(network)[0])
        if speed:
            epoch = train / speed[0] + val / speed[1]
            seconds += settings["epochs"] * epoch * len(settings["seeds"])
    print(
        f"  {scale}: about {seconds / 3600:.1f} h of training one run after another, from "
        f"{PROBE_STEPS} steps of each network here; data and tables come on top"
    )
