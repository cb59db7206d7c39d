"""Where the time of a training step on a CPU goes, before and after what was done about it.

    python benchmarks/training_profile.py [--networks seresnet50 vgg16 vit] [--image-size 64]

One thread takes the steps of `paper_code.training.loop.train_epoch` written out, so that its parts
can be timed. "Before" undoes three measures: memory kept between steps (`training/memory.py`), the
pooling of SEResNet50's squeeze-excite blocks, and plain products for the attention of the vision
transformers. Each case has a process of its own, as the first measure cannot be undone in one.

Times are of the processor, so that other jobs count only by what they take of caches and memory.
The profiler gives the shares of the operations, the plain time of a step their milliseconds. The
peak is the fastest square product in the precision of training, and the bandwidth the fastest sum
of two arrays, in place, that the same process measured. Results go to
benchmarks/results/training_profile_cpu.{csv,md}.
"""

import argparse
import itertools
import multiprocessing
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
import torch
from networks import peak_flops
from timm.layers import SEModule
from timm.layers.attention import Attention
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile, record_function
from training import RESULTS

from paper_code.config import defaults
from paper_code.device import autocast, resolve_precision
from paper_code.networks.builder import build_network
from paper_code.networks.preprocessing import normalize
from paper_code.networks.registry import NETWORKS
from paper_code.networks.seresnet50 import SqueezeExcite
from paper_code.networks.structure import count_parameters, gmacs
from paper_code.provenance import hardware
from paper_code.reporting.markdown import code_provenance_block, markdown, write_table
from paper_code.training.augment import augment
from paper_code.training.memory import keep_freed_memory

CPU = torch.device("cpu")
STAGES = ("augmentation", "forward", "backward", "optimizer")
# What an operation counts as: the outermost of these names above it decides.
OPERATIONS = {
    "augmentation": ("augmentation",),
    "optimizer": ("Optimizer.step", "Optimizer.zero_grad"),
    "convolutions, linear layers": (
        "aten::convolution",
        "aten::convolution_backward",
        "aten::addmm",
        "aten::mm",
    ),
    "attention": (
        "aten::scaled_dot_product_attention",
        "aten::_scaled_dot_product",
        "aten::bmm",
        "aten::softmax",
        "aten::_softmax_backward_data",
    ),
    "autocast's casts": ("aten::to", "autograd::engine::evaluate_function: ToCopyBackward0"),
    "normalization": (
        "aten::batch_norm",
        "aten::native_batch_norm_backward",
        "aten::layer_norm",
        "aten::native_layer_norm_backward",
    ),
    "pooling": (
        "aten::mean",
        "autograd::engine::evaluate_function: MeanBackward1",
        "aten::avg_pool2d",
        "aten::max_pool2d",
        "aten::adaptive_avg_pool2d",
        "aten::_adaptive_avg_pool2d_backward",
    ),
}
PREFIXES = {name: part for part, names in OPERATIONS.items() for name in names}
REST = "activations, sums, Python"
LOWER = resolve_precision("auto", CPU) != "fp32"
# A parameter in bf16: float32 read, bf16 written, and back for its gradient. In float32 none.
CAST_BYTES = 12 if LOWER else 0
ADAM_BYTES = 28  # a parameter: itself and both moments read and written, its gradient read
PRODUCT_BYTES = 6 if LOWER else 12  # a parameter: read by both passes, its gradient written


def undo_measures() -> None:
    """The squeeze-excite blocks and the attention as timm has them."""
    SqueezeExcite.forward = SEModule.forward
    Attention.fused_attn = property(lambda _: True, lambda *_: None)


def make_step(name: str, image_size: int, batch_size: int) -> Callable[[], list[float]]:
    """A training step on noise that gives the processor's seconds in each of STAGES."""
    torch.manual_seed(0)
    network = build_network(name, 2, image_size=image_size).train()
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=defaults()["learning_rate"], fused=True)
    images = torch.randint(0, 256, (batch_size, 3, image_size, image_size), dtype=torch.uint8)
    labels = torch.arange(batch_size) % 2
    generator = torch.Generator().manual_seed(0)

    def step() -> list[float]:
        times = [time.process_time()]
        with record_function("augmentation"):
            inputs = augment(normalize(images), defaults()["rotation"], generator)
        times.append(time.process_time())
        with autocast(CPU, resolve_precision("auto", CPU)):
            loss = F.cross_entropy(network(inputs).float(), labels)
        times.append(time.process_time())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        times.append(time.process_time())
        optimizer.step()
        times.append(time.process_time())
        return [after - before for before, after in itertools.pairwise(times)]

    return step


def fastest(function: Callable[[], object], repeats: int = 8) -> float:
    """The least processor seconds of some calls."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return min(seconds)


def bandwidth() -> float:
    """Bytes a second, read and written, of adding one array of 256 MB to another in place."""
    total, added = (torch.ones(2**26) for _ in range(2))
    return 12 * 2**26 / fastest(lambda: total.add_(added))


def part_of(event) -> str:
    """The part of a step that an operation of the profiler belongs to."""
    part = REST
    while event is not None:
        part = next((p for name, p in PREFIXES.items() if _is(event.name, name)), part)
        event = event.cpu_parent
    return part


def _is(event: str, name: str) -> bool:
    """Whether an event is the operation `name`; the optimizer's and the fused ones have endings."""
    return event == name or (name.startswith(("Optimizer", "aten::_scaled")) and name in event)


def shares(step: Callable[[], object], steps: int) -> dict[str, float]:
    """The share of each part in a step, from the least time that it took in some of them.

    The profiler reads the clock on the wall: the least is what other jobs disturbed least.
    """
    profiled = []
    for _ in range(steps):
        with profile(activities=[ProfilerActivity.CPU]) as profiler, record_function("step"):
            step()
        times = Counter()
        for event in profiler.events():
            times[part_of(event)] += event.self_cpu_time_total
        profiled.append(times)
    least = {part: min(times[part] for times in profiled) for part in [*OPERATIONS, REST]}
    return {part: time / sum(least.values()) for part, time in least.items()}


def measure(name: str, case: str, args: argparse.Namespace) -> dict[str, float]:
    """One network in one case ("before" or "after"): seconds a step, its parts, the machine."""
    torch.set_num_threads(1)
    if case == "before":
        undo_measures()
    else:
        keep_freed_memory()
    machine = (peak_flops(CPU), bandwidth())
    step = make_step(name, args.image_size, args.batch_size)
    for _ in range(3):
        step()
    start = resource.getrusage(resource.RUSAGE_SELF)
    stages = [step() for _ in range(args.steps)]
    end = resource.getrusage(resource.RUSAGE_SELF)
    seconds = statistics.median(map(sum, stages))
    return {
        "network": name,
        "case": case,
        "step": seconds,
        "peak": max(machine[0], peak_flops(CPU)),
        "bandwidth": max(machine[1], bandwidth()),
        "system": (end.ru_stime - start.ru_stime) / args.steps,
        "page_faults": (end.ru_minflt - start.ru_minflt) / args.steps,
        **dict(zip(STAGES, map(statistics.median, zip(*stages, strict=True)), strict=True)),
        "parts": {part: share * seconds for part, share in shares(step, args.steps).items()},
        "memory": end.ru_maxrss * 1024,
    }


def summary(found: dict, args: argparse.Namespace) -> dict[str, float]:
    """The quantities of the report, in milliseconds where no unit is named."""
    name, parts = found["network"], found["parts"]
    work = 3 * 2e9 * gmacs(name, image_size=args.image_size) * args.batch_size
    with torch.device("meta"):
        parameters = count_parameters(build_network(name, 2))
    arithmetic = work / found["peak"]
    least = {
        "casts": CAST_BYTES * parameters / found["bandwidth"],
        "optimizer": ADAM_BYTES * parameters / found["bandwidth"],
        "products": PRODUCT_BYTES * parameters / found["bandwidth"],
    }
    return {
        "step": 1e3 * found["step"],
        **{f"stage: {stage}": 1e3 * found[stage] for stage in STAGES},
        **{f"part: {part}": 1e3 * seconds for part, seconds in parts.items()},
        "system time": 1e3 * found["system"],
        "page faults, thousands": found["page_faults"] / 1e3,
        "peak memory, GB": found["memory"] / 1e9,
        "images/s": args.batch_size / found["step"],
        "peak, TFLOP/s": found["peak"] / 1e12,
        "bandwidth, GB/s": found["bandwidth"] / 1e9,
        "Adam, GB/s": ADAM_BYTES * parameters / found["optimizer"] / 1e9,
        "share of peak": arithmetic / found["step"],
        "least: arithmetic at the peak": 1e3 * arithmetic,
        **{f"least: memory traffic of the {k}": 1e3 * seconds for k, seconds in least.items()},
        "share of peak if all but convolutions and linear layers were free": arithmetic
        / parts["convolutions, linear layers"],
        "share of peak if arithmetic and traffic took their least": arithmetic
        / (arithmetic + sum(least.values())),
    }


def section(name: str, rows: pd.DataFrame) -> str:
    """The Markdown of one network: quantities in rows, cases in columns."""
    shown = rows.pivot(index="quantity", columns="case", values="value")
    shown = shown.loc[rows["quantity"].drop_duplicates(), ["before", "after"]]
    text = shown.map(lambda value: f"{value:.3f}" if value < 10 else f"{value:.1f}")
    return f"## {name}\n\n" + markdown(text.reset_index())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    three = ["seresnet50", "vgg16", "vit"]
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=three)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=7, help="timed ones, after three")
    args = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    rows = []
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for name in args.networks:
            for case in ("before", "after"):
                found = pool.submit(measure, name, case, args).result()
                values = summary(found, args)
                print(name, case, {key: round(value, 3) for key, value in values.items()})
                rows += [
                    {"network": name, "case": case, "quantity": key, "value": round(value, 3)}
                    for key, value in values.items()
                ]
    report = pd.DataFrame(rows)
    facts = {
        "precision": resolve_precision("auto", CPU),
        "image_size": args.image_size,
        "batch_size": args.batch_size,
        "threads": 1,
        "steps_timed": args.steps,
        "hardware": hardware(CPU),
    }
    write_table(
        RESULTS / "training_profile_cpu.csv",
        report.assign(**facts),
        "Where the time of a training step on a CPU goes",
        [
            "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()),
            "Milliseconds of the processor for one step, unless a unit is named. A stage is timed "
            "plainly; the parts are the profiler's shares of a step. System time is what the "
            "operating system takes of the step, mostly to hand out memory. A parameter costs at "
            f"least {CAST_BYTES} bytes of traffic in casts, {ADAM_BYTES} in Adam and "
            f"{PRODUCT_BYTES} in the products; the last row shows what remains of the peak if "
            "all of it ran at the measured bandwidth and everything else at no cost.",
            *(section(name, part) for name, part in report.groupby("network", sort=False)),
            code_provenance_block("noise, weights at random"),
        ],
    )


if __name__ == "__main__":
    main()
