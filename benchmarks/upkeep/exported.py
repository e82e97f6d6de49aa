"""Networks as files of other programs, laid out from the recorded exports: docs/export.md, by `make readme`."""

from collections.abc import Sequence

from benchmarks.show import optimised
from benchmarks.show.exports import to_markdown
from benchmarks.store.exported import ExportRecord
from benchmarks.store.optimised import OptimisedRecord

TEXT = """# Networks as files of other programs

`make readme` writes this page from the records in `benchmarks/records/exports`; no figure in a table is typed by hand.
To measure your own networks, sizes and weights on your machine:

```
$ zoo compare "unet, u2netp" --formats eager,compile,onnx,onnx-int8,openvino,pt2 --device cpu
```

With `--weights FILE` it also measures mask IoU and depth RMSE of each file. [deployment.md](deployment.md#export)
describes inputs, outputs and metadata of the files.

## Without this library

| with | example | run here |
| --- | --- | --- |
| onnxruntime in Python | [predict.py](../examples/exported/predict.py) | tested |
| onnxruntime-web in a page | [page.html](../examples/exported/page.html) | tested in Chromium |
| OpenVINO in C++, `.xml` or `.onnx` | [predict.cpp](../examples/exported/predict.cpp) | tested with g++ |

The tests are `tests/zoo/exported/test_formats.py`, run by `make test-all`; that of the page needs `ORT_WEB`, the folder
`dist` of `npm install onnxruntime-web`.

TensorRT and CoreML were not run here. A test makes sure that the registration of a plate uses only operations
that they have: no scatter, no If, no Loop, nothing whose size depends on values. For TensorRT, with an open size,
`trtexec --onnx=model.onnx --minShapes=bg:1x3x64x64,fg_bg:1x3x64x64 --optShapes=... --maxShapes=...`; for CoreML read
the `.pt2` with `torch.export.load` and give it to `coremltools.convert`.

`pairnet-nano` at 224 px is 2,038 operations of ONNX, the steps of its registration written out; none of them is one of
those. In onnxruntime it takes 26 ms of the processor, where the network as it is takes 46, and its maps differ by 0.01
at most, on three pairs of the hard tier (one core of an AMD EPYC, torch 2.14.1, 2026-11-28). An export with open sizes,
and the other scales, were not seen to end on a machine that much other work shared.

## What was measured

{tables}"""
OPTIMISED = """
## As fast as a machine can

What [`zoo.optimise`](deployment.md#as-fast-as-this-machine-can) chose, from the records in
`benchmarks/records/optimised`. The same on your machine:

```
$ python -m benchmarks.checks optimise --models "u2netp, resnet18_unet" --threads 1
```

So far few networks are measured, `u2netp` and `pairnet-nano` in OpenVINO alone. That `pairnet-nano` finds another mask
in OpenVINO's bf16 is probably the registration's equations, which need more digits. The times that `torch.compile` took
to build are those of a second run, which found the kernels of the first; that took 132 and 121 s of a busy machine's
clock.

{tables}"""


def page(records: Sequence[ExportRecord], fast: Sequence[OptimisedRecord] = ()) -> str:
    """The text; empty where nothing is recorded."""
    if not records:
        return ""
    more = OPTIMISED.format(tables=optimised.to_markdown(fast)) if fast else ""
    return TEXT.format(tables=to_markdown(records)) + more
