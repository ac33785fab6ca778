"""What is answered. The names are those of the server's answers, see docs/api.md."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Verdict: TypeAlias = Literal["read", "unsure", "not_a_digit", "blank"]
"""How far an answer can be trusted: it is read with enough confidence; it is one of the labels, but which
one is uncertain; no label fits; or there is no ink."""


class Box(NamedTuple):
    """A box in the pixels of the picture, or the units of the strokes."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What was read of n pictures. Unpacks into labels, probabilities and verdicts."""

    labels: NDArray[np.str_]
    """The most probable label of each picture, `[n]`; "" if it is blank."""
    probabilities: NDArray[np.float32]
    """The probability (0–1) of each label, `[n, labels]`, in the order of `Network.labels`, given that the
    picture shows one of them."""
    verdicts: NDArray[np.str_]
    """The `Verdict` on each picture, `[n]`."""
    in_distribution: NDArray[np.float32]
    """The probability (0–1) that each picture shows any of the labels, `[n]`."""

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter((self.labels, self.probabilities, self.verdicts))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A digit, or another symbol."""

    label: str | None
    """The most probable label."""
    confidence: float
    """Its probability (0–1)."""
    box: Box
    """The box around its ink."""
    verdict: Verdict
    counts: bool
    """Whether it is part of the text."""
    in_distribution: float
    """The probability (0–1) that it is any of the labels."""
    best: tuple[tuple[str, float], ...]
    """The two most probable labels, and the probability of each."""
    probabilities: tuple[float, ...] = field(repr=False)
    """The probability (0–1) of each label."""
    strokes: tuple[int, ...] | None = field(repr=False)
    """The strokes that it consists of, if it consists of whole ones."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text."""

    text: str
    box: Box
    digits: tuple[Symbol, ...]
    """Its symbols, from left to right."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Reading:
    """The text in a picture or a drawing."""

    text: str
    """The text of all lines, with line breaks between them."""
    verdict: Verdict
    """`unsure` if any symbol is."""
    lines: tuple[Line, ...]
    """The lines, from top to bottom."""
    orientation: int
    """By how many degrees the picture was turned clockwise before it was read."""
    corners: tuple[tuple[float, float], ...] | None
    """The corners of the sheet of paper, if it was seen from the side and straightened."""
    model: str
    """The checkpoint that read it."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    text: str
    confidence: float
    """How probable the text is (0–1)."""
    verdict: Verdict
    box: Box
    digits: tuple[Symbol, ...] = field(repr=False)
    part_of: tuple[int, int] | None
    """The row and the column of the cell that it is a part of, if several are printed as one."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Table:
    """A table. All rows have the same number of cells."""

    rows: tuple[tuple[Cell, ...], ...]
    box: Box

    def texts(self) -> list[list[str]]:
        """The texts of the cells, row by row; for `csv.writer` or `pandas.DataFrame`."""
        return [[cell.text for cell in row] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The tables in a picture, from top to bottom."""

    tables: tuple[Table, ...]
    orientation: int
    """By how many degrees the picture was turned clockwise before it was read."""
    corners: tuple[tuple[float, float], ...] | None
    """The corners of the sheet of paper, if it was seen from the side and straightened."""
    model: str
    """The checkpoint that read it."""


def reading(answer: dict[str, Any]) -> Reading:
    """A server's answer to a picture or a drawing."""
    lines = (
        Line(line["text"], Box(*line["box"]), tuple(map(_symbol, line["digits"]))) for line in answer["lines"]
    )
    return Reading(
        answer["text"],
        answer["verdict"],
        tuple(lines),
        answer["orientation"],
        _corners(answer),
        answer["model"],
    )


def tables(answer: dict[str, Any]) -> Sheet:
    """A server's answer to a picture of tables."""
    found = (
        Table(tuple(tuple(map(_cell, row)) for row in table["rows"]), Box(*table["box"]))
        for table in answer["tables"]
    )
    return Sheet(tuple(found), answer["orientation"], _corners(answer), answer["model"])


def _symbol(digit: dict[str, Any]) -> Symbol:
    strokes = digit.get("strokes")
    return Symbol(
        digit["label"],
        digit["confidence"],
        Box(*digit["box"]),
        digit["verdict"],
        digit["counts"],
        digit["in_distribution"],
        tuple((best["label"], best["confidence"]) for best in digit["best"]),
        tuple(digit["probabilities"]),
        None if strokes is None else tuple(strokes),
    )


def _cell(cell: dict[str, Any]) -> Cell:
    part_of = cell.get("part_of")
    return Cell(
        cell["text"],
        cell["confidence"],
        cell["verdict"],
        Box(*cell["box"]),
        tuple(map(_symbol, cell["digits"])),
        None if part_of is None else (part_of[0], part_of[1]),
    )


def _corners(answer: dict[str, Any]) -> tuple[tuple[float, float], ...] | None:
    corners = answer.get("corners")
    return None if corners is None else tuple((x, y) for x, y in corners)
