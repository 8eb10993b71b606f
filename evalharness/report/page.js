'use strict';
(() => {
  const $ = (id) => document.getElementById(id);

  function make(name, text, cls) {
    const node = document.createElement(name);
    if (text !== undefined && text !== null) node.textContent = text;
    if (cls) node.className = cls;
    return node;
  }

  // ---- all trials
  if (!$('data') || !('DecompressionStream' in window)) return;
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return JSON.parse(await new Response(stream).text());
  };
  const SIZE = 100;
  let table, order, texts, page = 0, current = -1, opened = -1, sort = '', loading;
  const col = (name, row) => table.columns[name][row];
  const caseOf = (row) => table.cases[col('case', row)];
  const armOf = (row) => table.arms[col('arm', row)];
  const idOf = (row) => [caseOf(row)[0], armOf(row)[0], col('repeat', row)].map(encodeURIComponent).join('/');
  const score = (row) => table.scores.length ? table.scores[0][row] : null;
  const outcome = (row) => score(row) === null ? 'ungraded' : score(row) >= table.pass_at ? 'right' : 'wrong';
  const ms = (v) => v === null ? '–' : v < 1000 ? `${v} ms` : `${(v / 1000).toFixed(1)} s`;
  const usd = (v) => v === null ? '–' : '$' + (v < 1e6 ? (v / 1e6).toFixed(6).replace(/(\.\d\d+?)0+$/, '$1') : (v / 1e6).toFixed(2));
  const count = (v) => v === null ? '–' : v.toLocaleString('en');
  const pct = (v) => v === null ? 'no score' : v === 1 ? 'right' : v === 0 ? 'wrong' : `${+(v * 100).toFixed(1)}%`;
  const columns = [
    ['case', 'Case', null, (r) => caseOf(r)[0]],
    ['arm', 'Arm', (r) => armOf(r)[0], (r) => col('arm', r)],
    ['repeat', 'Repeat', (r) => col('repeat', r), (r) => col('repeat', r)],
    ['score', 'Score', (r) => col('failure', r) || (score(r) === null ? table.statuses[col('status', r)] : pct(score(r))), (r) => score(r)],
    ['ttfo_ms', 'First output', (r) => ms(col('ttfo_ms', r))],
    ['total_ms', 'Total time', (r) => ms(col('total_ms', r))],
    ['output_tokens', 'Output tokens', (r) => count(col('output_tokens', r))],
    ['cost', 'Cost', (r) => usd(col('cost', r))],
    ['preview', 'Answer', (r) => col('preview', r)],
  ];

  const load = () => loading ??= unpack('data').then((value) => {
    table = value;
    $('trials-plain').hidden = true;
    $('trials-live').hidden = false;
    const head = make('tr');
    for (const [name, title] of columns) {
      const cell = make('th', null, name === 'arm' || name === 'preview' ? 'left' : ''), button = make('button', title);
      cell.scope = 'col';
      button.type = 'button';
      button.addEventListener('click', () => { sort = sort === name ? '-' + name : sort === '-' + name ? '' : name; changed(); });
      cell.dataset.name = name;
      cell.append(button);
      head.append(cell);
    }
    document.querySelector('#grid thead').append(head);
    select();
    draw();
  });

  const wanted = (id) => $(id) ? $(id).value : '';
  function select() {
    const words = wanted('q').toLowerCase().split(/\s+/).filter(Boolean);
    const arm = wanted('arm'), status = wanted('status'), tag = wanted('tag'), result = wanted('outcome');
    order = [];
    for (let row = 0; row < table.columns.case.length; row++) {
      if (arm && armOf(row)[0] !== arm) continue;
      if (status && table.statuses[col('status', row)] !== status) continue;
      if (tag && !caseOf(row)[1].includes(tag)) continue;
      if (result && outcome(row) !== result) continue;
      if (words.length) {
        const hay = `${caseOf(row)[0]} ${caseOf(row)[1].join(' ')} ${armOf(row)[0]} ${col('failure', row) || ''} ${col('preview', row)}`.toLowerCase();
        if (!words.every((word) => hay.includes(word))) continue;
      }
      order.push(row);
    }
    if (sort) {
      const down = sort[0] === '-', name = sort.replace('-', '');
      const key = (columns.find((c) => c[0] === name) || [])[3] || ((row) => table.columns[name] && col(name, row));
      const keys = new Map(order.map((row) => [row, key(row)]));
      order.sort((a, b) => {
        const x = keys.get(a), y = keys.get(b);
        if (x === null || y === null) return (x === null) - (y === null) || a - b;
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1) || a - b;
      });
    }
    page = 0; current = -1; opened = -1;
  }

  function draw() {
    const body = make('tbody'), from = page * SIZE, rows = order.slice(from, from + SIZE);
    rows.forEach((row, i) => body.append(line(row, from + i)));
    if (!rows.length) {
      const cell = make('td', 'No trial matches.', 'left');
      cell.colSpan = columns.length;
      const tr = make('tr');
      tr.append(cell);
      body.append(tr);
    }
    document.querySelector('#grid tbody').replaceWith(body);
    for (const th of document.querySelectorAll('#grid thead th')) {
      const mine = sort.replace('-', '') === th.dataset.name;
      if (mine) th.setAttribute('aria-sort', sort[0] === '-' ? 'descending' : 'ascending'); else th.removeAttribute('aria-sort');
      th.firstChild.textContent = columns.find((c) => c[0] === th.dataset.name)[1] + (mine ? (sort[0] === '-' ? ' ↓' : ' ↑') : '');
    }
    $('found').textContent = `${count(order.length)} of ${count(table.columns.case.length)} trials`;
    $('place').textContent = rows.length ? `${count(from + 1)} to ${count(from + rows.length)}` : '';
    $('prev').disabled = page === 0;
    $('next').disabled = from + SIZE >= order.length;
  }

  function line(row, at) {
    const tr = make('tr');
    tr.dataset.at = at;
    for (const [name, , text] of columns) {
      if (name === 'case') {
        const th = make('th'), button = make('button', caseOf(row)[0]);
        th.scope = 'row';
        button.type = 'button';
        button.setAttribute('aria-expanded', 'false');
        button.addEventListener('click', () => toggle(at, true));
        th.append(button);
        tr.append(th);
        continue;
      }
      const tone = name === 'score' && (col('failure', row) || outcome(row) === 'wrong') ? 'worse' : '';
      tr.append(make('td', text(row), name === 'preview' ? 'preview' : name === 'arm' ? 'left' : tone));
    }
    return tr;
  }

  const lineAt = (at) => document.querySelector(`#grid tr[data-at="${at}"]`);
  function mark(at) {
    document.querySelector('#grid tr.on')?.classList.remove('on');
    current = at;
    const tr = lineAt(at);
    if (tr) { tr.classList.add('on'); tr.scrollIntoView({ block: 'nearest' }); }
  }
  function shut() {
    document.querySelector('#grid .detail')?.remove();
    lineAt(opened)?.querySelector('button').setAttribute('aria-expanded', 'false');
    opened = -1;
  }
  async function toggle(at, push) {
    const was = opened;
    shut();
    if (was === at) { if (push) history.pushState(null, '', hashOfTable()); return; }
    mark(at);
    opened = at;
    const row = order[at], tr = lineAt(at);
    if (push) history.pushState(null, '', '#trial=' + idOf(row));
    tr.querySelector('button').setAttribute('aria-expanded', 'true');
    texts ??= await unpack('texts');
    if (opened !== at) return;
    const cell = make('td'), detail = make('tr', null, 'detail');
    cell.colSpan = columns.length;
    fill(cell, row);
    detail.append(cell);
    tr.after(detail);
  }

  const TITLES = { failure: 'Failure', output: 'Answer', expected: 'Expected', reasons: 'Graders say', summary: 'Reasoning summary', tools: 'Tool calls', input: 'Input', anomalies: 'Remarks', attempts: 'Attempts' };
  function fill(cell, row) {
    const facts = table.graders.map((name, i) => `${name}: ${pct(table.scores[i][row])}`);
    facts.push(`ended: ${table.statuses[col('status', row)]}`);
    for (const [name, title] of [['ttft_ms', 'first token'], ['ttfo_ms', 'first output'], ['latency_ms', 'latency'], ['total_ms', 'total']]) {
      if (col(name, row) !== null) facts.push(`${title} ${ms(col(name, row))}`);
    }
    for (const [name, title] of [['input_tokens', 'input'], ['cached_tokens', 'of it cached'], ['output_tokens', 'output'], ['reasoning_tokens', 'of it reasoning']]) {
      if (col(name, row) !== null) facts.push(`${title} ${count(col(name, row))} tokens`);
    }
    if (caseOf(row)[1].length) facts.push(`tags: ${caseOf(row)[1].join(', ')}`);
    cell.append(make('p', facts.join(' · '), 'note'));
    const full = texts[row] || { output: col('preview', row) };
    for (const name of Object.keys(TITLES)) {
      if (!full[name]) continue;
      const pre = make('pre', full[name]);
      pre.tabIndex = 0; pre.dir = 'auto';
      cell.append(make('h3', TITLES[name]), pre);
    }
    if (!texts[row]) cell.append(make('p', 'Only a preview of this answer is in the page. The whole trial:', 'note'));
    const quoted = /^[\w.:-]+$/.test(caseOf(row)[0]) ? caseOf(row)[0] : `'${caseOf(row)[0].replaceAll("'", `'\\''`)}'`;
    const flags = armOf(row)[2] ? ' ' + armOf(row)[2] : '';
    cell.append(make('code', `evalharness show ${table.run} ${quoted}${flags} --repeat ${col('repeat', row)}`));
  }

  // ---- the address keeps what is shown: #trials?q=…, #trial=CASE/ARM/REPEAT, #case-ID
  const FIELDS = ['q', 'arm', 'outcome', 'status', 'tag'];
  function hashOfTable() {
    const params = new URLSearchParams(FIELDS.filter((id) => wanted(id)).map((id) => [id, wanted(id)]));
    if (sort) params.set('sort', sort);
    return '#trials' + (params.size ? '?' + params : '');
  }
  function changed() { select(); draw(); history.replaceState(null, '', hashOfTable()); }
  const decode = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
  async function follow() {
    const hash = location.hash;
    if (!/^#(trials\?|trial=|case-)/.test(hash) || $(hash.slice(1))) return;
    await load();
    const params = new URLSearchParams(hash.startsWith('#trials?') ? hash.slice(8) : '');
    for (const id of FIELDS) if ($(id)) $(id).value = params.get(id) || '';
    sort = params.get('sort') || '';
    if (hash.startsWith('#case-')) $('q').value = decode(hash.slice(6));
    select();
    const id = hash.startsWith('#trial=') ? hash.slice(7) : null;
    const at = id === null ? -1 : order.findIndex((row) => idOf(row) === id || decode(idOf(row)) === decode(id));
    if (at >= 0) page = Math.floor(at / SIZE);
    draw();
    $('trials').scrollIntoView();
    if (at >= 0) { await toggle(at, false); lineAt(at)?.scrollIntoView({ block: 'start' }); }
  }

  let timer;
  $('q').addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(changed, 150); });
  for (const id of FIELDS.slice(1)) $(id)?.addEventListener('change', changed);
  $('filters').addEventListener('submit', (event) => event.preventDefault());
  const turn = (by) => { page += by; shut(); draw(); document.querySelector('.scroll').scrollIntoView({ block: 'nearest' }); };
  $('prev').addEventListener('click', () => turn(-1));
  $('next').addEventListener('click', () => turn(1));
  addEventListener('hashchange', follow);
  addEventListener('popstate', follow);
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input,select,textarea')) return;
    if (event.key === '/') { event.preventDefault(); load().then(() => { $('trials').scrollIntoView(); $('q').focus(); }); return; }
    if (!table) return;
    const last = Math.min(order.length, (page + 1) * SIZE) - 1;
    if (event.key === 'j') mark(Math.min(last, Math.max(current + 1, page * SIZE)));
    else if (event.key === 'k') mark(Math.max(page * SIZE, current - 1));
    else if (event.key === 'Enter' && current >= 0 && !event.target.closest('button,a,summary')) toggle(current, true);
    else if (event.key === 'Escape' && opened >= 0) { const at = opened; shut(); lineAt(at)?.querySelector('button').focus(); }
  });
  new IntersectionObserver((entries, watch) => {
    if (entries.some((entry) => entry.isIntersecting)) { watch.disconnect(); load(); }
  }, { rootMargin: '800px' }).observe($('trials'));
  follow();
})();
