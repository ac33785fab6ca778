"""Flask + scikit-learn: a support vector machine with an RBF kernel, trained at the
first start on 5,000 pictures of the IDX folder $MNIST and kept in the file $SVM."""

import gzip
import os
import pathlib

import joblib
import numpy as np
from flask import Flask, request
from sklearn.svm import SVC

MNIST, KEPT = pathlib.Path(os.environ["MNIST"]), pathlib.Path(os.environ["SVM"])
PICTURES = 5000


def trained():
    pictures = gzip.decompress((MNIST / "train-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((MNIST / "train-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(pictures, np.uint8, PICTURES * 784, 16).reshape(-1, 784) / 255
    return SVC(C=5).fit(x, np.frombuffer(labels, np.uint8, PICTURES, 8))


if KEPT.exists():
    machine = joblib.load(KEPT)
else:
    joblib.dump(machine := trained(), KEPT)

app = Flask(__name__)


@app.post("/predict")
def predict():
    pixels = np.frombuffer(request.get_data(), np.uint8) / 255
    # Not calibrated: SVC(probability=True) would take it several times as long.
    scores = machine.decision_function(pixels.reshape(1, 784))[0]
    odds = np.exp(scores - scores.max())
    label = machine.classes_[odds.argmax()]
    return {"label": str(label), "probabilities": (odds / odds.sum()).tolist()}
