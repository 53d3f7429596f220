// Around the rows of the table: how far the work is, the root causes, and what one opened row rests on.

const PHASES = { collecting: "collecting", asking: "asking", watching: "watching", stopped: "stopped", failed: "failed", done: "" };

function severityDot(rank) {
  const name = ["info", "warning", "critical"][rank];
  return h(`span.kx-dx-dot.kx-dx-${name}`, { role: "img", "aria-label": name });
}

// The line on top, the stages while something runs, and what there is to say.
function header(link) {
  const title = h("strong.kx-dx-title", { role: "heading", "aria-level": 3 });
  const pill = h("span.kx-dx-pill", { role: "status" });
  const stop = h("button.kx-button.kx-danger", { type: "button", onclick: () => link.intend("stop") }, "Stop");
  const other = h("button.kx-button.kx-quiet", { type: "button", "aria-pressed": false }, "Report");
  const stages = h("ol.kx-dx-stages", { "aria-label": "Progress" });
  const change = h("p.kx-dx-note", { role: "status", "aria-live": "polite" });
  const note = h("p.kx-dx-note.kx-dx-warning");
  const partial = h("p.kx-dx-so-far", { role: "status", hidden: true }, "So far, of what has been read. Root causes, and what logs tell, come with the answer.");
  const element = h("header.kx-dx-top", {}, h("div.kx-dx-line", {}, title, pill, stop, other), stages, partial, change, note);
  const self = { element, isReport: false, onReport: () => {}, over, show, gone };
  let report = null;

  function over(next) {
    report = next;
    other.hidden = !report;
    if (report) report.hidden = !self.isReport;
  }
  other.onclick = () => {
    self.isReport = !self.isReport;
    report.hidden = !self.isReport;
    other.textContent = self.isReport ? "Table" : "Report";
    self.onReport(self.isReport);
  };
  function show({ state }) {
    title.textContent = state.headline || state.title || "Quick Dx";
    pill.textContent = PHASES[state.phase] || "";
    pill.hidden = !pill.textContent;
    pill.className = `kx-dx-pill kx-dx-is-${state.phase}`;
    stop.hidden = !state.may_stop;
    const isWorking = ["collecting", "asking"].includes(state.phase) || (state.phase === "watching" && state.is_reading);
    stages.hidden = !isWorking && state.phase !== "watching";
    stages.replaceChildren(...(state.stages || []).map(stage));
    partial.hidden = !state.is_partial;
    change.textContent = state.change || "";
    change.hidden = !state.change;
    note.textContent = state.note || "";
    note.hidden = !state.note;
  }
  // The kernel has ended, or is not reached: nothing of what runs goes on here.
  function gone() {
    pill.textContent = "kernel ended";
    pill.className = "kx-dx-pill kx-dx-is-stopped";
    pill.hidden = false;
    stop.hidden = stages.hidden = true;
  }
  function stage({ name, done, total, detail, objects, kinds }) {
    const isDone = done >= total;
    const count = total > 1 ? ` ${done}/${total}` : "";
    const more = [objects ? `${objects.toLocaleString("en")} object${objects === 1 ? "" : "s"}` : "", isDone ? "" : detail].filter(Boolean).join(" · ");
    return h(`li${isDone ? ".kx-dx-done" : ""}`, { title: kinds || null }, h("span", {}, `${isDone ? "✓" : "…"} ${name}${count}`),
      more ? h("span.kx-mute", {}, ` ${more}`) : null);
  }
  return self;
}

// Causes and effects as an indented list; each step opens its finding.
function steps(list, onJump) {
  return h("ul.kx-dx-steps", {}, ...list.map((step) =>
    h("li", { style: `--depth:${Math.min(step.depth, 8)}` }, step.depth ? h("span.kx-mute", { "aria-hidden": true }, "↳ ") : null,
      severityDot(step.severity),
      step.finding
        ? h("button.kx-dx-jump", { type: "button", onclick: () => onJump(step.finding) }, step.text)
        : h("span", {}, step.text))));
}

// The root causes, best first.
function causeList(onJump) {
  const FEW = 5;
  const element = h("div.kx-dx-causes", { role: "list", "aria-label": "Root causes" });
  let all = false;
  function item(cause, isOpen) {
    const meter = h("span.kx-dx-meter", { role: "meter", "aria-label": "Confidence", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": cause.percent },
      h("span", { style: `width:${Number(cause.percent)}%` }));
    const why = h("details.kx-dx-why", {}, h("summary", {}, `Why ${cause.percent} %`),
      h("ul", {}, ...cause.terms.map(([value, label]) => h("li", {}, h("span.kx-mono", {}, value), ` ${label}`))));
    const first = cause.chain.find((step) => step.finding);
    return h("details.kx-dx-cause", { open: isOpen, role: "listitem", dataset: { id: cause.id } },
      h("summary", {},
        h("span.kx-dx-rank", {}, `#${cause.rank}`), severityDot(cause.severity),
        h("span.kx-dx-what", {}, cause.is_new ? h("span.kx-dx-mark.kx-dx-new", {}, "new") : null, cause.title),
        h("span.kx-dx-sure", {}, meter, `${cause.percent} %`)),
      h("div.kx-dx-inside", {},
        h("p", {}, h("span.kx-mono", {}, cause.root), cause.summary ? ` · ${cause.summary}` : ""),
        steps(cause.chain, onJump),
        cause.hidden ? h("p.kx-mute", {}, `… and ${cause.hidden} more findings that follow from it`) : null,
        h("div.kx-dx-line", {}, first ? h("button.kx-button", { type: "button", onclick: () => onJump(first.finding) }, "Evidence and remedies") : null, why)));
  }
  function show(part) {
    const open = new Set([...element.querySelectorAll("details.kx-dx-cause[open]")].map((one) => one.dataset.id));
    const isFirst = !element.childElementCount;
    const items = part ? part.items : [];
    const shown = all ? items : items.slice(0, FEW);
    element.replaceChildren(...shown.map((cause) => item(cause, isFirst ? items.length <= 3 && cause.rank === 1 : open.has(cause.id))));
    if (shown.length < items.length) {
      const more = h("button.kx-button.kx-quiet", { type: "button" }, `${items.length - shown.length} more root causes`);
      more.onclick = () => {
        all = true;
        show(part);
      };
      element.append(more);
    }
    if (part && all && part.more) element.append(h("p.kx-mute", {}, `… and ${part.more} more, by their # in the rows below`));
    element.hidden = !items.length;
  }
  return { element, show };
}

function evidenceItem(piece) {
  const from = [piece.source, piece.object, piece.locator, piece.at].filter(Boolean).join(" · ");
  const guilty = new Set(piece.guilty);
  const log = piece.lines.length
    ? h("pre.kx-pre", { tabindex: 0, "aria-label": "Excerpt" }, ...piece.lines.map((line, place) =>
        h(guilty.has(place) ? "mark.kx-dx-guilty" : "span", guilty.has(place) ? { title: "the line that says what went wrong" } : {}, `${line}\n`)))
    : null;
  return h("li", {}, h("div", {}, piece.summary), h("div.kx-mute.kx-dx-from", {}, from), log);
}

function remedyItem(remedy) {
  const changes = remedy.effect !== "read";
  return h("li", {},
    h("div.kx-dx-line", {}, h(`span.kx-dx-effect${changes ? ".kx-dx-changes" : ""}`, {}, changes ? "changes the cluster" : "only reads"), h("span.kx-dx-what", {}, remedy.title), copyButton(remedy.command)),
    h("pre.kx-pre", { tabindex: 0, "aria-label": "Command" }, remedy.command),
    remedy.why ? h("div.kx-mute", {}, remedy.why) : null);
}

// What the opened row rests on.
function detailPane(link, onJump, onClose) {
  const element = h("section.kx-dx-detail", { hidden: true, tabindex: -1, "aria-label": "Details of the finding", "data-lm-suppress-shortcuts": true });
  const inside = h("div", {});
  const asked = explanation(link);
  const close = h("button.kx-button.kx-quiet.kx-dx-close", { type: "button", onclick: onClose, "aria-label": "Close the details" }, "Close");
  element.append(close, inside, asked.element);
  ownKeys(element);
  element.addEventListener("keydown", (event) => event.key === "Escape" && onClose());

  let waiting = 0;

  const section = (name, list, make) => (list.length ? [h("h4", {}, name), h("ul.kx-dx-list", {}, ...list.map(make))] : []);
  const tree = (name, list) => (list.length ? [h("h4", {}, name), steps(list, onJump)] : []);
  function fill(part) {
    clearTimeout(waiting);
    if (!part) {
      const said = h("p.kx-mute", { role: "status" }, "…");
      waiting = setTimeout(() => (said.textContent = "The kernel does not answer: it is busy, or it has ended."), 3000);
      return inside.replaceChildren(said);
    }
    inside.replaceChildren(
      h("div.kx-dx-line", {}, severityDot(part.severity), h("strong.kx-dx-title", {}, part.title)),
      h("div.kx-mute.kx-dx-from", {}, [part.object, part.reason, `${part.confidence} sure`, part.since && `since ${part.since}`, `analyzer ${part.analyzer}`].filter(Boolean).join(" · ")),
      part.is_gone ? h("p.kx-dx-note", {}, "It is gone: this is what was seen the last time.") : "",
      h("p", {}, part.cause),
      ...tree("Caused by", part.causes),
      ...tree("Leads to", part.effects),
      ...section("Evidence", part.evidence, evidenceItem),
      ...section("What to do", part.remedies, remedyItem));
  }
  return {
    element,
    show(id, picture, focus) {
      element.hidden = false;
      fill(picture.parts.get(`detail-${id}`));
      asked.show(id, picture);
      if (focus) element.focus({ preventScroll: true });
      element.scrollIntoView({ block: "nearest" });
    },
    hide() {
      element.hidden = true;
    },
    update(id, picture, due) {
      if (due.all || due.put.has(`detail-${id}`)) fill(picture.parts.get(`detail-${id}`));
      asked.update(id, picture, due);
    },
  };
}

// "Explain with …": the agent's run on this row, as it comes.
function explanation(link) {
  const picker = ownKeys(h("select.kx-field", { "aria-label": "Provider" }));
  const go = h("button.kx-button.kx-strong", { type: "button" });
  const stop = h("button.kx-button.kx-danger", { type: "button" }, "Stop");
  const ran = h("p.kx-mute.kx-dx-ran", { role: "status", "aria-live": "polite" });
  const calls = h("ul.kx-dx-calls", { "aria-label": "What it looks at" });
  const done = h("div.kx-rich");
  const tail = h("div.kx-rich");
  const text = h("div.kx-dx-said", { "aria-live": "polite", "aria-busy": false }, done, tail);
  const cited = h("aside.kx-dx-cited", { "aria-label": "Cited evidence", hidden: true });
  const on = h("button.kx-button", { type: "button", hidden: true, onclick: () => link.intend("chat", { id }) }, "Continue in chat");
  const chat = h("div.kx-dx-chat", { hidden: true });
  const element = h("div.kx-dx-explain", {}, h("div.kx-dx-line", {}, go, picker, stop), calls, text, cited, h("div.kx-dx-line", {}, ran, on), chat);
  let id = "";
  let model = ""; // of the chat that is shown
  let view = null;
  text.onclick = (event) => {
    const cite = event.target.closest(".kx-cite");
    const part = cite && link.picture.parts.get(cite.dataset.evidence);
    if (part) open(part, cite);
  };

  function open(part, from) {
    const shut = () => {
      cited.hidden = true;
      if (from.isConnected) from.focus();
    };
    const close = h("button.kx-button.kx-quiet", { type: "button", "aria-label": "Close the evidence", onclick: shut }, "✕");
    cited.replaceChildren(h("div.kx-dx-line", {}, h("code.kx-mute", {}, part.id), close), h("ul.kx-dx-list", {}, evidenceItem(part)));
    cited.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation(); // which would close the row
      shut();
    };
    cited.hidden = false;
    close.focus();
  }
  // The chat is a widget of its own, shown in here.
  async function talk(part) {
    const next = part?.model || "";
    if (next === model) return;
    model = next;
    view?.remove();
    view = null;
    chat.hidden = !next;
    if (!next) return;
    const manager = link.model.widget_manager;
    const made = await manager.create_view(await manager.get_model(next));
    if (model !== next) return made.remove();
    view = made;
    chat.replaceChildren(made.el);
  }
  picker.onchange = () => link.intend("choose", { provider: picker.value });
  go.onclick = () => link.intend("explain", { id });
  stop.onclick = () => link.intend("stop_explaining", { id });

  function said(part) {
    done.replaceChildren(htmlFragment(part?.html || ""));
    tail.replaceChildren(htmlFragment(part?.tail || ""));
  }
  function call({ name, arguments: words, state, seconds }) {
    const sign = { running: "…", done: "✓", failed: "✗" }[state];
    return h("li", {}, `${sign} `, h("span.kx-mono", {}, `${name}${words ? ` ${words}` : ""}`), seconds ? h("span.kx-mute", {}, ` ${seconds}`) : null);
  }
  function controls(picture) {
    const { providers = [], provider = "" } = picture.state;
    const run = picture.parts.get(`run-${id}`);
    const isRunning = run?.state === "running";
    const known = providers.find((item) => item.id === provider) || providers[0];
    element.hidden = !providers.length;
    picker.replaceChildren(...providers.map((item) => h("option", { value: item.id }, item.label)));
    picker.value = known?.id || "";
    picker.disabled = isRunning;
    go.textContent = `${run && !isRunning ? "Explain again" : "Explain"} with ${known?.id || ""}`;
    go.disabled = isRunning;
    stop.hidden = !isRunning;
    text.setAttribute("aria-busy", isRunning);
    ran.textContent = run?.ran || "";
    calls.replaceChildren(...(run?.calls || []).map(call));
    calls.hidden = !run?.calls?.length;
    const part = picture.parts.get(`chat-${id}`);
    on.hidden = !run?.goes_on || !!part || !link.model.widget_manager;
    talk(part);
  }
  return {
    element,
    show(next, picture) {
      if (id !== next) cited.hidden = true;
      id = next;
      said(picture.parts.get(`said-${id}`));
      controls(picture);
    },
    update(next, picture, due) {
      const key = `said-${id}`;
      if (due.all || due.put.has(key)) said(picture.parts.get(key));
      else if (due.grown.has(key)) {
        const grown = due.grown.get(key);
        if (grown.done) done.append(htmlFragment(grown.done));
        tail.replaceChildren(htmlFragment(grown.tail));
      }
      if (due.all || [`run-${id}`, `chat-${id}`].some((one) => due.put.has(one) || due.dropped.has(one)) || "providers" in due.state || "provider" in due.state) controls(picture);
    },
  };
}
