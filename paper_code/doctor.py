"""What this machine can do: hardware, disk, data, weights, and how long each scale takes."""

import contextlib
import functools
import importlib
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from paper_code.config import (
    choose_sources,
    load_config,
    resolve_settings,
    settings_of,
)
from paper_code.datasets.catalog import is_own
from paper_code.datasets.read import read_dataset
from paper_code.device import check_gpu, explain_precision
from paper_code.driver import cuda_device_count
from paper_code.errors import UserError
from paper_code.networks.names import parse_network
from paper_code.networks.registry import NETWORKS, network_module
from paper_code.plan import Plan
from paper_code.provenance import processor, versions
from paper_code.time_left import duration

if TYPE_CHECKING:
    from paper_code.forecast import Rates

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "benchmarks" / "results" / "scales.csv"
PREPARATION = ROOT / "benchmarks" / "results" / "full_scale.csv"
SCALES = ("smoke", "demo", "paper")
GIB = 2**30


def doctor(
    data_root: str | Path | None = None,
    probe: str | None = None,
    configfile: str | Path | None = None,
) -> list[str]:
    """Print what this machine can do and return what stands in the way of a run.

    Args:
        data_root: the folder of the data sets; defaults to that of the configuration.
        probe: a scale whose time and memory are estimated from a few steps of every network.
        configfile: a configuration of yours; defaults to config/config.yaml.

    Raises:
        UserError: the configuration is wrong.
    """
    config = load_config(configfile) if configfile else load_config()
    if data_root:
        config["data_root"] = str(data_root)
    settings = {scale: resolve_settings(config | {"scale": scale}) for scale in SCALES}
    chosen = resolve_settings(config)["scale"]
    problems, (unusable, sources) = _machine(), _data(settings[chosen])
    problems += unusable
    _weights()
    usable = [name for name, (source, _) in sources.items() if source != "unusable"]
    plans = {
        scale: Plan(values | {"datasets": usable}, sources) for scale, values in settings.items()
    }
    problems += _scales(plans, chosen)
    if probe:
        _probe(plans[probe])
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

        try:
            check_gpu()
        except UserError as error:
            problems.append(str(error))
        else:
            for index in range(torch.cuda.device_count()):
                facts = torch.cuda.get_device_properties(index)
                print(f"  GPU {index}: {facts.name}, {facts.total_memory / GIB:.1f} GiB")
    else:
        print("  GPU: none (runs are on the processor; the scale is demo unless set)")
    if not problems:
        kind = "cuda" if cuda_device_count() else "cpu"
        print(f"  precision: {explain_precision('auto', kind)}")
    print(f"  disk free here: {shutil.disk_usage(Path.cwd()).free / GIB:.1f} GiB")
    return problems


def _memory() -> int:
    """Physical memory in bytes, or what this process's control group may use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="utf-8").strip() if limit.is_file() else "max"
    return total if text == "max" else min(total, int(text))


def _data(settings: dict) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """What is wrong with the files found, and the source of each data set, as `Plan` takes it."""
    print(f"\nData (data_root: {settings['data_root']})")
    problems, sources = {}, {}
    for name in settings["datasets"]:
        try:
            sources[name] = choose_sources(settings | {"datasets": [name]})[name]
        except UserError as error:
            problems[str(error)] = None  # once, if it is about several sets
            sources[name] = ("unusable", "see below")
        print("  {}: {} ({})".format(name, *sources[name]))
    return list(problems), sources


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


def images_of(plan: Plan, dataset: str) -> int:
    """Images that a plan draws from a data set; "all" are those published, or listed by you."""
    settings, facts, source = plan.settings, plan.facts(dataset), plan.source(dataset)[0]
    phantom = source == "phantom"
    limit = settings["phantom_images"][facts.family] if phantom else settings["images_per_dataset"]
    total = facts.total
    if is_own(facts.name):
        total = len(read_dataset(facts.name, settings["data_root"], settings["manifests"]))
    return total if limit == "all" else min(limit, total or limit)


def needed_bytes(plan: Plan) -> dict[str, int]:
    """Disk for one scale: prepared arrays, and the weights that stay (4 bytes per parameter)."""
    prepared = dict.fromkeys([*plan.settings["datasets"], *(run.dataset for run in plan.runs)])
    sizes = {name: settings_of(plan.settings, name)["image_size"] for name in prepared}
    arrays = sum(4 * size * size * images_of(plan, name) for name, size in sizes.items())
    weights = 0
    for run in plan.runs:
        if plan.keeps_weights(run):
            classes = plan.facts(run.dataset).classes
            # Without classes in the configuration their number costs next to nothing.
            weights += 4 * parameters(*parse_network(run.network), max(len(classes), 2))
    return {"arrays": arrays, "weights": weights}


@functools.cache
def parameters(network: str, gate_after: int, classes: int) -> int:
    """Parameters of a network."""
    from paper_code.networks.structure import count_parameters, meta_network

    gate = {"gate_after": gate_after} if network == "dalaresnet50" else {}
    return count_parameters(meta_network(network, classes, **gate))


def _scales(plans: dict[str, Plan], chosen: str) -> list[str]:
    measured = _measured(MEASURED, "scale", "hardware", "seconds", "what")
    free = shutil.disk_usage(Path.cwd()).free
    problems = []
    print("\nScales")
    for scale, plan in plans.items():
        values, need = plan.settings, needed_bytes(plan)
        total = sum(need.values())
        print(
            f"  {scale}{' (chosen here)' if scale == chosen else ''}: {values['image_size']} px, "
            f"{values['epochs']} epochs, training runs: {len(plan.runs)}; disk "
            f"{total / GIB:.1f} GiB ({need['weights'] / GIB:.1f} of them weights) besides phantoms"
        )
        rows = list(measured[measured["scale"] == scale].itertuples())
        for row in rows:
            print(f"    measured on {row.hardware}: {row.seconds / 60:.1f} min ({row.what})")
        measured_here = job_seconds(Path("results") / scale / "benchmarks")
        if measured_here:
            print(
                f"    measured here: {sum(measured_here) / 60:.1f} min over "
                f"{len(measured_here)} finished jobs"
            )
        preparation = preparation_seconds(plan)
        if preparation:
            print(
                f"    real images: about {duration(preparation)} of one core to check and prepare "
                "them (measured on images of the published sizes, at 224 px)"
            )
        if not rows and not measured_here:
            print(f"    time: not measured; --probe {scale} estimates it")
        if total > free and scale == chosen:
            problems.append(
                f"scale {scale} needs {total / GIB:.1f} GiB, {free / GIB:.1f} GiB are free here. "
                "Free some space or run in another folder (--directory)."
            )
    return problems


def _measured(path: Path, *columns: str) -> pd.DataFrame:
    """Committed measurements; none in an installed package, because only a clone has them."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=columns)


def preparation_seconds(plan: Plan) -> float:
    """Seconds of one core to check and prepare the real images of the paper's data sets."""
    measured = _measured(PREPARATION, "step", "dataset", "images", "processor_seconds")
    measured = measured[measured["step"].isin(["manifest", "prepare"])].copy()
    measured["each"] = measured["processor_seconds"] / measured["images"]
    each = measured.groupby("dataset")["each"].sum()
    real = [name for name in plan.settings["datasets"] if plan.source(name)[0] == "real"]
    return sum(float(each[name]) * images_of(plan, name) for name in real if name in each)


def job_seconds(benchmarks: Path) -> list[float]:
    """Seconds of each finished job, as Snakemake's benchmark files have them."""
    seconds = []
    for path in sorted(benchmarks.rglob("*.tsv")):
        with contextlib.suppress(ValueError, KeyError, IndexError):  # of a killed run
            # Snakemake reads a clock that may be set back.
            seconds.append(max(0.0, float(pd.read_csv(path, sep="\t")["s"].iloc[0])))
    return seconds


def _probe(plan: Plan) -> None:
    """Measure rates on this machine, and print how long a run of the plan would take."""
    # Only this imports torch, which takes seconds.
    from paper_code.forecast import forecast, sets_of
    from paper_code.probe import measure

    started = time.monotonic()
    rates = measure(plan)
    images = {name: images_of(plan, name) for name in sets_of(plan)}
    notebooks = plan.notebooks((ROOT / "notebooks").glob("*.ipynb"))
    found = forecast(plan, rates, images, len(notebooks))
    print(f"\nProbe of {plan.scale} ({time.monotonic() - started:.0f} s; {_unit(rates)})")
    for (name, size, batch), rate in rates.training.items():
        print(
            f"  {name}, {size} px: {batch / rate.step:.1f} images/s training, "
            f"{1 / rate.image:.1f} validation, {rate.start:.1f} s to start and save"
        )
    lines = [("", "jobs", "each", "together", "memory")]
    for part in found.parts:
        each = duration(part.seconds / max(1, part.jobs))
        memory = f"{part.memory / GIB:.1f} GiB" if part.memory else ""
        lines.append((part.name, str(part.jobs), each, duration(part.seconds), memory))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *rest in lines:
        cells = [text.rjust(width) for text, width in zip(rest, widths[1:], strict=True)]
        print("  ".join([f"  {first:<{widths[0]}}", *cells]).rstrip())
    need = sum(needed_bytes(plan).values())
    together = sum(part.seconds for part in found.parts)
    print(
        f"  {plan.scale}: about {duration(found.seconds)} ({duration(together)} one after "
        f"another), {rates.slots} training runs at once; up to {found.memory / GIB:.1f} GiB of "
        f"{'GPU ' if rates.in_turn else ''}memory for them; {need / GIB:.1f} GiB of disk besides "
        "phantoms"
    )


def _unit(rates: "Rates") -> str:
    if rates.in_turn:
        return "seconds on the clock"
    return "processor time per thread; measure on an idle machine, a busy one computes more slowly"
