/* Boxes of the plan: drag to move, drag the corner to resize; arrow keys move, Shift and arrow keys resize. */
const UNIT = 512, STEP = 0.01, LEAST = 0.02;
let drag = null, waiting = null, focus = null;

const clamp = (v, low, high) => Math.max(low, Math.min(high, v));
const boxOf = (g) => g.dataset.box.split(',').map(Number);
const group = (node) => node.closest && node.closest('g.box');

function show(g, from, to) {
  const edges = g.querySelectorAll('.halo, .edge');
  edges.forEach((r) => {
    r.setAttribute('width', (to[2] - to[0]) * UNIT);
    r.setAttribute('height', (to[3] - to[1]) * UNIT);
  });
  const handle = g.querySelector('.handle');
  if (handle) {
    const dx = (to[2] - to[0] - (from[2] - from[0])) * UNIT, dy = (to[3] - to[1] - (from[3] - from[1])) * UNIT;
    handle.setAttribute('transform', `translate(${dx} ${dy})`);
  }
  g.setAttribute('transform', `translate(${(to[0] - from[0]) * UNIT} ${(to[1] - from[1]) * UNIT})`);
}

function moved(from, dx, dy, resize) {
  const [x0, y0, x1, y1] = from;
  if (resize) return [x0, y0, clamp(x1 + dx, x0 + LEAST, 1), clamp(y1 + dy, y0 + LEAST, 1)];
  const mx = clamp(dx, -x0, 1 - x1), my = clamp(dy, -y0, 1 - y1);
  return [x0 + mx, y0 + my, x1 + mx, y1 + my];
}

function send(g, box) {
  trigger('apply', { index: Number(g.dataset.i), box: box.map((v) => Math.round(v * 1000) / 1000) });
}

element.addEventListener('pointerdown', (e) => {
  const g = group(e.target);
  if (!g || e.button) return;
  const svg = g.ownerSVGElement.getBoundingClientRect();
  const grabbed = e.pointerType !== 'touch' || document.activeElement === g;  // the first touch only selects
  g.focus({ preventScroll: true });
  focus = g.dataset.i;
  if (g.classList.contains('fixed') || !grabbed) {
    trigger('select', { index: Number(g.dataset.i) });
    return;
  }
  const from = boxOf(g);
  drag = { g, from, to: from, x: e.clientX, y: e.clientY, side: svg.width, resize: e.target.classList.contains('handle') };
  e.preventDefault();
});

window.addEventListener('pointermove', (e) => {
  if (!drag) return;
  drag.to = moved(drag.from, (e.clientX - drag.x) / drag.side, (e.clientY - drag.y) / drag.side, drag.resize);
  show(drag.g, drag.from, drag.to);
});

window.addEventListener('pointerup', () => {
  if (!drag) return;
  const { g, from, to } = drag;
  drag = null;
  if (to.some((v, k) => Math.abs(v - from[k]) > 0.002)) send(g, to);
  else trigger('select', { index: Number(g.dataset.i) });
});

window.addEventListener('pointercancel', () => {
  if (drag) show(drag.g, drag.from, drag.from);
  drag = null;
});

element.addEventListener('keydown', (e) => {
  const g = group(e.target);
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
  if (g && (e.key === 'Enter' || e.key === ' ')) {
    e.preventDefault();
    focus = g.dataset.i;
    trigger('select', { index: Number(g.dataset.i) });
  }
  if (!g || !way || g.classList.contains('fixed')) return;
  e.preventDefault();
  focus = g.dataset.i;
  const to = moved(g.to || boxOf(g), way[0] * STEP, way[1] * STEP, e.shiftKey);
  g.to = to;
  show(g, boxOf(g), to);
  clearTimeout(waiting);
  waiting = setTimeout(() => send(g, to), 500);
});

element.addEventListener('focusout', () => setTimeout(() => {
  if (document.activeElement !== document.body && !element.contains(document.activeElement)) focus = null;
}, 50));

watch('value', () => {
  const g = focus === null ? null : element.querySelector(`g.box[data-i="${focus}"]`);
  if (g) g.focus({ preventScroll: true });
});
