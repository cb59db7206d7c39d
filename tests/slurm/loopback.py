"""Start a one-node SLURM here, run the workflow through `profiles/slurm-cpu`, and fail the node.

    make slurm            # python tests/slurm/loopback.py

Needs root on Debian or Ubuntu (it installs slurm-wlm and munge where they are missing); elsewhere
it says so and ends with status 77. Checked in a small run:

- The node goes down while jobs run on it, and comes back. That costs the jobs it held and no other.
- The results are those of a local run, byte for byte but for timings.

Ends with status 1 if any of these fails.
"""

import filecmp
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CANNOT = 77
HOST = socket.gethostname().partition(".")[0]
INSTALLED = Path("/etc/slurm/slurm.conf")
DAEMONS = ("munged", "slurmctld", "slurmd")
CONF = """ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SchedulerParameters=batch_sched_delay=1
# More than the machine has, so that jobs of any size start.
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=40000 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
# Results that hold times.
TIMED = ("convergence", "table_09_breakhis_cost", "table_10_bach_mini_ddsm_cost")
TIMED += ("claims", "summary")
COMPARED = ("splits/*/*.csv", "runs/*/*/*/predictions.csv", "cam/*/*/*/*.csv", "tables/*.csv")
CONFIGURED = (
    "--config",
    "data=phantom",
    "threads_per_run=1",
    "scale=demo",
    "datasets=[breakhis_100x]",
    "networks=[dalaresnet50, resnet50]",
    "placements=[]",
    "epochs=2",
    "leakage_datasets=[]",
    "cam_datasets=[]",
    "bootstrap_resamples=50",
)


def main() -> int:
    reason = missing()
    if reason:
        print(f"No SLURM here: {reason}", file=sys.stderr)
        return CANNOT
    folder = Path(tempfile.mkdtemp(prefix="loopback-slurm-"))
    running: list[subprocess.Popen] = []
    failed = ["the run was broken off"]
    try:
        start(folder, running)
        local = snakemake(folder / "local", "--workflow-profile", "none", "--cores", "all")
        if local.wait():
            raise SystemExit("The local run failed.")
        failed = run_through_slurm(folder)
    finally:
        INSTALLED.unlink(missing_ok=True)
        for process in reversed(running):
            process.kill()
            process.wait()
        for reason in failed:
            print(f"FAILED: {reason}. Kept: {folder}", file=sys.stderr)
    if not failed:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


def missing() -> str:
    """Why SLURM cannot be started here; "" once it can."""
    if os.geteuid() != 0:
        return "this needs root"
    if INSTALLED.exists():
        return f"this machine has one of its own ({INSTALLED})"
    if not all(map(shutil.which, DAEMONS)):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = "apt-get -qq update && apt-get -qq install --yes slurm-wlm munge"
        if subprocess.run(install, shell=True, env=environment, check=False).returncode:
            return "slurm-wlm and munge are not installed, and apt-get cannot install them"
    if not find_spec("snakemake_executor_plugin_slurm"):
        return "pip install snakemake-executor-plugin-slurm"
    return ""


def start(folder: Path, running: list[subprocess.Popen]) -> None:
    """Start munge, the controller and the one node; wait until the node is idle."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    INSTALLED.parent.mkdir(exist_ok=True)  # jobs lose the variable that names another file
    INSTALLED.write_text(CONF.format(host=HOST, folder=folder))
    socket_folder = Path("/run/munge")
    socket_folder.mkdir(exist_ok=True)
    shutil.chown(socket_folder, "munge", "munge")
    for command in (
        "runuser -u munge -- munged --foreground --force",
        f"slurmctld -D -f {INSTALLED}",
        f"slurmd -D -f {INSTALLED}",
    ):
        with (folder / f"daemon-{len(running)}.txt").open("w") as log:
            running.append(subprocess.Popen(command.split(), stdout=log, stderr=log))
        time.sleep(2)
    for _ in range(30):
        state = output("sinfo", "--noheader", "--format=%T")
        if state == "idle":
            return
        time.sleep(1)
    raise SystemExit(f"The node did not come up: {state}.")


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def snakemake(folder: Path, *arguments: str) -> subprocess.Popen:
    """Start a run in a folder; what it prints goes to a file beside that folder."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), *arguments, *CONFIGURED]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with folder.with_suffix(".txt").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def run_through_slurm(folder: Path) -> list[str]:
    """The same through SLURM, with a fault: what is not as it should be."""
    profile = ["--workflow-profile", str(ROOT / "profiles" / "slurm-cpu")]
    # As many as in the local run: with others, sums are rounded in another order.
    profile += ["--set-threads", *(f"{rule}=1" for rule in ("train", "train_to_keep", "cam"))]
    # There is no accounting here, which the executor asks otherwise.
    profile += ["--slurm-status-command", "squeue"]
    process = snakemake(folder / "slurm", *profile)
    lost = take_node_down(process)
    status = process.wait()
    text = (folder / "slurm.txt").read_text()
    # SLURM itself starts the jobs of a node that failed again; Snakemake those that failed.
    queued = (folder / "slurmctld.log").read_text().count("requeue job")
    repeated = queued + text.count("Trying to restart job")
    entries = text.count("has been submitted with SLURM jobid")
    print(f"Through SLURM: {entries} entries of the queue")
    print(f"Exit status {status}; {lost} jobs were on the node when it went down, and")
    print(f"{repeated} were started again, {queued} of them by SLURM itself")
    failed = []
    if not lost or repeated > lost:
        failed.append("the node was to go down with jobs on it, and to cost only those")
    if status:
        return [*failed, f"the run through SLURM: {text[-3000:]}"]
    same, differing = compare(folder / "local", folder / "slurm")
    print(f"{same} files are the same, {len(differing)} differ")
    return failed + [f"not the same: {name}" for name in differing]


def take_node_down(process: subprocess.Popen) -> int:
    """Take the node down once training runs on it, then bring it back; how many jobs it held."""
    while process.poll() is None:
        # The executor puts the rule into a job's comment.
        running = output("squeue", "--noheader", "--states=running", "--format=%k").splitlines()
        if any(name.startswith("rule_train_") for name in running):
            output("scontrol", "update", f"nodename={HOST}", "state=down", "reason=a test")
            time.sleep(10)
            output("scontrol", "update", f"nodename={HOST}", "state=resume")
            return len(running)
        time.sleep(0.5)
    return 0


def compare(here: Path, there: Path) -> tuple[int, list[str]]:
    """How many results are the same in both folders, and the names of the others."""
    paths = [path for pattern in COMPARED for path in here.glob(f"results/*/{pattern}")]
    names = [str(path.relative_to(here)) for path in paths if path.stem not in TIMED]
    same, differing, missing = filecmp.cmpfiles(here, there, names, shallow=False)
    return len(same), [*differing, *missing]


if __name__ == "__main__":
    sys.exit(main())
