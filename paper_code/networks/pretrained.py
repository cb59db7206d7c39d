"""Published weight files: found in the cache of torch.hub, or downloaded into it.

The cache is ``$TORCH_HOME/hub/checkpoints`` (``~/.cache/torch/hub/checkpoints`` by default). A
file put there by hand under its published name is used as it is.
"""

import contextlib
import functools
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import nn
from torchvision.models import WeightsEnum

from paper_code.errors import UserError
from paper_code.progress import say

CHOICES = ("random", "imagenet", "auto")
PROBE_SECONDS = 4.0
STALL_SECONDS = 20.0


def check_choice(weights: str | None) -> str:
    """Return `weights` with None read as "random"; UserError if it is not one of `CHOICES`."""
    weights = "random" if weights is None else weights
    if weights not in CHOICES:
        raise UserError(
            f"weights: {weights!r} is none of {', '.join(CHOICES)}; "
            "weights of this project are a path that ends in .safetensors"
        )
    return weights


def cached_file(url: str) -> Path:
    """Where torch.hub, torchvision and timm keep the file of this address."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name


def available(url: str, weights: str | None) -> bool:
    """Whether to start from the published file at `url`, which is then in the cache.

    "random": no. "imagenet": yes, downloaded if need be; UserError if it cannot be had. "auto":
    whether it can be had; without a network this costs `PROBE_SECONDS` once a process.
    """
    weights = check_choice(weights)
    if weights == "random":
        return False
    problem, target = missing(url), cached_file(url)
    if problem is None:
        return True
    if weights == "auto":
        say(f"weights: auto -> random, because {target.name} is not in {target.parent} ({problem})")
        return False
    raise UserError(
        f"The pre-trained weights {target.name} are not in {target.parent} and could not be "
        f"downloaded ({problem}). Fetch {url} on a machine with a connection and put the file into "
        "that folder (TORCH_HOME moves it), or set weights to random or auto."
    )


def missing(url: str) -> str | None:
    """Why the published file at `url` cannot be had; None if it is in the cache now."""
    target = cached_file(url)
    if target.is_file():
        return None
    problem = unreachable(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/")
    return problem or _download(url, target)


def from_torchvision(
    constructor: Callable[..., nn.Module], published: WeightsEnum, weights: str | None
) -> nn.Module:
    """Build with torchvision: the network, 1000-way head on, which tells its `weights_source`."""
    if available(published.url, weights):
        with readable(published.url):
            network = constructor(weights=published)
        network.weights_source = f"imagenet (torchvision {published})"
    else:
        network = constructor(weights=None)
        network.weights_source = "random"
    return network


def fill(network: nn.Module, url: str, weights: str | None, source: str) -> None:
    """Fill a network, which then tells its `weights_source`, from the file at `url` as `available`.

    What the file has more than the network is left out.
    """
    network.weights_source = "random"
    if available(url, weights):
        own = network.state_dict()
        with readable(url):
            found = load_file(url)
            network.load_state_dict({key: found[key] for key in found if key in own})
        network.weights_source = source


def load_file(url: str) -> dict[str, torch.Tensor]:
    """Read the cached file of `url`; to be called within `readable`."""
    return torch.load(cached_file(url), map_location="cpu", weights_only=True)


@contextlib.contextmanager
def readable(url: str) -> Iterator[None]:
    """Turn whatever a loader raises about the cached file of `url` into one UserError."""
    try:
        yield
    except Exception as error:
        path = cached_file(url)
        raise UserError(
            f"{path} cannot be used as the file published at {url} "
            f"({type(error).__name__}). Delete it and fetch it again."
        ) from error


@functools.cache
def unreachable(site: str) -> str | None:
    """Why `site` gives no answer, or None if it does. Any HTTP answer counts as one.

    A thread, because looking up a name has no time limit of its own.
    """
    problem = [f"no answer from {site} within {PROBE_SECONDS:.0f} s"]

    def probe() -> None:
        try:
            request = urllib.request.Request(site, method="HEAD")
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
        except urllib.error.HTTPError:
            problem.clear()
        except OSError as error:
            problem[:] = [str(getattr(error, "reason", error))]
        else:
            problem.clear()

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return next(iter(problem), None)


def _download(url: str, target: Path) -> str | None:
    """Fetch `url`, checked against the hash in its name; why it failed, or None."""
    say(f"weights: {url} -> {target}")
    digest = torch.hub.HASH_REGEX.search(target.name)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(target), digest and digest.group(1), progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        return str(error)
    finally:
        socket.setdefaulttimeout(before)
    return None
