/* The switch between light and dark. */
const button = element.querySelector('.theme');
function tell() {
  const dark = document.body.classList.contains('dark');
  button.textContent = dark ? 'Light' : 'Dark';
  button.setAttribute('aria-label', dark ? 'Switch to light colours' : 'Switch to dark colours');
  button.setAttribute('aria-pressed', String(dark));
}
if (button) {
  button.addEventListener('click', () => { document.body.classList.toggle('dark'); tell(); });
  tell();
}
