(() => {
  const $ = (id) => document.getElementById(id);
  const make = (name, properties, ...children) => {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
  };

  // ---- all trials
  if (!$('data') || !('DecompressionStream' in window)) return;
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return JSON.parse(await new Response(stream).text());
  };
  const SIZE = 100, grid = $('grid'), heads = [...grid.querySelectorAll('th')];
  let table, order, texts, page = 0, current = -1, opened = -1, sort = '', loading;
  const col = (name, row) => table.columns[name][row];
  const caseOf = (row) => table.cases[col('case', row)];
  const armOf = (row) => table.arms[col('arm', row)];
  const idOf = (row) => [caseOf(row)[0], armOf(row)[0], col('repeat', row)].map(encodeURIComponent).join('/');
  const score = (row) => table.scores.length ? table.scores[0][row] : null;
  const outcome = (row) => score(row) === null ? 'ungraded' : score(row) >= table.pass_at ? 'right' : 'wrong';
  const status = (row) => table.statuses[col('status', row)];
  const count = (v) => v.toLocaleString('en');
  const pct = (v) => v === null ? 'no score' : v === 1 ? 'right' : v === 0 ? 'wrong' : `${+(v * 100).toFixed(1)}%`;
  const FORMATS = {
    count,
    ms: (v) => v < 9.95 ? `${v.toFixed(1)} ms` : v < 999.5 ? `${Math.round(v)} ms` : `${(v / 1000).toFixed(v < 99950 ? 1 : 0)} s`,
    usd: (v) => '$' + (v / 1e6).toFixed(table.usd),
  };
  const shown = (name, row) => {
    const value = col(name, row);
    return value === null ? '–' : FORMATS[table.formats[name][1]](value);
  };
  // What a cell shows, and what it is sorted by.
  const CELLS = {
    case: [(r) => caseOf(r)[0], (r) => caseOf(r)[0]],
    arm: [(r) => armOf(r)[0]],
    repeat: [(r) => col('repeat', r)],
    score: [(r) => col('failure', r) || (score(r) === null ? status(r) : pct(score(r))), score],
    preview: [(r) => col('preview', r)],
  };

  const load = () => loading ??= unpack('data').then((value) => {
    table = value;
    $('trials-plain').hidden = !($('trials-live').hidden = false);
    for (const { dataset: { name }, firstChild } of heads) {
      firstChild.onclick = () => { sort = sort === name ? '-' + name : sort === '-' + name ? '' : name; changed(); };
    }
    select();
    draw();
  });

  const FIELDS = ['q', 'arm', 'outcome', 'status', 'tag'];
  const wanted = (id) => $(id) ? $(id).value : '';
  function select() {
    const [q, arm, result, ended, tag] = FIELDS.map(wanted), exact = q[0] === '=' && q.slice(1);
    const words = exact ? [] : q.toLowerCase().split(/\s+/).filter(Boolean);
    order = [];
    for (let row = 0; row < table.columns.case.length; row++) {
      const [id, tags] = caseOf(row);
      if (exact && id !== exact || arm && armOf(row)[0] !== arm || result && outcome(row) !== result) continue;
      if (ended && status(row) !== ended || tag && !tags.includes(tag)) continue;
      if (words.length) {
        const hay = `${id} ${tags.join(' ')} ${armOf(row)[0]} ${col('failure', row) || ''} ${col('preview', row)}`.toLowerCase();
        if (!words.every((word) => hay.includes(word))) continue;
      }
      order.push(row);
    }
    if (sort) {
      const down = sort[0] === '-', name = sort.replace('-', '');
      const key = CELLS[name]?.[1] || ((row) => table.columns[name] && col(name, row));
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
    const from = page * SIZE, rows = order.slice(from, from + SIZE);
    const lines = rows.length ? rows.map((row, i) => line(row, from + i))
      : [make('tr', {}, make('td', { colSpan: 9, className: 'preview' }, 'No trial matches.'))];
    grid.tBodies[0].replaceChildren(...lines);
    for (const th of heads) {
      const mine = sort.replace('-', '') === th.dataset.name, down = sort[0] === '-';
      th.ariaSort = mine ? down ? 'descending' : 'ascending' : null;
      th.firstChild.textContent = th.dataset.title + (mine ? down ? ' ↓' : ' ↑' : '');
    }
    $('found').textContent = `${count(order.length)} of ${count(table.columns.case.length)} trials`;
    $('place').textContent = rows.length ? `${count(from + 1)} to ${count(from + rows.length)}` : '';
    $('prev').disabled = page === 0;
    $('next').disabled = from + SIZE >= order.length;
  }

  function line(row, at) {
    const tr = make('tr');
    tr.dataset.at = at;
    for (const { dataset: { name } } of heads) {
      const text = CELLS[name] ? CELLS[name][0](row) : shown(name, row);
      if (name === 'case') {
        const button = make('button', { type: 'button', ariaExpanded: false, onclick: () => toggle(at, true) }, text);
        tr.append(make('th', { scope: 'row' }, button));
        continue;
      }
      const isBad = name === 'score' && (col('failure', row) || outcome(row) === 'wrong');
      tr.append(make('td', { className: isBad ? 'worse' : name }, text));
    }
    return tr;
  }

  const lineAt = (at) => grid.querySelector(`tr[data-at="${at}"]`);
  function mark(at) {
    grid.querySelector('tr.on')?.classList.remove('on');
    current = at;
    const tr = lineAt(at);
    tr?.classList.add('on');
    tr?.scrollIntoView({ block: 'nearest' });
  }
  function expanded(at, is) {
    const button = lineAt(at)?.querySelector('button');
    if (button) button.ariaExpanded = is;
    return button;
  }
  function shut() {
    grid.querySelector('.detail')?.remove();
    expanded(opened, false);
    opened = -1;
  }
  async function toggle(at, push) {
    const was = opened;
    shut();
    if (was === at) return history.pushState(null, '', hashOfTable());
    mark(at);
    opened = at;
    const row = order[at];
    if (push) history.pushState(null, '', '#trial=' + idOf(row));
    expanded(at, true);
    texts ??= await unpack('texts');
    if (opened === at && !grid.querySelector('.detail')) lineAt(at).after(make('tr', { className: 'detail' }, make('td', { colSpan: 9 }, detail(row))));
  }

  // ---- one trial in full: tables of what is known of it, then its texts
  const sheet = (caption, rows) => make('table', { className: 'sheet' }, make('caption', {}, caption), make('tbody', {}, ...rows.map(
    ([head, ...cells]) => make('tr', {}, make('th', { scope: 'row' }, head), ...cells.map((cell) => make('td', {}, cell))))));
  const svg = (name, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    return node;
  };
  // A call answered at the first try, as far as the columns tell: stretches by number.
  function stretches(row, [head, event] = []) {
    const [ttft, ttfo, latency, total] = ['ttft', 'ttfo', 'latency', 'total'].map((name) => col(name + '_ms', row));
    if (table.turns || latency === null || total === null) return [];
    const sent = Math.max(0, total - latency), thinks = ttft !== null && (ttfo === null || ttft < ttfo);
    const said = thinks ? [[5, ttft], [6, ttfo]] : [[7, ttfo]], last = ttfo !== null ? 8 : thinks ? 6 : 9;
    let from = 0;
    return [[0, 0], [3, head], [4, event], ...said, [last, latency]]
      .filter(([, to]) => to != null).map(([name, to]) => [name, from, from = Math.max(from, sent + to)]).filter(([, from, to]) => to > from);
  }
  function timeline(rows) {
    const scale = 240 / rows.at(-1)[2];
    return sheet('Where the time went', rows.map(([name, from, to, note]) => {
      const [title, role, fill] = table.stretches[name], x = Math.min(239, scale * from);
      const picture = svg('svg', { viewBox: '0 0 240 12', width: 240, height: 12, 'aria-hidden': true });
      picture.append(svg('rect', { x, y: 1, width: Math.max(1, scale * (to - from)), height: 10, fill, class: 'f-' + role }));
      return [title + (note ? ` (${note})` : ''), picture, FORMATS.ms(to - from)];
    }));
  }
  function detail(row) {
    const full = texts.rows[row] || { turns: [{ output: col('preview', row) }] };
    const [id, tags] = caseOf(row), [, flags, asked, endpoint] = armOf(row), times = full.line || stretches(row, full.at);
    const known = Object.keys(table.formats).filter((name) => col(name, row) !== null);
    const facts = [['Ended', status(row)], ...known.map((name) => [table.formats[name][0], shown(name, row)])];
    const sheets = make('div', { className: 'pair' }, sheet('Measured', facts),
      sheet('Asked of', tags.length ? [...asked, ['tags', tags.join(', ')]] : asked));
    if (table.graders.length) sheets.append(sheet('Scores', table.graders.map((name, i) => [name, pct(table.scores[i][row]), full.reasons?.[name] || ''])));
    if (times.length) sheets.append(timeline(times));
    const box = make('div', {}, sheets), pre = (text) => make('pre', { tabIndex: 0, dir: 'auto' }, text);
    const show = (title, text) => text && box.append(make('h3', {}, title), pre(text));
    show('Failure', full.failure);
    show('Expected', full.expected);
    full.turns?.forEach((turn, i, { length }) => {
      for (const name in table.parts) show(table.parts[name] + (length > 1 ? `, turn ${i + 1}` : ''), turn[name]);
    });
    show('Remarks', full.remarks);
    if (full.body) {
      const [head, before, after] = table.endpoints[endpoint], [around, own] = full.body;
      const body = texts.bodies[around].join(own ?? JSON.stringify(full.turns.at(-1).input));
      let end = 'BODY';
      while (body.includes(end)) end += '_';
      for (const [title, text] of [['cURL', `${head} <<'${end}'\n${body}\n${end}`], ['Python', before + body + after]]) {
        const code = pre(text);
        box.append(make('details', {}, make('summary', {}, 'Send it again with ' + title), code));
        copyable(code);
      }
    }
    const last = make('p', { className: 'note' }, texts.rows[row] ? '' : 'Only the beginning of its answer is in this page. ');
    if (table.side) {
      const at = table.columns.place?.[row] ?? row, page = String(Math.floor(at / table.side) + 1).padStart(4, 0);
      last.append(make('a', { href: `trials/p${page}.html#t-${at}` }, 'Its full text'), ' · ');
    }
    const quoted = /^[\w.:-]+$/.test(id) ? id : `'${id.replaceAll("'", `'\\''`)}'`;
    last.append(make('code', {}, `evalharness show ${table.run} ${quoted}${flags} --repeat ${col('repeat', row)}`));
    box.append(last);
    return box;
  }

  // ---- the address keeps what is shown: #trials?q=…, #trial=CASE/ARM/REPEAT, #case-ID
  function hashOfTable() {
    const params = new URLSearchParams(FIELDS.filter(wanted).map((id) => [id, wanted(id)]));
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
    if (hash.startsWith('#case-')) $('q').value = '=' + decode(hash.slice(6));
    select();
    const [id, arm, repeat] = hash.startsWith('#trial=') ? hash.slice(7).split('/').map(decode) : [];
    const at = order.findIndex((row) => caseOf(row)[0] === id && armOf(row)[0] === arm && col('repeat', row) == repeat);
    if (at >= 0) page = Math.floor(at / SIZE);
    draw();
    $('trials').scrollIntoView();
    if (at >= 0) { await toggle(at, false); lineAt(at)?.scrollIntoView(); }
    else if (id) $('found').textContent = `${id} in ${arm} is not in this page`;
  }

  let timer;
  $('q').oninput = () => { clearTimeout(timer); timer = setTimeout(changed, 150); };
  for (const id of FIELDS.slice(1)) $(id)?.addEventListener('change', changed);
  $('filters').onsubmit = (event) => { event.preventDefault(); $('q').blur(); };
  const turn = (by) => { page += by; shut(); draw(); grid.parentNode.scrollIntoView({ block: 'nearest' }); };
  $('prev').onclick = () => turn(-1);
  $('next').onclick = () => turn(1);
  addEventListener('hashchange', follow);
  addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input,select,dialog')) return;
    if (key === '/') { event.preventDefault(); load().then(() => { $('trials').scrollIntoView(); $('q').focus(); }); }
    if (key === '?') load().then(() => $('keys').showModal());
    if (!table) return;
    const first = page * SIZE, last = Math.min(order.length, first + SIZE) - 1;
    if (key === 'j') mark(Math.min(last, Math.max(current + 1, first)));
    else if (key === 'k') mark(Math.max(first, current - 1));
    else if (key === 'Enter' && current >= 0 && !target.closest('button,a,summary')) toggle(current, true);
    else if (key === 'Escape' && opened >= 0) { expanded(opened)?.focus(); toggle(opened); }
  });
  new IntersectionObserver((entries, watch) => {
    if (entries.at(-1).isIntersecting) { watch.disconnect(); load(); }
  }, { rootMargin: '800px' }).observe($('trials'));
  follow();
})();
