import { crc32, deflateSync, inflateSync } from 'node:zlib';

/** Returns a picture of a browser (8 bits, not interlaced) with the 256 colours that are most frequent in it. */
export function withPalette(png) {
  let width, height, channels;
  const parts = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const content = png.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') {
      [width, height] = [content.readUInt32BE(0), content.readUInt32BE(4)];
      channels = { 2: 3, 6: 4 }[content[9]];
      if (content[8] !== 8 || channels === undefined || content[12] !== 0) throw new Error('an unexpected kind of PNG');
    } else if (type === 'IDAT') {
      parts.push(content);
    }
    at += 12 + length;
  }
  const colors = pixelsOf(inflateSync(Buffer.concat(parts)), width, height, channels);

  const counts = new Map();
  for (const color of colors) counts.set(color, (counts.get(color) ?? 0) + 1);
  const palette = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 256).map(([color]) => color);
  const nearest = new Map([...counts.keys()].map((color) => [color, indexOfNearest(palette, color)]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) rows[y * (width + 1) + 1 + x] = nearest.get(colors[y * width + x]);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);  // 8 bits of a palette
  return Buffer.concat([
    png.subarray(0, 8),
    chunk('IHDR', head),
    chunk('PLTE', Buffer.from(palette.flatMap((color) => [color >> 16, (color >> 8) & 255, color & 255]))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Undoes the filters of the rows. Returns a number for each pixel, without its alpha. */
function pixelsOf(rows, width, height, channels) {
  const stride = width * channels;
  const bytes = Buffer.alloc(stride * height);
  const colors = new Uint32Array(width * height);
  for (let y = 0; y < height; ++y) {
    const filter = rows[y * (stride + 1)];
    for (let i = 0; i < stride; ++i) {
      const at = y * stride + i;
      const left = i >= channels ? bytes[at - channels] : 0;
      const above = y > 0 ? bytes[at - stride] : 0;
      const corner = i >= channels && y > 0 ? bytes[at - stride - channels] : 0;
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      bytes[at] = rows[y * (stride + 1) + 1 + i] + guess;
    }
    for (let x = 0; x < width; ++x) colors[y * width + x] = bytes.readUIntBE(y * stride + x * channels, 3);
  }
  return colors;
}

function paeth(left, above, corner) {
  const [a, b, c] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

function indexOfNearest(palette, color) {
  let best = 0;
  let least = Infinity;
  palette.forEach((other, index) => {
    const distance = [16, 8, 0].reduce((sum, shift) => sum + (((other >> shift) & 255) - ((color >> shift) & 255)) ** 2, 0);
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}

function chunk(type, content) {
  const made = Buffer.alloc(12 + content.length);
  made.writeUInt32BE(content.length, 0);
  made.write(type, 4, 'latin1');
  content.copy(made, 8);
  made.writeUInt32BE(crc32(made.subarray(4, 8 + content.length)), 8 + content.length);
  return made;
}
