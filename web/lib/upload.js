// Pictures from a file dialog, by drag and drop, and by paste; each is given to onPicture(blob).

export function listenToInput(input, onPicture) {
  input.addEventListener("change", () => {
    if (input.files[0]) onPicture(input.files[0]);
    // Without this, choosing the same file again would not be a change.
    input.value = "";
  });
}

export function listenForPictures(onPicture) {
  document.addEventListener("paste", (event) => {
    const picture = firstPicture(event.clipboardData?.files);
    if (picture) onPicture(picture);
  });

  // dragenter and dragleave also fire for every child: only leaving the window counts.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.dataset.dragging = "";
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) delete document.body.dataset.dragging;
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    delete document.body.dataset.dragging;
    const file = firstPicture(event.dataTransfer?.files) ?? event.dataTransfer?.files[0];
    if (file) onPicture(file);
  });
}

function firstPicture(files) {
  return [...(files ?? [])].find((file) => file.type.startsWith("image/"));
}
