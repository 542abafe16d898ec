// Radar, places, values by sample, quality against time: drawn when they come into view first.

// Plots are as wide as their card, so that their text keeps its size on a phone.
const room = (holder, most) => Math.max(300, Math.min(most, holder.clientWidth || most));

addEventListener("resize", () => {
  clearTimeout(room.timer);
  room.timer = setTimeout(() => {
    for (const holder of all(".draw")) delete holder.dataset.done;
    show();
  }, 150);
});

function drawPart(part) {
  const holder = part.querySelector(".draw");
  if (holder.dataset.done) return;
  holder.dataset.done = "1";
  const board = data.boards[Number(holder.dataset.board)];
  drawRadar(holder, board);
  drawPlaces(holder.querySelector(".places"), board);
  drawHeat(holder.querySelector(".heat"), board);
  const first = board.columns.find(column => !column.why_not) || board.columns[0];
  const card = part.querySelector(".detail");
  if (first) drawDetail(part, card.dataset.shown || first.id);
  else card.hidden = true;
}

function drawRadar(holder, board) {
  const card = holder.querySelector(".radar").parentNode;
  const {axes, values} = board.radar;
  if (axes.length < 3) { card.hidden = true; holder.classList.remove("two"); return; }
  const width = room(card.querySelector(".radar"), 520), size = Math.min(146, width / 2 - 92);
  const height = 2 * size + 92, [cx, cy] = [width / 2, height / 2 + (axes.length === 3 ? size / 5 : 0)];
  const point = (i, r) => {
    const angle = (2 * Math.PI * i) / axes.length - Math.PI / 2;
    return [cx + size * r * Math.cos(angle), cy + size * r * Math.sin(angle)];
  };
  const path = radii => radii.map((r, i) => (i ? "L" : "M") + point(i, r).map(x => x.toFixed(1)).join(" ")).join("") + "Z";
  const svg = draw("svg", {viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img", "aria-label": "Radar of all metrics"});
  for (const ring of [data.inner, (1 + data.inner) / 2, 1]) {
    svg.append(draw("path", {d: path(axes.map(() => ring)), fill: "none", class: "axis"}));
  }
  axes.forEach((axis, i) => {
    const [x, y] = point(i, 1), [tx, ty] = point(i, 1.1);
    svg.append(draw("line", {x1: cx, y1: cy, x2: x, y2: y, class: "axis"}));
    const anchor = Math.abs(tx - cx) < 12 ? "middle" : tx > cx ? "start" : "end";
    const label = axis.label.length > 16 ? axis.label.slice(0, 15) + "…" : axis.label;
    svg.append(draw("text", {x: tx, y: ty + (Math.abs(tx - cx) < 12 ? (ty > cy ? 10 : -4) : 4), "text-anchor": anchor}, label));
  });
  const shapes = {};
  for (const {label, colour} of data.suites[board.suite].methods) {
    if (!values[label]) continue;
    const group = draw("g");
    group.append(draw("path", {d: path(values[label]), class: `f${colour}`, "fill-opacity": 0.06}));
    group.append(draw("path", {d: path(values[label]), class: `s${colour}`, fill: "none", "stroke-width": 2, "stroke-linejoin": "round"}));
    values[label].forEach((r, i) => {
      const [x, y] = point(i, r);
      const dot = draw("circle", {cx: x, cy: y, r: 3.2, class: `f${colour}`});
      dot.append(draw("title", {}, `${label}: ${axes[i].label} ${axes[i].texts[label]}`));
      group.append(dot);
    });
    shapes[label] = group;
    svg.append(group);
  }
  card.querySelector(".radar").replaceChildren(svg);
  card.querySelector(".legend").replaceChildren(...Object.keys(shapes).map(label => {
    const button = make("button", {"aria-pressed": "true"}, key(colourOf(board.suite, label)), label);
    button.onclick = () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      shapes[label].style.display = on ? "" : "none";
    };
    button.onmouseenter = () => svg.append(shapes[label]);
    return button;
  }));
}

function drawPlaces(holder, board) {
  if (!board.places.length) {
    holder.replaceChildren(make("p", {class: "soft"}, "Nothing to rank by: fewer than two methods have a number on the same samples."));
    return;
  }
  const n = board.places.length, width = room(holder, 520), [left, step, top] = [width < 420 ? 112 : 148, 34, 12];
  const end = Math.max(2, ...board.places.map(place => place.high ?? place.mean), n);
  const x = rank => left + ((width - left - 20) * (rank - 1)) / (end - 1);
  const svg = draw("svg", {viewBox: `0 0 ${width} ${top + step * n + 40}`, class: "plot", role: "img", "aria-label": "Mean rank with interval"});
  for (let rank = 1; rank <= end; rank += Math.ceil(end / 8)) {
    svg.append(draw("line", {x1: x(rank), x2: x(rank), y1: top, y2: top + step * n, class: "axis"}));
    svg.append(draw("text", {x: x(rank), y: top + step * n + 17, "text-anchor": "middle"}, rank));
  }
  svg.append(draw("text", {x: left, y: top + step * n + 35}, "mean rank, 1 is best; whiskers: samples drawn again"));
  board.places.forEach((place, i) => {
    const y = top + step * (i + 0.5), colour = colourOf(board.suite, place.m);
    svg.append(draw("text", {x: left - 14, y: y + 4, "text-anchor": "end", class: "strong"}, fitting(place.m, left - 14)));
    if (place.low !== null) svg.append(draw("line", {x1: x(place.low), x2: x(place.high), y1: y, y2: y, class: `s${colour}`}));
    const dot = draw("circle", {cx: x(place.mean), cy: y, r: 6, class: `f${colour}`});
    dot.append(draw("title", {}, `${place.m}: mean rank ${short(place.mean, 3)}, ViCo ${place.vico}, best in ${place.wins}`));
    svg.append(dot);
  });
  holder.replaceChildren(svg);
}

function drawHeat(holder, board) {
  const columns = board.columns.filter(column => Object.keys(column.ranks).length), n = board.places.length;
  if (columns.length < 2 || n < 2) return;
  const head = make("tr", {}, make("td"), ...columns.map(column => make("th", {title: column.label}, make("span", {}, column.label))));
  const rows = board.places.map(({m}) => make("tr", {}, make("td", {title: m}, m), ...columns.map(column => {
    const rank = column.ranks[m], share = (n - rank) / (n - 1);
    const style = `background: color-mix(in srgb, var(--heat) ${Math.round(6 + 64 * share)}%, var(--sunk)); color: ${share > 0.7 ? "var(--on-heat)" : "var(--soft)"}`;
    return make("td", {}, make("i", {style, title: `${m}: rank ${rank} by ${column.label}`}, short(rank, 2)));
  })));
  holder.replaceChildren(make("table", {"aria-label": "Ranks by metric"}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function drawDetail(part, id) {
  const card = part.querySelector(".detail"), number = Number(card.dataset.board), board = data.boards[number];
  const column = board.columns.find(entry => entry.id === id);
  if (!column) return;
  card.dataset.shown = id;
  const choice = make("select", {"aria-label": "Metric", onchange: event => drawDetail(part, event.target.value)},
    ...board.columns.map(entry => make("option", {value: entry.id, selected: entry === column}, entry.label)));
  const arrow = {true: "↑ higher is better", false: "↓ lower is better", null: "≈ closeness to the truth's own value"}[column.up];
  const about = make("span", {class: "soft small grow"}, `${arrow}${column.unit ? ", " + column.unit : ""}. ${column.definition}`);
  const plots = make("div");
    card.replaceChildren(make("div", {class: "row"}, make("h3", {style: "margin:0"}, "By sample"), choice, about), plots);
  plots.append(strip(board, column, plots));
  card.append(againstTable(board, column));
}

// The end of a name that is too long tells more than its start; 6.8 pixels are a letter of 11 pixels, bold.
function fitting(name, space) {
  const letters = Math.floor(space / 6.8);
  return name.length > letters ? "…" + name.slice(1 - letters) : name;
}

function ticks(low, high, most) {
  if (!(high > low)) return [low];
  const power = 10 ** Math.floor(Math.log10((high - low) / most));
  const step = [1, 2, 2.5, 5, 10].map(k => k * power).find(k => (high - low) / k <= most + 1);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function strip(board, column, holder) {
  const suite = data.suites[board.suite], table = suite.values[column.metric] || {};
  const place = Object.fromEntries(board.places.map((entry, i) => [entry.m, i]));
  const methods = suite.methods.filter(entry => column.cells[entry.label]);
  methods.sort((a, b) => (place[a.label] ?? 99) - (place[b.label] ?? 99));
  const chosen = i => !board.subset_samples || board.subset_samples.includes(i);
  const points = methods.map(entry => (table[entry.label] || []).map((value, i) => [value, i]).filter(([value, i]) => value !== null && chosen(i)));
  const known = [...points.flat().map(([value]) => value), ...methods.flatMap(entry => column.cells[entry.label].filter(x => x !== null))];
  const [low, high] = [Math.min(...known), Math.max(...known)], span = high - low || 1;
  const width = room(holder, 1240), [left, step, top] = [width < 600 ? 106 : 180, 46, 8], bottom = top + step * methods.length;
  const x = value => left + (width - left - 24) * (high > low ? (value - low) / span : 0.5);
  const svg = draw("svg", {viewBox: `0 0 ${width} ${bottom + 26}`, class: "plot", role: "img", "aria-label": `${column.label} by sample`});
  for (const value of ticks(low, high, width / 180)) {
    svg.append(draw("line", {x1: x(value), x2: x(value), y1: top, y2: bottom, class: "axis"}));
    svg.append(draw("text", {x: x(value), y: bottom + 17, "text-anchor": "middle"}, short(value, 3)));
  }
  methods.forEach(({label, colour}, row) => {
    const y = top + step * (row + 0.5), [mean, from, to] = column.cells[label];
    svg.append(draw("text", {x: left - 16, y: y + 4, "text-anchor": "end", class: "strong"}, fitting(label, left - 16)));
    for (const [value, i] of points[row]) {
      const shake = (((i * 7919) % 17) / 17 - 0.5) * step * 0.55;
      const dot = draw("circle", {cx: x(value), cy: y + shake, r: 4, class: `dot f${colour}`});
      dot.append(draw("title", {}, `${suite.samples[i].id}: ${short(value)}`));
      dot.onclick = () => openPlayer(board.suite, i, true);
      svg.append(dot);
    }
    if (from !== null) svg.append(draw("line", {x1: x(from), x2: x(to), y1: y, y2: y, class: `s${colour}`, style: "stroke-width:3"}));
    svg.append(draw("path", {d: `M${x(mean)} ${y - 9}l6 9l-6 9l-6 -9z`, class: `f${colour}`, stroke: "var(--card)", "stroke-width": 1.5}));
  });
  return svg;
}

function againstTable(board, column) {
  if (!column.against.length) {
    const why = column.why_not ? `Not ranked: ${column.why_not}.` : "No test: fewer than five samples in common, or one number of all samples together.";
    return make("p", {class: "soft small"}, why);
  }
  const head = make("tr", {}, ...["against " + column.best.join(", "), "samples", "best − other", "95 %", "effect", "p (Holm)", ""].map(text => make("th", {}, text)));
  const place = Object.fromEntries(board.places.map((entry, i) => [entry.m, i]));
  const rows = [...column.against].sort((a, b) => (place[a.m] ?? 99) - (place[b.m] ?? 99)).map(entry => make("tr", {},
    make("td", {}, key(colourOf(board.suite, entry.m)), " ", entry.m), ...[entry.n, entry.diff, entry.interval, entry.effect, entry.p,
      entry.tied ? "not told apart" : "behind"].map(text => make("td", {}, String(text)))));
  return make("div", {class: "scroll", style: "margin-top:10px"}, make("table", {class: "tablelet"}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function drawSpeed(number) {
  const holder = document.querySelector(`.speed[data-suite="${number}"]`);
  if (!holder) return;
  const suite = data.suites[number];
  const board = data.boards.find(entry => entry.suite === number && entry.profile === state.profile && entry.subset === state.subset);
  const ranks = Object.fromEntries(board.places.map(place => [place.m, place.mean]));
  const dots = suite.methods.filter(entry => entry.seconds && ranks[entry.label] !== undefined);
  if (!dots.length) {
    holder.replaceChildren(make("p", {class: "soft"}, "Needs times of generation (bench run) and places."));
    return;
  }
  const width = room(holder, 520), [height, left, right, top, bottom] = [300, 40, 24, 16, 44];
  const logs = dots.map(entry => Math.log10(entry.seconds));
  const [from, to] = [Math.floor(Math.min(...logs) - 0.15), Math.ceil(Math.max(...logs) + 0.15)];
  const worst = Math.max(2, ...Object.values(ranks));
  const x = value => left + ((width - left - right) * (Math.log10(value) - from)) / (to - from);
  const y = rank => top + ((height - top - bottom) * (rank - 1)) / (worst - 1);
  const svg = draw("svg", {viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img", "aria-label": "Mean rank against seconds for a sample"});
  for (let power = from; power <= to; power++) {
    svg.append(draw("line", {x1: x(10 ** power), x2: x(10 ** power), y1: top - 6, y2: height - bottom + 6, class: "axis"}));
    svg.append(draw("text", {x: x(10 ** power), y: height - bottom + 22, "text-anchor": "middle"}, `${power < 0 ? (10 ** power).toFixed(-power) : 10 ** power} s`));
  }
  for (let rank = 1; rank <= worst; rank += Math.ceil(worst / 6)) {
    svg.append(draw("line", {x1: left, x2: width - right, y1: y(rank), y2: y(rank), class: "axis"}));
    svg.append(draw("text", {x: left - 10, y: y(rank) + 4, "text-anchor": "end"}, rank));
  }
  svg.append(draw("text", {x: left, y: height - 4}, width < 420 ? "seconds a sample; size: peak memory" : "seconds a sample (log); size: peak memory; up: better mean rank"));
  const most = Math.max(...dots.map(entry => entry.memory || 0));
  const taken = [];
  for (const entry of dots) {
    const radius = entry.memory ? 6 + 9 * Math.sqrt(entry.memory / most) : 6, cx = x(entry.seconds), cy = y(ranks[entry.label]);
    const dot = draw("circle", {cx, cy, r: radius, class: `f${entry.colour}`, "fill-opacity": 0.8});
    dot.append(draw("title", {}, `${entry.label}: ${short(entry.seconds, 3)} s a sample${entry.memory ? `, ${Math.round(entry.memory / 1e6)} MB` : ""}`));
    const late = cx > width * 0.6, x0 = late ? cx - radius - 5 : cx + radius + 5;
    let y0 = cy + 4;
    while (taken.some(([tx, ty]) => Math.abs(tx - x0) < 150 && Math.abs(ty - y0) < 13)) y0 += 13; // no label on another
    taken.push([x0, y0]);
    const label = draw("text", {x: x0, y: y0, "text-anchor": late ? "end" : "start", class: "strong"}, fitting(entry.label, width * 0.6));
    svg.append(dot, label);
  }
  holder.replaceChildren(svg);
}
