// Pictures that are too large to be sent or read, such as those of new phones' cameras.

// The server's default limits for a body, less its headers, and for a picture here.
const MOST_BYTES = 15 * 2 ** 20;
const MOST_PIXELS = 24e6;
// Writing on a page is read from far fewer pixels.
const SIDE = 4096;
const QUALITY = 0.92;

// The picture as it is, or scaled down. A file that is not a picture stays as it is; reading it gives the error.
export async function fitting(blob) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!bitmap) return blob;
  const { width, height } = bitmap;
  try {
    if (blob.size <= MOST_BYTES && width * height <= MOST_PIXELS) return blob;
    const scale = Math.min(1, SIDE / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    // JPEGs have no transparency.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const small = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    return new File([small], blob.name ?? "", { type: small.type });
  } finally {
    bitmap.close();
  }
}
