"""The comparisons that people ask for most, by name."""

from benchmarks.plan.comparison import Comparison
from benchmarks.store.names import MEASURES

SUMMARIES = {
    "smoke": "everything once on three small networks (a minute)",
    "quick": "cost, speed and memory on this machine, accuracy from the library's records (minutes)",
    "standard": "trains the same networks, too (hours on two cores, minutes on a GPU)",
    "full": "the whole catalog, two sizes, three seeds (a day on a GPU)",
}
PRESETS = {
    "smoke": Comparison(
        models="frame_difference, unet(width=8), pspnet",
        measure=MEASURES,
        sizes=((64, 64),),
        data=("pairbench:hard",),
        samples=640,
        scenes=40,
        train_size=(32, 32),
        seconds=0.3,
    ),
    "quick": Comparison(),
    "standard": Comparison(measure=MEASURES, samples=10_000),
    "full": Comparison(
        models="*",
        measure=MEASURES,
        sizes=((64, 64), (224, 224)),
        samples=200_000,
        seeds=(0, 1, 2),
        train_size=(224, 224),
        seconds=10.0,
    ),
}
