"""The notebook in docs/: runs it and compares what it prints with what is stored in it.

    python/tests/notebook.py           # fails if it prints something else
    python/tests/notebook.py --write   # stores what it prints, and its pictures
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs/python.ipynb"


def executed():
    """The notebook after all of its cells were run, in the folder where it is."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": NOTEBOOK.parent}})
    client.execute()
    return notebook


def printed(notebook):
    """The texts that each cell printed or returned, without pictures."""
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" not in data:
                texts.append(output.get("text", data.get("text/plain", "")))
    return texts


def cleaned(notebook):
    """Without what differs from run to run."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


if __name__ == "__main__":
    stored = printed(nbformat.read(NOTEBOOK, as_version=4))
    run = executed()
    if sys.argv[1:] == ["--write"]:
        nbformat.write(cleaned(run), NOTEBOOK)
    elif printed(run) != stored:
        sys.exit(f"{NOTEBOOK} prints something else than what is stored in it: run this with --write")
