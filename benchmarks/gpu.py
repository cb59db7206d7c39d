"""Everything to be known about a GPU, in one command of at most 8 minutes.

    make gpu              # python benchmarks/gpu.py [--minutes 8] [--stages correctness grid ...]

In this order, each stage in processes of its own, so that none takes another down with it:

- correctness: `pytest -m gpu`, which compares the GPU with the CPU.
- peak: operations a second of the fastest of some square matrix products in the training precision.
- throughput: training of each of the nine networks (224 px, batch 32): ours, eager and as a CUDA
  graph, each with channels last and in PyTorch's default layout, beside the plain mixed-precision
  loop of benchmarks/networks.py.
- data: writing and preparing BreakHis phantoms of the published size on the CPU.
- maps: each CAM method of DALAResNet50.
- grid: the projected time of the paper's grid (66 training runs, one seed, full counts), each
  with its start, from the fastest measured execution of each network.
- runs: runs of that grid on phantoms of full count with 50 epochs, as many as fit.
- compile: torch.compile of each network, eager and as a CUDA graph, in the time left.

The report benchmarks/results/gpu_<name>.md is written anew after every part of a stage. The fastest
execution of each network, by the time of a whole run on BreakHis 40X with its start, goes to
paper_code/training/execution.tsv, where `execution: auto` looks; one that did not agree with eager
steps in the first stage does not.
Without a GPU the stages run at a small size on the CPU, which only shows that they work.
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
import xml.etree.ElementTree as ElementTree
from argparse import Namespace
from pathlib import Path

import pandas as pd
import torch
from networks import peak_flops, plain_loop
from training import RESULTS

from paper_code.cam import METHODS, compute_cam
from paper_code.config import MAPS, defaults, load_config, resolve_settings, settings_of
from paper_code.datasets.catalog import find_dataset
from paper_code.datasets.prepare import make_manifest, prepare
from paper_code.datasets.splits import make_split, part_sizes
from paper_code.device import (
    check_gpu,
    clock,
    default_device,
    resolve_precision,
    use_float32,
)
from paper_code.errors import UserError
from paper_code.files import read_json, write_json, write_text
from paper_code.networks import NETWORKS, build_network
from paper_code.networks.names import parse_network
from paper_code.networks.preprocessing import normalize
from paper_code.networks.structure import gmacs
from paper_code.parallel import cores
from paper_code.phantoms import write_phantom
from paper_code.plan import Plan
from paper_code.provenance import commit, hardware, versions
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import markdown
from paper_code.training.loop import ImageSet, TrainingSettings, fit
from paper_code.training.step import MEASURED, Execution, graphs_possible

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("correctness", "peak", "throughput", "data", "maps", "grid", "runs", "compile")
PLAIN = "plain AMP loop"
EXECUTIONS = ("eager", "contiguous", "graph", "graph+contiguous")
COMPILED = ("compile", "compile+graph")
GRAPHS = [way for way in (*EXECUTIONS, *COMPILED) if Execution.parse(way).graph]
RESERVED = 60  # seconds of the whole that `throughput` and what follows leave to later stages
# Seconds without which a part is not begun: compilation takes most of them.
LEAST = {"throughput": 10, "compile": 90}
TYPICAL = "breakhis_40x"  # the run by whose time executions are compared
DATASET = "bach"  # of the runs: its are short enough for all nine networks


def sizes(gpu: bool) -> Namespace:
    """What is measured: the protocol of the paper on a GPU, small on a CPU."""
    full = Namespace(
        image_size=224, batch_size=32, images=1024, val=512, epochs=2, phantoms=64, maps=64,
        scorecam=2, run_images=None, run_epochs=50,
    )  # fmt: skip
    small = Namespace(
        image_size=64, batch_size=8, images=16, val=8, epochs=1, phantoms=16, maps=2,
        scorecam=1, run_images=48, run_epochs=1,
    )  # fmt: skip
    return full if gpu else small


# --- the parts of stages, each in a process of its own --------------------------------------------


def peak(path: Path, size: Namespace) -> None:
    write_json(path, {"teraflops": peak_flops(default_device()) / 1e12})


def throughput(path: Path, size: Namespace, network: str, executions: list[str]) -> None:
    """Images a second of one network, each way; written after each."""
    device = default_device()
    torch.backends.cudnn.benchmark = True
    use_float32()
    generator = torch.Generator().manual_seed(0)
    shape = (size.images, 3, size.image_size, size.image_size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.arange(size.images) % 2
    used = size.images // size.batch_size * size.batch_size
    found: dict[str, dict] = {}
    for execution in executions:
        started = time.monotonic()
        try:
            if execution == PLAIN:
                seconds = min(plain_loop(network, images, labels, size, device))
                found[execution] = {"train": used / seconds}
            else:
                found[execution] = ours(network, images.to(device), labels, size, execution)
        except Exception as error:  # the other executions are still to be measured
            found[execution] = {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        found[execution]["seconds"] = time.monotonic() - started
        write_json(path, found)
        if device.type == "cuda":
            torch.cuda.empty_cache()


def ours(network: str, images, labels, size: Namespace, execution: str) -> dict:
    """Images a second of `fit`, the best epoch after the first; seconds of all that comes before
    the first; memory in bytes."""
    device, started = images.device, time.monotonic()
    torch.manual_seed(0)
    built = build_network(network, 2, image_size=size.image_size)
    built.to(device, memory_format=Execution.parse(execution).memory_format)
    train, val = (ImageSet(images[:n], labels[:n].to(device)) for n in (len(images), size.val))
    settings = TrainingSettings.of(
        defaults(),
        epochs=size.epochs + 1,
        batch_size=size.batch_size,
        checkpoint_seconds=1e9,
        execution=execution,
        recalibrate_batchnorm=False,
    )
    state = fit(built, train, val, settings)
    epochs = sum(row["train_seconds"] + row["val_seconds"] for row in state.seconds)
    rows = state.seconds[1:]
    used = len(images) // size.batch_size * size.batch_size
    result = {
        "train": used / min(row["train_seconds"] for row in rows),
        "val": size.val / min(row["val_seconds"] for row in rows),
        "start": time.monotonic() - started - epochs,
    }
    return result | ({"memory": state.memory_bytes} if state.memory_bytes else {})


def data(path: Path, size: Namespace) -> None:
    """Images a second of phantoms (460 px high) and of their preparation."""
    with tempfile.TemporaryDirectory() as folder:
        raw, manifest = Path(folder, "raw"), Path(folder, "prepared/manifest.csv")
        start = time.monotonic()
        number = size.phantoms
        write_phantom("breakhis", raw, images=number, height=460, seed=0, workers=cores())
        written = time.monotonic()
        make_manifest(find_dataset("breakhis_40x"), raw, "phantom", manifest)
        prepare(manifest, manifest.parent, image_size=size.image_size, workers=cores())
        images = len(pd.read_csv(manifest))
        facts = {
            # They come at all four magnifications.
            "phantoms_per_second": 4 * number / (written - start),
            "prepared_per_second": images / (time.monotonic() - written),
            "processes": cores(),
        }
    write_json(path, facts)


def maps(path: Path, size: Namespace) -> None:
    """Seconds an image of each CAM method, in float32."""
    device = default_device()
    use_float32()
    torch.manual_seed(0)
    network = build_network("dalaresnet50", 2).to(device, memory_format=torch.channels_last)
    shape = (size.maps, 3, size.image_size, size.image_size)
    images = normalize(torch.randint(0, 256, shape, dtype=torch.uint8).to(device))
    found = {}
    for method in METHODS:
        some = images[: size.scorecam] if method == "scorecam" else images
        compute_cam(network, some[:1], None, "gradcam" if method == "scorecam" else method)
        start = clock(device)
        compute_cam(network, some, None, method)
        found[method] = (clock(device) - start) / len(some)
        write_json(path, found)


def prepare_run(path: Path, size: Namespace, folder: Path) -> None:
    """The phantom of the runs with its split, below `folder`."""
    facts = find_dataset(DATASET)
    number = size.run_images or facts.total
    start = time.monotonic()
    height = grid_plan().settings["phantom_height"][facts.family]
    write_phantom(
        facts.family, folder / "raw", images=number, height=height, seed=0, workers=cores()
    )
    manifest = folder / "prepared/manifest.csv"
    make_manifest(facts, folder / "raw", "phantom", manifest)
    prepare(manifest, manifest.parent, image_size=size.image_size, workers=cores())
    make_split(manifest, folder / "split.csv", by="image", seed=0)
    write_json(path, {"images": len(pd.read_csv(manifest)), "seconds": time.monotonic() - start})


# --- the grid -------------------------------------------------------------------------------------


def grid_plan() -> Plan:
    """The paper's own experiments: nine networks and four places, six sets, one seed."""
    given = {"scale": "paper", "data": "phantom", "seeds": [0], "leakage_networks": []}
    given |= {"leakage_control_seeds": []}
    settings = resolve_settings(load_config() | given)
    return Plan(settings, dict.fromkeys(settings["datasets"], ("phantom", "full count")))


def grid(rates: dict[str, dict], size: Namespace) -> pd.DataFrame:
    """Projected seconds of each network's runs, from its fastest execution."""
    plan = grid_plan()
    rows: dict[str, dict] = {}
    for run in plan.runs:
        if run.dataset.endswith(MAPS):
            continue
        own = settings_of(plan.settings, run.dataset, run.network)
        train, val, _ = part_sizes(find_dataset(run.dataset).total)
        base = parse_network(run.network)[0]
        fastest = best(rates.get(base, {}))
        row = rows.setdefault(base, {"network": base, "runs": 0, "petaflop": 0.0, "seconds": 0.0})
        row["runs"] += 1
        work = 2e9 * gmacs(base, image_size=own["image_size"])
        row["petaflop"] += own["epochs"] * work * (3 * train + val) / 1e15
        if not fastest:
            row["seconds"] = float("nan")
            continue
        pixels = (own["image_size"] / size.image_size) ** 2
        row["seconds"] += run_seconds(rates[base][fastest], own["epochs"] * pixels, train, val)
    return pd.DataFrame(rows.values())


def epoch_seconds(values: dict, epochs: float, train: int, val: int) -> float:
    """Projected seconds of all epochs of a run on so many images."""
    return epochs * (train / values["train"] + val / values["val"])


def run_seconds(values: dict, epochs: float, train: int, val: int) -> float:
    """The same with the start of the run."""
    return values["start"] + epoch_seconds(values, epochs, train, val)


def best(executions: dict[str, dict]) -> str:
    """The execution of ours with which a run on `TYPICAL` is fastest; "" where none is measured."""
    train, val, _ = part_sizes(find_dataset(TYPICAL).total)
    epochs = sizes(gpu=True).run_epochs
    seconds = {
        name: run_seconds(values, epochs, train, val)
        for name, values in executions.items()
        if "val" in values
    }
    return min(seconds, key=seconds.get, default="")


# --- the whole ------------------------------------------------------------------------------------


class Campaign:
    """What was found so far, the time left, and the report."""

    def __init__(self, options: Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.deadline = time.monotonic() + 60 * options.minutes
        self.device = default_device()
        self.size = sizes(self.device.type == "cuda")
        self.found: dict[str, dict] = {stage: {} for stage in STAGES}
        self.notes: dict[str, str] = {}
        self.output = options.output

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def child(self, stage: str, part: str, limit: float, **environment: str) -> None:
        """A part of a stage in a process of its own; its result, and why there is none."""
        path = self.folder / f"{stage}-{part or 'all'}.json"
        command = [sys.executable, __file__, "--child", stage, part, str(path)]
        command += ["--folder", str(self.folder)]
        note = run_limited(command, limit, environment)
        if path.is_file():
            result = read_json(path)
            self.found[stage] |= {part: result} if part else result
        if note:
            self.notes[f"{stage} {part}".strip()] = note
        self.write()

    def write(self) -> None:
        write_text(self.output, report(self))


def run_limited(command: list[str], limit: float, environment: dict[str, str]) -> str:
    """Run a command with all it starts for at most `limit` seconds; "" or what went wrong."""
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
        process.send_signal(signal.SIGINT)  # pytest then writes what it has
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=5)
        return f"stopped after {limit:.0f} s"
    finally:  # it is in a group of its own, which no Ctrl-C reaches
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode == 0:
        return ""
    last = [line for line in text.splitlines() if line.strip()][-1:]
    return f"ended with status {process.returncode}: {' '.join(last)[:300]}"


def correctness(campaign: Campaign) -> None:
    path = campaign.folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "tests/gpu", f"--junitxml={path}"]
    environment = {} if campaign.device.type == "cuda" else {"PAPER_CODE_GPU_TESTS": "cpu"}
    limit = min(campaign.left() - RESERVED, 60 * campaign.options.minutes / 3)
    note = run_limited(command, limit, environment)
    if path.is_file():
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))
        outcomes = {
            case.get("name"): next(
                (child.tag for child in case if child.tag in ("failure", "error", "skipped")),
                "passed",
            )
            for case in cases
        }
        measured = {
            f"{case.get('name')}: {item.get('name')}": item.get("value")
            for case in cases
            for item in case.iter("property")
        }
        campaign.found["correctness"] = {"outcomes": outcomes, "measured": measured}
    if note:
        campaign.notes["correctness"] = note
    campaign.write()


def every_network(campaign: Campaign, stage: str) -> None:
    for done, name in enumerate(campaign.options.networks):
        share = (campaign.left() - (RESERVED if stage == "throughput" else 0)) / (
            len(campaign.options.networks) - done
        )
        if campaign.left() < LEAST[stage]:
            campaign.notes[f"{stage} {name}"] = "no time left"
            continue
        # A fast one leaves its time to those after it.
        campaign.child(stage, name, max(share, LEAST[stage]))
        keep_fastest(campaign)


def failed_tests(found: dict[str, dict]) -> list[str]:
    """The names of the tests of the first stage that failed."""
    outcomes = found["correctness"].get("outcomes", {})
    return [name for name, outcome in outcomes.items() if outcome in ("failure", "error")]


def measured_rates(campaign: Campaign) -> dict[str, dict]:
    """Each network's executions, of both stages; those whose steps are wrong have no rate."""
    failed = failed_tests(campaign.found)
    wrong = {way for way in (*EXECUTIONS, *COMPILED) if f"test_executions_agree[{way}]" in failed}
    if "test_a_graph_trains_as_eager_steps_do" in failed:
        wrong |= set(GRAPHS)
    rates: dict[str, dict] = {}
    for stage in ("throughput", "compile"):
        for name, executions in campaign.found[stage].items():
            rates.setdefault(name, {}).update(executions)
            rates[name] |= {way: {"failed": "steps differ"} for way in wrong if way in executions}
    return rates


def keep_fastest(campaign: Campaign) -> None:
    """The fastest execution of each network on this GPU, where `execution: auto` looks."""
    if campaign.device.type != "cuda":
        return
    gpu, rates = torch.cuda.get_device_name(), measured_rates(campaign)
    facts = {
        "image_size": campaign.size.image_size,
        "batch_size": campaign.size.batch_size,
        "precision": resolve_precision("auto", campaign.device),
        "torch": torch.__version__,
    }
    rows = [
        {"gpu": gpu, "network": name, "execution": best(executions)}
        | {"images_per_second": round(executions[best(executions)]["train"], 1)}
        | facts
        for name, executions in rates.items()
        if best(executions)
    ]
    if not rows:
        return
    table = pd.DataFrame(rows)
    old = pd.read_csv(MEASURED, sep="\t")
    others = old[~((old["gpu"] == gpu) & old["network"].isin(table["network"]))]
    table = pd.concat([others, table]) if len(others) else table
    write_text(MEASURED, table.to_csv(sep="\t", index=False, lineterminator="\n"))


def runs(campaign: Campaign) -> None:
    """Runs of the grid on one data set, in the order of their projected time."""
    folder, size = campaign.folder / "grid", campaign.size
    campaign.child("runs", "data", campaign.left() - 20)
    if "data" not in campaign.found["runs"]:
        return
    rates = measured_rates(campaign)
    train, val, _ = part_sizes(campaign.found["runs"]["data"]["images"])
    expected, projected = {}, {}
    for name in campaign.options.networks:
        values = rates.get(name, {}).get(best(rates.get(name, {})))
        if values:
            projected[name] = epoch_seconds(values, size.run_epochs, train, val)
            # 20 s of imports, reading and writing
            expected[name] = 20 + run_seconds(values, size.run_epochs, train, val)
    for name in sorted(expected, key=expected.get):
        if expected[name] > campaign.left():
            campaign.notes[f"runs {name}"] = f"would take {expected[name]:.0f} s: not begun"
            continue
        output, start = folder / "runs" / name, time.monotonic()
        command = [sys.executable, "-m", "paper_code", "train", name]
        command += ["--prepared", str(folder / "prepared"), "--split", str(folder / "split.csv")]
        command += ["--output", str(output), "--epochs", str(size.run_epochs)]
        command += ["--batch-size", str(size.batch_size), "--weights", "random"]
        command += ["--threads", str(min(4, cores())), "--recalibrate-batchnorm", "false"]
        note = run_limited(command, campaign.left(), {})
        if note:
            campaign.notes[f"runs {name}"] = note
        else:
            table = pd.read_csv(output / "predictions.csv").query("part == 'test'")
            campaign.found["runs"][name] = {
                "seconds": time.monotonic() - start,
                "training": read_json(output / "timing.json")["total_seconds"],
                "projected": projected[name],
                "execution": read_json(output / "run.json")["settings"]["execution"],
                "accuracy": float((table["predicted"] == table["label"]).mean()),
            }
        campaign.write()


# --- the report -----------------------------------------------------------------------------------


def report(campaign: Campaign) -> str:
    """All that is known so far, in Markdown."""
    found, size, gpu = campaign.found, campaign.size, campaign.device.type == "cuda"
    precision = resolve_precision("auto", campaign.device)
    parts = [f"# {hardware(campaign.device)}", "`make gpu` (benchmarks/gpu.py)."]
    if not gpu:
        parts.append(
            "**No GPU was found.** The stages ran on the CPU at a small size, which shows that "
            "they work; no number here says anything about a GPU."
        )
    parts.append(
        f"{size.image_size} px, batch {size.batch_size}, {precision}; noise as images; best of "
        f"{size.epochs} epochs of {size.images} images after a first."
    )
    if done := found["correctness"].get("outcomes"):
        counts = pd.Series(done).value_counts()
        parts += ["## Correctness", ", ".join(f"{n} {what}" for what, n in counts.items()) + "."]
        parts += [f"- **failed**: `{name}`" for name in failed_tests(found)]
        parts += [f"- {k}: {v}" for k, v in found["correctness"]["measured"].items()]
    top = found["peak"].get("teraflops")
    if top:
        parts += ["## Peak", f"{top:.4g} TFLOP/s in a square matrix product ({precision})."]
    rates = measured_rates(campaign)
    if rates:
        parts += ["## Training, images/s", markdown(throughput_table(rates, size, top))]
        parts.append(
            f"Fastest: the execution with which a run of {DATASET_LABELS[TYPICAL]} ends first, "
            "its start included (building the network, first steps, compilation). TFLOP/s are "
            "those of this execution, with three times the forward pass's operations for each "
            "image."
        )
    if found["data"]:
        values = found["data"]
        parts += [
            "## Data, on the CPU",
            f"{values['phantoms_per_second']:.1f} phantoms/s written (700 x 460 px), "
            f"{values['prepared_per_second']:.1f} images/s prepared, {values['processes']} "
            "processes.",
        ]
    if found["maps"]:
        table = pd.DataFrame({"method": found["maps"].keys(), "s": found["maps"].values()})
        table["s"] = table["s"].map("{:.4g}".format)
        parts += ["## Maps, seconds per image", markdown(table)]
    if rates:
        parts += grid_report(grid(rates, size))
    done = {name: row for name, row in found["runs"].items() if name != "data"}
    if done:
        table = pd.DataFrame([{"network": name, **row} for name, row in done.items()])
        for column in ("seconds", "training", "projected"):
            table[column] = table[column].map("{:.1f}".format)
        table["accuracy"] = table["accuracy"].map("{:.3f}".format)
        images = found["runs"]["data"]["images"]
        parts += [
            f"## Runs of the grid: a phantom of {DATASET}, {images} images, {size.run_epochs} "
            "epochs, random weights",
            markdown(table),
        ]
    if campaign.notes:
        parts += ["## Not done", *(f"- {what}: {why}" for what, why in campaign.notes.items())]
    facts = ", ".join(f"{name} {version}" for name, version in versions().items())
    return "\n\n".join([*parts, f"Commit {commit()}; {facts}."]) + "\n"


def throughput_table(rates: dict, size: Namespace, top: float | None) -> pd.DataFrame:
    rows = []
    for name, executions in rates.items():
        row = {"network": name}
        for key in (PLAIN, *EXECUTIONS, *COMPILED):
            values = executions.get(key, {})
            row[key] = f"{values['train']:.1f}" if "train" in values else values.get("failed", "")
        fastest = best(executions)
        row["fastest"] = fastest
        if fastest:
            speed = executions[fastest]["train"]
            work = 3 * 2e9 * gmacs(name, image_size=size.image_size) * speed / 1e12
            if "train" in executions.get(PLAIN, {}):
                row["times the plain loop"] = f"{speed / executions[PLAIN]['train']:.2f}"
            row["TFLOP/s"] = f"{work:.3g}"
            row["of peak"] = f"{work / top:.2f}" if top else ""
            row["start, s"] = f"{executions[fastest]['start']:.1f}"
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def grid_report(table: pd.DataFrame) -> list[str]:
    seconds, work = table["seconds"].sum(skipna=False), table["petaflop"].sum()
    known = f"{seconds / 60:.1f} min" if seconds == seconds else "not all networks are measured"
    shown = table.assign(
        petaflop=table["petaflop"].map("{:.1f}".format),
        seconds=table["seconds"].map("{:.0f}".format),
    )
    return [
        f"## The paper's grid, projected: {known}",
        f"{table['runs'].sum()} training runs at the paper scale, {work:.0f} PFLOP; one run after "
        "another, without imports, data, maps and tables.",
        markdown(shown),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--output", type=Path, help="of the report; default below benchmarks/")
    parser.add_argument("--child", nargs=3, metavar=("STAGE", "PART", "JSON"))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.child:
        return child(options)
    try:
        check_gpu()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if options.output is None:
        gpu = torch.cuda.is_available()
        name = re.sub(r"\W+", "_", torch.cuda.get_device_name() if gpu else "none").lower()
        options.output = RESULTS / f"gpu_{name}.md"
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(options, Path(folder))
        whole = {"correctness": correctness, "runs": runs}
        for stage in options.stages:
            print(f"{stage} ({campaign.left():.0f} s left)", flush=True)
            if stage == "grid":  # needs no measurement of its own
                continue
            if campaign.left() < 10:
                campaign.notes[stage] = "no time left"
            elif stage in whole:
                whole[stage](campaign)
            elif stage in ("throughput", "compile"):
                every_network(campaign, stage)
            else:
                campaign.child(stage, "", campaign.left() / 4)  # those that follow need more
        campaign.write()
        print(campaign.output.read_text(encoding="utf-8"))
    if "correctness" not in options.stages:
        return 0
    outcomes = campaign.found["correctness"].get("outcomes")
    return int(not outcomes or bool(failed_tests(campaign.found)))


def child(options: Namespace) -> int:
    stage, part, path = options.child
    size = sizes(torch.cuda.is_available())
    if stage in ("throughput", "compile"):
        device = default_device()
        graphs = graphs_possible(device, resolve_precision("auto", device))
        ways = ("eager", PLAIN, *EXECUTIONS[1:]) if stage == "throughput" else COMPILED
        throughput(Path(path), size, part, [way for way in ways if graphs or way not in GRAPHS])
    elif stage == "runs":
        prepare_run(Path(path), size, options.folder / "grid")
    else:
        {"peak": peak, "data": data, "maps": maps}[stage](Path(path), size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
