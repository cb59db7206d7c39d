"""One table, figure or page from files, as its entry in the catalogue says."""

import importlib
from collections.abc import Mapping
from pathlib import Path

from paper_code.errors import UserError
from paper_code.files import read_json
from paper_code.reporting.catalogue import Result, find_result

# Options that name a file of a folder.
FILES = {"runs": "run.json", "cams": "cam.json", "prepared": "source.json"}


def make_result(kind: str, name: str, output: str, options: Mapping[str, object]) -> None:
    """Call the result's module with the options that its entry names, and its constants.

    Args:
        kind: "table", "figure" or "page".
        name: its key or its file name.
        output: the file to write.
        options: what the command line gives; None is nothing.

    Raises:
        UserError: there is no such result, an option is missing, or runs or data sets do not belong
            into this result.
    """
    result = find_result(kind, name)
    given = {option: options.get(option) for option in result.options}
    missing = [f"--{option}" for option, value in given.items() if value is None]
    if missing:
        raise UserError(f"{result.kind} {result.key} needs {', '.join(missing)}.")
    for option in set(FILES) & set(given):
        paths = [_file_in(path, option) for path in given[option]]
        for path in paths:
            _check_belongs(result, path)
        given[option] = [str(path.parent if option == "prepared" else path) for path in paths]
    module = importlib.import_module(result.dotted_module)
    function = module.draw if result.kind == "figure" else module.write
    function(output, **given, **result.constants)


def _file_in(path: str, option: str) -> Path:
    """The file of an option that `path` is, or that lies in the folder `path`."""
    name = FILES[option]
    file = Path(path) / name if Path(path).is_dir() or option == "prepared" else Path(path)
    if file.name != name or not file.is_file():
        raise UserError(f"--{option}: {file} is not a {name}. Give the folder that holds one.")
    return file


def _check_belongs(result: Result, path: Path) -> None:
    """Raise UserError if a run or data set is of another selection than the result's."""
    facts = read_json(path)
    dataset = facts.get("dataset")
    if dataset is None:
        raise UserError(f"{path}: does not name its data set. Make it again.")
    allowed = result.allowed_datasets
    if allowed is not None and dataset not in allowed:
        raise UserError(
            f"{path} is about {dataset}, but {result.kind} {result.key} is about "
            f"{', '.join(allowed)}. Leave it out."
        )
