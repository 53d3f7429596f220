// The chat. Parts come from notebook/turns.py; every foreign word is text here, but for what the kernel has rendered.

const OUTCOMES = {
  running: "running",
  done: "done",
  failed: "failed",
  stopped: "stopped",
  open: "waits for your answer",
  approved: "approved, once",
  always: "approved for this session",
  refused: "not approved",
  expired: "expired: nobody answered in time",
};
const READ_MS = 500; // a change must have been on the screen for that long before a click can approve it
const NEAR_PX = 60; // from the end, where new lines are followed
const HEARD_MS = 2000; // the kernel has taken a question by then
const PING_TICKS = 3; // seconds, while an answer is under way
const PINGS = 3; // that no kernel leaves unanswered
const UNHEARD = "the kernel does not answer: if it was restarted, run this cell again";

function mount(link) {
  const root = h("section.kx.kx-chat", { "aria-label": "KubeAgentiX chat" });
  const nodes = new Map(); // part id → element
  let wasDeaf = false; // whether clicks do not arrive
  let sent = null; // the question that the kernel has not taken yet: { id, text, timer }
  let ticks = 0;
  let isLost = false; // the kernel has not answered
  const head = header();
  const log = h("div.kx-log", { role: "log", "aria-live": "polite", "aria-label": "Conversation", tabindex: "0" });
  const drawer = h("aside.kx-drawer", { "aria-label": "Evidence", hidden: true });
  const next = h("div.kx-next", { role: "group", "aria-label": "Suggested questions", hidden: true });
  const form = composer();
  const hint = h("div.kx-hint", { role: "status", hidden: true });
  root.append(head.node, log, drawer, next, hint, form.node);

  // Plain keys are ours; with Ctrl or Cmd they may be the frontend's, but not in a field.
  for (const name of ["keydown", "keypress", "keyup"]) {
    root.addEventListener(name, (event) => event.ctrlKey || event.metaKey || event.stopPropagation());
  }
  root.addEventListener("click", (event) => {
    const cite = event.target.closest("[data-evidence]");
    if (cite) openEvidence(cite.dataset.evidence.split(" "), cite);
  });

  function show(picture, due) {
    const sticks = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
    if (due.all) {
      found();
      nodes.clear();
      log.replaceChildren();
      for (const part of picture.parts.values()) put(part);
    } else {
      for (const id of due.dropped) {
        nodes.get(id)?.remove();
        nodes.delete(id);
      }
      for (const [id, more] of due.grown) grow(nodes.get(id), more); // before what ran, by which it is whole
      for (const id of due.put) put(picture.parts.get(id));
    }
    if (Object.keys(due.state).length) showState(picture.state);
    showNext(picture);
    if (sticks) log.scrollTop = log.scrollHeight;
  }
  const clock = setInterval(tick, 1000);

  // --- parts ---

  function put(part) {
    const node = BUILD[part.kind]?.(part);
    if (!node) return;
    const before = nodes.get(part.id);
    if (before) {
      if (before.tagName === "DETAILS") node.open = before.open;
      before.replaceWith(node);
    } else log.append(node);
    nodes.set(part.id, node);
  }

  function grow(node, { done, tail }) {
    const [finished, open] = node?.querySelectorAll(":scope > .kx-done, :scope > .kx-tail") ?? [];
    if (!finished) return;
    if (done) {
      const fragment = htmlFragment(done);
      dress(fragment);
      finished.append(fragment);
    }
    open.replaceChildren(htmlFragment(tail));
  }

  function streamed(what, part) {
    const node = h(what, {}, h("div.kx-done"), h("div.kx-tail"));
    grow(node, { done: part.html || "", tail: part.tail || "" });
    return node;
  }

  const BUILD = {
    question: (part) => h("div.kx-question", {}, h("span.kx-hidden", {}, "You asked: "), part.text),
    text: (part) => streamed("div.kx-rich.kx-answer", part),
    thinking(part) {
      const node = streamed("details.kx-thinking.kx-rich", part);
      node.prepend(h("summary", {}, "Thinking"));
      return node;
    },
    findings(part) {
      const count = part.findings.length;
      const rows = part.findings.map((item) =>
        h("li", {}, severity(item.severity), " ", finding(item), h("span.kx-mute", {}, ` ${item.object} `), ...cites(item.evidence)),
      );
      const title = `Quick Dx: ${count} finding${count === 1 ? "" : "s"}`;
      return h("details.kx-card", {}, h("summary", {}, title), h("ul.kx-findings", {}, ...rows));
    },
    tool(part) {
      const seconds = part.seconds === undefined ? "" : ` · ${part.seconds} s`;
      const outcome = h("span.kx-outcome", {}, `${OUTCOMES[part.state]}${seconds}`);
      if (part.state === "running") outcome.dataset.since = String(Date.now());
      const summary = h("summary", {}, h("span.kx-dot", { "aria-hidden": "true" }), h("code", {}, part.name),
        h("span.kx-arguments", { title: part.arguments }, part.arguments), outcome);
      const body = h("div.kx-body", {});
      if (part.full) body.append(h("div.kx-label", {}, "Arguments"), h("pre.kx-pre", { tabindex: "0" }, part.full));
      if (part.result) body.append(h("div.kx-label", {}, "Result"), h("pre.kx-pre", { tabindex: "0" }, part.result));
      if (part.evidence?.length) body.append(h("div.kx-label", {}, "Evidence"), h("div", {}, ...cites(part.evidence)));
      return h("details.kx-card.kx-tool", { dataset: { state: part.state } }, summary, body);
    },
    approval,
    notice: (part) => h("div.kx-notice", {}, part.text),
    error(part) {
      return h("div.kx-error", { role: "alert" }, part.text, part.hint ? h("div.kx-mute", {}, part.hint) : null);
    },
    ran(part) {
      for (const node of log.querySelectorAll(".kx-tail")) dress(node);
      const row = h("div.kx-ran", {}, h("span", {}, part.text));
      if (part.copy) row.append(copyButton(part.copy, "Copy"));
      if (isOpen()) row.append(button("Retry", "kx-button.kx-quiet.kx-retry", () => link.intend("retry", named()), "Ask this again"));
      for (const line of part.attempts) row.append(h("div.kx-attempt", {}, line));
      return row;
    },
  };

  function severity(word) {
    return h("span.kx-severity", { dataset: { severity: word } }, word);
  }

  function finding({ title, evidence }) {
    if (!evidence.length) return title;
    const what = { type: "button", dataset: { evidence: evidence.join(" ") }, "aria-label": `Evidence of: ${title}` };
    return h("button.kx-finding", what, title);
  }

  function cites(names) {
    return names.map((name) => h("button.kx-cite", { type: "button", dataset: { evidence: name } }, name));
  }

  function button(label, what, onclick, description) {
    return h(`button.${what}`, { type: "button", onclick, "aria-label": description }, label);
  }

  // --- a change that waits for somebody's word ---

  function approval(part) {
    const diff = h("pre.kx-pre.kx-diff", { tabindex: "0", "aria-label": "What the API server says it would change" });
    for (const line of (part.diff || "(a tool of your own: what it changes cannot be shown)").split("\n")) {
      const sign = /^(\+\+\+|---) /.test(line) ? "same" : { "+": "added", "-": "removed" }[line[0]] || "same";
      diff.append(h("span", { dataset: { sign } }, `${line}\n`));
    }
    const where = part.cluster ? h("div.kx-mute", {}, `cluster ${part.cluster}`) : null;
    const node = h("div.kx-approval", { role: "group", "aria-label": "A change waits for approval", dataset: { state: part.state } },
      h("div.kx-approval-title", {}, part.summary), where, diff);
    const why = part.why && part.state !== "expired" ? ` (${part.why})` : "";
    if (part.state !== "open") {
      node.append(h("div.kx-verdict", { role: "status" }, `${OUTCOMES[part.state]}${why}`));
      return node;
    }
    if (link.picture.state.is_deaf) {
      node.append(h("div.kx-below", { role: "status" }, "Answer in the input field."));
      return node;
    }
    const left = h("span.kx-mute.kx-left", { dataset: { expires: String(part.expires_at) } }, remaining(part.expires_at));
    const answers = [
      ["Approve", "once", "kx-button.kx-strong.kx-approve", "Approve this change, once"],
      part.may_be_always ? ["Always for this session", "always", "kx-button.kx-always", "Approve this change for the rest of the session"] : null,
      ["Deny", "refused", "kx-button.kx-danger.kx-deny", "Do not make this change"],
    ].filter(Boolean);
    const row = h("div.kx-row", {});
    for (const [label, decision, what, description] of answers) {
      const choice = button(label, what, (event) => {
        if (!event.isTrusted) return; // a person's click, and no script's
        for (const other of row.querySelectorAll("button")) other.disabled = true;
        link.intend("answer", { request: part.request, decision });
      }, description);
      if (decision !== "refused") {
        choice.disabled = true; // nobody approves what has not been seen
        setTimeout(() => (choice.disabled = Date.now() >= part.expires_at), READ_MS);
      }
      row.append(choice);
    }
    row.append(left);
    node.append(row);
    return node;
  }

  function remaining(at) {
    const seconds = Math.max(0, Math.round((at - Date.now()) / 1000));
    return seconds ? `expires in ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "expired";
  }

  function tick() {
    if ((link.picture.state.running || isLost) && ++ticks % PING_TICKS === 0) ping();
    for (const left of log.querySelectorAll(".kx-left")) {
      left.textContent = remaining(Number(left.dataset.expires));
      if (left.textContent === "expired") for (const item of left.parentNode.querySelectorAll("button")) item.disabled = true;
    }
    for (const outcome of log.querySelectorAll(".kx-outcome[data-since]")) {
      outcome.textContent = `running · ${Math.round((Date.now() - Number(outcome.dataset.since)) / 1000)} s`;
    }
  }

  // --- evidence, opened where it is cited ---

  function openEvidence(names, from) {
    const items = names.map((name) => link.picture.parts.get(name)).filter(Boolean);
    if (!items.length) return;
    const close = button("✕", "kx-button.kx-quiet.kx-close", shut, "Close the evidence");
    drawer.replaceChildren(close, ...items.map(piece));
    drawer.hidden = false;
    drawer.scrollTop = 0;
    close.focus();
    drawer.onkeydown = (event) => void (event.key === "Escape" && shut()); // false would take the key away
    function shut() {
      drawer.hidden = true;
      if (from.isConnected) from.focus();
    }
  }

  function piece(item) {
    const where = [item.source, item.locator].filter(Boolean).join(" ");
    return h("div.kx-piece", {},
      h("div.kx-row", {}, h("strong", {}, item.object), h("span.kx-mute", {}, where), h("code.kx-mute", {}, item.id)),
      h("div", {}, item.summary),
      item.excerpt ? h("pre.kx-pre", { tabindex: "0" }, item.excerpt) : null,
    );
  }

  // --- commands in an answer: copy, and to a cell ---

  function dress(place) {
    for (const code of place.querySelectorAll("pre, code")) {
      const isBlock = code.tagName === "PRE";
      const text = code.textContent.trim();
      if (code.dataset.dressed || (!isBlock && (code.closest("pre") || !text.startsWith("kubectl ")))) continue;
      code.dataset.dressed = "yes";
      const tools = h("span.kx-tools", {}, copyButton(text));
      if (isBlock || text.startsWith("kubectl ")) tools.append(cellButton(text));
      if (isBlock) {
        const frame = h("div.kx-code", {});
        code.replaceWith(frame);
        frame.append(code, tools);
      } else code.after(tools);
    }
  }

  // Only a running cell can put text into a new one; elsewhere the cell's text goes to the clipboard.
  function cellButton(command) {
    const lines = command.split("\n");
    const cell = lines.length === 1 ? `!${command}` : `%%bash\n${command}`;
    if (isOpen()) {
      const copies = copyButton(cell, "Copy as cell");
      return copies;
    }
    const made = button("To a cell", "kx-button.kx-quiet.kx-to-cell", () => {
      link.intend("cell", { text: command });
      made.textContent = "Comes below";
    }, "Put this command into a new cell");
    return made;
  }

  // --- what stands around it ---

  function isOpen() {
    return link.picture.state.mode === "open";
  }

  function header() {
    const pill = h("span.kx-pill", { role: "status" });
    const doing = h("span.kx-mute.kx-doing", { "aria-hidden": "true" });
    const stop = button("■ Stop", "kx-button.kx-danger.kx-stop", () => link.intend("stop"), "Stop the answer");
    stop.onpointerdown = ({ button: which }) => which || link.intend("stop"); // the report may be brought up to date before the button is up again
    const fresh = button("New chat", "kx-button.kx-quiet.kx-new", () => link.intend("new"), "Begin a new conversation");
    const picks = h("span.kx-picks", {});
    const fields = {
      context: pick("context", "Cluster"),
      namespace: type("namespace", "Namespace", "all, or the context's own"),
      provider: pick("provider", "Provider"),
      model: type("model", "Model", "its default"),
    };
    picks.append(...Object.values(fields).map((field) => field.label));
    const node = h("div.kx-head", {}, h("strong", {}, "KubeAgentiX"), picks, doing, pill, fresh, stop);
    return { node, pill, doing, stop, fresh, picks, fields };
  }

  function pick(what, title) {
    const field = ownKeys(h("select.kx-field", { onchange: () => link.intend("choose", { what, value: field.value }) }));
    return { field, label: h("label.kx-pick", {}, h("span", {}, title), field) };
  }

  function type(what, title, placeholder) {
    const list = h("datalist", { id: `kx-${what}-${Math.random().toString(36).slice(2)}` });
    const field = ownKeys(h("input.kx-field", {
      type: "text", placeholder, autocomplete: "off", spellcheck: "false", list: list.id,
      onchange: () => link.intend("choose", { what, value: field.value.trim() }),
    }));
    return { field, list, label: h("label.kx-pick", {}, h("span", {}, title), field, list) };
  }

  function composer() {
    const field = ownKeys(h("textarea.kx-field.kx-ask", {
      rows: 1, "aria-label": "Your question", placeholder: "Ask about the cluster… (Enter sends, Shift+Enter breaks the line)",
    }));
    const send = h("button.kx-button.kx-strong.kx-send", { type: "submit" }, "Send");
    const node = h("form.kx-form", { hidden: true }, field, send);
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!send.disabled) node.requestSubmit();
    });
    field.addEventListener("input", fit);
    node.onsubmit = (event) => {
      event.preventDefault();
      ask(field.value);
      field.focus();
    };
    function fit() {
      field.style.height = "auto";
      field.style.height = `${Math.min(field.scrollHeight + 2, 200)}px`;
    }
    return { node, field, send, fit };
  }

  // What is typed stays until the kernel has taken it.
  function ask(text) {
    if (!text.trim() || link.picture.state.running || sent?.timer) return;
    sent = { id: Math.random().toString(36).slice(2), text, timer: setTimeout(unheard, HEARD_MS) };
    link.intend("ask", { text: text.trim(), ask: sent.id, ...named() });
  }

  // The cluster that the picker names: no other one may be asked.
  function named() {
    return { context: link.picture.state.context };
  }

  function showSent([id, isTaken] = []) {
    if (!sent || sent.id !== id) return;
    const { text } = sent;
    found();
    sent = null;
    if (!isTaken || form.field.value !== text) return;
    form.field.value = "";
    form.fit();
  }

  function unheard() {
    if (sent) sent.timer = 0;
    isLost = true;
    if (sent && !form.field.value) form.field.value = sent.text; // of a button
    showState(link.picture.state);
  }

  function ping() {
    const unanswered = link.ping();
    if (!isLost && unanswered >= PINGS) unheard();
    if (isLost && !unanswered) {
      found();
      showState(link.picture.state);
    }
  }

  function found() {
    if (sent) clearTimeout(sent.timer);
    if (sent) sent.timer = 0;
    isLost = false;
  }

  function showState(state) {
    const isOpenChat = state.mode === "open";
    showSent(state.heard);
    form.node.hidden = head.picks.hidden = !isOpenChat;
    head.fresh.hidden = !isOpenChat || state.running;
    head.stop.hidden = !state.running || isLost || Boolean(state.is_deaf);
    head.pill.textContent = head.pill.dataset.state = isLost ? "no answer" : state.running ? "running" : "ready";
    head.doing.textContent = state.running ? state.doing || "" : "";
    log.setAttribute("aria-busy", String(Boolean(state.running)));
    form.send.disabled = Boolean(state.running);
    hint.textContent = isLost ? UNHEARD : state.hint || "";
    hint.hidden = !hint.textContent;
    if (Boolean(state.is_deaf) !== wasDeaf) {
      wasDeaf = Boolean(state.is_deaf);
      for (const part of link.picture.parts.values()) if (part.kind === "approval" && part.state === "open") put(part);
    }
    for (const item of log.querySelectorAll(".kx-retry")) item.disabled = Boolean(state.running);
    if (isOpenChat) showPicks(state);
  }

  function showPicks(state) {
    const { context, namespace, provider, model: named } = head.fields;
    options(context.field, state.contexts || [], state.context);
    options(provider.field, state.providers || [], state.provider);
    const chosen = (state.providers || []).find((item) => item.id === state.provider);
    named.field.placeholder = chosen?.model || "its default";
    for (const [field, value] of [[namespace.field, state.namespace], [named.field, state.model]]) {
      if (root.getRootNode().activeElement !== field) field.value = value || "";
    }
    namespace.list.replaceChildren(...(state.namespaces || []).map((name) => h("option", { value: name })));
  }

  function options(field, items, chosen) {
    const wanted = JSON.stringify([items, chosen]);
    if (field.dataset.shown === wanted) return;
    field.dataset.shown = wanted;
    field.replaceChildren(...items.map((item) => h("option", { value: item.id }, item.title)));
    field.value = chosen ?? "";
  }

  function showNext({ parts, state }) {
    const last = [...parts.values()].filter((part) => part.kind !== "evidence").pop();
    const questions = (state.mode === "open" && !state.running && last?.suggestions) || [];
    const wanted = JSON.stringify(questions);
    if (next.dataset.shown === wanted) return;
    next.dataset.shown = wanted;
    next.hidden = !questions.length;
    next.replaceChildren(...questions.map((text) => button(text, "kx-button.kx-suggestion", () => ask(text))));
  }

  let doubted = 0;
  function doubt() {
    clearTimeout(doubted);
    isLost = true; // until it answers
    doubted = setTimeout(() => showState(link.picture.state), HEARD_MS);
  }

  const holds = () => Boolean(form.field.value);

  return { root, show, doubt, holds, stop: () => (clearInterval(clock), clearTimeout(doubted), clearTimeout(sent?.timer)) };
}

export default () => docked(mount);
