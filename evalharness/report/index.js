'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  // ---- the list of runs by words
  if (!$('filter')) return;
  const rows = [...document.querySelectorAll('#runs tbody tr')];
  $('filter').hidden = false;
  $('filter').addEventListener('submit', (event) => event.preventDefault());
  $('q').addEventListener('input', () => {
    const words = $('q').value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    $('found').textContent = words.length ? `${shown} of ${rows.length} runs` : '';
  });
})();
