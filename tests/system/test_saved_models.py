import tensorflow as tf
from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef

from diffkeras.system import saved_models


def test_the_fingerprint_of_a_saved_model_holds_nothing_random(tmp_path):
    double = tf.function(lambda x: 2 * x, [tf.TensorSpec((), tf.float32)])
    saved_models.write_saved_model(tmp_path / "model", {"serve": double}, [], {})
    file = tmp_path / "model" / saved_models.FINGERPRINT
    written = file.read_bytes()
    fingerprint = FingerprintDef.FromString(written)
    assert fingerprint.saved_model_checksum
    fingerprint.uuid = "1"  # as if TensorFlow had drawn another number
    file.write_bytes(fingerprint.SerializeToString())
    saved_models._fix_fingerprint(file)
    assert file.read_bytes() == written
