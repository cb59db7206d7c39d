"""Every table and figure of this repository, from results.yaml and `LAYOUTS`, and making one.

An entry names the module that makes the result, the files it is made from, the data sets and
networks it is about, and its caption. A run makes the results that are about its data sets: none
of those about the paper where all of them are a user's own. The plan of a run, the rules, the
command line, the report and `doctor` read this list. Modules of tables and figures do not, so that
editing one entry remakes one result. This module imports nothing heavy: the workflow reads it each
time it starts.
"""

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from paper_code.datasets.catalog import of_families
from paper_code.errors import UserError
from paper_code.files import read_json
from paper_code.reporting.layouts import LAYOUTS, LONG_TABLES, Layout

# What an entry may need: files that exist before the result is made (see plan.py). Which option of
# the command line passes them on; None: they lie beside others.
NEEDS = {
    "runs": "runs",
    "weights": None,
    "manifests": "prepared",
    "images": None,
    "splits": "splits",
    "cams": "cams",
    "tables": "tables",
    "breakhis_lists": "lists",
    "patients": "patients",
}
# Options that name a file of a folder.
FILES = {"runs": "run.json", "cams": "cam.json", "prepared": "source.json"}
# The groups of the report, in its order.
GROUPS = (
    "Summary",
    "Your data sets",
    "Data sets",
    "Architecture",
    "Layer placement",
    "Classification",
    "Diagnostics",
    "Cost and convergence",
    "Explanations",
    "Further evidence",
    "Patients of BreakHis",
    "Audit of the paper",
)


@dataclass(frozen=True)
class Result:
    """One table or figure.

    Attributes:
        name: of its files, without ending; "{dataset}" stands for each data set of the selection,
            which then has a result of its own.
        module: below `paper_code.reporting` (or `paper_code.audit`). A table with a `title` has a
            function `rows` there, other tables and pages `write`, figures `draw`. It takes the
            files of `needs` under the names of `NEEDS`, the `settings` and the `constants`; `write`
            and `draw` first the path of the file to write (`endings`).
        group: of the report, one of `GROUPS`.
        caption: for the report, Markdown-free reStructuredText.
        title: heading of the page of a table.
        page: the sections on it, as of `pages.write_rows`.
        data: behind a table that needs no run, in words.
        needs: which files it is made from, of `NEEDS`.
        tables: names of the tables it is made from, if it needs "tables"; "*": every table.
        datasets: what it is about, a selection of `Plan.datasets`: "paper" for the paper and its
            data sets, "own" for a user's, "all" for both.
        networks: a selection of `Plan.networks`.
        settings: configured values that the module takes, of "scale", "resamples" and "dataset".
        constants: further keyword arguments of the module's function.
        code: other modules that decide the result, besides what `module` imports.
        kind: "table" (.csv and .md), "figure" (.png and .pdf) or "page" (.md); by default a module
            of `figures` draws a figure, any other writes a table.
    """

    name: str
    module: str
    group: str
    caption: str
    title: str = ""
    page: tuple[Mapping, ...] = ()
    data: str = ""
    needs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    datasets: str = "paper"
    networks: str = "compared"
    settings: tuple[str, ...] = ()
    constants: Mapping[str, object] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    kind: str = ""

    def __post_init__(self) -> None:
        if not self.kind:
            figure = self.module.startswith("figures.")
            object.__setattr__(self, "kind", "figure" if figure else "table")

    @property
    def key(self) -> str:
        """What the command line calls it: "07" for table_07_..., else its name."""
        words = self.name.split("_")
        if len(words) > 1 and words[1].isdigit():
            return words[1]
        return self.name.replace("{dataset}", "data")

    @property
    def endings(self) -> tuple[str, ...]:
        """Endings of its files."""
        return {"table": ("csv", "md"), "figure": ("png", "pdf"), "page": ("md",)}[self.kind]

    @property
    def pictures(self) -> bool:
        """Whether it shows images of the data sets."""
        return self.module in ("figures.samples", "figures.cam_comparison", "figures.examples")

    @property
    def folder(self) -> str:
        """The folder of its files: "tables" or "figures"."""
        return "figures" if self.kind == "figure" else "tables"

    @property
    def dotted_module(self) -> str:
        """The module to import."""
        inside = self.module.startswith("audit.")
        return f"paper_code.{self.module}" if inside else f"paper_code.reporting.{self.module}"

    @property
    def declared(self) -> dict[str, object]:
        """What the entry itself decides of the files."""
        return {"title": self.title, "page": self.page, "data": self.data, **self.constants}

    def make(self, output: str, **inputs: object) -> None:
        """Write the files; `inputs` are those of `needs` and the `settings`."""
        module = importlib.import_module(self.dotted_module)
        if self.title:
            from paper_code.reporting.pages import write_rows  # imports pandas

            rows = module.rows(**inputs, **self.constants)
            write_rows(output, rows, module, self.title, self.page, self.data)
        else:
            function = module.draw if self.kind == "figure" else module.write
            function(output, **inputs, **self.constants)

    @property
    def allowed_datasets(self) -> tuple[str, ...] | None:
        """The data sets that the layout of this result is for; None: any that it is given."""
        return of_families(self.datasets) or None

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that the command line must give: inputs, then settings."""
        return (*(NEEDS[need] for need in self.needs if NEEDS[need]), *self.settings)


def _of_layout(layout: Layout) -> Result:
    """A table that shows a part of a long one."""
    own = layout.families == "own"
    return Result(
        layout.name,
        "tables.layout",
        layout.group,
        layout.caption,
        needs=("tables",),
        tables=(layout.source,),
        datasets="own" if own else "paper",
        settings=("dataset",) if own else (),
        constants={"layout": layout.name},
    )


def _read() -> tuple[Result, ...]:
    """The entries of results.yaml; after the two long tables those of the layouts."""
    text = Path(__file__).with_name("results.yaml").read_text(encoding="utf-8")
    entries = [
        Result(**{key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()})
        for entry in yaml.safe_load(text)
    ]
    first = [entry for entry in entries if entry.name in LONG_TABLES]
    rest = [entry for entry in entries if entry.name not in LONG_TABLES]
    return (*first, *map(_of_layout, LAYOUTS.values()), *rest)


RESULTS = _read()


def find_result(kind: str, key: str) -> Result:
    """The entry that the command line calls `key` ("07", "table_07_..." or "comparisons").

    Args:
        kind: "table", "figure" or "page".
        key: a number of the paper, a name, or for instance "own_NAME" for a data set of yours.

    Raises:
        UserError: there is no such result; the message names the nearest.
    """
    entries = {result.key: result for result in RESULTS if result.kind == kind}
    for result in entries.values():
        if key in (result.key, result.name):
            return result
        start, template, _ = result.name.partition("{dataset}")
        if template and key.startswith(start):
            return result
    known = [*entries, *(result.name for result in entries.values())]
    near = difflib.get_close_matches(key, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UserError(f"There is no {kind} '{key}'.{hint} Known: {', '.join(entries)}.")


def in_order(names: Iterable[str]) -> dict[str, Result]:
    """The entries of results by the names of their files, in the order of the report.

    Raises:
        UserError: no result has such a name.
    """
    found = {}
    for name in names:
        matches = (r for r in RESULTS if re.fullmatch(r.name.replace("{dataset}", r"\w+"), name))
        found[name] = next(matches, None)
        if found[name] is None:
            raise UserError(f"{name}: no table or figure has this name.")

    def place(item: tuple[str, Result]) -> tuple[int, int]:
        return GROUPS.index(item[1].group), RESULTS.index(item[1])

    return dict(sorted(found.items(), key=place))


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
    result.make(output, **given)


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
