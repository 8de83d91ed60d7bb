"""ONNX, for ONNX Runtime and others: batches and lattices of any size, without checks of the input.

The description is in its metadata, under the key `diffkeras`.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import tensorflow as tf

from diffkeras._version import __version__
from diffkeras.errors import ExportError
from diffkeras.graph.export import FORMAT
from diffkeras.surrogates.saved_model import Inputs, Runner, describe, input_specs
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import replacing
from diffkeras.system.environment import available_cores
from diffkeras.system.saved_models import ONNX_KEY, OUTPUT, named_function

OPSET = 18  # ONNX Runtime 1.14 (early 2023) and all later versions read it
AXES = ("batch", "rows", "columns")  # what of them an input or output has comes in this order
# ONNX has neither log1p nor expm1. The rounding of 1 + x is within the rounding of the network.
ELEMENTARY = SimpleNamespace(
    **{
        **vars(keras.ops),
        "log1p": lambda x: keras.ops.log(1 + x),
        "expm1": lambda x: keras.ops.exp(x) - 1,
    }
)


@contextmanager
def replacing_onnx(surrogate: Surrogate, path: Path, _: Any = None) -> Iterator[Path]:
    """Yield an ONNX file beside the path, which it replaces at the end of the block."""
    if (precision := surrogate.config.training.precision) != "float32":
        raise ExportError(
            f"ONNX files hold networks in float32, and this one was trained in {precision}; export "
            "a SavedModel, or train with training.precision: float32"
        )
    try:
        content = _converted(surrogate)
    except Exception as error:  # the converter raises any type
        reason = str(error).strip() or type(error).__name__
        raise ExportError(
            f"ONNX can't express this network: {reason.splitlines()[0]:.300}; export a SavedModel"
        ) from error
    with replacing(path) as beside:
        beside.write_bytes(content)
        yield beside


def load_onnx(path: Path) -> Runner:
    """An ONNX file, as ONNX Runtime runs it on all cores of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(inputs: Inputs) -> Any:
        return session.run([OUTPUT], dict(inputs))[0]

    return run


def _converted(surrogate: Surrogate) -> bytes:
    """The graph of network and physics, with the description among its metadata."""
    import onnx
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL + 1)

    def fields(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:  # without checks of the input
        network = partial(surrogate.model, training=False)
        return {OUTPUT: surrogate.config.view.fields(network, inputs, xp=ELEMENTARY)}

    specs = input_specs(surrogate)
    function = named_function(fields, specs)
    model, _ = tf2onnx.convert.from_function(function, specs, opset=OPSET)
    for value in (*model.graph.input, *model.graph.output):
        axes = value.type.tensor_type.shape.dim
        for axis, name in zip(axes, AXES, strict=False):
            if not axis.HasField("dim_value"):
                axis.dim_param = name
    model.producer_name, model.producer_version = "diffkeras", __version__
    model.model_version = FORMAT  # otherwise ONNX Runtime shows the largest integer
    description = json.dumps(describe(surrogate), ensure_ascii=False)
    onnx.helper.set_model_props(model, {ONNX_KEY: description})
    onnx.checker.check_model(model)  # tf2onnx keeps operations that it can't convert
    return model.SerializeToString()
