"""The Open Inference Protocol as NVIDIA's client speaks it.

    triton.py ADDRESS ARTIFACTS
"""

import gzip
import json
import pathlib
import sys
import urllib.request

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

address, artifacts = sys.argv[1], pathlib.Path(sys.argv[2])
mnist = artifacts / "datasets/mnist"
PICTURES = np.frombuffer(gzip.decompress((mnist / "t10k-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8).reshape(-1, 28, 28)
LABELS = np.frombuffer(gzip.decompress((mnist / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:], np.uint8)
client = triton.InferenceServerClient(address)
serving = json.load(urllib.request.urlopen(f"http://{address}/api/models"))["current"]


def ask(pictures, datatype="UINT8", model="glyphic", binary=True, version="", outputs=None, **more):
    tensor = triton.InferInput("pixels", pictures.shape, datatype)
    tensor.set_data_from_numpy(pictures.astype({"UINT8": np.uint8, "FP32": np.float32}[datatype]), binary_data=binary)
    return client.infer(model, [tensor], model_version=version, outputs=outputs, **more)


def right(answer, count):
    labels = [label.decode() if isinstance(label, bytes) else label for label in answer.as_numpy("label")]
    return sum(int(label) == truth for label, truth in zip(labels, LABELS[:count], strict=True))


def refused(part, *arguments, **more):
    try:
        arguments[0](*arguments[1:], **more)
    except InferenceServerException as error:
        assert part in error.message(), f"{error.message()!r} does not say {part!r}"
    else:
        raise AssertionError(f"nothing was refused: {part}")


# Server and model.
assert client.is_server_live() and client.is_server_ready()
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
about = client.get_model_metadata("glyphic")
assert about["versions"] == [serving], about
assert about["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 1, 28, 28]}], about
assert {output["name"]: output["shape"] for output in about["outputs"]}["probabilities"] == [-1, 10]
assert client.is_model_ready("glyphic") and client.is_model_ready("glyphic", serving)
assert not client.is_model_ready("nothing") and not client.is_model_ready("glyphic", "nothing")

# Every shape, datatype and way of packing says the same.
several = PICTURES[:16]
shapes = [several, several.reshape(16, 1, 28, 28), several.reshape(16, 784)]
answers = [ask(pictures, datatype, binary=binary, request_id="a") for pictures in shapes for datatype in ("UINT8", "FP32") for binary in (True, False)]
for answer in answers:
    assert answer.get_response()["id"] == "a" and answer.get_response()["model_version"] == serving
    assert right(answer, 16) == 16
    np.testing.assert_array_equal(answer.as_numpy("probabilities"), answers[0].as_numpy("probabilities"))
    np.testing.assert_allclose(answer.as_numpy("probabilities").sum(1), 1, atol=1e-5)
for algorithm in ("gzip", "deflate"):
    for binary in (True, False):
        packed = ask(several, binary=binary, request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
        assert right(packed, 16) == 16, algorithm
# Shares of full ink, as most libraries scale pictures.
assert right(ask(several / 255, "FP32"), 16) == 16
assert answers[0].as_numpy("confidence").tolist() == answers[0].as_numpy("probabilities").max(1).tolist()

# A thousand pictures in batches of the largest size, by version. The bound leaves room for
# another released network: onnx_runtime.py compares every answer with the network's own.
count = sum(right_ for start in range(0, 1024, 256) for right_ in [
    (ask(PICTURES[start : start + 256], version=serving).as_numpy("label").astype(int) == LABELS[start : start + 256]).sum()])
assert count >= 1000, count

# The outputs asked for, in the form asked for.
for binary in (True, False):
    chosen = ask(PICTURES[:2], outputs=[triton.InferRequestedOutput("verdict", binary_data=binary)])
    assert [output["name"] for output in chosen.get_response()["outputs"]] == ["verdict"]
    assert chosen.as_numpy("verdict").astype(str).tolist() == ["read", "read"]
blank = ask(np.zeros((1, 28, 28)))
assert blank.as_numpy("verdict").astype(str)[0] == "blank" and blank.as_numpy("label").astype(str)[0] == ""
sure = ask(PICTURES[:1], parameters={"unsure_below": 1.0})
assert sure.as_numpy("verdict").astype(str)[0] == "unsure"

# Nested numbers, as people write them by hand.
body = {"inputs": [{"name": "pixels", "shape": [2, 28, 28], "datatype": "UINT8", "data": PICTURES[:2].tolist()}]}
request = urllib.request.Request(f"http://{address}/v2/models/glyphic/infer", json.dumps(body).encode(), {"Content-Type": "application/json"})
outputs = {output["name"]: output for output in json.load(urllib.request.urlopen(request))["outputs"]}
assert [int(label) for label in outputs["label"]["data"]] == LABELS[:2].tolist()
assert outputs["probabilities"]["shape"] == [2, 10] and len(outputs["probabilities"]["data"]) == 20

# Errors say what, and what to do.
refused("[n,1,28,28]", ask, np.zeros((1, 29, 29)))
refused("1 to 256", ask, np.zeros((257, 28, 28)))
refused("0 to 255", ask, np.full((1, 784), 256.0), "FP32")
refused("0 to 255", ask, np.full((1, 784), np.nan), "FP32")
refused("there is no output 'logits'", ask, PICTURES[:1], outputs=[triton.InferRequestedOutput("logits")])
refused("/load", ask, PICTURES[:1], model="nothing")
twice = [triton.InferRequestedOutput("label")] * 2
refused("twice", ask, PICTURES[:1], outputs=twice)
refused("'glyphic' has the version", ask, PICTURES[:1], version="nothing")

# The repository: another checkpoint beside the one that serves.
index = {model["name"]: model for model in client.get_model_repository_index()}
assert index["glyphic"] == {"name": "glyphic", "version": serving, "state": "READY", "reason": ""}
other = next(name for name, model in index.items() if model["state"] == "UNAVAILABLE" and not model["reason"])
refused("/load", ask, PICTURES[:1], model=other)
client.load_model(other)
assert client.is_model_ready(other)
beside = ask(several, model=other)
assert right(beside, 16) == 16 and beside.get_response()["model_version"] == "1"
assert not np.array_equal(beside.as_numpy("probabilities"), answers[0].as_numpy("probabilities"))
client.unload_model(other)
assert not client.is_model_ready(other)
refused("cannot be unloaded", client.unload_model, "glyphic")
refused("nothing", client.load_model, "nothing")
print("the Open Inference Protocol: all is as Triton's client expects")
