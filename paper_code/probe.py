"""Rates of this machine, measured on the commands that the workflow runs, each with little to do.

Every command is a process of its own, as in a run, and as many of them run at once. On a processor
the unit is processor time per thread, so that waiting for other programs does not count; what they
take of caches and memory bandwidth does. On a GPU the unit is time on the clock.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from paper_code.config import (
    CAM_OPTIONS,
    TRAINING_OPTIONS,
    as_options,
    settings_of,
)
from paper_code.datasets.prepare import make_manifest, prepare
from paper_code.datasets.read import read_dataset
from paper_code.datasets.splits import make_split, part_sizes
from paper_code.driver import cuda_device_count
from paper_code.errors import UserError
from paper_code.files import read_json, write_csv, write_json
from paper_code.forecast import Kind, Maps, Rates, Training, cams_of, kind_of, sets_of
from paper_code.parallel import cores
from paper_code.phantoms import write_phantom
from paper_code.plan import Plan
from paper_code.progress import track
from paper_code.runs import FACTS, TIMING
from paper_code.training.loop import RECALIBRATION_IMAGES

K = TypeVar("K")
ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = "01_data_and_splits.ipynb"
IMAGES = 8  # of a data set that are drawn and read
GPU_JOBS = 3  # at once, as in profiles/default
STEPS = 3  # of an epoch of training
FEWEST_IMAGES = 40  # that can be split
EPOCHS = 2  # the first one warms up
MAPPED = 2  # images whose maps are scored
FEW = {
    "cam_images": MAPPED,
    "scorecam_images": 1,
    "faithfulness_images": MAPPED,
    "cam_tuning_images": 1,
}
# What one image costs in the rule `cam`: maps of the test images, of noisy ones and of validation
# images; noisy copies for the tuned regions (of two methods, 5 to 20 each) and for the grid of
# parameters (20 of four strengths, and none); passes of the deletion and insertion curves.
MAP_PARTS = 3
TUNED_COPIES = 24
TUNING_COPIES = 81
CURVE_PASSES = 330


def measure(plan: Plan) -> Rates:
    """The rates that `forecast` needs for a plan.

    Raises:
        UserError: a command failed, for instance because a network does not fit into memory.
    """
    gpu = cuda_device_count() > 0
    threads = plan.settings["threads_per_run"]
    slots = GPU_JOBS if gpu else max(1, cores() // threads)
    machine = Machine(slots, threads, gpu)
    with tempfile.TemporaryDirectory(prefix="paper_code-probe-") as name:
        folder = Path(name)
        drawing, reading = _data(plan, folder)
        training = _training(plan, folder, machine)
        maps = _maps(plan, folder, machine, training)
        jobs = _jobs(plan, folder, machine)
    return Rates(training, maps, drawing, reading, jobs, slots, cores(), gpu)


@dataclass(frozen=True)
class Machine:
    """How the workflow uses this machine: jobs at once, threads of each, on a GPU or not."""

    slots: int
    threads: int
    gpu: bool


@dataclass(frozen=True)
class Used:
    """What one command used.

    Attributes:
        seconds: of processor time per thread; on a GPU, of the clock.
        share: which part of the time on the clock these are.
        memory: bytes at the peak, of the process.
    """

    seconds: float
    share: float
    memory: int


# --- commands -------------------------------------------------------------------------------------


def _together(commands: Mapping[K, list[str]], machine: Machine, label: str) -> dict[K, Used]:
    """Run commands, as many at once as the workflow would."""
    with ThreadPoolExecutor(machine.slots) as pool:
        jobs = pool.map(lambda words: _run(words, machine), commands.values())
        return dict(zip(commands, track(jobs, label, len(commands)), strict=True))


def _run(words: Sequence[object], machine: Machine) -> Used:
    """Run one command in the environment that Snakemake gives its jobs."""
    threads = str(machine.threads)
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    command = [sys.executable, "-m", "paper_code", *map(str, words)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile("w+") as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | limits | {"PYTHONPATH": path}
        )
        _, status, usage = os.wait4(process.pid, 0)
        clock = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["no message"])[-1]
            raise UserError(f"The probe failed at '{' '.join(command[2:5])}': {last}")
    used = clock if machine.gpu else (usage.ru_utime + usage.ru_stime) / machine.threads
    return Used(used, used / clock, usage.ru_maxrss * 1024)


# --- data -----------------------------------------------------------------------------------------


def _data(plan: Plan, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds per image drawn, by family, and per image read, by data set."""
    settings, drawing, reading = plan.settings, {}, {}
    for dataset in sets_of(plan):
        facts, phantom = plan.facts(dataset), plan.source(dataset)[0] == "phantom"
        if facts.name in reading:
            continue
        root = folder / facts.family if phantom else Path(settings["data_root"])
        if phantom and facts.family not in drawing:
            start = time.process_time()
            write_phantom(
                facts.family,
                root,
                images=IMAGES,
                height=settings["phantom_height"][facts.family],
                seed=0,
                lesion_scale=settings["phantom_lesion_scale"],
                patient_signal=settings["phantom_patient_signal"],
            )
            seconds = time.process_time() - start
            drawing[facts.family] = seconds / len(read_dataset(facts.name, root))
        start = time.process_time()
        output = folder / "read" / facts.name
        make_manifest(facts, root, plan.source(dataset)[0], output / "manifest.csv", limit=IMAGES)
        size = settings_of(settings, dataset)["image_size"]
        prepare(output / "manifest.csv", output, image_size=size)
        reading[facts.name] = (time.process_time() - start) / IMAGES
    return drawing, reading


# --- training and maps ----------------------------------------------------------------------------


def _training(plan: Plan, folder: Path, machine: Machine) -> dict[Kind, Training]:
    """Train a network of each kind for a few steps."""
    commands, recalibrated = {}, {}
    for run in plan.runs:
        kind = kind_of(plan, run)
        if kind in commands:
            continue
        own = settings_of(plan.settings, run.dataset, run.network)
        recalibrated[kind] = own["recalibrate_batchnorm"]
        _write_set(_set(folder, kind), kind)
        words = ["train", kind[0], "--output", _run_of(folder, kind), "--threads", machine.threads]
        words += ["--prepared", _set(folder, kind), "--split", _set(folder, kind) / "split.csv"]
        commands[kind] = [*words, *as_options(own | {"epochs": EPOCHS}, TRAINING_OPTIONS)]
    # The longest first, so that none is left alone at the end.
    order = sorted(commands, key=lambda kind: -(kind[1] ** 2) * kind[2])
    used = _together({kind: commands[kind] for kind in order}, machine, "training")
    rates = {}
    for kind, each in used.items():
        train, val, test = part_sizes(_images(kind))
        timing = read_json(_run_of(folder, kind) / TIMING)
        clock = [timing["epoch_seconds"][key][-1] for key in ("train_seconds", "val_seconds")]
        used_in_epoch = timing["processor_seconds"][-1] / machine.threads
        share = 1.0 if machine.gpu else used_in_epoch / sum(clock)
        seconds, evaluation = (value * share for value in clock)
        seen = val + (min(train, RECALIBRATION_IMAGES) if recalibrated[kind] else 0)
        image = evaluation / seen
        rest = EPOCHS * (seconds + evaluation) + (val + test) * image
        rates[kind] = Training(
            start=max(0.0, each.seconds - rest),
            step=seconds / (train // kind[2]),
            image=image,
            memory=timing["peak_memory_bytes"] if machine.gpu else each.memory,
        )
    return rates


def _maps(
    plan: Plan, folder: Path, machine: Machine, training: Mapping[Kind, Training]
) -> dict[int, Maps]:
    """Score the maps of the networks just trained, of few images."""
    kinds = dict.fromkeys(kind_of(plan, run) for run in cams_of(plan))
    commands = {}
    for kind in kinds:
        words = ["cam", "--run", _run_of(folder, kind), "--prepared", _set(folder, kind)]
        words += ["--threads", machine.threads, "--output", _run_of(folder, kind) / "cam"]
        commands[kind] = [*words, *as_options(plan.settings | FEW, CAM_OPTIONS)]
    rates = {}
    for kind, used in _together(commands, machine, "maps").items():
        facts = read_json(_run_of(folder, kind) / "cam" / "cam.json")
        each = {name: s * used.share for name, s in facts["seconds_per_image"].items()}
        scorecam = each.pop("scorecam")
        noisy = each["dt_gradcam"] / plan.settings["cam_copies"]
        image = MAP_PARTS * sum(each.values()) + TUNED_COPIES * noisy
        each_kind = {
            "image": image,
            "scorecam": MAP_PARTS * scorecam,
            "curves": CURVE_PASSES * training[kind].image,
            "tuning": TUNING_COPIES * noisy,
        }
        rest = sum(each_kind.values()) + (MAPPED - 1) * (image + each_kind["curves"])
        # The job starts no faster than training does; what is left bounds the rest.
        start = max(used.seconds - rest, min(training[kind].start, used.seconds / 2))
        scaled = {name: s * (used.seconds - start) / rest for name, s in each_kind.items()}
        rates[kind[1]] = Maps(start, **scaled, memory=0 if machine.gpu else used.memory)
    return rates


def _images(kind: Kind) -> int:
    """Images of the set that a kind is probed on: at least `STEPS` batches to train on."""
    return max(FEWEST_IMAGES, -(-10 * STEPS * kind[2] // 6))


def _set(folder: Path, kind: Kind) -> Path:
    return folder / "sets" / f"{kind[1]}-{kind[2]}"


def _run_of(folder: Path, kind: Kind) -> Path:
    return folder / "runs" / "-".join(map(str, kind))


def _write_set(folder: Path, kind: Kind) -> None:
    """A prepared set of noise with two classes; what images show does not change the speed."""
    if folder.exists():
        return
    size, count = kind[1], _images(kind)
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    pixels = rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    masks = np.zeros((count, size, size), np.uint8)
    masks[1::2, size // 4 : size // 2, size // 4 : size // 2] = 1
    np.save(folder / "images.npy", pixels)
    np.save(folder / "masks.npy", masks)
    classes = ["benign", "malignant"]
    labels = np.array(classes)[np.arange(count) % 2]
    names = [f"{number}.png" for number in range(count)]
    mask = np.where(labels == "malignant", names, "")
    table = {"image": names, "label": labels, "group": names, "mask": mask}
    write_csv(folder / "manifest.csv", pd.DataFrame(table))
    facts = {"dataset": "probe", "source": "phantom", "description": "noise", "complete": False}
    facts |= {"images": count, "classes": classes, "colour": "rgb", "patients": count}
    write_json(folder / "source.json", facts | {"duplicates": []})
    make_split(folder / "manifest.csv", folder / "split.csv", by="image", seed=0)


# --- everything else ------------------------------------------------------------------------------


def _jobs(plan: Plan, folder: Path, machine: Machine) -> dict[str, float]:
    """Seconds of the jobs that take no images: one of each rule, and of results that need no files
    each of them."""
    out = folder / "jobs"
    manifest = next((folder / "sets").iterdir()) / "manifest.csv"
    runs = sorted(path.parent for path in (folder / "runs").rglob(FACTS))
    about = ["--runs", *runs, "--scale", plan.scale]
    scores = ["table", "balanced", *about, "--resamples", plan.settings["bootstrap_resamples"]]
    commands = {
        "notebook": ["notebook", ROOT / "notebooks" / NOTEBOOK, "--results", ROOT, "--html", out],
        "figure": ["figure", "roc", *about, "--output", out / "roc.png"],
        "table": [*scores, "--output", out / "scores.csv"],
        "split": ["split", manifest, "--output", out / "split.csv"],
        "light": ["split", manifest, "--by", "patient", "--output", out / "light.csv"],
        "report": ["report", *_committed(), "--output", out / "report.html"],
    }
    for planned in plan.results:
        result = planned.result
        if result.kind != "page" and not result.options:
            output = out / f"{planned.name}.{result.endings[0]}"
            commands[planned.name] = [result.kind, result.key, "--output", output]
    used = _together(commands, Machine(cores(), 1, machine.gpu), "other jobs")
    seconds = {name: each.seconds for name, each in used.items()}
    # Commands about data import as little as a split by patient.
    return dict.fromkeys(("phantom", "manifest", "prepare"), seconds["light"]) | seconds


def _committed() -> list[object]:
    """The results that are committed, as the report takes them."""
    tables, figures = (sorted(ROOT.glob(pattern)) for pattern in ("tables/*.csv", "figures/*.png"))
    summary = ROOT / "tables" / "summary.md"
    return ["--tables", *tables, "--figures", *figures, "--summary", summary]
