/* The link is copied; a picture or a layout that is dropped on the first tab goes the way of the import button; and a
   page whose server was started again opens anew, with what this browser kept. */
const LOOK_MS = 5000;
const home = () => document.getElementById('desk');
const files = (e) => e.dataTransfer && [...e.dataTransfer.types].includes('Files');

element.addEventListener('click', async (e) => {
  if (!e.target.closest('[data-copy]')) return;
  const address = new URL(element.querySelector('a').getAttribute('href'), location.href.split(/[?#]/)[0]).href;
  const say = element.querySelector('[role=status]');
  try {
    await navigator.clipboard.writeText(address);
    say.textContent = 'Copied';
  } catch {  // no permission, or the page is not served over https
    say.textContent = 'Copy the address of the link beside by its context menu';
  }
});

function over(e) {
  if (!files(e) || !home() || !home().contains(e.target)) return;
  e.preventDefault();
  home().classList.add('dropping');
}

function drop(e) {
  if (!files(e) || !home() || !home().contains(e.target)) return;
  e.preventDefault();
  home().classList.remove('dropping');
  const input = document.querySelector('input[type=file][data-testid^="Import"]');
  if (!input || !e.dataTransfer.files.length) return;
  const one = new DataTransfer();
  one.items.add(e.dataTransfer.files[0]);
  input.files = one.files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
}

document.addEventListener('dragover', over);
document.addEventListener('drop', drop);
document.addEventListener('dragleave', (e) => {
  if (home() && (!e.relatedTarget || !home().contains(e.relatedTarget))) home().classList.remove('dropping');
});

let known = null;
async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(new URL('gradio_api/app_id', location.href.split(/[?#]/)[0]), { cache: 'no-store' });
    const id = (await answer.json()).app_id;
    if (known !== null && id !== undefined && id !== known) location.reload();
    known = id;
  } catch { /* not there at the moment: Gradio says so when something is asked of it */ }
}
look();
setInterval(look, LOOK_MS);
document.addEventListener('visibilitychange', look);
