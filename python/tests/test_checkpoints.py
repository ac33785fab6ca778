"""Checkpoints: the one in the package, and those of folders and files."""

import json
import shutil
import subprocess
import zipfile

import glyphic
import numpy as np
import pytest


@pytest.fixture(scope="module")
def artifacts(root):
    return root / "artifacts"


@pytest.fixture(scope="module")
def current(artifacts):
    return (artifacts / "CURRENT").read_text().split()[0]


def test_every_way_to_a_checkpoint_leads_to_the_same(artifacts, current, server, pixels, tmp_path):
    subprocess.run(
        [server, "train", "export", "stable", tmp_path / "net.zip", "--artifacts", artifacts], check=True
    )
    released = glyphic.load()
    assert released.id == current and repr(released) == f"<glyphic.Network {current}: 10 labels>"
    assert released.labels == list("0123456789") and released.manifest["id"] == current
    expected = released.predict(pixels[:100]).probabilities
    for same in (
        glyphic.load(artifacts),
        glyphic.load(str(artifacts), model="stable"),
        glyphic.load(artifacts, model=current),
        glyphic.load(artifacts / "checkpoints" / current),
        glyphic.load(tmp_path / "net.zip"),
    ):
        assert same.id == current
        assert np.array_equal(same.predict(pixels[:100]).probabilities, expected)


def test_another_checkpoint_is_another(artifacts, current, pixels):
    for folder in (artifacts / "checkpoints").iterdir():
        net = glyphic.load(folder)
        assert net.id == folder.name
        assert np.mean(net.predict(pixels[:500]).labels == glyphic.predict(pixels[:500]).labels) > 0.98


def test_what_is_no_checkpoint_is_refused(artifacts, current, tmp_path):
    def says(sentence, *arguments, **options):
        with pytest.raises(glyphic.GlyphicError, match=sentence):
            glyphic.load(*arguments, **options)

    says("no checkpoint is promoted", tmp_path)
    says("there is no checkpoint 'nosuch'", artifacts, model="nosuch")
    says("name that folder", model="stable")
    says("name that folder", artifacts / "checkpoints" / current, model="stable")
    with pytest.raises(FileNotFoundError):
        glyphic.load(tmp_path / "nothing")
    (tmp_path / "text").write_text("a text")
    says("neither a folder nor a zip file", tmp_path / "text")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("readme", "nothing")
    says("it has 0 manifest.json", tmp_path / "empty.zip")

    copy = tmp_path / "copy"
    shutil.copytree(artifacts / "checkpoints" / current, copy)
    (copy / "weights.bpk").write_bytes(b"other")
    says("SHA-256", copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"schema": 99}))
    says("schema", copy)
    (copy / "manifest.json").write_text("{")
    says("manifest", copy)
    (copy / "weights.bpk").unlink()
    with pytest.raises(FileNotFoundError):
        glyphic.load(copy)


def test_the_module_shows_what_there_is():
    assert {"read", "load", "predict", "strokes", "sheet", "GlyphicError"} <= set(dir(glyphic))
    assert glyphic.__version__ == "0.1.0"
    assert issubclass(glyphic.GlyphicError, ValueError)
    with pytest.raises(AttributeError):
        _ = glyphic.nothing
    for name in set(glyphic.__all__) - {"Verdict"}:
        assert getattr(glyphic, name).__doc__, f"{name} has no docstring"
