"""The command that trains and tests for the crossover; `table crossover` compares."""

import argparse
from pathlib import Path

from paper_code.cli.options import add_config, add_output, positive, seed
from paper_code.errors import UserError


def add_crossover(parser: argparse.ArgumentParser) -> None:
    """Test every patient once known and once unknown to EfficientNet-Lite0 (real images).

    Writes one row for each test patient, arm and repeat; the tables crossover and gate_crossover
    are made from these files. Goes on where it was interrupted.
    """
    parser.add_argument("training", choices=["frozen", "fine-tuned"], help="of the network")
    parser.add_argument(
        "--datasets", nargs="+", required=True, help="two-class sets with patients; all together"
    )
    add_config(parser, "data_root", "folder of the data sets, or one for each", nargs="+")
    parser.add_argument("--repeats", type=positive, required=True, help="how many, in all")
    parser.add_argument("--first", type=int, default=0, help="number of the first to run")
    parser.add_argument(
        "--seeds", nargs="+", type=seed, default=[0], help="of the draws of patients"
    )
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads")
    add_output(parser, "CSV to write; finished trainings are kept in a folder of its name")


def run_crossover(args: argparse.Namespace) -> None:
    import torch

    from paper_code.crossover.runs import write_fine_tuned, write_frozen

    torch.set_num_threads(args.threads)
    roots = args.data_root if isinstance(args.data_root, list) else [args.data_root]
    if len(roots) == 1:
        roots = roots * len(args.datasets)
    if len(roots) != len(args.datasets):
        raise UserError("--data-root: give one folder, or one for each of --datasets.")
    repeats = range(args.first, args.repeats)
    if not repeats:
        raise UserError(f"--first {args.first} leaves none of {args.repeats} repeats to run.")
    options = {"repeats": repeats, "seeds": args.seeds}
    if args.training == "fine-tuned":
        options["checkpoints"] = Path(args.output).with_suffix("")
    write = write_fine_tuned if args.training == "fine-tuned" else write_frozen
    write(args.output, args.datasets, roots, **options)


COMMANDS = {"crossover": (add_crossover, run_crossover)}
