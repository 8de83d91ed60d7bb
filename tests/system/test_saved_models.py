import pytest
import tensorflow as tf
from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef

from diffkeras.errors import OutputError
from diffkeras.system import saved_models


def test_the_fingerprint_of_a_saved_model_holds_nothing_random(tmp_path):
    double = tf.function(lambda x: 2 * x, [tf.TensorSpec((), tf.float32, name="x")])
    saved_models.write_saved_model(tmp_path / "model", {"serve": double}, [], {})
    file = tmp_path / "model" / saved_models.FINGERPRINT
    written = file.read_bytes()
    fingerprint = FingerprintDef.FromString(written)
    assert fingerprint.saved_model_checksum
    fingerprint.uuid = "1"  # as if TensorFlow had drawn another number
    file.write_bytes(fingerprint.SerializeToString())
    saved_models._fix_fingerprint(file)
    assert file.read_bytes() == written


def test_a_signature_names_its_output_and_a_path_that_cant_be_loaded_is_refused(tmp_path):
    double = saved_models.named_function(lambda x: 2 * x, [tf.TensorSpec((), tf.float32, name="x")])
    saved_models.write_saved_model(tmp_path / "model", {"serve": double}, [], {})
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    for name in ("serve", "serving_default"):
        assert float(loaded.signatures[name](x=tf.constant(3.0))["field"]) == 6.0
    assert float(loaded.serve(3.0)) == 6.0
    for name in ("y[1]", "y*"):
        with pytest.raises(OutputError, match="choose another name"):
            saved_models.write_saved_model(tmp_path / name, {"serve": double}, [], {})
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
