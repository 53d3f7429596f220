// The rows of the table before they are drawn: which of them are seen, in which order, and the controls for that.

const SEVERITIES = ["info", "warning", "critical"];
const COLUMNS = [
  { name: "severity", label: "Severity", at: 1, down: true },
  { name: "namespace", label: "Namespace", at: 2 },
  { name: "kind", label: "Kind", at: 3 },
  { name: "name", label: "Name", at: 4 },
  { name: "reason", label: "Reason", at: 5 },
  { name: "title", label: "Finding", at: 6 },
  { name: "age", label: "Age", at: 9 },
  { name: "root", label: "Cause", at: 8 },
];
const [ID, SEVERITY, NAMESPACE, KIND, NAME, REASON, TITLE, CAUSE, ROOT, AGE, MARK] = Array(11).keys();

function aged(seconds) {
  if (seconds < 0) return "";
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60]])
    if (seconds >= length) return `${Math.floor(seconds / length)}${unit}`;
  return `${seconds}s`;
}

// Which rows are seen, and in which order.
function selection(onChange) {
  const chosen = { text: "", namespace: "", kind: "", severities: new Set(), marks: new Set(), sort: "severity", down: true };
  let rows = [];
  let hay = [];
  let shown = [];

  function compare(column) {
    const { at } = COLUMNS.find((item) => item.name === column);
    const sign = chosen.down ? -1 : 1;
    const value = (row) => {
      if (at === ROOT && !row[ROOT]) return chosen.down ? -1 : 1e9; // without a cause: last
      if (at === AGE && row[AGE] < 0) return chosen.down ? -1 : 1e12;
      return typeof row[at] === "string" ? row[at].toLowerCase() : row[at];
    };
    const keys = rows.map(value);
    return (a, b) => (keys[a] < keys[b] ? -sign : keys[a] > keys[b] ? sign : a - b);
  }
  function update() {
    const words = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
    shown = [];
    rows.forEach((row, place) => {
      if (chosen.namespace && row[NAMESPACE] !== chosen.namespace) return;
      if (chosen.kind && row[KIND] !== chosen.kind) return;
      if (chosen.severities.size && !chosen.severities.has(row[SEVERITY])) return;
      if (chosen.marks.size && !chosen.marks.has(row[MARK])) return;
      if (words.some((word) => !hay[place].includes(word))) return;
      shown.push(place);
    });
    shown.sort(compare(chosen.sort));
    onChange();
  }
  return {
    chosen,
    update,
    get rows() {
      return rows;
    },
    get shown() {
      return shown;
    },
    set(next) {
      rows = next;
      hay = rows.map((row) => [row[KIND], row[NAMESPACE], row[NAME], row[REASON], row[TITLE], row[CAUSE]].join("\n").toLowerCase());
      update();
    },
    sortBy(name) {
      const column = COLUMNS.find((item) => item.name === name);
      chosen.down = chosen.sort === name ? !chosen.down : !!column.down;
      chosen.sort = name;
      update();
    },
    clear() {
      Object.assign(chosen, { text: "", namespace: "", kind: "" });
      chosen.severities.clear();
      chosen.marks.clear();
      update();
    },
  };
}

// Rows as a spreadsheet takes them: a line each, columns by tabs. What looks like a formula is made text.
function asTable(rows) {
  const cell = (value) => {
    const text = String(value).replace(/\s+/g, " ");
    return /^[=+\-@]/.test(text) ? `'${text}` : text;
  };
  const line = (row) => [SEVERITIES[row[SEVERITY]], row[NAMESPACE], row[KIND], row[NAME], row[REASON], row[TITLE], row[CAUSE], aged(row[AGE]), row[ROOT] || "", row[MARK]];
  const head = ["Severity", "Namespace", "Kind", "Name", "Reason", "Finding", "Because", "Age", "Root cause", "Change"];
  return [head, ...rows.map(line)].map((cells) => cells.map(cell).join("\t")).join("\n");
}

// The controls above the rows.
function filterBar(chosen, update, clear, rowsAsText) {
  const field = ownKeys(h("input.kx-field.kx-dx-text", { type: "search", placeholder: "Filter…", "aria-label": "Filter findings by text" }));
  field.oninput = () => {
    chosen.text = field.value;
    update();
  };
  const facet = (name, label) => {
    const select = ownKeys(h("select.kx-field", { "aria-label": label }));
    select.onchange = () => {
      chosen[name] = select.value;
      update();
    };
    return select;
  };
  const namespace = facet("namespace", "Namespace");
  const kind = facet("kind", "Kind");
  const chips = h("span.kx-dx-chips", { role: "group", "aria-label": "Severity and changes" });
  const count = h("span.kx-mute.kx-dx-count", { role: "status", "aria-live": "polite" });
  const reset = h("button.kx-button.kx-quiet", { type: "button", onclick: clear }, "Clear filters");
  const bar = h("div.kx-dx-bar", {}, field, namespace, kind, chips, count, reset, copyButton(rowsAsText, "Copy rows"));

  function fill(select, all, counts, value) {
    const names = [...counts.keys()].sort();
    if (value && !counts.has(value)) names.push(value);
    select.replaceChildren(
      h("option", { value: "" }, all),
      ...names.map((name) => h("option", { value: name }, `${name || "(cluster)"} ${counts.get(name) || 0}`)),
    );
    select.value = value;
    select.hidden = names.length < 2;
  }
  function counted(rows, at) {
    const counts = new Map();
    for (const row of rows) if (row[at] !== "") counts.set(row[at], (counts.get(row[at]) || 0) + 1);
    return counts;
  }
  function chip(set, value, label, style) {
    const button = h(`button.kx-dx-chip.kx-dx-${style}`, { type: "button" }, label);
    button.onclick = () => {
      if (!set.delete(value)) set.add(value);
      update();
    };
    button.pressed = () => set.has(value);
    return button;
  }
  return {
    bar,
    facets(rows) {
      fill(namespace, "All namespaces", counted(rows, NAMESPACE), chosen.namespace);
      fill(kind, "All kinds", counted(rows, KIND), chosen.kind);
      const severities = counted(rows, SEVERITY);
      const marks = counted(rows, MARK);
      chips.replaceChildren(
        ...[2, 1, 0].filter((rank) => severities.has(rank)).map((rank) =>
          chip(chosen.severities, rank, `${SEVERITIES[rank]} ${severities.get(rank)}`, SEVERITIES[rank])),
        ...["new", "gone"].filter((mark) => marks.has(mark)).map((mark) =>
          chip(chosen.marks, mark, `${mark} ${marks.get(mark)}`, mark)),
      );
      for (const mark of chosen.marks) if (!marks.has(mark)) chosen.marks.delete(mark);
    },
    show(shown, all, soFar) {
      if (field.value !== chosen.text) field.value = chosen.text;
      namespace.value = chosen.namespace;
      kind.value = chosen.kind;
      for (const button of chips.children) button.setAttribute("aria-pressed", button.pressed());
      count.textContent = (shown === all ? `${all} finding${all === 1 ? "" : "s"}` : `${shown} of ${all} findings`) + soFar;
      reset.hidden = shown === all;
    },
  };
}
