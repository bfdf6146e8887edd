/* The plan editor. Pointer and keys change what is seen at once and tell the server in one event; the server answers
   with the whole editor, which replaces what is seen. What only concerns the page (tool, backdrop, opacity) stays here. */
const UNIT = 512, STEP = 0.01, FINE = 0.001, LEAST = 0.02, SNAP = 6, TAP = 8;  // SNAP and TAP in px
const USUAL = { text: [0.6, 0.16], object: [0.28, 0.28], panel: [0.7, 0.4] };  // width, height of a box that is only clicked
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ACTS = { Delete: 'delete', Backspace: 'delete', l: 'lock', '[': 'back', ']': 'forward' };
const HINTS = {
  select: '',
  text: 'Drag on the canvas to place the text; a click places one of the usual size. Escape: back to Select.',
  object: 'Drag on the canvas to place the object; a click places one of the usual size. Escape: back to Select.',
  panel: 'Drag on the canvas to place the panel; a click places one of the usual size. Escape: back to Select.',
};
let tool = 'select', said = '', backdrop = 'draft';
let chosen = -1;      // index of the chosen element
let drag = null;      // what the pointer does: { mode: tap | move | size | draw, i, from, to, ... }
let nudge = null;     // what the arrow keys did and the server has not heard of: { i, to, timer }
let hold = null;      // index of the box that keeps the focus when the server answers
let follow = '';      // where the focus goes after the next answer: "box" or "text" of the chosen element

const one = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const boxes = () => all('g.box');
const at = (i) => one(`g.box[data-i="${i}"]`);
const group = (node) => (node.closest ? node.closest('g.box') : null);
const index = (g) => Number(g.dataset.i);
const fixed = (g) => g.classList.contains('fixed');
const boxOf = (g) => g.dataset.box.split(',').map(Number);
const clamp = (v, low, high) => Math.max(low, Math.min(high, v));
const round = (box) => box.map((v) => Math.round(v * 1000) / 1000);
const side = () => one('.field').getBoundingClientRect().width;
const typing = (node) => /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName) && node.type !== 'radio' && node.type !== 'range';

// -- what is told --------------------------------------------------------------------------------------------------

function act(action, more = {}) {
  flush();
  trigger('apply', { action, index: chosen, ...more });
}

function flush() {  // tell the server now what the arrow keys did
  if (!nudge || !nudge.timer) return;
  clearTimeout(nudge.timer);
  nudge.timer = 0;
  trigger('apply', { action: 'place', index: nudge.i, box: round(nudge.to) });
}

function tell(words) {
  said = words;
  const line = one('.tell');
  if (line && line.textContent !== said) line.textContent = said;
}

function choose(i) {
  mark(i);
  act('select', { index: i });
}

function mark(i) {  // shows the choice at once; the panel follows with the answer
  chosen = i;
  boxes().forEach((g) => {
    g.classList.toggle('on', index(g) === i);
    g.setAttribute('aria-pressed', String(index(g) === i));
  });
  grips();
}

// -- geometry ------------------------------------------------------------------------------------------------------

function moved([x0, y0, x1, y1], dx, dy) {
  const mx = clamp(dx, -x0, 1 - x1), my = clamp(dy, -y0, 1 - y1);
  return [x0 + mx, y0 + my, x1 + mx, y1 + my];
}

function sized([x0, y0, x1, y1], way, dx, dy) {  // way: n, s, w, e or two of them
  if (way.includes('w')) x0 = clamp(x0 + dx, 0, x1 - LEAST);
  if (way.includes('e')) x1 = clamp(x1 + dx, x0 + LEAST, 1);
  if (way.includes('n')) y0 = clamp(y0 + dy, 0, y1 - LEAST);
  if (way.includes('s')) y1 = clamp(y1 + dy, y0 + LEAST, 1);
  return [x0, y0, x1, y1];
}

/* Distance to the nearest line that one of the values could lie on, or 0; and that line. */
function nearest(values, lines, reach) {
  let best = [0, null];
  let least = reach;
  for (const v of values) {
    for (const line of lines) {
      if (Math.abs(line - v) < least) { least = Math.abs(line - v); best = [line - v, line]; }
    }
  }
  return best;
}

/* The box drawn to edges and centres of the canvas and of the other boxes; shows the lines it keeps to. */
function snapped(box, way, i) {
  const lines = [[0.5], [0.5]], reach = SNAP / side();
  boxes().filter((g) => index(g) !== i).forEach((g) => {
    const [x0, y0, x1, y1] = boxOf(g);
    lines[0].push(x0, (x0 + x1) / 2, x1);
    lines[1].push(y0, (y0 + y1) / 2, y1);
  });
  const [x0, y0, x1, y1] = box;
  const ends = (low, high, a, b) => (way ? [way.includes(low) && a, way.includes(high) && b].filter((v) => v !== false) : [a, (a + b) / 2, b]);
  const [dx, x] = nearest(ends('w', 'e', x0, x1), lines[0], reach);
  const [dy, y] = nearest(ends('n', 's', y0, y1), lines[1], reach);
  guides(x, y);
  return way ? sized(box, way, dx, dy) : moved(box, dx, dy);
}

// -- what is seen --------------------------------------------------------------------------------------------------

function draw(markup) {  // SVG nodes of a few lines of markup
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.innerHTML = markup;
  return [...svg.childNodes];
}

function guides(x, y) {
  const layer = one('.guides');
  if (!layer) return;
  const line = (a) => `<path d="${a}"/>`;
  const across = y === null ? '' : line(`M0 ${y * UNIT}h${UNIT}`), down = x === null ? '' : line(`M${x * UNIT} 0v${UNIT}`);
  layer.replaceChildren(...draw(across + down));
}

function show(g, to) {  // the box of an element while it is being changed
  const from = boxOf(g);
  g.querySelectorAll('.halo, .edge').forEach((r) => {
    r.setAttribute('width', (to[2] - to[0]) * UNIT);
    r.setAttribute('height', (to[3] - to[1]) * UNIT);
  });
  const same = from.every((v, k) => v === to[k]);
  if (same) g.removeAttribute('transform');
  else g.setAttribute('transform', `translate(${(to[0] - from[0]) * UNIT} ${(to[1] - from[1]) * UNIT})`);
  g.classList.toggle('moving', !same);
  if (index(g) === chosen) grips(to);
}

function present() {  // the box of the chosen element as it is seen now
  if (drag && drag.to && drag.i === chosen) return drag.to;
  if (nudge && nudge.i === chosen) return nudge.to;
  const g = at(chosen);
  return g ? boxOf(g) : null;
}

/* Eight handles around the chosen element. A handle is a point with a wide stroke that does not scale, so that its
   reach is the same on every screen; edges that are short have none, and around a small box they stand further out. */
function grips(box = present()) {
  const layer = one('.grips'), where = one('.where'), g = at(chosen);
  if (where) where.textContent = box ? `x ${box[0].toFixed(3)}–${box[2].toFixed(3)}  y ${box[1].toFixed(3)}–${box[3].toFixed(3)}` : '';
  if (!layer) return;
  if (!box || !g || fixed(g)) { layer.replaceChildren(); return; }
  const px = UNIT / side(), [x0, y0, x1, y1] = box.map((v) => v * UNIT);
  const out = (size) => px * clamp(15 - size / px / 4, 0, 9), ox = out(x1 - x0), oy = out(y1 - y0);
  const xs = { w: x0 - ox, '': (x0 + x1) / 2, e: x1 + ox }, ys = { n: y0 - oy, '': (y0 + y1) / 2, s: y1 + oy };
  const wide = (x1 - x0) / px > 76, high = (y1 - y0) / px > 76;
  const ways = ['nw', 'ne', 'sw', 'se', ...(wide ? ['n', 's'] : []), ...(high ? ['w', 'e'] : [])];
  layer.setAttribute('class', `grips ${[...g.classList].find((c) => c.startsWith('k-'))}`);
  layer.replaceChildren(...draw(ways.map((way) => {
    const d = `M${xs[way.replace(/[ns]/, '')]} ${ys[way.replace(/[we]/, '')]}h.01`;
    return `<g class="grip ${way}" data-way="${way}"><path class="reach" d="${d}"/><path class="rim" d="${d}"/><path class="dot" d="${d}"/></g>`;
  }).join('')));
}

function band(box) {  // the outline of a box that is being drawn
  const node = one('.band');
  node.hidden = !box;
  if (!box) return;
  const share = (v) => `${v * 100}%`;
  Object.assign(node.style, { left: share(box[0]), top: share(box[1]), width: share(box[2] - box[0]), height: share(box[3] - box[1]) });
}

function take(name) {  // a tool
  tool = name;
  element.dataset.tool = name;
  all('[data-tool]').forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.tool === name)));
  tell(HINTS[name]);
}

// -- pointer -------------------------------------------------------------------------------------------------------

function point(e) {
  const r = one('.field').getBoundingClientRect();
  return [clamp((e.clientX - r.left) / r.width, 0, 1), clamp((e.clientY - r.top) / r.height, 0, 1)];
}

function grab(e) {  // what a pointer that goes down begins, or null
  const grip = e.target.closest('.grip'), g = grip ? at(chosen) : group(e.target), start = { x: e.clientX, y: e.clientY, id: e.pointerId };
  if (tool !== 'select') return e.target.closest('.field') ? { mode: 'draw', at: point(e), ...start } : null;
  if (!g) return null;
  const from = nudge && nudge.i === index(g) ? nudge.to : boxOf(g);
  const ready = e.pointerType !== 'touch' || index(g) === chosen;  // a finger chooses first, so that the page can scroll
  if (fixed(g) || !ready) return { mode: 'tap', i: index(g), ...start };
  return { mode: grip ? 'size' : 'move', way: grip ? grip.dataset.way : '', i: index(g), from, to: from, ...start };
}

element.addEventListener('pointerdown', (e) => {
  if (e.button || drag) return;
  drag = grab(e);
  if (!drag) return;
  if (drag.mode === 'tap') return;  // nothing is taken from the browser: it may scroll
  e.preventDefault();
  element.setPointerCapture(e.pointerId);
  if (drag.mode === 'draw') return;
  flush();
  if (drag.i !== chosen) mark(drag.i);
  at(drag.i).focus({ preventScroll: true });
});

/* Not every browser heeds touch-action inside SVG: where a finger moves something, the page must not scroll. */
for (const type of ['touchstart', 'touchmove']) {
  element.addEventListener(type, (e) => { if (drag && drag.mode !== 'tap' && e.cancelable) e.preventDefault(); }, { passive: false });
}

element.addEventListener('pointermove', (e) => {
  if (!drag || e.pointerId !== drag.id || drag.mode === 'tap') return;
  if (drag.mode === 'draw') {
    const [a, b] = [drag.at, point(e)];
    drag.to = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
    band(drag.to);
    return;
  }
  const g = at(drag.i);
  if (!g) return;
  const dx = (e.clientX - drag.x) / side(), dy = (e.clientY - drag.y) / side();
  drag.to = drag.way ? sized(drag.from, drag.way, dx, dy) : moved(drag.from, dx, dy);
  drag.far = drag.far || Math.hypot(e.clientX - drag.x, e.clientY - drag.y) > 3;
  if (!drag.far) return;
  if (e.altKey) guides(null, null); else drag.to = snapped(drag.to, drag.way, drag.i);
  show(g, drag.to);
});

element.addEventListener('pointerup', (e) => {
  if (!drag || e.pointerId !== drag.id) return;
  const done = drag;
  drag = null;
  guides(null, null);
  if (done.mode === 'tap') {
    if (Math.hypot(e.clientX - done.x, e.clientY - done.y) < TAP) { focus(done.i); choose(done.i); }
  } else if (done.mode === 'draw') {
    drawn(done, e.pointerType === 'touch');
  } else if (done.far) {
    act('place', { index: done.i, box: round(done.to) });
  } else {
    choose(done.i);
  }
});

function drawn({ at: [x, y], to }, touch) {
  const [w, h] = USUAL[tool], size = to ? side() * Math.max(to[2] - to[0], to[3] - to[1]) : 0;
  const box = size > TAP ? to : moved([0, 0, w, h], x - w / 2, y - h / 2);
  band(null);
  add(box, touch);
}

function add(box, touch) {
  follow = touch || tool === 'panel' ? 'box' : 'text';  // a text is typed next; a finger would call the keyboard up
  act('add', { kind: tool, box: box && round(box) });
  take('select');
}

function stop() {  // a drag that comes to nothing
  const g = drag && drag.i !== undefined ? at(drag.i) : null;
  if (drag && drag.mode === 'draw') band(null);
  if (g && drag.from) show(g, drag.from);
  drag = null;
  guides(null, null);
}

element.addEventListener('pointercancel', stop);
element.addEventListener('lostpointercapture', (e) => {  // of `element`: a finger leaves its own target first
  if (e.target === element && drag && drag.id === e.pointerId) stop();
});
window.addEventListener('resize', () => grips());

// -- keys ----------------------------------------------------------------------------------------------------------

function focus(i) {
  const g = at(i);
  if (g) g.focus({ preventScroll: true });
}

function push(g, way, e) {  // arrow keys: told when they rest, as one step
  const i = index(g), step = e.altKey ? FINE : STEP;
  if (fixed(g)) {
    tell(g.classList.contains('locked') ? `Element ${i + 1} is locked; press L to unlock it.` : 'The background always fills the canvas.');
    return;
  }
  if (nudge && nudge.i !== i) flush();
  const from = nudge && nudge.i === i ? nudge.to : boxOf(g);
  const to = e.shiftKey ? sized(from, 'se', way[0] * step, way[1] * step) : moved(from, way[0] * step, way[1] * step);
  if (nudge) clearTimeout(nudge.timer);
  nudge = { i, to, timer: setTimeout(flush, 450) };
  if (chosen !== i) mark(i);
  show(g, to);
}

function boxKey(g, e) {
  const i = index(g), way = ARROWS[e.key], mod = e.ctrlKey || e.metaKey, key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (way && !mod) { push(g, way, e); return true; }
  if (key === 'Tab') return tab(i, e.shiftKey);
  if (key === 'Enter' || key === ' ') { follow = 'text'; choose(i); return true; }
  const action = mod ? (key === 'd' && 'duplicate') : ACTS[key];
  if (!action || e.repeat) return Boolean(action);
  follow = action === 'delete' ? '' : 'box';
  act(action, { index: i });
  return true;
}

/* Boxes are drawn in the order of their kinds, but the Tab key goes through them in the order of the list. */
function tab(i, back) {
  const next = at(back ? i - 1 : i + 1);
  if (next) { next.focus(); return true; }
  boxes().forEach((g) => g.setAttribute('tabindex', '-1'));  // so that the browser leaves the plan
  setTimeout(() => boxes().forEach((g) => g.setAttribute('tabindex', '0')));
  return false;
}

function history(e) {
  const key = e.key.toLowerCase();
  if (!(e.ctrlKey || e.metaKey) || e.altKey || !(key === 'z' || key === 'y')) return false;
  follow = hold === null ? '' : 'box';
  act(key === 'y' || e.shiftKey ? 'redo' : 'undo');
  return true;
}

function escape(e) {
  const list = one('.combo .list');
  if (list && !list.hidden) { restore(); return true; }
  if (drag) { stop(); return true; }
  if (typing(e.target) && e.target.dataset.value !== undefined) { e.target.value = e.target.dataset.value; return true; }
  if (tool === 'select') return false;
  take('select');
  return true;
}

function fieldKey(e) {
  if (e.target.getAttribute('role') === 'combobox' && comboKey(e)) return true;
  if (e.key !== 'Enter' || e.target.tagName === 'SELECT' || e.target.dataset.field === undefined) return false;
  commit(e.target);
  return true;
}

function along(bar, e) {  // left and right within a toolbar
  const way = { ArrowLeft: -1, ArrowRight: 1 }[e.key], buttons = [...bar.querySelectorAll('button')];
  if (!way) return false;
  const next = buttons[buttons.indexOf(e.target) + way];
  if (next) next.focus();
  return true;
}

element.addEventListener('keydown', (e) => {
  const g = group(e.target), bar = e.target.closest('[role=toolbar]');
  let used = false;
  if (e.key === 'Escape') used = escape(e);
  else if (typing(e.target)) used = fieldKey(e);
  else used = history(e) || (g ? boxKey(g, e) : bar ? along(bar, e) : false);
  if (used) { e.preventDefault(); e.stopPropagation(); }
});

element.addEventListener('focusin', (e) => {
  const g = group(e.target);
  if (!g) return;
  const outside = !e.relatedTarget || !group(e.relatedTarget);
  hold = index(g);
  if (outside && g.matches(':focus-visible') && !drag && at(0) && g === boxes()[0]) { hold = 0; focus(0); }
});

element.addEventListener('focusout', () => setTimeout(() => {
  if (document.activeElement !== document.body && !group(document.activeElement)) hold = null;
}, 50));

// -- buttons and fields --------------------------------------------------------------------------------------------

element.addEventListener('click', (e) => {
  if (e.target === combo()) e.target.select();  // what is typed replaces the name
  const b = e.target.closest('button');
  if (!b || b.getAttribute('aria-disabled') === 'true') return;
  if (b.dataset.tool) toolButton(b.dataset.tool);
  else if (b.dataset.do) act(b.dataset.do);
  else if (b.dataset.set) act('set', { field: b.dataset.set, value: b.dataset.to });
  else if (b.id === 'replan') { flush(); trigger('replan', {}); }
});

function toolButton(name) {  // pressed again, it adds one in the middle: so that keys alone can add, too
  if (name !== 'select' && name === tool) add(null, false);
  else take(name);
}

function commit(f) {
  if (f.value === f.dataset.value) return;
  act('set', { field: f.dataset.field, value: f.dataset.field === 'font' ? fontOf(f.value) : f.value });
}

element.addEventListener('change', (e) => {
  const f = e.target;
  if (f.name === 'backdrop') setBackdrop(f.value);
  else if (f.dataset.field === 'chooser') choose(Number(f.value));
  else if (f.dataset.field && f.getAttribute('role') !== 'combobox') commit(f);
});

element.addEventListener('input', (e) => {
  if (e.target.type === 'range') element.style.setProperty('--ground', e.target.value / 100);
  if (e.target.getAttribute('role') === 'combobox') open(e.target.value);
});

/* Fields show what the server says, but a value that it refused stays to be mended. */
function sync() {
  all('[data-field]').forEach((f) => {
    const now = `${chosen} ${f.dataset.field} ${f.dataset.value}`;
    if (f.now !== now) f.value = f.dataset.value || (f.type === 'color' ? '#ffffff' : '');
    f.now = now;
    if (typing(f) && f.type !== 'color') f.setAttribute('aria-invalid', String(f.value !== f.dataset.value));
  });
}

// -- the list of fonts ---------------------------------------------------------------------------------------------

const combo = () => one('[role=combobox]');
const options = () => all('.combo [role=option]').filter((o) => !o.hidden);
const active = () => one('.combo .active');

let listing = false;  // whether the list is open

function open(words) {  // with the fonts whose name or category has all the words
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  all('.combo [role=option]').forEach((o) => { o.hidden = !wanted.every((w) => o.dataset.words.includes(w)); });
  all('.combo [role=group]').forEach((g) => { g.hidden = !g.querySelector('[role=option]:not([hidden])'); });
  listing = options().length > 0;
  one('.combo .list').hidden = !listing;
  combo().setAttribute('aria-expanded', String(listing));
  highlight(words ? options()[0] : one('.combo [aria-selected=true]'));
}

function highlight(option) {
  all('.combo .active').forEach((o) => o.classList.remove('active'));
  combo().removeAttribute('aria-activedescendant');
  if (!option) return;
  option.classList.add('active');
  combo().setAttribute('aria-activedescendant', option.id);
  option.scrollIntoView({ block: 'nearest' });
}

function close() {
  listing = false;
  const list = one('.combo .list');
  if (!list) return;
  list.hidden = true;
  combo().setAttribute('aria-expanded', 'false');
  highlight(null);
}

function restore() {
  combo().value = combo().dataset.value;
  close();
}

function fontOf(words) {  // the id of a font that is named in full, else what was typed
  const same = all('.combo [role=option]').find((o) => o.textContent.toLowerCase() === words.trim().toLowerCase());
  return same ? same.dataset.id : words;
}

function setFont(option) {
  combo().value = option.textContent;
  close();
  commit(combo());
}

function comboKey(e) {
  const list = options(), shut = one('.combo .list').hidden, way = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (way && shut) { open(''); return true; }
  if (way) { highlight(list[clamp(list.indexOf(active()) + way, 0, list.length - 1)]); return true; }
  if (e.key === 'Enter' && !shut && active()) { setFont(active()); return true; }
  return false;
}

element.addEventListener('mousedown', (e) => {
  const option = e.target.closest('.combo [role=option]');
  if (e.target.closest('.combo .list')) e.preventDefault();  // the field keeps the focus
  if (option) setFont(option);
  else if (e.target === combo()) open('');
});

element.addEventListener('focusout', (e) => {
  if (e.target !== combo()) return;
  close();
  commit(e.target);
});

// -- backdrop ------------------------------------------------------------------------------------------------------

function setBackdrop(name) {
  const before = backdrop;
  backdrop = name;
  element.dataset.backdrop = name;
  picture();
  if ((name === 'draft') !== (before === 'draft')) { flush(); trigger('backdrop', { draft: name === 'draft' }); }
}

function picture() {  // the picture that was drawn last (the chosen one of several), from the sheet beside
  const grid = document.querySelector('#stage .grid'), figures = grid ? grid.querySelectorAll('figure') : [];
  const figure = figures[Number(grid && grid.dataset.chosen) || 0] || document.querySelector('#stage');
  const image = figure && figure.querySelector('img');
  element.style.setProperty('--picture', image && backdrop === 'picture' ? `url("${image.src}")` : 'none');
  if (backdrop === 'picture' && !image) tell('No picture has been drawn yet; press Draw to get one.');
  else if (said.startsWith('No picture')) tell('');
}

const stage = document.querySelector('#stage');
if (stage) new MutationObserver(() => { if (backdrop === 'picture') picture(); }).observe(stage, { childList: true, subtree: true, attributes: true, attributeFilter: ['src', 'data-chosen'] });

// -- what the server answers ---------------------------------------------------------------------------------------

function land() {  // the focus, where the last act wants it
  const count = boxes().length;
  const wanted = follow === 'box' && chosen >= 0 ? chosen : hold;
  const free = follow || document.activeElement === document.body || group(document.activeElement);
  if (follow === 'text' && chosen >= 0 && one('textarea[data-field=text]')) {
    one('textarea[data-field=text]').focus();
    one('textarea[data-field=text]').select();
  } else if (wanted !== null && free && count) {
    focus(Math.min(wanted, count - 1));
  }
  follow = '';
}

function answered() {
  const root = one('.editor');
  if (!root) return;
  chosen = Number(root.dataset.chosen);
  if (nudge && !nudge.timer) nudge = null;  // heard
  boxes().forEach((g) => { g.removeAttribute('transform'); g.classList.remove('moving'); });
  if (nudge && at(nudge.i)) show(at(nudge.i), nudge.to);
  if (drag && drag.far && at(drag.i)) show(at(drag.i), drag.to);
  all('[data-tool]').forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.tool === tool)));
  tell(said.startsWith('Element') ? '' : said);
  sync();
  if (listing && combo() && document.activeElement === combo()) open(combo().value === combo().dataset.value ? '' : combo().value);
  else close();
  grips();
  land();
}

element.dataset.tool = tool;
element.dataset.backdrop = backdrop;
watch('value', answered);
