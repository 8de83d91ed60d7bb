"""
A surrogate behind TensorFlow Serving
=====================================

A program that uses HTTP needs neither Python nor TensorFlow: TensorFlow Serving answers its
requests from an exported surrogate.
"""

import json
import tempfile
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import diffkeras as dk


# %%
# What answers here is a stand-in of eleven lines, which calls a signature of the SavedModel as
# Serving's REST interface describes it. Serving itself is not run;
# ``docs/examples/serving/Dockerfile`` makes it.
class StandIn(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        images = tf.constant(request["instances"], tf.float32)  # the only input has no name
        outputs = model.signatures[request["signature_name"]](images)
        columns = [outputs[name].numpy().tolist() for name in outputs]
        rows = [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]
        self.send_response_only(200)
        self.end_headers()
        self.wfile.write(json.dumps({"predictions": rows}).encode())


# %%
# The export of a shipped surrogate, and the server.
with tempfile.TemporaryDirectory() as folder:
    output = f"{folder}/default/1"
    dk.export("default", output=output, lattice=(64, 64))
    model = tf.saved_model.load(output)
server = HTTPServer(("localhost", 0), StandIn)  # Serving has the port 8501
threading.Thread(target=server.handle_request).start()

# %%
# The request of a client, for the signature `certified`: its reply contains the field with its
# bound.
image = dk.sample_sources(4, (64, 64), radius=5, rng=5).image().astype(np.float32)
url = f"http://localhost:{server.server_port}/v1/models/default:predict"
body = {"signature_name": "certified", "instances": image[None, ..., None].tolist()}
with urllib.request.urlopen(url, json.dumps(body).encode()) as answer:
    [prediction] = json.load(answer)["predictions"]
fields = {name: np.array(values) for name, values in prediction.items()}
true, bound = np.abs(fields["field"][..., 0] - dk.solve(image).field).max(), fields["error_bound"]
print(f"the reply has {', '.join(sorted(fields))}")
print(f"the surrogate is off by {true:.1e}, and, as the reply proves, by at most {bound:.1e}")
assert true <= bound < 1e-2

# %%
# What the client can show.
for name in ("field", "node_bound"):
    figure, axis = plt.subplots(figsize=(5.4, 4.2), layout="constrained")
    figure.colorbar(axis.imshow(fields[name][..., 0]), label="concentration")
    axis.set(title=f"“{name}” of the reply", xlabel="column", ylabel="row")
plt.show()
