"""Arrays of pictures, as people have them."""

import multiprocessing
import pickle
import threading
import time

import glyphic
import numpy as np
import pytest
from glyphic import arrays


def test_mnist_is_read_as_well_as_its_report_says(pixels, labels):
    net = glyphic.load()
    read, probabilities, verdicts = predictions = net.predict(pixels)
    assert np.mean(read == labels) == pytest.approx(net.manifest["metrics"]["test"]["accuracy"], abs=1e-4)
    assert probabilities.shape == (10_000, 10) and probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (np.array(net.labels)[probabilities.argmax(1)] == read).all()
    assert set(verdicts) == {"read", "unsure", "not_a_digit"} and np.mean(verdicts == "read") > 0.97
    assert predictions.in_distribution.shape == (10_000,) and len(predictions) == 10_000


def test_what_is_blank_has_no_label():
    labels, _, verdicts = glyphic.predict(np.zeros((2, 28, 28), np.uint8))
    assert list(labels) == ["", ""] and list(verdicts) == ["blank", "blank"]
    labels, probabilities, _ = glyphic.predict(np.zeros((0, 28, 28), np.uint8))
    assert len(labels) == 0 and len(probabilities) == 0


@pytest.mark.parametrize(
    "convert",
    [
        lambda pixels: pixels.reshape(-1, 784),
        lambda pixels: pixels[:, None],
        lambda pixels: pixels[..., None],
        lambda pixels: pixels.astype(np.int64),
        lambda pixels: pixels.astype(np.uint16) * np.uint16(257),
        lambda pixels: pixels.astype(np.float64),
        lambda pixels: (pixels / 255).astype(np.float32),
        lambda pixels: np.asfortranarray(pixels),
        lambda pixels: np.repeat(pixels, 2, axis=0)[::2],
        lambda pixels: pixels.tolist(),
    ],
)
def test_all_forms_of_an_array_have_the_same_answers(pixels, convert):
    few = pixels[:50]
    expected, answered = glyphic.predict(few), glyphic.predict(convert(few))
    assert (answered.labels == expected.labels).all()
    assert np.array_equal(answered.probabilities, expected.probabilities)


def test_one_picture_is_a_batch_of_one(pixels):
    assert list(glyphic.predict(pixels[0]).labels) == ["7"]
    assert list(glyphic.predict(pixels[0].ravel()).labels) == ["7"]
    assert glyphic.predict(pixels[0] > 128).labels[0] == "7"


def test_bytes_are_not_copied(pixels):
    for array in (pixels, pixels[5:9], pixels.reshape(-1, 784)):
        assert np.shares_memory(arrays.glyphs(array), array)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 27, 28)), r"\[n, 28, 28\] or \[n, 784\], not \[4, 27, 28\]"),
        (np.zeros((28, 28, 3)), r"not \[28, 28, 3\]"),
        (np.zeros(()), r"not \[\]"),
        (np.full((1, 28, 28), 256), "from 0 to 255"),
        (np.full((1, 28, 28), -0.4), "undo the normalisation"),
        (np.full((1, 28, 28), np.nan), "from 0 to 255"),
        (np.full((1, 28, 28), "7"), "must be an array of numbers"),
        (np.zeros((1, 28, 28), complex), "must be an array of numbers"),
        (None, "not NoneType"),
        ("photo.jpg", "not str: `read` takes"),
    ],
)
def test_what_is_no_picture_is_refused(array, says):
    with pytest.raises(glyphic.GlyphicError, match=says):
        glyphic.predict(array)


def test_features_tell_digits_apart(pixels, labels):
    features = glyphic.load().features(pixels[:1000])
    assert features.shape[0] == 1000 and features.dtype == np.float32
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    likeness = unit @ unit.T - 2 * np.eye(1000, dtype=np.float32)
    assert np.mean(labels[:1000][likeness.argmax(1)] == labels[:1000]) > 0.97


def test_threads_read_at_once_and_python_goes_on(pixels):
    net = glyphic.load(threads=1)
    expected = net.predict(pixels).labels
    results = [None] * 3
    threads = [
        threading.Thread(target=lambda place=place: results.__setitem__(place, net.predict(pixels).labels))
        for place in range(3)
    ]
    for thread in threads:
        thread.start()
    # With Python's lock held, nothing would be done here until one of them ends.
    naps = 0
    while all(result is None for result in results):
        time.sleep(0.001)
        naps += 1
    for thread in threads:
        thread.join()
    assert naps > 10
    assert all((result == expected).all() for result in results)


def test_the_number_of_threads_changes_no_answer(pixels):
    one, two = (glyphic.load(threads=threads).predict(pixels[:500]) for threads in (1, 2))
    assert np.array_equal(one.probabilities, two.probabilities)
    with pytest.raises(glyphic.GlyphicError, match="from 1 to 256"):
        glyphic.load(threads=0)
    with pytest.raises(glyphic.GlyphicError, match="from 1 to 256"):
        glyphic.load(threads=2**70)


def first_labels(pixels):
    return list(glyphic.predict(pixels).labels[:3])


def test_processes_that_fork_have_threads_of_their_own(pixels):
    """What a library loses in a fork, its threads, must not be waited for."""
    many, net = pixels[:600], glyphic.load(threads=2)
    expected = first_labels(many)
    assert list(net.predict(many).labels[:3]) == expected
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(first_labels, [many] * 4).get(300) == [expected] * 4
    with pytest.raises(TypeError, match="load it in each process"):
        pickle.dumps(net)
