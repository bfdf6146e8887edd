/* Example images: a click or Enter chooses one. */
element.addEventListener('click', (e) => {
  const b = e.target.closest('[data-k]');
  if (b) trigger('select', { index: Number(b.dataset.k) });
});
