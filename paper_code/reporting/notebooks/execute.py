"""Executing the notebooks: in place, with outputs kept, or to HTML pages.

The packages of Jupyter take seconds to import, so each function that needs them does: the workflow
asks at every start what the notebooks read.
"""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from paper_code.errors import UserError
from paper_code.files import write_text
from paper_code.progress import say
from paper_code.reporting.notebooks.results import VARIABLE

if TYPE_CHECKING:
    from nbformat import NotebookNode

SECONDS = 600  # a cell takes seconds; one that hangs must not hang the workflow
READERS = {
    "read_table": ("tables", "csv"),
    "read_tables": ("tables", "csv"),
    "show_figure": ("figures", "png"),
}


def execute_notebooks(paths: list[str], results: str, html: str | None = None) -> None:
    """Execute notebooks against the folder `results`.

    Args:
        paths: .ipynb files.
        results: folder with `tables/` and `figures/`.
        html: folder for one page a notebook; None rewrites the notebooks with their outputs.

    Raises:
        UserError: no such notebook, or a cell failed; the files stay as they were.
    """
    import nbformat

    for path in map(Path, paths):
        notebook = execute_notebook(path, results)
        if html is None:
            write_text(path, nbformat.writes(notebook) + "\n")
            say(f"{path}: executed")
        else:
            page = Path(html) / f"{path.stem}.html"
            write_text(page, to_html(notebook, path.stem))
            say(f"{path} -> {page}")


def execute_notebook(path: str | Path, results: str) -> NotebookNode:
    """Execute one notebook in a new kernel and return it, without what differs between machines."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a notebook that can be read ({error}).") from error
    environment = os.environ | {VARIABLE: str(Path(results).resolve())}
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # not the note that its sockets are not encrypted
        resources={"metadata": {"path": str(Path(path).resolve().parent)}},
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        raise UserError(f"{path}: a cell failed.\n{error}") from error
    return tidied(notebook)


def tidied(notebook: NotebookNode) -> NotebookNode:
    """The notebook without versions, times and other traces of the machine, so that executing it
    again on the same results gives the same file."""
    import nbformat

    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
    return notebook


def to_html(notebook: NotebookNode, title: str) -> str:
    """One page that loads nothing from the network."""
    from nbconvert import HTMLExporter

    addresses = (name for name in HTMLExporter.class_trait_names() if name.endswith("_url"))
    exporter = HTMLExporter(**dict.fromkeys(addresses, ""))
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return page


def results_read(path: str | Path) -> list[str]:
    """The results that a notebook's code reads, such as "tables/audit.csv"."""
    found = []
    for node in _nodes(path):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in READERS:
            folder, ending = READERS[node.func.id]
            names = node.args if node.func.id == "read_tables" else node.args[:1]
            found += [f"{folder}/{ast.literal_eval(name)}.{ending}" for name in names]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) == "find_result":
            folder, name, ending = map(ast.literal_eval, node.args)
            found.append(f"{folder}/{name}.{ending}")
    return list(dict.fromkeys(found))


def modules_used(path: str | Path) -> list[str]:
    """The modules of this package that a notebook's code imports."""
    names = [
        node.module for node in _nodes(path) if isinstance(node, ast.ImportFrom) and node.module
    ]
    return [name for name in dict.fromkeys(names) if name.startswith("paper_code.")]


def _nodes(path: str | Path):
    """All nodes of the syntax trees of a notebook's code cells."""
    for cell in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield from ast.walk(ast.parse("".join(cell["source"])))
