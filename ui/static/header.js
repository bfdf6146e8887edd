/* The switch between light and dark; and names for controls of Gradio that come without one. */
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

const UNNAMED = {  // selector: attributes that a screen reader needs
  '.image-container > button:not([aria-label])': { 'aria-label': 'Choose another image' },
  '.wrapper[aria-label="Static column"]:not([role])': { role: 'img' },
  '#table [data-heading="0"][tabindex="-1"]': { tabindex: '0' },  // a table that scrolls is reached by keyboard
};
function name() {
  for (const [selector, attributes] of Object.entries(UNNAMED)) {
    document.querySelectorAll(selector).forEach((node) => {
      Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    });
  }
}
let due = 0;
new MutationObserver(() => { cancelAnimationFrame(due); due = requestAnimationFrame(name); })
  .observe(document.body, { childList: true, subtree: true });
name();
