"""Linear equations in ONNX, which has no operation for them: the steps are written out where the file is."""

from typing import Any

import torch


def translations() -> dict[Any, Any]:
    """What torch's exporter to ONNX is to write for operations that it does not know."""
    return {torch.ops.aten._linalg_solve_ex.default: solve}


def solve(matrix: Any, right: Any, left: bool = True, check_errors: bool = False) -> Any:
    """As `zoo.blocks.unrolled.eliminated`: matrix (b, n, n), positive definite, and right (b, n, 1) -> (b, n, 1), and
    three more outputs, which nothing here asks for."""
    from onnxscript import opset18 as op

    n = int(matrix.shape[1])
    places = [op.Constant(value_ints=[i]) for i in range(n + 1)]
    own = torch.eye(n).tolist()
    rows = op.Concat(matrix, right, axis=2)
    for i in range(n):
        row, column = op.Gather(rows, places[i], axis=1), op.Gather(rows, places[i], axis=2)
        unit = op.Reshape(op.Constant(value_floats=own[i]), op.Constant(value_ints=[1, n, 1]))
        rows = op.Sub(rows, op.Mul(op.Sub(column, unit), op.Div(row, op.Gather(row, places[i], axis=2))))
    found = op.Gather(rows, places[n], axis=2)
    return found, op.Identity(matrix), op.Identity(matrix), op.Identity(matrix)
