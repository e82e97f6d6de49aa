"""Pretrained encoder weights: from a local file, or downloaded because somebody asked for them by name."""

from pathlib import Path

from torch import Tensor, nn

from registry import OptionError, first_line, nearest
from zoo.weights import WeightsError, read_state


def load_encoder(encoder: nn.Module, library: str, weights: str) -> None:
    """Copy weights into an encoder with a 3-channel stem; every tensor of it must be found, with its shape."""
    is_file = Path(weights).suffix in (".pth", ".pt", ".bin", ".safetensors") or "/" in weights
    state = read_state(Path(weights)) if is_file else download(library, weights)
    found = {key.replace(".", "_"): value for key, value in state.items()}  # timm writes stages.0 and stages_0
    own = encoder.state_dict()
    missing, unfit = [], []
    for key, value in own.items():
        flat = key.removeprefix("model.").removeprefix("model.").replace(".", "_")  # the wrappers' own attribute
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
