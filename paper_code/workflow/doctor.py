"""What this machine can do: hardware, disk, data, weights, and how long each scale takes."""

import importlib
import os
import shutil
from pathlib import Path

from paper_code.datasets.catalog import is_own
from paper_code.datasets.read import read_dataset
from paper_code.device import check_gpu, cuda_device_count, explain_precision
from paper_code.errors import UserError
from paper_code.networks.registry import NETWORKS, network_module
from paper_code.plan import Plan
from paper_code.provenance import processor, versions
from paper_code.settings import Settings, load_config, resolve_settings
from paper_code.workflow.start import choose_sources

# How long a whole run took.
TIMES = {
    "demo": "9 min on two idle cores of an AMD EPYC with AVX2",
    "paper": "not measured",
}
GIB = 2**30
MEAN_WEIGHTS = 191 * 2**20  # bytes of a run's weights: the mean of the nine networks


def doctor(
    data_root: str | Path | None = None,
    configfile: str | Path | None = None,
) -> list[str]:
    """Print what this machine can do and return what stands in the way of a run.

    Without arguments, folder and settings are those of config/config.yaml. UserError if the
    configuration is wrong.
    """
    config = load_config(configfile) if configfile else load_config()
    if data_root:
        config["data_root"] = str(data_root)
    settings = {scale: resolve_settings(config | {"scale": scale}) for scale in TIMES}
    chosen = resolve_settings(config).scale
    problems, (unusable, sources) = _machine(), _data(settings[chosen])
    problems += unusable
    _weights()
    usable = [name for name, (source, _) in sources.items() if source != "unusable"]
    print("\nScales")
    for scale, values in settings.items():
        plan = Plan(values.changed(datasets=usable), sources)
        problems += _scale(plan, " (chosen here)" if scale == chosen else "")
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


def _data(settings: Settings) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """What is wrong with the files found, and the source of each data set, as `Plan` takes it."""
    print(f"\nData (data_root: {settings.data_root})")
    problems, sources = {}, {}
    for name in settings.datasets:
        try:
            sources[name] = choose_sources(settings.changed(datasets=[name]))[name]
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
    limit = settings.of(dataset).images_per_dataset
    if phantom:
        limit = settings.phantom_images[facts.family]
    total = facts.total
    if is_own(facts.name):
        total = len(read_dataset(facts.name, settings.data_root, settings.manifests))
    return total if limit == "all" else min(limit, total or limit)


def needed_bytes(plan: Plan) -> int:
    """Disk for one scale, about: prepared arrays, and the weights that stay."""
    prepared = dict.fromkeys([*plan.settings.datasets, *(run.dataset for run in plan.runs)])
    sizes = {name: plan.settings.of(name).image_size for name in prepared}
    arrays = sum(4 * size * size * images_of(plan, name) for name, size in sizes.items())
    return arrays + MEAN_WEIGHTS * sum(plan.keeps_weights(run) for run in plan.runs)


def _scale(plan: Plan, chosen: str) -> list[str]:
    """Say what a scale takes; what stands in its way, if it is the one chosen here."""
    values, total, free = plan.settings, needed_bytes(plan), shutil.disk_usage(Path.cwd()).free
    print(
        f"  {plan.scale}{chosen}: {values.image_size} px, {values.epochs} epochs, training runs: "
        f"{len(plan.runs)}; disk about {total / GIB:.1f} GiB besides phantoms; "
        f"time: {TIMES[plan.scale]}"
    )
    if total <= free or not chosen:
        return []
    return [
        f"scale {plan.scale} needs about {total / GIB:.1f} GiB; {free / GIB:.1f} GiB are free. "
        "Free some space or run in another folder (--directory)."
    ]
