/* The token view: paints the chosen layer over the picture and tells about the cell under pointer or focus. */
const SIDE = 1024, CODES = 32, GROUP = 4, UNIT = SIDE / CODES;
const RAMP = [[0, 0, 0], [56, 16, 110], [150, 32, 110], [226, 80, 52], [250, 168, 48], [255, 244, 190]];  // as .vt-ramp
let grid = null, source = '', guess = null, weights = null, at = 0, hover = null, pinned = null;

const one = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const layer = () => (one('.vt-layers input:checked') || { value: 'true' }).value;
const alpha = () => Number((one('.vt-alpha') || { value: 60 }).value) / 100;
const shown = () => (pinned !== null ? pinned : hover !== null ? hover : at);
const row = (k) => Math.floor(k / CODES), column = (k) => k % CODES;
const token = (k) => Math.floor(row(k) / GROUP) * (CODES / GROUP) + Math.floor(column(k) / GROUP);

function read() {
  const root = one('.vt[data-grid]');
  const now = root ? root.dataset.grid : '';
  if (now !== source) {
    source = now;
    [at, hover, pinned] = [0, null, null];
    grid = now ? JSON.parse(now) : null;
    weights = grid ? Uint8Array.from(atob(grid.attention), (c) => c.charCodeAt(0)) : null;
  }
  const had = guess !== null;
  guess = grid && props.predicted ? JSON.parse(props.predicted) : null;
  if (guess && !had) one('.vt-layers input[value=predicted]').checked = true;
}

function colour(code) {
  return `hsl(${(code * 137.508) % 360} ${60 + 15 * (code % 3)}% ${45 + 10 * (Math.floor(code / 3) % 3)}%)`;
}

function ramp(t) {
  const x = Math.max(0, Math.min(1, t)) * (RAMP.length - 1), k = Math.min(RAMP.length - 2, Math.floor(x));
  return `rgb(${RAMP[k].map((v, i) => Math.round(v + (RAMP[k + 1][i] - v) * (x - k))).join(' ')})`;
}

function codes() {  // of the layer: what outlines and counts go by
  return layer() === 'predicted' && guess ? guess : grid.true;
}

function paint() {
  if (!grid) return;
  const context = one('.vt-paint').getContext('2d');
  context.clearRect(0, 0, SIDE, SIDE);
  context.globalAlpha = alpha();
  ({ true: paintCodes, predicted: paintGuess, error: paintErrors, attention: paintAttention })[layer()](context);
  context.globalAlpha = 1;
  if (layer() !== 'attention') {
    lines(context, CODES, CODES, 'rgb(0 0 0 / 22%)', 1);
    outlines(context);
  }
  legends();
  cells();
}

function fill(context, k) {
  context.fillRect(column(k) * UNIT, row(k) * UNIT, UNIT, UNIT);
}

function paintCodes(context) {
  grid.true.forEach((code, k) => { context.fillStyle = colour(code); fill(context, k); });
}

function paintGuess(context) {
  grid.true.forEach((code, k) => {
    const open = !guess || guess[k] < 0, right = !open && guess[k] === code;
    context.fillStyle = open ? '#8a938d' : right ? '#1f9d57' : '#d23f31';
    fill(context, k);
    if (!open && !right) hatch(context, k);
  });
}

function hatch(context, k) {
  const x = column(k) * UNIT, y = row(k) * UNIT, half = UNIT / 2;
  context.strokeStyle = 'rgb(255 255 255 / 45%)';
  context.lineWidth = 2;
  context.beginPath();
  for (const [x0, y0, x1, y1] of [[0, half, half, 0], [0, UNIT, UNIT, 0], [half, UNIT, UNIT, half]]) {
    context.moveTo(x + x0, y + y0);
    context.lineTo(x + x1, y + y1);
  }
  context.stroke();
}

function paintErrors(context) {
  const most = Math.max(1e-6, ...grid.errors);
  grid.errors.forEach((error, k) => { context.fillStyle = ramp(error / most); fill(context, k); });
}

function paintAttention(context) {
  const [rows, cols] = grid.tiles, t = token(shown()), m = rows * cols;
  const high = SIDE / (rows * 8), wide = SIDE / (cols * 8), base = alpha();
  for (let tile = 0; tile < m; tile++) {
    for (let cell = 0; cell < 64; cell++) {
      const level = weights[(t * m + tile) * 64 + cell] / 255;
      const r = Math.floor(tile / cols) * 8 + Math.floor(cell / 8), c = (tile % cols) * 8 + (cell % 8);
      const [x0, x1, y0, y1] = [c * wide, (c + 1) * wide, r * high, (r + 1) * high].map(Math.round);
      context.globalAlpha = base * (0.55 + 0.45 * level);
      context.fillStyle = ramp(level);
      context.fillRect(x0, y0, x1 - x0, y1 - y0);
    }
  }
  context.globalAlpha = 1;
  lines(context, rows, cols, 'rgb(255 255 255 / 75%)', 3);
  const side = UNIT * GROUP;
  frame(context, (t % 8) * side, Math.floor(t / 8) * side, side);
}

function lines(context, rows, cols, style, width) {
  context.strokeStyle = style;
  context.lineWidth = width;
  context.beginPath();
  for (let r = 1; r < rows; r++) { context.moveTo(0, (r * SIDE) / rows); context.lineTo(SIDE, (r * SIDE) / rows); }
  for (let c = 1; c < cols; c++) { context.moveTo((c * SIDE) / cols, 0); context.lineTo((c * SIDE) / cols, SIDE); }
  context.stroke();
}

function frame(context, x, y, side) {
  for (const [style, width] of [['#000', 9], ['#fff', 4]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(x + 2, y + 2, side - 4, side - 4);
  }
}

function outlines(context) {
  const by = codes(), code = by[shown()];
  if (code >= 0) {
    by.forEach((other, k) => {
      if (other !== code || k === shown()) return;
      context.strokeStyle = '#000';
      context.lineWidth = 6;
      context.strokeRect(column(k) * UNIT + 2, row(k) * UNIT + 2, UNIT - 4, UNIT - 4);
      context.strokeStyle = '#fff';
      context.lineWidth = 3;
      context.strokeRect(column(k) * UNIT + 2, row(k) * UNIT + 2, UNIT - 4, UNIT - 4);
    });
  }
  frame(context, column(shown()) * UNIT - 3, row(shown()) * UNIT - 3, UNIT + 6);
}

function legends() {
  all('.vt-legend').forEach((p) => { p.hidden = p.dataset.for !== layer(); });
  one('.vt-ask').hidden = guess !== null;
}

function cells() {  // one cell is in the tab order: the last that had the focus
  all('.vt-cells [role=gridcell]').forEach((cell, k) => {
    const index = k === at ? '0' : '-1', chosen = String(k === pinned);
    if (cell.getAttribute('tabindex') !== index) cell.setAttribute('tabindex', index);
    if (chosen === 'true' || cell.hasAttribute('aria-selected')) cell.setAttribute('aria-selected', chosen);
  });
}

function plural(n, word) {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

function facts(k) {
  const code = grid.true[k], times = grid.true.filter((other) => other === code).length;
  const open = !guess || guess[k] < 0;
  return {
    place: `row ${row(k)}, column ${column(k)}`,
    code: String(code),
    count: `${plural(times, 'time')}, ${plural(times - 1, 'other place')}`,
    guess: open ? 'not yet' : guess[k] === code ? `${guess[k]}, right` : `${guess[k]}, wrong`,
    error: `${grid.errors[k].toFixed(1)} of 255`,
    token: drawn(token(k)),
  };
}

function drawn(t) {
  const [rows, cols] = grid.tiles, m = rows * cols, sums = [];
  for (let tile = 0; tile < m; tile++) {
    let sum = 0;
    for (let cell = 0; cell < 64; cell++) sum += weights[(t * m + tile) * 64 + cell];
    sums.push(sum);
  }
  const whole = sums.reduce((a, b) => a + b, 0) || 1, best = sums.indexOf(Math.max(...sums));
  const share = Math.round((sums[best] / whole) * 100);
  const name = `row ${Math.floor(t / 8)}, column ${t % 8}`;
  return m === 1 ? name : `${name}; ${share} % from tile row ${Math.floor(best / cols)}, column ${best % cols}`;
}

function tell() {
  if (!grid) return;
  const k = shown();
  Object.entries(facts(k)).forEach(([key, text]) => { one(`[data-f=${key}]`).textContent = text; });
  all('.vt-patch').forEach((canvas) => {
    const image = one(canvas.dataset.from === 'decoded' ? '.vt-decoded' : '.vt-picture');
    if (image.complete && image.naturalWidth) canvas.getContext('2d').drawImage(image, column(k) * 8, row(k) * 8, 8, 8, 0, 0, 8, 8);
  });
}

function show() {
  paint();
  tell();
}

function pin(k) {
  pinned = k;
  const fact = k === null ? null : facts(k);
  one('.vt-say').textContent = fact
    ? `Pinned ${fact.place}: code ${fact.code}, ${fact.count}; predicted ${fact.guess}; error ${fact.error}.` : '';
  show();
}

const index = (node) => {
  const cell = node.closest && node.closest('[role=gridcell]');
  return cell ? all('.vt-cells [role=gridcell]').indexOf(cell) : -1;
};

function focus(k) {
  at = k;
  hover = null;
  cells();
  all('.vt-cells [role=gridcell]')[k].focus({ preventScroll: false });
}

function target(k, key, whole) {  // where a key leads
  const step = layer() === 'attention' ? GROUP : 1, r = row(k), c = column(k), clamp = (v) => Math.max(0, Math.min(CODES - 1, v));
  const to = {
    ArrowLeft: [r, c - step], ArrowRight: [r, c + step], ArrowUp: [r - step, c], ArrowDown: [r + step, c],
    Home: [whole ? 0 : r, 0], End: [whole ? CODES - 1 : r, CODES - 1], PageUp: [r - 8, c], PageDown: [r + 8, c],
  }[key];
  return to ? clamp(to[0]) * CODES + clamp(to[1]) : -1;
}

element.addEventListener('pointerover', (e) => {
  const k = index(e.target);
  if (!grid || k < 0 || k === hover) return;
  hover = k;
  if (pinned === null) show();
});

element.addEventListener('pointerout', (e) => {
  if (!grid || hover === null || (e.relatedTarget && index(e.relatedTarget) >= 0)) return;
  hover = null;
  if (pinned === null) show();
});

function save() {  // what is seen: the picture under the painted layer, with outlines and the chosen cell
  const sheet = document.createElement('canvas'), link = document.createElement('a');
  sheet.width = sheet.height = SIDE;
  const context = sheet.getContext('2d');
  context.imageSmoothingEnabled = false;
  context.drawImage(one('.vt-picture'), 0, 0, SIDE, SIDE);
  context.drawImage(one('.vt-paint'), 0, 0);
  sheet.toBlob((blob) => {
    link.href = URL.createObjectURL(blob);
    link.download = `tokens-${layer()}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

element.addEventListener('click', (e) => {
  if (grid && e.target.closest('.vt-save')) return save();
  const k = grid ? index(e.target) : -1;
  if (k < 0) return;
  at = k;
  pin(pinned === k ? null : k);
});

element.addEventListener('focusin', (e) => {
  const k = grid ? index(e.target) : -1;
  if (k < 0) return;
  at = k;
  hover = null;
  show();
});

element.addEventListener('keydown', (e) => {
  const k = grid ? index(e.target) : -1;
  if (k < 0) return;
  const to = target(k, e.key, e.ctrlKey || e.metaKey);
  if (to >= 0) focus(to);
  else if (e.key === 'Enter' || e.key === ' ') pin(pinned === k ? null : k);
  else if (e.key === 'Escape' && pinned !== null) pin(null);
  else return;
  e.preventDefault();
});

element.addEventListener('input', (e) => {
  if (grid && e.target.closest('.vt-layers, .vt-strength')) show();
});

element.addEventListener('load', tell, true);  // of the two pictures that the patches are cut from
watch(['value', 'predicted'], () => { read(); show(); });
read();
show();
