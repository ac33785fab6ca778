"""Pictures, tables and drawings: as `server read` answers them."""

import io
import json
import subprocess

import glyphic
import numpy as np
import pytest
from PIL import Image

SEVEN = [[(10, 12), (40, 10), (72, 11), (60, 45), (48, 80), (40, 110)]]


def test_every_kind_of_picture_has_the_same_answer(number, tmp_path):
    grey = number("2026")
    path = tmp_path / "photo.png"
    Image.fromarray(grey).save(path)
    reading = glyphic.read(path)
    assert (reading.text, reading.verdict, reading.orientation) == ("2026", "read", 0)
    assert str(reading) == "2026" and reading.corners is None
    [line] = reading.lines
    assert [digit.label for digit in line.digits] == list("2026")
    assert all(digit.counts and digit.verdict == "read" and digit.confidence > 0.9 for digit in line.digits)
    assert line.digits[0].best[0] == ("2", line.digits[0].confidence)
    left = [digit.box.x for digit in line.digits]
    assert left == sorted(left) and 0 < line.box.x < line.box.x + line.box.width < grey.shape[1]
    colours = np.stack([grey] * 3, axis=2)
    for same in (str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), path.open("rb"), grey, grey / 255, colours, Image.open(path), colours.tolist()):
        assert glyphic.read(same) == reading


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16"])
def test_a_picture_of_pillow_is_read_as_its_file_shows_it(number, mode):
    grey = Image.fromarray(number("407166"))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(grey).astype(np.uint16) * np.uint16(257))
    elif mode == "HSV":
        picture = grey.convert("RGB").convert(mode)
    else:
        picture = grey.convert(mode)
    assert glyphic.read(picture).text == "407166"


def test_a_picture_of_pillow_is_turned_as_its_camera_was(root):
    file = root / "model/tests/pictures/5_exif_orientation6.jpg"
    assert glyphic.read(Image.open(file)).text == glyphic.read(file).text == "5"


def test_a_picture_on_its_side_is_turned_unless_it_is_said_how_it_lies(number):
    turned = np.rot90(number("31415926"))
    reading = glyphic.read(turned)
    assert (reading.text, reading.orientation) == ("31415926", 90)
    assert glyphic.read(turned, orientation=90).text == "31415926"
    for wrong in (45, -90):
        with pytest.raises(glyphic.GlyphicError, match=f"must be 0, 90, 180 or 270 degrees, not {wrong}"):
            glyphic.read(turned, orientation=wrong)


def test_answers_are_those_of_the_server(server, root, tmp_path):
    """Pictures as they are met, some of which cannot be read: the same answer, or the same sentence."""
    pictures = root / "model/tests/pictures"
    files = [file for file in sorted(pictures.iterdir()) if file.suffix != ".md" and "12000" not in file.name]
    texts = 0
    for file in files:
        command = [server, "read", "--json", "--numbers", "--artifacts", root / "artifacts", file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.stdout:
            sentence = done.stderr.removeprefix(f"error: {file}: ").strip()
            with pytest.raises(glyphic.GlyphicError) as raised:
                glyphic.read(file)
            assert str(raised.value) == sentence, file
            continue
        expected = json.loads(done.stdout)
        reading = glyphic.read(file)
        assert (reading.text, reading.verdict) == (expected["text"], expected["verdict"]), file
        assert reading.model == expected["model"]
        texts += reading.text == "5"
    assert texts >= 8 and len(files) > 30


def test_tables_are_read_cell_by_cell(pixels, labels):
    size, rows = 120, ["31", "27"]
    page = np.full((2 * size + 80, 2 * size + 80), 255, np.uint8)
    for line in range(3):
        at = 40 + line * size
        page[at - 1 : at + 2, 40 : 41 + 2 * size] = 0
        page[40 : 41 + 2 * size, at - 1 : at + 2] = 0
    for row, digits in enumerate(rows):
        for column, digit in enumerate(digits):
            ink = np.kron(pixels[np.flatnonzero(labels == digit)[1]], np.ones((2, 2), np.uint8))
            y, x = 40 + row * size + 32, 40 + column * size + 32
            page[y : y + 56, x : x + 56] = 255 - ink
    [table] = glyphic.sheet(page).tables
    assert table.texts() == [["3", "1"], ["2", "7"]]
    assert table.rows[0][0].verdict == "read" and table.rows[0][0].box.width == pytest.approx(size, abs=4)
    [known] = glyphic.sheet(page, columns=[{"max": 2}, None]).tables
    assert known.rows[0][0].verdict != "read", "3 is more than 2"
    with pytest.raises(glyphic.GlyphicError, match="columns must be a list such as"):
        glyphic.sheet(page, columns=[{"most": 2}])
    assert glyphic.sheet(np.full((50, 50), 255, np.uint8)).tables == ()


def test_a_drawing_is_read():
    for drawn in (SEVEN, [np.array(SEVEN[0])], [[[x / 10, y / 10] for x, y in SEVEN[0]]]):
        reading = glyphic.strokes(drawn)
        assert (reading.text, reading.verdict) == ("7", "read")
        assert reading.lines[0].digits[0].strokes == (0,)
    assert glyphic.strokes([]).verdict == "blank"
    for wrong in ([1, 2], [[1, 2]], [[(1, 2, 3)]], ["ab"], [[("x", "y")]]):
        with pytest.raises(glyphic.GlyphicError, match="each a list of points"):
            glyphic.strokes(wrong)
    with pytest.raises(glyphic.GlyphicError):
        glyphic.strokes([[(float("nan"), 1)]])


def test_what_is_no_picture_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        glyphic.read(tmp_path / "nothing.jpg")
    with pytest.raises(IsADirectoryError):
        glyphic.read(tmp_path)
    (tmp_path / "notes.txt").write_text("milk, bread")
    with pytest.raises(glyphic.GlyphicError, match="not a PNG, JPEG, WebP, GIF or BMP image"):
        glyphic.read(tmp_path / "notes.txt")
    with pytest.raises(glyphic.GlyphicError, match="the image is empty"):
        glyphic.read(b"")
    with pytest.raises(glyphic.GlyphicError, match=r"channels, not \[5, 5, 2\]"):
        glyphic.read(np.zeros((5, 5, 2)))
    with pytest.raises(glyphic.GlyphicError, match="no pixels"):
        glyphic.read(np.zeros((0, 5)))
