(() => {
  const $ = (id) => document.getElementById(id);
  const make = (name, properties, ...children) => {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
  };

  // ---- all trials
  if (!$('data') || !('DecompressionStream' in window)) return;
  const unpack = (id) => {
    const bytes = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
  };
  const SIZE = 100, grid = $('grid'), heads = [...grid.querySelectorAll('th')];
  let table, order, texts, page = 0, current = -1, opened = -1, sort = '', loading;
  const col = (name, row) => table.columns[name][row];
  const caseOf = (row) => table.cases[col('case', row)];
  const armOf = (row) => table.arms[col('arm', row)];
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
  const CELLS = {
    case: (r) => caseOf(r)[0],
    arm: (r) => armOf(r)[0],
    level: (r) => table.levels[col('level', r)],
    repeat: (r) => col('repeat', r) + 1,
    score: (r) => col('failure', r) || (score(r) === null ? status(r) : pct(score(r))),
    preview: (r) => col('preview', r),
  };
  // What is not sorted by its column.
  const KEYS = { case: CELLS.case, score };
  const FILTERS = { arm: CELLS.arm, level: CELLS.level, outcome, status, failure: (r) => col('failure', r), tag: (r) => caseOf(r)[1] };

  const load = () => loading ??= unpack('data').then((value) => {
    table = value;
    $('trials-plain').hidden = !($('trials-live').hidden = false);
    for (const { dataset: { name }, firstChild } of heads) {
      firstChild.onclick = () => { sort = { [name]: '-' + name, ['-' + name]: '' }[sort] ?? name; changed(); };
    }
    select();
    draw();
  });

  const FIELDS = ['q', ...Object.keys(FILTERS)];
  const wanted = (id) => $(id)?.value || '';
  function select() {
    const q = wanted('q'), words = q[0] === '=' ? [] : q.toLowerCase().split(/\s+/).filter(Boolean);
    const filters = FIELDS.slice(1).filter(wanted).map((id) => [FILTERS[id], wanted(id)]);
    if (q[0] === '=') filters.push([CELLS.case, q.slice(1)]);
    order = table.columns.case.map((_, row) => row).filter((row) => {
      if (!filters.every(([of, value]) => [of(row)].flat().includes(value))) return false;
      const hay = words.length && [...caseOf(row), armOf(row)[0], col('failure', row), col('preview', row)].join(' ').toLowerCase();
      return words.every((word) => hay.includes(word));
    });
    if (sort) {
      const down = sort[0] === '-', name = sort.replace('-', '');
      const key = KEYS[name] || ((row) => table.columns[name]?.[row]);
      order.sort((a, b) => {
        const x = key(a), y = key(b);
        if (x === null || y === null) return (x === null) - (y === null) || a - b;
        return ((x > y) - (x < y)) * (down ? -1 : 1) || a - b;
      });
    }
    page = 0; current = opened = -1;
  }

  function draw() {
    const from = page * SIZE, rows = order.slice(from, from + SIZE);
    const lines = rows.length ? rows.map((row, i) => line(row, from + i))
      : [make('tr', {}, make('td', { colSpan: heads.length, className: 'preview' }, 'No trial matches.'))];
    grid.tBodies[0].replaceChildren(...lines);
    for (const th of heads) {
      const { name, title } = th.dataset, way = [name, '-' + name].indexOf(sort);
      th.ariaSort = ['ascending', 'descending'][way] ?? null;
      th.firstChild.textContent = title + ([' ↑', ' ↓'][way] ?? '');
    }
    $('found').textContent = `${count(order.length)} of ${count(table.columns.case.length)} trials`;
    $('place').textContent = rows.length ? `${count(from + 1)} to ${count(from + rows.length)}` : '';
    $('prev').disabled = page === 0;
    $('next').disabled = from + SIZE >= order.length;
  }

  function line(row, at) {
    const tr = make('tr', {}, ...heads.map(({ dataset: { name } }) => {
      const text = CELLS[name] ? CELLS[name](row) : shown(name, row), isBad = name === 'score' && (col('failure', row) || outcome(row) === 'wrong');
      if (name !== 'case') return make('td', { className: isBad ? 'worse' : name }, text);
      return make('th', { scope: 'row' }, make('button', { type: 'button', ariaExpanded: false, onclick: () => toggle(at, true) }, text));
    }));
    tr.dataset.at = at;
    return tr;
  }

  const lineAt = (at) => grid.querySelector(`tr[data-at="${at}"]`);
  const buttonAt = (at) => lineAt(at)?.querySelector('button');
  function mark(at) {
    lineAt(current)?.classList.remove('on');
    current = at;
    lineAt(at)?.classList.add('on');
    lineAt(at)?.scrollIntoView({ block: 'nearest' });
  }
  // Closes what is open, and returns the button of its row.
  function shut() {
    const button = buttonAt(opened);
    if (button) button.ariaExpanded = false;
    grid.querySelector('.detail')?.remove();
    opened = -1;
    return button;
  }
  async function toggle(at, push) {
    const was = opened;
    shut();
    if (was === at) return history.pushState(null, '', hashOfTable());
    mark(at);
    opened = at;
    const row = order[at];
    if (push) history.pushState(hashOfTable(), '', '#trial=' + [caseOf(row)[0], armOf(row)[0], col('repeat', row)].map(encodeURIComponent).join('/'));
    buttonAt(at).ariaExpanded = true;
    texts ??= await unpack('texts');
    if (opened === at && !grid.querySelector('.detail')) lineAt(at).after(make('tr', { className: 'detail' }, make('td', { colSpan: heads.length }, detail(row))));
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
    const [id, tags, quoted = id] = caseOf(row), [, flags, asked, endpoint] = armOf(row), times = full.line || stretches(row, full.at);
    const known = Object.entries(table.formats).filter(([name]) => col(name, row) !== null);
    const facts = [['Ended', status(row)], ...known.map(([name, [title]]) => [title, shown(name, row)])];
    const also = [['load', CELLS.level(row)], ['tags', tags.join(', ')]].filter((fact) => fact[1]);
    const sheets = make('div', { className: 'pair' }, sheet('Measured', facts), sheet('Asked of', [...asked, ...also]));
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
    last.append(make('code', {}, `evalharness show ${table.run} ${quoted}${flags} --repeat ${col('repeat', row) + 1}`));
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
    const { hash } = location, isTrial = hash.startsWith('#trial=');
    if (opened >= 0) shut().focus();
    if (!/^#(trials\?|trial=|case-)/.test(hash) || $(hash.slice(1))) return;
    await load();
    // A trial that was opened in the table remembers what the table showed.
    const shows = isTrial ? history.state || '' : hash.replace(/^#case-(.*)/, (_, id) => '#trials?' + new URLSearchParams({ q: '=' + decode(id) }));
    if (shows !== hashOfTable()) {
      const params = new URLSearchParams(shows.slice(8));
      for (const id of FIELDS) if ($(id)) $(id).value = params.get(id) || '';
      sort = params.get('sort') || '';
      select();
    } else if (!isTrial) return;
    const [id, arm, repeat] = isTrial ? hash.slice(7).split('/').map(decode) : [];
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
  addEventListener('keydown', async (event) => {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey || target.closest('input,select,dialog')) return;
    if (key === '/') event.preventDefault();
    if ('/?jk'.includes(key)) await load();
    if (key === '/') { $('trials').scrollIntoView(); $('q').focus(); }
    if (key === '?') $('keys').showModal();
    if (key === 'j' || key === 'k') {
      const first = page * SIZE, last = Math.min(order.length, first + SIZE) - 1;
      mark(Math.min(last, Math.max(first, current + (key === 'j' ? 1 : -1))));
    }
    if (key === 'Enter' && current >= 0 && !target.closest('button,a,summary')) toggle(current, true);
    if (key === 'Escape' && opened >= 0) { shut().focus(); history.pushState(null, '', hashOfTable()); }
  });
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load(), { rootMargin: '800px' }).observe($('trials'));
  follow();
})();
