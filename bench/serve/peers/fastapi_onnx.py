"""FastAPI + ONNX Runtime. The file of the network is in $NETWORK_ONNX."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request

app = FastAPI()
# One thread: sharing a single small picture between threads makes it slower.
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["NETWORK_ONNX"], options, providers=["CPUExecutionProvider"])


@app.post("/predict")
async def predict(request: Request):
    pixels = np.frombuffer(await request.body(), np.uint8).astype(np.float32)
    logits = session.run(None, {"pixels": pixels.reshape(1, 1, 28, 28)})[0][0]
    odds = np.exp(logits - logits.max())
    return {"label": str(odds.argmax()), "probabilities": (odds / odds.sum()).tolist()}
