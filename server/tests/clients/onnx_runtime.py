"""A checkpoint as ONNX says in ONNX Runtime what the server says of it.

    onnx_runtime.py ADDRESS ARTIFACTS NETWORK.onnx
"""

import gzip
import json
import pathlib
import sys

import numpy as np
import onnxruntime
import tritonclient.http as triton

address, artifacts, network = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
images = gzip.decompress((artifacts / "datasets/mnist/t10k-images-idx3-ubyte.gz").read_bytes())[16:]
pictures = np.frombuffer(images, np.uint8).reshape(-1, 1, 28, 28)
session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
manifest = json.loads(session.get_modelmeta().custom_metadata_map["glyphic"])["manifest"]
logits = session.run(None, {"pixels": pictures.astype(np.float32)})[0] / manifest["temperature"]
exponentials = np.exp(logits - logits.max(1, keepdims=True))
expected = exponentials / exponentials.sum(1, keepdims=True)

client, found = triton.InferenceServerClient(address), []
for start in range(0, len(pictures), 250):
    batch = pictures[start : start + 250]
    tensor = triton.InferInput("pixels", batch.shape, "UINT8")
    tensor.set_data_from_numpy(batch)
    answer = client.infer("glyphic", [tensor])
    assert answer.get_response()["model_version"] == manifest["id"]
    found.append(answer.as_numpy("probabilities"))
found = np.concatenate(found)
assert len(found) == 10_000
different = int((found.argmax(1) != expected.argmax(1)).sum())
assert different == 0, f"{different} of 10,000 labels differ"
assert np.abs(found - expected).max() < 1e-3, np.abs(found - expected).max()
print(f"ONNX Runtime: the same labels of 10,000 pictures, probabilities within {np.abs(found - expected).max():.0e}")
