"""TensorFlow's threads, in processes of their own: they can't be changed once it runs."""

import pytest

from tests.helpers.new_process import NewProcess

CODE = """
import sys
import tensorflow as tf
from diffkeras.errors import ConfigurationError
from diffkeras.system.tensorflow_setup import limit_threads
for kind in sys.argv[1:]:
    getattr(tf.config.threading, f"set_{kind}_op_parallelism_threads")(1)
tf.zeros(1)
try:
    limit_threads(1)
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("limited", "said"), [(("intra",), "can't be limited to 1"), (("intra", "inter"), "")]
)
def test_threads_are_limited_or_it_is_said_that_they_cant_be(limited, said, tmp_path):
    output = NewProcess(CODE, *limited, output=tmp_path / "output").succeed()
    assert said in output
    assert bool(said) == bool(output)
