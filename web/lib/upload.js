// Pictures from a file dialog, by drag and drop, and by paste; they are given to onPictures(blobs), of
// which there is at least one.

export function listenToInput(input, onPictures) {
  input.addEventListener("change", () => {
    if (input.files[0]) onPictures([...input.files]);
    // Without this, choosing the same file again would not be a change.
    input.value = "";
  });
}

export function listenForPictures(onPictures) {
  document.addEventListener("paste", (event) => {
    const found = [...(event.clipboardData?.files ?? [])].filter(isPicture);
    if (found.length) onPictures(found);
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
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) onPictures(files);
  });
}

export const isPicture = ({ type }) => type.startsWith("image/");
