"""Every setting with its type, limits and uses. Defaults, and what each means: config/config.yaml.

A setting is one line of that file and one line of `Settings`; options of commands, checks of scales
and of `for_dataset`, and what a rule depends on follow from them.
"""

import difflib
import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,  # of typing, pydantic takes it from 3.12 on
    get_type_hints,
)

import yaml
from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    create_model,
)
from typing_extensions import TypedDict

from paper_code.datasets.catalog import BUILT_IN, SOURCES, find_dataset, is_own
from paper_code.device import cuda_device_count
from paper_code.errors import UserError
from paper_code.files import write_text
from paper_code.networks.registry import VARIANT
from paper_code.workers import cores

FILE = Path(__file__).with_name("config.yaml")  # a link to config/config.yaml, installed as a file
MAPS = "_maps"  # ends the name of a data set at the size, and with the epochs, of the runs for maps
THE_PAIR = ("dalaresnet50", "resnet50")  # compared on every data set
# Marks of a setting: the scale sets it unless it is given; for_dataset may have it; a training run,
# its loop, or the scoring of maps depends on it.
Mark = Literal["scale", "dataset", "run", "loop", "cam"]

# --- types ----------------------------------------------------------------------------------------


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("input should be a number")
    return value


def _no_item_twice(items: list) -> list:
    if len(set(items)) < len(items):
        raise ValueError("input should have no item twice")
    return items


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"input should be a regular expression ({error})") from error
    return text


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("input should be odd")
    return value


def _name(text: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]*", text):
        raise ValueError("a name should begin with a small letter and have digits and _ besides")
    return text


def _of_each_family(values: dict) -> dict:
    if set(values) != set(SOURCES):
        raise ValueError(f"input should have a value for each of {', '.join(SOURCES)}")
    return values


Int = Annotated[int, BeforeValidator(_no_flag)]
Float = Annotated[float, BeforeValidator(_no_flag)]
Count = Annotated[Int, Ge(1)]
CountOrZero = Annotated[Int, Ge(0)]
Seed = Annotated[Int, Ge(0), Le(2**32 - 1)]  # the largest of scikit-learn
Seeds = Annotated[list[Seed], Len(1), AfterValidator(_no_item_twice)]
Names = Annotated[list[str], AfterValidator(_no_item_twice)]
SomeNames = Annotated[Names, Len(1)]
Placements = Annotated[list[Annotated[Int, Ge(1), Le(4)]], AfterValidator(_no_item_twice)]
Text = Annotated[str, Len(1)]
Size = Annotated[Int, Ge(32), Le(1024)]  # px
Images = Literal["all"] | Annotated[Int, Ge(20)]
Scored = Literal["all"] | Annotated[Int, Ge(2)]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Source = Literal["real", "phantom"]


STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Manifest(TypedDict):
    """A data set of the user's own."""

    __pydantic_config__ = STRICT
    path: str
    group_pattern: NotRequired[Annotated[str, AfterValidator(_pattern)]]
    classes: NotRequired[Annotated[list[str], Len(2), AfterValidator(_no_item_twice)]]
    credit: NotRequired[str]


class Settings(BaseModel):
    """Every setting. `auto` is left where a job decides on its own machine."""

    model_config = STRICT
    scale: Literal["demo", "paper"]
    data: Literal["auto"] | Source | dict[str, Source]  # of each data set, once it is chosen
    data_root: Text
    breakhis_lists: Text
    minimum_images_per_class: Count
    datasets: SomeNames
    manifests: dict[Annotated[str, AfterValidator(_name)], Manifest]
    networks: Annotated[SomeNames, "dataset"]
    compared_datasets: Annotated[Names, "scale"]
    placements: Annotated[Placements, "dataset"]
    splits: Literal["image", "patient"]
    leakage_networks: Names
    leakage_datasets: Annotated[Names, "scale"]
    crossover_frozen: CountOrZero
    crossover_fine_tuned: CountOrZero
    seeds: Annotated[Seeds, "scale", "dataset"]
    split_seeds: Annotated[Literal["paired"] | Seeds, "dataset"]
    for_dataset: dict[str, dict[str, Any]]  # each checked as `OfDataset`
    pictures: Literal["all", "phantom"]
    results: Text
    weights: Annotated[Literal["auto", "imagenet", "random"], "run"]
    freeze_backbone: Annotated[bool, "run"]
    learning_rate: Annotated[Float, Gt(0), "scale", "dataset", "run", "loop"]
    dropout: Annotated[Float, Ge(0), Lt(1), "run"]
    rotation: Annotated[Float, Ge(0), Le(180), "dataset", "run", "loop"]
    select_epoch: Annotated[Literal["best", "last"], "dataset", "run", "loop"]
    precision: Annotated[Precision, "run", "loop"]
    compile: Annotated[bool, "run", "loop"]
    checkpoint_seconds: Annotated[Float, Ge(0), "run", "loop"]
    cam_datasets: Annotated[Names, "scale"]
    explained_networks: Annotated[Names, "scale"]
    cam_image_size: Annotated[Size, "scale"]
    cam_epochs: Annotated[Count, "scale", "dataset"]
    cam_copies: Annotated[Count, "cam"]
    cam_sigma: Annotated[Float, Ge(0), "cam"]
    cam_kernel: Annotated[Int, Ge(1), Le(21), AfterValidator(_odd), "cam"]
    threads_per_run: Count
    image_size: Annotated[Size, "scale"]
    own_image_size: Annotated[Size, "scale"]
    epochs: Annotated[Count, "scale", "dataset", "run", "loop"]
    network_epochs: Annotated[dict[str, Count], "scale"]
    batch_size: Annotated[Int, Ge(2), "scale", "dataset", "run", "loop"]
    images_per_dataset: Annotated[Images, "scale", "dataset"]
    phantom_images: Annotated[dict[str, Images], AfterValidator(_of_each_family), "scale"]
    phantom_height: Annotated[
        dict[str, Annotated[Int, Ge(64)]], AfterValidator(_of_each_family), "scale"
    ]
    phantom_lesion_scale: Annotated[Float, Ge(0.5), Le(2), "scale"]
    phantom_patient_signal: Annotated[Float, Ge(0), Le(1)]
    recalibrate_batchnorm: Annotated[bool, "scale", "run", "loop"]
    bootstrap_resamples: Annotated[Count, "scale"]
    keep_weights: Annotated[bool, "scale"]
    cam_images: Annotated[Scored, "scale", "cam"]
    scorecam_images: Annotated[Count, "scale", "cam"]
    faithfulness_images: Annotated[Scored, "scale", "cam"]
    cam_tuning_images: Annotated[Count, "scale", "cam"]
    cam_precision: Annotated[Precision, "scale", "cam"]

    @property
    def every_network(self) -> list[str]:
        """All networks that are named anywhere, some of them more than once."""
        names = [*self.networks, *self.leakage_networks, *self.explained_networks]
        own = [name for each in self.for_dataset.values() for name in each.get("networks", [])]
        return [*names, *self.network_epochs, *own]

    @classmethod
    def names(cls, mark: Mark) -> list[str]:
        """The settings with a mark."""
        return [name for name, field in cls.model_fields.items() if mark in field.metadata]

    def changed(self, **changes: Any) -> "Settings":
        """A copy with other values, which are not checked."""
        if unknown := changes.keys() - type(self).model_fields.keys():
            raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
        return self.model_copy(update=changes)

    def part(self, mark: Mark) -> dict[str, Any]:
        """The settings with a mark as plain data."""
        return self.model_dump(include=set(self.names(mark)))

    def of(self, dataset: str, network: str = "") -> "Settings":
        """Those of one data set, or of a network on it, with what `for_dataset` has of it.

        A name that ends in `MAPS` has size and epochs of the runs for maps. Of a user's own data
        sets, the same runs serve for scores and maps.
        """
        base, changes = dataset.removesuffix(MAPS), {}
        kind = network if network in self.network_epochs else network.partition(VARIANT)[0]
        if kind in self.network_epochs and base == dataset and not is_own(base):
            changes["epochs"] = self.network_epochs[kind]
        compared = base in self.compared_datasets or is_own(base)
        if not compared and set(THE_PAIR) <= set(self.networks):
            leakage = self.leakage_networks if base in self.leakage_datasets else []
            few = [name for name in self.networks if name in (*THE_PAIR, *leakage)]
            changes |= {"networks": few, "placements": []}
        if is_own(base):
            changes["image_size"] = self.own_image_size
        own = self.changed(**changes | self.for_dataset.get(base, {}))
        if dataset != base and not is_own(base):
            own = own.changed(image_size=own.cam_image_size, epochs=own.cam_epochs)
        return own

    def write(self, path: str | Path) -> None:
        """Write them as a configuration of which nothing is left to choose."""
        write_text(path, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False))


def _some(name: str, mark: Mark, *default: None) -> type[BaseModel]:
    """A model of the settings with a mark; without a default all of them are needed."""
    types, value = get_type_hints(Settings, include_extras=True), default[0] if default else ...
    fields: dict[str, Any] = {each: (types[each], value) for each in Settings.names(mark)}
    return create_model(name, __config__=STRICT, **fields)


OfScale = _some("OfScale", "scale")
OfDataset = _some("OfDataset", "dataset", None)


# --- from a configuration -------------------------------------------------------------------------


def load_config(path: str | Path = FILE) -> dict:
    """The content of a configuration file; keys that it lacks have their default.

    UserError if there is no such file, or it is not YAML with keys and values.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read as a configuration ({reason}).") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: a configuration has keys and values, see config/config.yaml.")
    return content if Path(path) == FILE else load_config() | content


@functools.cache
def defaults() -> Settings:
    """Every setting's default, with the values of the paper scale where a scale decides."""
    return resolve_settings(load_config() | {"scale": "paper"})


def resolve_settings(config: Mapping[str, Any]) -> Settings:
    """Check a configuration, and replace every `auto` that does not depend on the data.

    UserError names each unknown key, missing key or wrong value, and unknown data sets.
    """
    given = dict(config)
    scales = given.pop("scales", {})
    if not isinstance(scales, dict):
        raise UserError(f"Config: 'scales' is {scales!r}: input should be a mapping.")
    if given.get("scale") == "auto":
        given["scale"] = "paper" if cuda_device_count() else "demo"
    if given.get("threads_per_run") == "auto":
        given["threads_per_run"] = 4 if cuda_device_count() else max(1, cores() // 4)
    _refuse(
        problem
        for name, values in scales.items()
        for problem in _problems(OfScale, values, f"scales.{name}.")
    )
    preset = dict(scales.get(str(given.get("scale")), scales.get("paper", {})))
    if given.get("epochs", "auto") != "auto":
        preset["network_epochs"] = {}
    if given.get("image_size", "auto") != "auto":
        preset["own_image_size"] = given["image_size"]
    datasets = given.get("datasets")
    compared = preset.get("compared_datasets", [])
    if isinstance(datasets, list) and not any(name in compared for name in datasets):
        preset["compared_datasets"] = datasets
    values = preset | {
        name: value
        for name, value in given.items()
        if value != "auto" or name not in OfScale.model_fields
    }
    _refuse(_problems(Settings, values))
    own = values["for_dataset"]
    _refuse(
        problem
        for name, changes in own.items()
        for problem in _problems(OfDataset, changes, f"for_dataset.{name}.")
    )
    for name, changes in own.items():
        own = own | {name: OfDataset.model_validate(changes).model_dump(exclude_unset=True)}
    settings = Settings.model_validate(values | {"for_dataset": own})
    for name in settings.manifests:
        if name in BUILT_IN or name.endswith(MAPS):
            raise UserError(
                f"Config: 'manifests.{name}' has the name of a data set of the paper or of the "
                "workflow. Rename it."
            )
    for name in (*settings.datasets, *settings.for_dataset):
        find_dataset(name, settings.manifests)
    return settings


def _refuse(problems: Iterable[str]) -> None:
    if text := "; ".join(problems):
        raise UserError(f"Config: {text}. See config/config.yaml.")


def _problems(model: type[BaseModel], values: object, prefix: str = "") -> list[str]:
    """What is wrong with values, in words; empty if nothing is."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
    else:
        return []
    found: dict[str, list[str]] = {}
    for each in errors:
        value, path = values, []
        for part in each["loc"]:
            listed = isinstance(value, list) and isinstance(part, int)
            if not listed and not (isinstance(value, dict) and part in value):
                break  # a union names its choices behind the key
            value = value[part]
            path.append(str(part))
        key = (prefix + ".".join(path)).removesuffix(".")
        if each["type"] == "extra_forbidden":
            inner = path[0] == "manifests" and not prefix
            known = Manifest.__annotations__ if inner else model.model_fields
            near = difflib.get_close_matches(path[-1], known, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            found[f"unknown key '{key}'{hint}"] = []
        elif each["type"] == "missing":
            found[f"'{key}{'.' if path else ''}{each['loc'][-1]}' is missing"] = []
        else:
            text = each["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
            texts = found.setdefault(f"'{key}' is {each['input']!r}: ", [])
            texts.append(text[0].lower() + text[1:])
    return [key + " or ".join(dict.fromkeys(texts)) for key, texts in found.items()]
