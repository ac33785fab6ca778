"""Flask + PyTorch. The network as bench/browser/export.py writes it is in $NETWORK_JSON."""

import json
import os
import pathlib

import torch
from flask import Flask, request
from torch import nn

MEAN, STD = 0.1307, 0.3081

# One thread for each of gunicorn's workers: with more they are in each other's way.
torch.set_num_threads(1)


def tensor(described):
    return torch.tensor(described["values"]).reshape(described["shape"])


def loaded(network):
    layers = []
    for layer in network["convolutions"]:
        weight = tensor(layer["weight"])
        convolution = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], layer["stride"], layer["padding"])
        convolution.weight.data, convolution.bias.data = weight, tensor(layer["bias"])
        layers += [convolution, nn.ReLU()]
    layers.append(nn.Flatten())
    for layer in network["linears"]:
        weight = tensor(layer["weight"]).T
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight.data, linear.bias.data = weight.contiguous(), tensor(layer["bias"])
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).eval()


network = loaded(json.loads(pathlib.Path(os.environ["NETWORK_JSON"]).read_text()))
app = Flask(__name__)


@app.post("/predict")
def predict():
    pixels = torch.frombuffer(bytearray(request.get_data()), dtype=torch.uint8)
    with torch.inference_mode():
        logits = network(((pixels / 255 - MEAN) / STD).reshape(1, 1, 28, 28))[0]
        probabilities = logits.softmax(0)
    return {"label": str(probabilities.argmax().item()), "probabilities": probabilities.tolist()}
