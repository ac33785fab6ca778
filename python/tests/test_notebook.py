"""The notebook runs, and what is stored in it is what it prints."""

import nbformat
import notebook


def test_the_notebook_prints_what_is_stored_in_it():
    stored = nbformat.read(notebook.NOTEBOOK, as_version=4)
    assert notebook.printed(notebook.executed()) == notebook.printed(stored)
    codes = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in codes if "import" not in cell.source), "a cell shows nothing"
