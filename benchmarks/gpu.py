"""What is to be known about a GPU, in one command of at most 8 minutes.

    make gpu              # python benchmarks/gpu.py [--minutes 8] [--networks resnet50 vit]

In this order, each part in a process of its own, so that none takes another down with it:

- correctness: `pytest -m gpu`, which compares the GPU with the CPU.
- throughput: training of each of the nine networks (224 px, batch 32), eager, beside the plain
  mixed-precision loop of benchmarks/training.py; then with `compile: true`, in half of the time.
- runs: training runs of 50 epochs on a phantom of BACH of full count, as many as fit.

The projection says how long the paper's grid takes (66 training runs, one seed, full counts), each
run with its start, by the faster way of each network. The report benchmarks/results/gpu_<name>.md
is written anew after every part. Without a GPU everything runs at a small size on the CPU, which
only shows that it works.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from training import RESULTS, our_loop, plain_loop, used

from paper_code.datasets.catalog import find_dataset
from paper_code.datasets.splits import part_sizes
from paper_code.device import check_gpu, default_device, resolve_precision, use_float32
from paper_code.errors import UserError
from paper_code.files import read_json, write_json, write_text
from paper_code.networks import NETWORKS
from paper_code.networks.registry import parse_network
from paper_code.plan import Plan
from paper_code.provenance import hardware
from paper_code.reporting.markdown import code_provenance_block, markdown
from paper_code.settings import MAPS, load_config, resolve_settings
from paper_code.workers import cores

ROOT = Path(__file__).resolve().parents[1]
PLAIN, EAGER, COMPILED = "plain AMP loop", "eager", "compiled"
DATASET = "bach"  # of the runs: its are short enough for all nine networks


def sizes(gpu: bool) -> Namespace:
    """What is measured: the protocol of the paper on a GPU, small on a CPU."""
    if gpu:
        whole = {"images": 1024, "val": 512, "epochs": 2, "run_images": "all", "run_epochs": 50}
        return Namespace(image_size=224, batch_size=32, precision="auto", **whole)
    small = {"images": 16, "val": 8, "epochs": 1, "run_images": 48, "run_epochs": 1}
    return Namespace(image_size=64, batch_size=8, precision="auto", **small)


# --- parts, each in a process of its own ----------------------------------------------------------


def measure(path: Path, size: Namespace, name: str, way: str) -> None:
    """Images a second of one network in one way; with ours, seconds before its first epoch."""
    device, started = default_device(), time.monotonic()
    torch.backends.cudnn.benchmark = True
    use_float32()
    if way == PLAIN:
        write_json(path, {"train": used(size) / min(plain_loop(name, size, device))})
        return
    rows = our_loop(name, size, device, compile=way == COMPILED)
    train, val = (min(row[f"{part}_seconds"] for row in rows) for part in ("train", "val"))
    # The first epoch, which is not among the rows, takes about as long as the others.
    start = time.monotonic() - started - (len(rows) + 1) * (train + val)
    write_json(path, {"train": used(size) / train, "val": size.val / val, "start": max(start, 0)})


def phantom_commands(size: Namespace, folder: Path) -> list[list]:
    """What makes the phantom of the runs and its split, below `folder`."""
    family, height = find_dataset(DATASET).family, grid_plan().settings.phantom_height
    raw, prepared, split = (folder / name for name in ("raw", "prepared", "split.csv"))
    listed, number, workers = prepared / "manifest.csv", size.run_images, cores()
    drawn = ["--images", number, "--height", height[family], "--workers", workers]
    return [
        ["phantom", family, *drawn, "-o", raw],
        ["manifest", DATASET, "--source", "phantom", "--data-root", raw, "-o", listed],
        ["prepare", listed, "--image-size", size.image_size, "--workers", workers, "-o", prepared],
        ["split", listed, "-o", split],
    ]


def run_command(size: Namespace, folder: Path, name: str, way: str) -> list:
    """What makes a run on it, with the settings of the paper scale."""
    places = ["--prepared", folder / "prepared", "--split", folder / "split.csv"]
    given = ["--epochs", size.run_epochs, "--batch-size", size.batch_size, "--weights", "random"]
    given += ["--compile", str(way == COMPILED).lower(), "--threads", min(4, cores())]
    return ["train", name, *places, *given, "-o", folder / "runs" / name]


def run_found(output: Path) -> dict[str, float]:
    """Seconds of a run, and its accuracy on the test images."""
    table = pd.read_csv(output / "predictions.csv").query("part == 'test'")
    accuracy = float((table["predicted"] == table["label"]).mean())
    return {"training": read_json(output / "timing.json")["total_seconds"], "accuracy": accuracy}


# --- the projection -------------------------------------------------------------------------------


def grid_plan() -> Plan:
    """The paper's own experiments: nine networks and four places, six sets, one seed."""
    given = {"scale": "paper", "data": "phantom", "seeds": [0], "leakage_networks": []}
    settings = resolve_settings(load_config() | given)
    return Plan(settings, dict.fromkeys(settings.datasets, ("phantom", "full count")))


def run_seconds(values: dict, epochs: float, train: int, val: int) -> float:
    """Projected seconds of a run on so many images, with its start."""
    return values["start"] + epochs * (train / values["train"] + val / values["val"])


def fastest(ways: dict[str, dict]) -> str:
    """Our way with which a run on BreakHis 40X ends first; "" where none is measured."""
    train, val, _ = part_sizes(find_dataset("breakhis_40x").total)
    ours = [way for way in (EAGER, COMPILED) if way in ways]
    return min(ours, key=lambda way: run_seconds(ways[way], 50, train, val), default="")


def projection(rates: dict[str, dict], size: Namespace) -> pd.DataFrame:
    """Seconds of each network's runs of the grid; NaN where it is not measured."""
    plan = grid_plan()
    rows: dict[str, dict] = {}
    for run in plan.runs:
        if run.dataset.endswith(MAPS):
            continue
        own = plan.settings.of(run.dataset, run.network)
        name = parse_network(run.network)[0]
        way = fastest(rates.get(name, {}))
        row = rows.setdefault(name, {"network": name, "way": way, "runs": 0, "seconds": 0.0})
        row["runs"] += 1
        epochs = own.epochs * (own.image_size / size.image_size) ** 2
        parts = part_sizes(find_dataset(run.dataset).total)[:2]
        row["seconds"] += run_seconds(rates[name][way], epochs, *parts) if way else float("nan")
    return pd.DataFrame(rows.values())


# --- the whole ------------------------------------------------------------------------------------


@dataclass
class Findings:
    """What is known so far; every part that ends writes the report anew."""

    output: Path
    size: Namespace
    tests: str = ""
    rates: dict[str, dict] = field(default_factory=dict)  # by network and way
    runs: dict[str, dict] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def write(self) -> None:
        device = default_device()
        parts = [f"# {hardware(device)}", "`make gpu` (benchmarks/gpu.py)."]
        if device.type != "cuda":
            parts.append(
                "**No GPU was found.** Everything ran on the CPU at a small size, which shows that "
                "it works; no number here says anything about a GPU."
            )
        size, precision = self.size, resolve_precision("auto", device)
        parts.append(
            f"{size.image_size} px, batch {size.batch_size}, {precision}; noise as images; best of "
            f"{size.epochs} epochs of {size.images} images after a first."
        )
        if self.tests:
            parts += ["## Correctness", self.tests]
        if self.rates:
            table = pd.DataFrame(
                {way: values.get("train") for way, values in ways.items()} | {"network": name}
                for name, ways in self.rates.items()
            ).reindex(columns=["network", PLAIN, EAGER, COMPILED])
            for way in (EAGER, COMPILED):
                table[f"{way}, times the plain loop"] = table[way] / table[PLAIN]
            grid = projection(self.rates, size)
            seconds = grid["seconds"].sum(skipna=False)
            known = f"{seconds / 60:.1f} min" if seconds == seconds else "not all are measured"
            title = f"## The paper's grid of {grid['runs'].sum()} runs, projected: {known}"
            parts += ["## Training, images/s", shown(table), title, shown(grid)]
        if self.runs:
            table = pd.DataFrame([{"network": name, **row} for name, row in self.runs.items()])
            title = f"## Runs on a phantom of {DATASET}, {size.run_epochs} epochs, random weights"
            parts += [title, shown(table)]
        if self.notes:
            parts += ["## Not done", *(f"- {note}" for note in self.notes)]
        parts.append(code_provenance_block("noise and a phantom"))
        write_text(self.output, "\n\n".join(parts) + "\n")


def shown(table: pd.DataFrame) -> str:
    """A table with numbers of four digits, and nothing where there is none."""
    text = table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else value)
    return markdown(text.replace("nan", ""))


def run_limited(command: list[str], limit: float, **environment: str) -> tuple[str, str]:
    """Run a command with all it starts for at most `limit` seconds.

    Returns its last line, and "" or what went wrong.
    """
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        start_new_session=True,
    )
    try:
        text, _ = process.communicate(timeout=max(limit, 1))
    except subprocess.TimeoutExpired:
        return "", f"stopped after {limit:.0f} s"
    finally:  # it is in a group of its own, which no Ctrl-C reaches
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")[:300]
    status = process.returncode
    return last, f"ended with status {status}: {last}" if status else ""


def campaign(options: Namespace, folder: Path) -> int:
    """All parts in turn, as far as the time goes; 1 where the GPU is not as it should be."""
    deadline = time.monotonic() + 60 * options.minutes
    gpu = torch.cuda.is_available()
    size, networks = sizes(gpu), options.networks
    found = Findings(options.output, size)

    def left() -> float:
        return deadline - time.monotonic()

    def done(what: str, limit: float, words: list) -> bool:
        print(f"{what} ({left():.0f} s left)", flush=True)
        command = [sys.executable, *map(str, words)]
        why = run_limited(command, limit)[1] if limit > 10 else "no time left"
        if why:
            found.notes.append(f"{what}: {why}")
        return not why

    command = [sys.executable, "-m", "pytest", "-m", "gpu", "tests/gpu"]
    stand_in = {} if gpu else {"PAPER_CODE_GPU_TESTS": "cpu"}
    found.tests, wrong = run_limited(command, left() / 3, **stand_in)
    found.tests = wrong or found.tests
    found.write()
    path = folder / "found.json"
    for way, share in ((PLAIN, 0.2), (EAGER, 0.3), (COMPILED, 0.5)):
        end = left() * (1 - share)
        for number, name in enumerate(networks):
            limit = (left() - end) / (len(networks) - number)  # a fast one leaves time to others
            if done(f"{name}, {way}", limit, [__file__, "--part", name, way, path]):
                found.rates.setdefault(name, {})[way] = read_json(path)
            found.write()
    commands = [["-m", "paper_code", *words] for words in phantom_commands(size, folder)]
    if all(done("phantom", left() / 2, words) for words in commands):
        train, val, _ = part_sizes(len(pd.read_csv(folder / "prepared/manifest.csv")))
        for name in networks:
            way = fastest(found.rates.get(name, {}))
            if not way:
                continue
            expected = run_seconds(found.rates[name][way], size.run_epochs, train, val)
            words = ["-m", "paper_code", *run_command(size, folder, name, way)]
            if expected > left():
                found.notes.append(f"run of {name}: would take {expected:.0f} s")
            elif done(f"run of {name}", left(), words):
                about = {"way": way, "projected": expected}
                found.runs[name] = run_found(folder / "runs" / name) | about
            found.write()
    found.write()
    print(options.output.read_text(encoding="utf-8"))
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--part", nargs=3, metavar=("NAME", "WAY", "JSON"))
    options = parser.parse_args()
    gpu = torch.cuda.is_available()
    if options.part:
        name, way, path = options.part
        measure(Path(path), sizes(gpu), name, way)
        return 0
    try:
        check_gpu()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    name = re.sub(r"\W+", "_", torch.cuda.get_device_name() if gpu else "none").lower()
    options.output = RESULTS / f"gpu_{name}.md"
    with tempfile.TemporaryDirectory() as folder:
        return campaign(options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
