# The settings, the plan that follows from them, and the names of files that all rules share.
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)

from paper_code.device import cuda_device_count
from paper_code.workflow.digest import result_digest, source_digest
from paper_code.errors import UserError
from paper_code.networks.registry import parse_network
from paper_code.networks.registry import network_module
from paper_code.plan import Plan
from paper_code.settings import load_config
from paper_code.workflow.start import announce, begin

# What "auto" means is chosen once, where the run is started. A job on another machine reads this file again and would
# find other devices and other data there; it is handed the file of settings that this variable names. Commands read
# the same file.
VARIABLE = "PAPER_CODE_SETTINGS"
IN_JOB = VARIABLE in os.environ
try:
    SETTINGS, SOURCES = begin(load_config(os.environ[VARIABLE]) if IN_JOB else config)
    PLAN = Plan(SETTINGS, SOURCES)
except UserError as error:
    raise WorkflowError(str(error))
CHOSEN = f"{PLAN.root}/settings.yaml"
os.environ.setdefault(VARIABLE, str(Path(CHOSEN).absolute()))


envvars:
    VARIABLE,


ENVIRONMENT = "../../environment.yml"
RESULTS, OUTPUT = PLAN.root, PLAN.output
LOGS = f"logs/{Path(RESULTS).name}"
BENCHMARKS = f"{RESULTS}/benchmarks"
GPU = int(cuda_device_count() > 0)
# Jobs use the Python that runs Snakemake; a conda environment puts its own before it.
PATH = [str(Path(sys.executable).parent), *os.get_exec_path()]
os.environ.update(PATH=os.pathsep.join(PATH))

# What the report says about the whole run, and below each result. Jobs need no opening lines, and would have to
# import PyTorch where there is a GPU.
ANNOUNCED = "" if IN_JOB else announce(config, SETTINGS, SOURCES)
config["chosen"] = {
    "lines": ANNOUNCED.splitlines(),
    "phantoms": [name for name, (source, _) in SOURCES.items() if source == "phantom"],
    "line": f"Scale: {PLAN.scale}. Data: "
    + ", ".join(f"{name} {source}" for name, (source, _) in SOURCES.items())
    + ".",
}


onstart:
    SETTINGS.changed(data={name: source for name, (source, _) in SOURCES.items()}).write(CHOSEN)
    print(ANNOUNCED, file=sys.stderr, flush=True)


onsuccess:
    page = f"; all on one page: {REPORT}" if Path(REPORT).is_file() else ""
    print(f"Results: {OUTPUT}tables/ and {OUTPUT}figures/{page}", file=sys.stderr, flush=True)


def network_code(module):
    """A digest of a module and of the network that the wildcards name, with all they import."""
    return lambda w: source_digest(module, network_module(parse_network(w.network)[0]))


def inputs(kind):
    """What a result of a kind is made from, by the name in the wildcards."""
    return lambda w: PLAN.inputs(PLAN.find(kind, w.name))


def arguments(kind):
    """The words that make a result: its name on the command line, then its options."""
    return lambda w: shlex.join(
        [PLAN.find(kind, w.name).result.key, *PLAN.arguments(PLAN.find(kind, w.name))]
    )


def entry(kind):
    """A result's entry in the catalogue."""
    return lambda w: PLAN.find(kind, w.name).result
