// The table itself: root causes, filters, and rows of which only those in sight are in the document.

const BEYOND = 8; // rows kept above and below what is seen, so that scrolling shows no hole

function severityLabel(rank) {
  return h(`span.kx-dx-severity.kx-dx-${SEVERITIES[rank]}`, {}, SEVERITIES[rank]);
}

// The rows, of which only those in sight exist. `open` is called with the id of a finding.
function grid(chosen, sortBy, open, unique) {
  const heads = COLUMNS.map((column) => {
    const button = h("button", { type: "button", onclick: () => sortBy(column.name) }, column.label);
    return h(`div.kx-dx-cell.kx-dx-c-${column.name}`, { role: "columnheader" }, button);
  });
  const space = h("div.kx-dx-space", { role: "presentation" });
  const body = h("div.kx-dx-body", { role: "rowgroup", tabindex: -1 }, space);
  const element = ownKeys(h("div.kx-dx-grid", { role: "grid", tabindex: 0, "aria-label": "Findings; Enter opens one", "data-lm-suppress-shortcuts": true },
    h("div.kx-dx-row.kx-dx-head", { role: "row", "aria-rowindex": 1 }, ...heads), body));
  const nodes = new Map(); // place among those shown → element
  let rows = [];
  let shown = [];
  let active = 0;
  let opened = "";
  let height = 30;
  let frame = 0;

  function cell(name, ...children) {
    return h(`div.kx-dx-cell.kx-dx-c-${name}`, { role: "gridcell" }, ...children);
  }
  function rowNode(place) {
    const row = rows[shown[place]];
    const mark = row[MARK] ? h(`span.kx-dx-mark.kx-dx-${row[MARK]}`, {}, row[MARK]) : null;
    const node = h(`div.kx-dx-row${row[MARK] === "gone" ? ".kx-dx-was" : ""}`, { role: "row", id: `${unique}-${place}`, "aria-rowindex": place + 2 },
      cell("severity", severityLabel(row[SEVERITY])),
      cell("namespace", row[NAMESPACE]),
      cell("kind", row[KIND]),
      cell("name", row[NAME]),
      cell("reason", row[REASON]),
      cell("title", mark, row[TITLE]),
      cell("age", aged(row[AGE])),
      cell("root", row[ROOT] ? `#${row[ROOT]}` : ""));
    for (const one of node.children) one.title = one.textContent;
    node.style.top = `${place * height}px`;
    node.onclick = () => {
      activate(place);
      open(row[ID]);
    };
    return node;
  }
  function paint() {
    frame = 0;
    const first = Math.max(0, Math.floor(body.scrollTop / height) - BEYOND);
    const last = Math.min(shown.length, Math.ceil((body.scrollTop + (body.clientHeight || 300)) / height) + BEYOND);
    for (const [place, node] of nodes)
      if (place < first || place >= last) {
        node.remove();
        nodes.delete(place);
      }
    for (let place = first; place < last; place += 1)
      if (!nodes.has(place)) {
        const node = rowNode(place);
        nodes.set(place, node);
        space.append(node);
      }
    mark();
  }
  function mark() {
    for (const [place, node] of nodes) {
      node.classList.toggle("kx-dx-active", place === active);
      node.setAttribute("aria-selected", rows[shown[place]][ID] === opened);
    }
    if (nodes.has(active)) element.setAttribute("aria-activedescendant", `${unique}-${active}`);
    else element.removeAttribute("aria-activedescendant");
  }
  function soon() {
    if (!frame) frame = requestAnimationFrame(paint);
  }
  function activate(place) {
    active = Math.max(0, Math.min(shown.length - 1, place));
    const top = active * height;
    if (top < body.scrollTop) body.scrollTop = top;
    else if (top + height > body.scrollTop + body.clientHeight) body.scrollTop = top + height - body.clientHeight;
    paint();
  }
  function measure() {
    const next = parseInt(getComputedStyle(element).getPropertyValue("--kx-row"), 10) || 30;
    if (next !== height) {
      height = next;
      lay();
    } else soon();
  }
  function lay() {
    for (const node of nodes.values()) node.remove();
    nodes.clear();
    space.style.height = `${shown.length * height}px`;
    body.style.height = `min(${Math.max(1, shown.length) * height}px, 420px, 55vh)`;
    element.style.setProperty("--kx-bar", `${body.offsetWidth - body.clientWidth}px`);
    paint();
  }
  const page = () => Math.max(1, Math.floor(body.clientHeight / height) - 1);
  const keys = {
    ArrowDown: () => activate(active + 1),
    ArrowUp: () => activate(active - 1),
    PageDown: () => activate(active + page()),
    PageUp: () => activate(active - page()),
    Home: () => activate(0),
    End: () => activate(shown.length - 1),
    Enter: () => shown.length && open(rows[shown[active]][ID], true),
    " ": () => shown.length && open(rows[shown[active]][ID], true),
  };
  element.onkeydown = (event) => {
    if ((event.target !== element && event.target !== body) || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
  body.onscroll = soon;
  const observer = new ResizeObserver(measure);
  observer.observe(element);

  return {
    element,
    focus: () => element.focus({ preventScroll: true }),
    show(nextRows, nextShown) {
      const at = shown.length ? rows[shown[active]]?.[ID] : undefined;
      rows = nextRows;
      shown = nextShown;
      const kept = shown.findIndex((place) => rows[place][ID] === at);
      active = Math.max(0, kept);
      element.setAttribute("aria-rowcount", shown.length + 1);
      heads.forEach((head, place) => {
        const is = chosen.sort === COLUMNS[place].name;
        head.setAttribute("aria-sort", is ? (chosen.down ? "descending" : "ascending") : "none");
      });
      lay();
    },
    select(id, reveal = false) {
      opened = id;
      const place = reveal ? shown.findIndex((index) => rows[index][ID] === id) : -1;
      if (place >= 0) activate(place);
      else mark();
      return place >= 0;
    },
    stop: () => observer.disconnect(),
  };
}

// One table.
function mount(link) {
  const unique = `kx-row-${Math.random().toString(36).slice(2)}`;
  let open = "";
  const top = header(link);
  const causes = causeList((id) => openRow(id, true));
  let soFar = ""; // what there is to say of rows that are not all of them
  const table = selection(() => {
    filters.show(table.shown.length, table.rows.length, soFar);
    rows.show(table.rows, table.shown);
  });
  const filters = filterBar(table.chosen, () => table.update(), () => table.clear(), () => asTable(table.shown.map((place) => table.rows[place])));
  const rows = grid(table.chosen, table.sortBy, openRow, unique);
  const pane = detailPane(link, (id) => openRow(id, true), () => close());
  const main = h("div.kx-dx-main", { hidden: true }, causes.element, filters.bar, rows.element, pane.element);
  const root = h("section.kx.kx-dx", { "aria-label": "Quick Dx" }, top.element, main);
  top.onReport = (is) => (main.hidden = is || !table.rows.length);

  function openRow(id, focus = false) {
    if (id === open && !focus) return close();
    open = id;
    link.intend("open", { id });
    if (!rows.select(id, true)) table.clear(), rows.select(id, true);
    pane.show(id, link.picture, focus);
  }
  function close() {
    open = "";
    rows.select("");
    pane.hide();
    rows.focus();
  }
  function gone() {
    top.gone(); // until it answers again
  }
  link.model.on("comm_live_update", gone);
  link.model.on("comm:close", gone);
  function show(picture, due) {
    top.show(picture);
    // Once it answers: what was told before may wait in the kernel's main queue until the cell ends.
    if (due.all && document.body.hasAttribute("data-jp-theme-light")) link.intend("docks");
    const findings = picture.parts.get("findings");
    soFar = picture.state.is_partial ? (findings?.more ? ` so far, and ${findings.more} more` : " so far") : "";
    root.classList.toggle("kx-dx-partial", !!picture.state.is_partial);
    if ("is_partial" in due.state) filters.show(table.shown.length, table.rows.length, soFar);
    if (due.all || due.put.has("findings")) {
      table.set(findings ? findings.rows : []);
      filters.facets(table.rows);
      filters.show(table.shown.length, table.rows.length, soFar);
      main.hidden = !table.rows.length || top.isReport;
      if (open) table.rows.some((row) => row[ID] === open) ? link.intend("open", { id: open }) : close();
    }
    if (due.all || due.put.has("hypotheses")) causes.show(picture.parts.get("hypotheses"));
    if (open) pane.update(open, picture, due);
  }
  function end() {
    link.model.off("comm_live_update", gone);
    link.model.off("comm:close", gone);
    gone();
    rows.stop();
  }
  return { root, show, over: top.over, stop: end };
}

export default () => docked(mount, ({ parts }) => parts.has("findings"));
