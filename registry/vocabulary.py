"""The words and limits that command lines and library share; here, because `--help` does not wait for torch."""

from typing import Literal, get_args

Split = Literal["train", "val", "test", "all"]  # all: everything there is, held out or not
SPLITS: tuple[Split, ...] = get_args(Split)

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
PortablePrecision = Literal["fp32", "bf16", "fp16"]  # without TF32, which is a setting of GPUs alone
PORTABLE_PRECISIONS: tuple[PortablePrecision, ...] = get_args(PortablePrecision)

SMALLEST = 8  # pixels of an image's side; below, a replicated border would be most of the picture
LARGEST = 8192  # above, it is a slip of the finger
LARGEST_PHOTO = 1 << 26  # pixels of a file; some kilobytes of a hostile one can ask for any number
