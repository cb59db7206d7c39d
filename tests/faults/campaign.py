"""Every fault, and a table of what came of it.

    make faults           # python tests/faults/campaign.py [--kills 50]

First the cases of test_*.py, which run in CI too, and of long_*.py, then the kills of kills.py
(forty minutes on two busy cores). Prints a table in Markdown and ends with status 1 if any fault
had an outcome other than it should have.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
OTHERWISE = "as the test asks for"
SKIPPED = "skipped: it needs root on Linux, or a tool that is missing here"
FAILED = "**failed**"


def subject(module: str) -> str:
    """What the tests of a module are about: the first line of its docstring."""
    text = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(text)).splitlines()[0].rstrip(".")


def run_tests(folder: Path) -> Counter:
    """How many faults had each outcome: {(subject, outcome): number}."""
    report = folder / "report.xml"
    names = "python_files=test_*.py long_*.py"
    words = ["-m", "pytest", "-o", names, str(FOLDER), f"--junitxml={report}"]
    subprocess.run([sys.executable, *words], cwd=ROOT, check=False)
    found: Counter = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = [p.get("value") for p in case.iter("property") if p.get("name") == "outcome"]
        outcome = outcomes[0] if outcomes else OTHERWISE
        if case.find("failure") is not None or case.find("error") is not None:
            outcome = FAILED
        elif case.find("skipped") is not None:
            outcome = SKIPPED
        module = case.get("classname", "").rpartition(".")[2]
        found[subject(module), outcome] += 1
    return found


def run_kills(folder: Path, kills: int) -> Counter:
    """The same of kills.py."""
    file = folder / "kills.json"
    command = [sys.executable, str(FOLDER / "kills.py"), "--kills", str(kills), "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=False)
    group, alone = (f"`kill -9` of {what}" for what in ("a whole run", "Snakemake alone"))
    if not file.exists():
        return Counter({(group, FAILED): kills})
    found = json.loads(file.read_text())
    good = f"goes on; results as undisturbed ({found['compared']} files compared)"
    return Counter(
        {
            (group, good): found["kills"] - found["lone"],
            (alone, good): found["lone"],
            ("Kills: something was not as it should be", FAILED): len(found["failures"]),
        }
    )


def table(found: Counter) -> str:
    rows = [f"| {what} | {outcome} | {number} |" for (what, outcome), number in found.items()]
    head = ["| fault | outcome | number |", "|---|---|---|"]
    return "\n".join([*head, *(row for row in rows if not row.endswith("| 0 |"))])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of kills.py; 0 leaves it out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run_tests(Path(folder))
        if arguments.kills:
            found += run_kills(Path(folder), arguments.kills)
    print(table(found))
    failed = sum(number for (_, outcome), number in found.items() if outcome == FAILED)
    print(f"\n{found.total()} faults, {failed} with an outcome other than they should have.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
