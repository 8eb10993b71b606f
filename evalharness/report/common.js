'use strict';
function copyable(pre) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    try { await navigator.clipboard.writeText(pre.textContent); button.textContent = 'Copied'; }
    catch { getSelection().selectAllChildren(pre); button.textContent = 'Selected: copy with your keys'; }
  });
  pre.before(button);
}

(() => {
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;

  // ---- theme: the button turns what is seen now; the choice is kept where the browser lets a file keep things
  const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const remembered = (value) => {
    try { return value ? localStorage.setItem('evalharness-theme', value) : localStorage.getItem('evalharness-theme'); } catch { return null; }
  };
  const kept = remembered();
  if (kept === 'dark' || kept === 'light') root.dataset.theme = kept;
  $('theme').hidden = false;
  $('theme').addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; remembered(root.dataset.theme); });

  document.querySelectorAll('pre.copy').forEach(copyable);
})();
