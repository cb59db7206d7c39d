"""The time left of a run of the workflow, estimated from its finished jobs."""

from collections import defaultdict

# Rule and network of a job; "" where it has none.
Kind = tuple[str, str]
# Rough seconds of a job until one of its rule has finished; only their ratios matter.
SECONDS = {"train": 25, "train_to_keep": 100, "cam": 60, "phantom": 10, "report": 5, "all": 0}
OTHER_SECONDS = 5
# The same of training, relative to ResNet50.
NETWORKS = {"vgg16": 2, "swin": 1.7, "dinov2_vitb14": 1.7, "vit": 1.2, "seresnet50": 1.2}


class TimeLeft:
    """The time left of a run, estimated from its finished jobs.

    The time that passes is divided equally among the jobs running at that moment. What jobs get in
    this way adds up to the time of the run, however many of them run at once.
    """

    def __init__(self, kinds: dict[int, Kind], now: float) -> None:
        self.left, self.last = dict(kinds), now
        self.running: dict[int, float] = {}
        self.finished: dict[Kind, list[float]] = defaultdict(list)

    def start(self, job: int, now: float) -> None:
        """A job starts."""
        self._share(now)
        self.running[job] = 0.0

    def stop(self, job: int, now: float, failed: bool = False) -> None:
        """A job has finished or failed."""
        self._share(now)
        seconds, kind = self.running.pop(job, None), self.left.pop(job, None)
        if seconds is not None and kind is not None and not failed:
            self.finished[kind].append(seconds)

    def _share(self, now: float) -> None:
        for job in self.running:
            self.running[job] += (now - self.last) / len(self.running)
        self.last = now

    def _expected(self, kind: Kind) -> float:
        """Seconds of a job: from jobs of its kind, else of its rule, else from all."""
        alike = [kind] if kind in self.finished else [k for k in self.finished if k[0] == kind[0]]
        alike = alike or list(self.finished)
        measured = sum(sum(self.finished[k]) for k in alike)
        return prior(kind) * measured / max(1, sum(prior(k) * len(self.finished[k]) for k in alike))

    def in_words(self) -> str:
        """The time left; "at least" where much is of rules not measured yet; "" if most is."""
        measured = {rule for rule, _ in self.finished}
        known = unknown = 0.0
        for job, kind in self.left.items():
            seconds = max(0, self._expected(kind) - self.running.get(job, 0))
            if kind[0] in measured:
                known += seconds
            else:
                unknown += seconds
        if known < unknown or known + unknown < 10:
            return ""
        if known < 9 * unknown:
            return f"at least {duration(round(known, -1))} left"
        return f"about {duration(round(known + unknown, -1))} left"


def prior(kind: Kind) -> float:
    """Rough seconds of a job of this kind."""
    rule, network = kind
    factor = NETWORKS.get(network.partition("-")[0], 1) if rule.startswith("train") else 1
    return SECONDS.get(rule, OTHER_SECONDS) * factor


def duration(seconds: float) -> str:
    """41 s, 9 min, 2.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
