"""The command line: every rule's work, runnable alone, and trained networks on your own images.

python -m paper_code COMMAND --help, or, after `pip install .`, dalaresnet50 COMMAND --help
"""

import argparse
import errno
import os
import sys
from pathlib import Path

from paper_code.cli import crossover, data, networks, results
from paper_code.cli.options import Formatter
from paper_code.errors import UserError
from paper_code.progress import say

# How `--help` groups them.
GROUPS = {
    "data": data.COMMANDS,
    "networks": networks.COMMANDS | crossover.COMMANDS,
    "results": results.COMMANDS,
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}
# Packages that a light installation leaves out, with the extra of pyproject.toml that has them.
EXTRAS = {
    "IPython": "reproduce",
    "matplotlib": "reproduce",
    "nbclient": "reproduce",
    "nbconvert": "reproduce",
    "nbformat": "reproduce",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
}
SCRIPT = "dalaresnet50"  # the command that `pip install` makes
# What to do about the errors of the file system that a user can mend.
ADVICE = {
    errno.ENOENT: "Check the path, or make that file first.",
    errno.ENOTDIR: "Check the path.",
    errno.EISDIR: "Check the path.",
    errno.EACCES: "Choose another place or change its permissions.",
    errno.EROFS: "Choose another place.",
    errno.ENOSPC: "Free some space or choose another place.",
    errno.EDQUOT: "Free some space or choose another place.",
    errno.EEXIST: "Choose another place, or move that away.",
    errno.ENAMETOOLONG: "Use shorter names.",
    errno.ELOOP: "Check the path: its links lead in a circle.",
    errno.EPERM: "Choose another place or change its permissions.",
    errno.EMFILE: "Allow more open files (ulimit -n 1024), or use fewer workers.",
    errno.ENFILE: "Close other programs, or use fewer workers.",
    errno.EFBIG: "Choose a file system that takes larger files.",
    errno.EIO: "The disk or its connection fails. Check it before anything else.",
    errno.ENOMEM: "Close other programs, or use fewer workers.",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Exit status: 0 done; 1 done, but not for everything (what was left out is named); 2 a mistake
    that the user can mend; 130 interrupted.
    """
    args = make_parser().parse_args(arguments)
    try:
        return args.run(args) or 0
    except UserError as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        return 130
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        say(
            f"error: {args.command} needs the package {package}, which is not installed. "
            f"In a clone of this repository: pip install '.[{EXTRAS[package]}]'"
        )
        return 2
    except OSError as error:
        if error.errno not in ADVICE:
            raise
        where = f" ({Path(error.filename)})" if isinstance(error.filename, str) else ""
        say(f"error: {error.strerror}{where}. {ADVICE[error.errno]}")
        return 2
    except ImportError as error:
        if os.strerror(errno.EMFILE) not in str(error):
            raise
        say(f"error: {error}. {ADVICE[errno.EMFILE]}")
        return 2
    except MemoryError:
        say("error: not enough memory. Close other programs, or use fewer workers.")
        return 2


def make_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    program = SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m paper_code"
    parser = argparse.ArgumentParser(
        prog=program,
        description="DALAResNet50 and DT Grad-CAM: every step from raw files to the paper's tables"
        " and figures.\nAll steps at once: snakemake --cores all",
        epilog=_tour(program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help="one of those below"
    )
    for name, (add, run) in COMMANDS.items():
        command = commands.add_parser(name, description=add.__doc__, formatter_class=Formatter)
        add(command)
        command.set_defaults(run=run)
    return parser


def _tour(program: str) -> str:
    """Every command in its group with one line each."""
    lines = []
    for group, commands in GROUPS.items():
        lines.append(f"{group}:")
        for name, (add, _) in commands.items():
            lines.append(f"    {name:<10} {add.__doc__.strip().splitlines()[0]}")
    return "\n".join([*lines, "", f"{program} COMMAND --help explains a command."])
