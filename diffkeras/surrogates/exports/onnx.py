"""ONNX, for ONNX Runtime and others: batches and lattices of any size.

The description is in its metadata, under the key `diffkeras`.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diffkeras._version import __version__
from diffkeras.surrogates.exports.export_format import (
    Format,
    Inputs,
    Lattice,
    Runner,
    fields_function,
)
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.environment import available_cores
from diffkeras.tf_solver.description import FORMAT

OPSET = 18  # ONNX Runtime 1.14 (early 2023) and all later versions read it
AXES = ("batch", "rows", "columns")  # what of them an input or output has comes in this order
KEY = "diffkeras"  # the metadata of an ONNX file hold the description under it


@contextmanager
def _silent(package: str) -> Iterator[None]:
    """Log nothing of a package."""
    log = logging.getLogger(package)
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


class Onnx(Format):
    """A file of ONNX; operations of network and physics in one graph."""

    label = "ONNX"
    file_name = "model.onnx"
    packages = ("tf2onnx", "onnx", "onnxruntime")

    def convert(self, surrogate: Surrogate, lattice: Lattice, description: Any) -> bytes:
        """The graph, with the description among its metadata."""
        import onnx
        import tf2onnx

        function = fields_function(surrogate)
        with _silent("tf2onnx"):
            model, _ = tf2onnx.convert.from_function(
                function, function.function_spec.input_signature, opset=OPSET
            )
        for value in (*model.graph.input, *model.graph.output):
            axes = value.type.tensor_type.shape.dim
            for axis, name in zip(axes, AXES, strict=False):
                if not axis.HasField("dim_value"):
                    axis.dim_param = name
        model.producer_name, model.producer_version = "diffkeras", __version__
        model.model_version = FORMAT  # otherwise ONNX Runtime shows the largest integer
        onnx.helper.set_model_props(model, {KEY: json.dumps(description, ensure_ascii=False)})
        onnx.checker.check_model(model)  # tf2onnx keeps operations that it can't convert
        return model.SerializeToString()

    def load(self, path: Path) -> Runner:
        """A session of ONNX Runtime on the CPU."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = available_cores()
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        def run(inputs: Inputs) -> Any:
            return session.run(["fields"], dict(inputs))[0]

        return run

    def is_export(self, path: Path) -> bool:
        """Whether its metadata have a description."""
        import onnx
        from google.protobuf.message import DecodeError

        try:
            model = onnx.load(path, load_external_data=False)
        except DecodeError:
            return False
        return KEY in {entry.key for entry in model.metadata_props}
