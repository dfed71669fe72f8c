// SPDX-License-Identifier: Apache-2.0
// Draws the comparison from the document in the page. Text enters the page as text, never as markup.
'use strict';
(() => {
  const comparison = JSON.parse(document.getElementById('comparison').textContent);
  const byId = (id) => document.getElementById(id);

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const distinct = (list) => [...new Set(list)];
  const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

  // ---- What the cells say

  const explanations = {
    'ok': 'all that the scenario demands held',
    'modelled': 'all held, but a part was done in the kernel’s place as no system call can have a kernel do it',
    'corrupted': 'memory that was no longer the lock’s was written',
    'lost wake-up': 'a waiter sleeps on though the lock can be had',
    'owner lost': 'the death of an owner is never reported',
    'false death': 'a death was reported and nobody had died',
    'false owner': 'a thread that never got the lock is taken for its owner',
    'two owners': 'two threads were inside',
    'stuck': 'a survivor does not get on',
    'crashed': 'a survivor was ended by a fault of its own',
  };
  const harmless = new Set(['ok', 'modelled']);
  const kindOf = (verdict) => ({ 'ok': 'ok', 'modelled': 'other' })[verdict] ?? 'bad';

  const rowOf = (c) => `${c.subject} ${c.policy}`;
  const cells = new Map();
  for (const c of comparison.cases) {
    const key = `${rowOf(c)} ${c.scenario}`;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(c);
  }

  // Kill points by verdict, over all operations of a cell.
  const countsOf = (cases) => {
    const counts = {};
    const add = (verdict, count) => { counts[verdict] = (counts[verdict] ?? 0) + count; };
    for (const c of cases) {
      for (const [verdict, count] of Object.entries(c.verdicts)) add(verdict, count);
      if (c.before_the_victim) add(`${c.before_the_victim.verdict} before the victim acts`, 1);
    }
    return counts;
  };
  // A star: in one of the operations something that "ok" rests on has not come about.
  const judge = (counts, cases) => {
    const wrong = Object.entries(counts).filter(([verdict]) => !harmless.has(verdict));
    if (wrong.length > 0) return { kind: 'bad', lines: wrong.map(([verdict, count]) => `${count} ${verdict}`) };
    const mildest = counts.modelled ? 'modelled' : 'ok';
    const star = cases.some((c) => c.premise_missing.length > 0) ? '*' : '';
    return { kind: kindOf(mildest), lines: [mildest + star] };
  };

  // ---- The window of a cell

  const instructionRows = (rows) => {
    const body = element('tbody');
    let previous = null;
    for (const row of rows) {
      if (previous !== null && row.step !== previous + 1)
        body.append(element('tr', { class: 'gap' }, element('td', { colspan: 6 }, '…')));
      previous = row.step;
      const what = row.judged === false ? 'not judged'
        : row.verdict === undefined ? '' : `${row.verdict}: ${row.before} → ${row.after}` +
          (row.second_at ? `, second at ${row.second_at}` : '');
      body.append(element('tr', row.verdict === undefined ? {} : { class: 'bad' },
        element('td', {}, `${row.verdict === undefined ? '' : '▶ '}${row.step}`), element('td', {}, row.where),
        element('td', {}, row.instruction), element('td', {}, row.word),
        element('td', {}, row.pending ? 'set' : '–'), element('td', {}, what)));
    }
    const heads = ['step', 'killed before', 'instruction', 'lock word', 'pending', 'what is left'];
    return element('div', { class: 'scroll' }, element('table', { class: 'code' },
      element('thead', {}, element('tr', {}, ...heads.map((h) => element('th', { scope: 'col' }, h)))), body));
  };

  const replayLine = (command) => {
    const copy = element('button', { type: 'button' }, 'Copy');
    copy.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(command);
        copy.textContent = 'Copied';
      } catch { // no permission, or a page that was opened from a file: select it instead
        getSelection().selectAllChildren(copy.previousSibling);
        copy.textContent = 'Selected';
      }
    });
    return element('div', { class: 'replay' }, element('code', {}, command), copy);
  };

  const operationPart = (c) => {
    const part = element('section');
    const counts = Object.entries(c.verdicts).map(([verdict, count]) => `${count} ${verdict}`).join(', ');
    part.append(element('h3', {}, `${c.op}: ${plural(c.kill_points, 'kill point')}, ${counts}`));
    const r = c.runs;
    part.append(element('p', { class: 'facts' },
      `${plural(r.total, 'run')}: somebody waited in ${r.somebody_waited}, the victim died owning in ` +
      `${r.victim_died_owning}, the memory was reused in ${r.memory_reused}; ${plural(r.deaths_told, 'death')} reported` +
      (r.waited_for_victim ? `; in ${r.waited_for_victim} somebody waited for the stopped victim` : '') + '.'));
    if (c.before_the_victim)
      part.append(element('p', {}, `Before the victim acts, ${c.before_the_victim.verdict}: ${c.before_the_victim.note}.`));
    if (r.spoilt)
      part.append(element('p', {}, `Spoilt by that, and in no figure here: ${plural(r.spoilt, 'run')}.`));
    for (const lack of c.premise_missing)
      part.append(element('p', {}, `* ${lack} in any of these runs: of that, ok says nothing here.`));
    if (c.note) part.append(element('p', {}, `Note: ${c.note}.`));
    if (c.violations.length > 0) {
      part.append(instructionRows(c.window));
      const first = c.violations[0];
      part.append(element('p', {}, `Step ${first.step}, ${first.verdict}: ${first.note}.` +
        (first.victim === 'killed' ? '' : ' The victim was not killed there but went on.') +
        (first.second_actor ? ` The other actor ${first.second_actor}.` : '')));
    }
    part.append(replayLine(c.violations.length > 0 ? c.violations[0].replay : c.replay));
    return part;
  };

  const detail = byId('detail');
  const show = (key) => {
    const cases = cells.get(key);
    byId('detail-title').textContent = `${cases[0].subject} in ${cases[0].scenario}` +
      (cases[0].policy === 'stock' ? '' : `, policy ${cases[0].policy}`);
    const rank = (c) => (c.violations.length > 0 || c.before_the_victim ? 0 : 1);
    byId('detail-body').replaceChildren(...[...cases].sort((a, b) => rank(a) - rank(b)).map(operationPart));
    detail.showModal();
    detail.scrollTop = 0;
  };
  byId('close').addEventListener('click', () => detail.close());
  detail.addEventListener('click', (event) => { if (event.target === detail) detail.close(); });

  // ---- The matrix

  const drawMatrix = () => {
    const scenarios = distinct(comparison.cases.map((c) => c.scenario));
    const rows = new Map(comparison.cases.map((c) => [rowOf(c), c]));
    const head = element('tr', {}, element('th', { scope: 'col' }, 'lock'),
      ...scenarios.map((s) => element('th', { scope: 'col' }, s)));
    const body = element('tbody');
    const seen = new Set(['ok']);
    for (const [row, sample] of rows) {
      const name = element('th', { scope: 'row' }, sample.subject);
      if (sample.policy !== 'stock') name.append(element('small', {}, `policy ${sample.policy}`));
      const line = element('tr', {}, name);
      for (const scenario of scenarios) {
        const key = `${row} ${scenario}`;
        if (!cells.has(key)) {
          line.append(element('td', { class: 'none' }, '–'));
          continue;
        }
        const counts = countsOf(cells.get(key));
        Object.keys(counts).forEach((verdict) => seen.add(verdict));
        const { kind, lines } = judge(counts, cells.get(key));
        const button = element('button', { type: 'button', class: kind, 'data-cell': key },
          ...lines.map((l) => element('span', {}, l)));
        button.addEventListener('click', () => show(key));
        line.append(element('td', {}, button));
      }
      body.append(line);
    }
    byId('matrix').append(element('thead', {}, head), body);
    const known = Object.keys(explanations);
    byId('legend').append(...[...seen].sort((a, b) => known.indexOf(a) - known.indexOf(b)).map((verdict) =>
      element('li', {}, element('b', { class: kindOf(verdict) }, verdict), ` ${explanations[verdict] ?? ''}`)));
  };

  // ---- The costs

  const metricNames = {
    lock_unlock: 'lock and unlock, uncontended',
    destroy: 'destroy',
    map_unmap: 'mmap and munmap',
    thread_exit: 'thread exit',
  };
  const baseline = comparison.baseline;
  const subjects = Object.keys(comparison.costs);
  const metrics = distinct(subjects.flatMap((s) => Object.keys(comparison.costs[s])));
  const ratio = (value) => {
    if (typeof value !== 'number') return '–';
    return value < 100 ? value.toFixed(2) : Math.round(value).toLocaleString('en');
  };

  const drawCostTable = () => {
    byId('costs-about').textContent = `CPU time as a ratio to ${baseline}, measured in turn in the same run on the ` +
      'running kernel: what a policy would cost inside a kernel is not in it. Below 1 is cheaper.';
    byId('costs').append(
      element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'lock'),
        ...metrics.map((m) => element('th', { scope: 'col' }, metricNames[m] ?? m)))),
      element('tbody', {}, ...subjects.map((s) => element('tr', {}, element('th', { scope: 'row' }, s),
        ...metrics.map((m) => element('td', {}, ratio(comparison.costs[s][m])))))));
  };

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Bars grow from 1, the baseline, on a logarithmic axis: twice as dear is as long as half as dear.
  const chartOf = (metric) => {
    const names = subjects.filter((s) => typeof comparison.costs[s][metric] === 'number');
    const values = names.map((s) => comparison.costs[s][metric]);
    const canvas = element('canvas', { role: 'img',
      'aria-label': `${metricNames[metric] ?? metric}: ` + names.map((n, i) => `${n} ${ratio(values[i])}`).join(', ') });
    const box = element('div', { class: 'canvas' }, canvas);
    box.style.height = `${names.length * 1.7 + 2.5}rem`;
    byId('charts').append(element('figure', {}, element('figcaption', {}, metricNames[metric] ?? metric), box));
    const labels = {
      id: 'labels',
      afterDatasetsDraw(chart) {
        const { ctx, chartArea } = chart;
        ctx.save();
        ctx.font = '12px system-ui, sans-serif';
        ctx.textBaseline = 'middle';
        ctx.fillStyle = colour('--ink');
        chart.getDatasetMeta(0).data.forEach((bar, i) => {
          const text = ratio(values[i]);
          const width = ctx.measureText(text).width;
          const right = Math.max(bar.x, bar.base) + 5;
          ctx.fillText(text, Math.min(right, chartArea.right - width), bar.y);
        });
        ctx.restore();
      },
    };
    const low = Math.min(...values, 1);
    const high = Math.max(...values, 1);
    const narrow = box.clientWidth < 400;
    const pen = canvas.getContext('2d');
    pen.font = `${narrow ? 11 : 12}px ${Chart.defaults.font.family}`;
    const widest = Math.max(...names.map((n) => pen.measureText(n).width));
    // Few enough that they stand side by side.
    const steps = high / low > 300 ? [0.01, 0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6]
      : high / low > (narrow ? 3 : 8) ? [0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256]
        : [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
    return new Chart(canvas, {
      type: 'bar',
      data: { labels: names, datasets: [{ data: values, base: 1, barPercentage: 0.7,
        backgroundColor: values.map((v) => colour(v > 1 ? '--bad' : '--ok')) }] },
      plugins: [labels],
      options: {
        indexAxis: 'y',
        animation: false,
        maintainAspectRatio: false,
        plugins: { legend: { display: false }, tooltip: { callbacks: { label: (c) => ` ${ratio(c.raw)} × ${baseline}` } } },
        scales: {
          // Behind the longest bar there is room for its figure.
          x: { type: 'logarithmic', min: low / 1.25, max: high * Math.max(narrow ? 2 : 1.6, (high / low) ** (narrow ? 0.5 : 0.25)),
            afterBuildTicks: (axis) => {
              axis.ticks = steps.filter((v) => v >= axis.min && v <= axis.max).map((value) => ({ value }));
            },
            ticks: { color: colour('--faint'), maxRotation: 0, callback: (v) => `${v.toLocaleString('en')}×` },
            grid: { color: (c) => colour(c.tick?.value === 1 ? '--faint' : '--line') } },
          y: { ticks: { color: colour('--ink'), autoSkip: false, font: { size: narrow ? 11 : 12 } }, grid: { display: false },
            afterFit: (axis) => { axis.width = Math.max(axis.width, widest + 12); } },
        },
      },
    });
  };

  let charts = [];
  const drawCharts = () => {
    charts.forEach((chart) => chart.destroy());
    byId('charts').replaceChildren();
    charts = metrics.map(chartOf);
  };

  // ---- Light and dark

  const dark = matchMedia('(prefers-color-scheme: dark)');
  let chosen = null; // by the reader
  const theme = () => chosen ?? (dark.matches ? 'dark' : 'light');
  const other = () => (theme() === 'dark' ? 'light' : 'dark');
  const repaint = () => {
    document.documentElement.dataset.theme = theme();
    byId('theme').textContent = other() === 'dark' ? 'Dark' : 'Light';
    drawCharts();
  };
  byId('theme').addEventListener('click', () => {
    chosen = other();
    repaint();
  });
  dark.addEventListener('change', repaint);

  const first = comparison.cases[0];
  byId('about').textContent = [`heirlock ${comparison.heirlock}`, first && first.libc, first && `Linux ${first.kernel}`,
    comparison.made, comparison.extent && `${comparison.quick ? 'quick: ' : ''}${comparison.extent}`]
    .filter(Boolean).join(' · ');
  byId('left-out').textContent = (comparison.not_performed ?? [])
    .map(({ scenario, why }) => `${scenario} was not performed: ${why}.`).join(' ');
  drawMatrix();
  drawCostTable();
  repaint();
})();
