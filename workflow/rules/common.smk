# The settings, the plan that follows from them, and the names of files that all rules share.
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.insert(0, workflow.basedir)

from paper_code.choices import Choices
from paper_code.config import CAM_OPTIONS, TRAINING_OPTIONS, announce, as_options, settings_of
from paper_code.errors import UserError
from paper_code.networks.names import parse_network
from paper_code.networks.registry import network_module
from paper_code.next_steps import next_steps, programs
from paper_code.plan import Plan
from paper_code.sources import source_digest
from paper_code.working import begin_run
from paper_code.workflow_progress import show_progress

try:
    # Chosen once, where the run is started. A job on another machine reads this file again and would
    # find other devices and other data there; it is handed what was chosen.
    CHOICES = (Choices.of if workflow.is_main_process else Choices.handed_on)(config)
    SETTINGS, SOURCES = CHOICES.settings, CHOICES.sources
    PLAN = Plan(SETTINGS, SOURCES)
except UserError as error:
    raise WorkflowError(str(error))
if workflow.is_main_process:
    workflow.config_settings.configfiles.append(CHOICES.path.absolute())
    if told := begin_run():
        print(told, file=sys.stderr, flush=True)

ENVIRONMENT = "../../environment.yml"
RESULTS, OUTPUT = PLAN.root, PLAN.output
LOGS = f"logs/{Path(RESULTS).name}"
BENCHMARKS = f"{RESULTS}/benchmarks"
GPU = int(CHOICES.gpu)
PROGRAMS = programs()  # as the user calls them
# Jobs use the Python that runs Snakemake; a conda environment puts its own before it.
PATH = [str(Path(sys.executable).parent), *os.get_exec_path()]
os.environ.update(PATH=os.pathsep.join(PATH))

# What the report says about the whole run, and below each result. Jobs need no opening lines, and would have to
# import PyTorch where there is a GPU.
ANNOUNCED = announce(config, SETTINGS, SOURCES) if workflow.is_main_process else ""
config["chosen"] = {
    "lines": ANNOUNCED.splitlines(),
    "phantoms": [name for name, (source, _) in SOURCES.items() if source == "phantom"],
    "line": f"Scale: {PLAN.scale}. Data: "
    + ", ".join(f"{name} {source}" for name, (source, _) in SOURCES.items())
    + ".",
}


onstart:
    CHOICES.write()
    print(ANNOUNCED, file=sys.stderr, flush=True)


onsuccess:
    print(next_steps(PLAN, PROGRAMS), file=sys.stderr, flush=True)


def jobs_to_run():
    """Rule and network of every job to run, by id."""
    return {
        job.jobid: (job.rule.name, job.wildcards_dict.get("network", ""))
        for job in workflow.dag.needrun_jobs()
    }


# Where Snakemake is asked to say more or less than usual, and in jobs on a cluster, it speaks for itself.
SAYS = workflow.output_settings
if workflow.is_main_process and not (SAYS.printshellcmds or SAYS.verbose or SAYS.quiet):
    show_progress(logger, jobs_to_run)


def options(*names, dataset="", network=""):
    """Settings as options of the command line: options("batch_size") -> "--batch-size 32"."""
    return shlex.join(as_options(settings_of(SETTINGS, dataset, network), names))


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
