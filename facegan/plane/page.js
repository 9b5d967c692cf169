"use strict";
// Code that the pages of the plane share: their data, and the height of the frame that contains them.
const MISSING = -32768;

const pageData = () => JSON.parse(document.getElementById("data").textContent);

// The inverse of `pack` in page.py: a typed array; entries of the first axis are stored as differences.
async function unpack({ shape, bytes, data }) {
  const raw = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / bytes;
  const values = bytes === 1 ? new Uint8Array(count) : new Int16Array(count);
  for (let i = 0; i < count; i++) {
    const folded = bytes === 1 ? planes[i] : planes[i] | (planes[count + i] << 8);
    values[i] = (folded >> 1) ^ -(folded & 1);
  }
  const size = count / shape[0];
  for (let i = size; i < count; i++) values[i] += values[i - size];
  return values;
}

// Inside a notebook's frame, set the height to that of the content.
function fitFrame() {
  const frame = window.frameElement;
  if (frame) frame.style.height = `${Math.ceil(document.body.getBoundingClientRect().height) + 2}px`;
}
new ResizeObserver(fitFrame).observe(document.body);
