"""What the commands' options have in common; their defaults are those of config/config.yaml."""

import argparse
import functools
from collections.abc import Callable

from paper_code.config import check_setting, defaults
from paper_code.datasets.catalog import SOURCES
from paper_code.errors import UserError

SCALES = ("demo", "paper")
FAMILIES = tuple(SOURCES)
LARGEST_SEED = 2**32 - 1  # of scikit-learn


class Formatter(argparse.HelpFormatter):
    """Adds the default to an option's help, where there is one and the text does not tell it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        unknown = action.default in (None, argparse.SUPPRESS) or isinstance(action.default, bool)
        if unknown or action.required or "default" in text or not action.option_strings:
            return text
        return f"{text} (default: %(default)s)".strip()


def add_output(parser: argparse.ArgumentParser, help_text: str) -> None:
    """`--output` or `-o`, which every command that writes something has."""
    parser.add_argument("--output", "-o", required=True, help=help_text)


def add_config(parser: argparse.ArgumentParser, key: str, help_text: str, **options) -> None:
    """An option named after a key of the config, with the same default.

    Choices are those of config/schema.yaml; true and false are words, as in the config.
    """
    value = defaults()[key]
    if isinstance(value, bool):
        options |= {"choices": ["true", "false"]}
        value = str(value).lower()
    elif "choices" not in options:
        kind = options.setdefault("type", type(value))
        if kind is not str:
            options["type"] = functools.partial(_setting, key, kind)
        value = kind(value) if kind is float else value
    flag = f"--{key.replace('_', '-')}"
    parser.add_argument(flag, default=value, help=help_text, **options)


def _setting(key: str, kind: Callable[[str], object], text: str) -> object:
    """A setting's value, as config/schema.yaml allows it; None stands for "all"."""
    try:
        value = kind(text)
    except ValueError:
        value = text
    try:
        if value is not None:
            check_setting(key, value)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return value


def seed(text: str) -> int:
    """A whole number from 0 to the largest that every library takes for a seed."""
    if not text.isdecimal() or int(text) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {LARGEST_SEED}")
    return int(text)


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def limit(text: str) -> int | None:
    """A whole number of 1 or more, or None for "all"."""
    return None if text == "all" else positive(text)
