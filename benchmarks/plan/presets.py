"""The comparisons that people ask for most, by name."""

from dataclasses import dataclass

from benchmarks.store.names import MEASURES

ROUNDS = 3  # of a timed cell, at least
WITHIN = 0.01  # the half width of a median's interval that ends its timing, as a share


@dataclass(frozen=True)
class Preset:
    """Defaults of the command's options; each can be given another value on the command line."""

    summary: str
    models: str
    measures: tuple[str, ...]
    sizes: tuple[int, ...] = (224,)
    data: tuple[str, ...] = ("pairbench:clean", "pairbench:hard")
    samples: int | None = None
    seeds: tuple[int, ...] = (0,)
    test_images: int = 500
    train_size: int = 64
    seconds: float = 2.5  # of timing, for each cell
    rounds: int = ROUNDS


FOUNDING = "plain_cnn, unet, resnet18_unet, two_stream, resunet, u2netp, u2net, densedepth"
HONEST = "frame_difference, aligned_difference"

PRESETS = {
    "smoke": Preset(
        summary="a minute: everything once, on three small networks",
        models="frame_difference, unet(width=8), pspnet",
        measures=MEASURES,
        sizes=(64,),
        data=("pairbench:hard",),
        samples=640,
        test_images=40,
        train_size=32,
        seconds=0.3,
    ),
    "quick": Preset(
        summary="minutes: cost, speed and memory here; accuracy from the records that come with the library",
        models=f"{FOUNDING}, {HONEST}",
        measures=("cost", "latency", "memory"),
    ),
    "standard": Preset(
        summary="hours on two cores, minutes on a GPU: trains the same networks, too",
        models=f"{FOUNDING}, {HONEST}",
        measures=MEASURES,
        samples=10_000,
    ),
    "full": Preset(
        summary="a day on a GPU: the whole catalog, two sizes, three seeds",
        models="*",
        measures=MEASURES,
        sizes=(64, 224),
        samples=200_000,
        seeds=(0, 1, 2),
        train_size=224,
        seconds=10.0,
    ),
}
