"""The promoted checkpoint's network as ONNX and as JSON, batch norms folded.

Usage: export.py ARTIFACTS FOLDER    (needs numpy, onnx, cbor2)
"""

import json
import pathlib
import sys

import cbor2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEAN, STD, EPSILON = 0.1307, 0.3081, 1e-5


def tensors(file):
    """The tensors of a burnpack file: a header of 10 bytes, CBOR, then the data at the
    next multiple of 256."""
    data = file.read_bytes()
    size = int.from_bytes(data[6:10], "little")
    start = (10 + size + 255) // 256 * 256
    described = cbor2.loads(data[10 : 10 + size])["tensors"]
    return {
        name: np.frombuffer(data[start + one["data_offsets"][0] : start + one["data_offsets"][1]], "<f4").reshape(one["shape"])
        for name, one in described.items()
    }


def folded(config, weights):
    """Each convolution with its norm in it, then the linear layers."""
    convolutions = []
    for i, layer in enumerate(config["convolutions"]):
        part = lambda name: weights[f"convolutions.{i}.{name}"]
        gain = part("norm.gamma") / np.sqrt(part("norm.running_var") + EPSILON)
        convolutions.append(
            {
                "stride": layer["stride"],
                "padding": layer["padding"],
                "weight": part("conv.weight") * gain[:, None, None, None],
                "bias": part("norm.beta") - part("norm.running_mean") * gain,
            }
        )
    names = [f"hidden.{i}" for i in range(len(config["hidden"]))] + ["output"]
    linears = [{"weight": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]} for name in names]
    return convolutions, linears


def to_onnx(convolutions, linears, classes):
    nodes, constants, x = [], [], "pixels"

    def add(operator, inputs, **attributes):
        nonlocal x
        x = f"x{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [x], **attributes))

    def constant(value):
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, "f4"), name))
        return name

    add("Sub", [x, constant(np.array(255 * MEAN))])
    add("Mul", [x, constant(np.array(1 / (255 * STD)))])
    for layer in convolutions:
        weight, bias = constant(layer["weight"]), constant(layer["bias"])
        add("Conv", [x, weight, bias], strides=[layer["stride"]] * 2, pads=[layer["padding"]] * 4)
        add("Relu", [x])
    add("Flatten", [x], axis=1)
    for i, layer in enumerate(linears):
        if i > 0:
            add("Relu", [x])
        add("Gemm", [x, constant(layer["weight"]), constant(layer["bias"])])
    graph = helper.make_graph(
        nodes,
        "glyphic",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 1, 28, 28])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["n", classes])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main():
    artifacts, folder = map(pathlib.Path, sys.argv[1:])
    checkpoint = artifacts / "checkpoints" / (artifacts / "CURRENT").read_text().split("\n")[0]
    config = json.loads((checkpoint / "manifest.json").read_text())["network"]
    convolutions, linears = folded(config, tensors(checkpoint / "weights.bpk"))
    onnx.save(to_onnx(convolutions, linears, config["classes"]), folder / "network.onnx")
    plain = lambda layer: {
        key: value if isinstance(value, int) else {"shape": value.shape, "values": value.ravel().tolist()}
        for key, value in layer.items()
    }
    network = {"convolutions": list(map(plain, convolutions)), "linears": list(map(plain, linears))}
    (folder / "network.json").write_text(json.dumps(network))


main()
