/* The place in the line, in the words of the page: Gradio's tracker knows it, and is not shown itself. */
{
  const place = /queue:\s*(\d+)\s*\/\s*\d+\s*\|\s*([\d.]+)(?:\/([\d.]+))?s/;
  const left = (gone, whole) => {
    const seconds = Math.ceil(whole - gone);
    if (!(seconds > 0)) return '';
    return seconds < 90 ? ` · about ${seconds} s` : ` · about ${Math.ceil(seconds / 60)} min`;
  };
  const tell = (block) => {
    const tracker = block.querySelector('[data-testid="status-tracker"]');
    const found = tracker && !tracker.classList.contains('hide') && place.exec(tracker.textContent);
    let line = block.querySelector('.wait');
    if (!found) {
      if (line) line.remove();
      return;
    }
    if (!line) {
      line = document.createElement('div');
      line.className = 'status wait';
      line.append(document.createElement('b'), document.createElement('span'));
      line.firstChild.textContent = 'Waiting';
      line.lastChild.className = 'detail';
      block.append(line);
    }
    const said = `${found[1]} before you${left(+found[2], +found[3])}`;
    if (line.lastChild.textContent !== said) line.lastChild.textContent = said;
  };
  setInterval(() => document.querySelectorAll('.in-line').forEach(tell), 250);
}
