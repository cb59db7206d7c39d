"""How long a plan takes, from measured rates: arithmetic alone.

Nothing is measured here (see `probe`), so that the sums can be checked by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from paper_code.config import settings_of
from paper_code.datasets.facts import Dataset
from paper_code.datasets.splits import part_sizes
from paper_code.networks.names import parse_network
from paper_code.plan import Plan, RunId
from paper_code.training.loop import RECALIBRATION_IMAGES

# Network, side of its images in px, images per step: what decides the speed of training.
Kind = tuple[str, int, int]
# Whose time a result takes that was not measured itself.
RULES = {"table": "table", "figure": "figure", "page": "table"}


@dataclass(frozen=True)
class Training:
    """Of one job that trains a network of a kind."""

    start: float  # s besides what follows: imports, building, saving
    step: float  # s per training step
    image: float  # s per image that is only evaluated
    memory: int  # bytes at the peak


@dataclass(frozen=True)
class Maps:
    """Of one job that scores maps at a size."""

    start: float  # s besides what follows
    image: float  # s per test image
    scorecam: float  # s per image that Score-CAM explains
    curves: float  # s per image of the deletion and insertion curves
    tuning: float  # s per image on which parameters are chosen
    memory: int  # bytes at the peak


@dataclass(frozen=True)
class Rates:
    """What was measured. Seconds are those of one job while `slots` of them run at once.

    Attributes:
        training: by kind.
        maps: by side of the images in px.
        drawing: s per image of a phantom family, drawn in each of its sets.
        reading: s per image of a data set: hashed, decoded, resized.
        jobs: s of a whole job, by rule, of some results by name; of data jobs, what does not depend
            on the number of images.
        slots: training jobs, or jobs that score maps, at once.
        cores: processor cores; other jobs take one each.
        in_turn: whether training and maps wait for each other (on a GPU), all but their start.
    """

    training: Mapping[Kind, Training]
    maps: Mapping[int, Maps]
    drawing: Mapping[str, float]
    reading: Mapping[str, float]
    jobs: Mapping[str, float]
    slots: int
    cores: int
    in_turn: bool


@dataclass(frozen=True)
class Part:
    """A line of the forecast: jobs that are alike."""

    name: str
    jobs: int
    seconds: float  # of all its jobs, one after another
    memory: int = 0  # bytes of one job; 0 if not measured


@dataclass(frozen=True)
class Forecast:
    """The parts, and the seconds that the whole takes with all the jobs that run at once."""

    parts: tuple[Part, ...]
    seconds: float
    memory: int  # bytes of the largest jobs that run at once


def sets_of(plan: Plan) -> list[str]:
    """Every data set that is prepared, controls and those for maps included."""
    return list(dict.fromkeys([*plan.settings["datasets"], *(run.dataset for run in plan.runs)]))


def kind_of(plan: Plan, run: RunId) -> Kind:
    """The kind of a run; where the gate of DALAResNet50 stands makes no difference to speed."""
    own = settings_of(plan.settings, run.dataset, run.network)
    return parse_network(run.network)[0], own["image_size"], own["batch_size"]


def training_seconds(plan: Plan, run: RunId, images: int, rate: Training) -> tuple[float, float]:
    """Start, and the timed rest, of the job that trains a run on so many images."""
    own = settings_of(plan.settings, run.dataset, run.network)
    train, val, test = part_sizes(images)
    evaluated = val
    if own["recalibrate_batchnorm"]:
        evaluated += min(train, RECALIBRATION_IMAGES)
    epoch = train // own["batch_size"] * rate.step + evaluated * rate.image
    return rate.start, own["epochs"] * epoch + (val + test) * rate.image


def maps_seconds(plan: Plan, run: RunId, images: int, rate: Maps) -> tuple[float, float]:
    """Start, and the timed rest, of the job that scores the maps of a run on so many images."""
    settings = plan.settings
    _, val, test = part_sizes(images)
    share = _lesion_share(plan.facts(run.dataset))
    limits = [settings[key] for key in ("cam_images", "scorecam_images", "faithfulness_images")]
    shown = round(test * share)
    shown, by_scorecam, by_curves = (
        min(shown, limit) if limit != "all" else shown for limit in limits
    )
    on_val = min(round(val * share), settings["cam_tuning_images"])
    seconds = shown * rate.image + by_scorecam * rate.scorecam
    return rate.start, seconds + by_curves * rate.curves + on_val * rate.tuning


def _lesion_share(facts: Dataset) -> float:
    """The share of the images that are of a class whose maps are scored; half if unknown."""
    if not facts.counts:
        return 0.5
    last = list(facts.counts)[-1:] if len(facts.counts) == 2 else [*facts.counts][1:]
    return sum(facts.counts[name] for name in last) / facts.total


def cams_of(plan: Plan) -> list[RunId]:
    """The runs whose maps are scored."""
    runs = [
        run
        for planned in plan.results
        if "cams" in planned.result.needs
        for run in plan.selected_runs(planned.result.networks, planned.datasets)
    ]
    return list(dict.fromkeys(runs))


def forecast(plan: Plan, rates: Rates, images: Mapping[str, int], notebooks: int) -> Forecast:
    """The time of a whole run of a plan.

    Args:
        plan: the plan.
        rates: as measured.
        images: of each data set of `sets_of`.
        notebooks: how many there are.
    """
    data = _data(plan, rates, images)
    started = timed = 0.0
    parts: dict[Kind, list[float]] = {}
    for run in plan.runs:
        kind = kind_of(plan, run)
        start, rest = training_seconds(plan, run, images[run.dataset], rates.training[kind])
        parts.setdefault(kind, []).append(start + rest)
        started, timed = started + start, timed + rest
    lines = [
        Part(f"{name}, {size} px", len(each), sum(each), rates.training[name, size, batch].memory)
        for (name, size, batch), each in parts.items()
    ]
    cams = [
        maps_seconds(plan, run, images[run.dataset], rates.maps[_side(plan, run)])
        for run in cams_of(plan)
    ]
    if cams:
        memory = max(rates.maps[_side(plan, run)].memory for run in cams_of(plan))
        lines.append(Part("scores of maps", len(cams), sum(map(sum, cams)), memory))
        started += sum(start for start, _ in cams)
        timed += sum(rest for _, rest in cams)
    results = _results(plan, rates, notebooks)
    beside = sum(part.seconds for part in (*data, *results)) / rates.cores
    heavy = (started + timed) / rates.slots
    if rates.in_turn:
        heavy = max(heavy, timed)
    largest = sorted((part.memory for part in lines for _ in range(part.jobs)), reverse=True)
    memory = sum(largest[: 1 if rates.in_turn else rates.slots])
    return Forecast((*data, *lines, *results), beside + heavy, memory)


def _side(plan: Plan, run: RunId) -> int:
    return settings_of(plan.settings, run.dataset, run.network)["image_size"]


def _data(plan: Plan, rates: Rates, images: Mapping[str, int]) -> list[Part]:
    """Phantoms, and preparing every data set and split."""
    prepared = sets_of(plan)
    drawn: dict[str, int] = {}
    for name in prepared:
        if plan.phantom(name):
            family = plan.facts(name).family
            drawn[family] = max(images[name], drawn.get(family, 0))
    splits = {(run.dataset, run.by, run.split) for run in plan.runs}
    parts = []
    if drawn:
        seconds = sum(rates.jobs["phantom"] + n * rates.drawing[f] for f, n in drawn.items())
        parts.append(Part("phantoms", len(drawn), seconds))
    seconds = len(splits) * rates.jobs["split"]
    for name in prepared:
        seconds += rates.jobs["manifest"] + rates.jobs["prepare"]
        seconds += images[name] * rates.reading[plan.facts(name).name]
    parts.append(Part("reading and splitting", 2 * len(prepared) + len(splits), seconds))
    return parts


def _results(plan: Plan, rates: Rates, notebooks: int) -> list[Part]:
    """Tables, figures, the report and notebooks."""
    names = {kind: plan.names(kind) for kind in ("table", "figure", "page")}
    names["figure"] += plan.steps
    seconds = rates.jobs["report"]
    for kind, each in names.items():
        seconds += sum(rates.jobs.get(name, rates.jobs[RULES[kind]]) for name in each)
    return [
        Part("tables, figures, report", sum(map(len, names.values())) + 1, seconds),
        Part("notebooks", notebooks, notebooks * rates.jobs["notebook"]),
    ]
