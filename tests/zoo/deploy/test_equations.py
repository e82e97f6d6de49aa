"""A step of the registration as ONNX: what other programs know, and the same answer."""

import pytest
import torch
from textures import moved, texture
from torch import nn
from torch.export import Dim

from zoo.blocks import registration, unrolled
from zoo.deploy.equations import translations
from zoo.deploy.formats import quiet

KNOWN = (
    *("Abs", "Add", "Cast", "Concat", "Div", "Expand", "Gather", "GridSample", "LessOrEqual", "MatMul", "Mul", "Pow"),
    *("ReduceMax", "Reshape", "Shape", "Split", "Sub", "Transpose", "Unsqueeze"),
)


class Step(nn.Module):
    """The first step of the coarsest level."""

    def forward(self, plate, photo, motion, light):
        _, unknowns, _, scale = registration.LEVELS[0]
        return registration._unrolled(plate, photo, motion, light, unknowns, (1, scale))


def test_a_step_of_the_registration_is_few_operations_that_others_know():
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    bg = texture(16, 16).mean(1, keepdim=True)
    plate, photo = (image.expand(2, -1, -1, -1) for image in (bg, moved(bg, (0.5, -0.3), 0.02)))
    inputs = plate, photo, torch.eye(3).expand(2, 3, 3), torch.tensor([[1.0, 0.0], [1.1, 0.1]])
    inputs = tuple(each.contiguous() for each in inputs)
    with quiet(), unrolled.solving_whole():
        program = torch.export.export(Step(), inputs, dynamic_shapes=({0: Dim("b")},) * 4, strict=False)
        made = torch.onnx.export(program, dynamo=True, verbose=False, custom_translation_table=translations())
    kinds = [node.op_type for node in made.model_proto.graph.node]
    assert {*kinds} <= {*KNOWN}
    assert len(kinds) < 110  # 500 where it is written by torch's exporter as it stands, before it makes them fewer
    session = runtime.InferenceSession(made.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    for one, other in zip(
        session.run(None, dict(zip(names, (each.numpy() for each in inputs), strict=True))),
        Step()(*inputs),
        strict=True,
    ):
        torch.testing.assert_close(torch.from_numpy(one), other, rtol=1e-4, atol=1e-5)
