// Shared by all widgets, and put before each: building elements, and the numbered messages of View.

// An element: h("button.kx-button", { type: "button", onclick: stop }, "Stop"). Children are text, never HTML.
function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element[name] = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// HTML that the kernel has rendered and cleaned. Nothing else may become HTML.
function htmlFragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Keeps a picture of the kernel's parts and state. `show` is called in an animation frame with what has changed since:
// { all, put: [ids], grown: Map(id → {done, tail}), dropped: [ids], state: {…} }. `ended` is called where nothing can be
// sent any more: its kernel has ended.
function follow(model, show, ended = () => {}) {
  const picture = { parts: new Map(), state: {} };
  let seq = -1;
  let change = fresh();
  let frame = 0;
  let asked = 0;
  let again = 0;
  let unanswered = 0;

  // Asks for the whole picture until it comes: the first words may wait in the kernel's main queue until a cell ends.
  function ask() {
    clearTimeout(again);
    if (seq >= 0 || asked > 7) return;
    tell({ op: "hello" });
    again = setTimeout(ask, 250 * 2 ** asked++);
  }
  function fresh() {
    return { all: false, put: new Set(), grown: new Map(), dropped: new Set(), state: {} };
  }
  function soon() {
    if (!frame) frame = requestAnimationFrame(now);
  }
  function now() {
    frame = 0;
    const due = change;
    change = fresh();
    show(picture, due);
  }
  const apply = {
    put({ part }) {
      picture.parts.set(part.id, part);
      change.put.add(part.id);
      change.grown.delete(part.id);
      change.dropped.delete(part.id);
    },
    set({ state }) {
      Object.assign(picture.state, state);
      Object.assign(change.state, state);
    },
    drop({ id }) {
      picture.parts.delete(id);
      change.put.delete(id);
      change.grown.delete(id);
      change.dropped.add(id);
    },
    clear() {
      picture.parts.clear();
      change = { ...fresh(), all: true, state: change.state };
    },
    grow({ id, done, tail }) {
      const part = picture.parts.get(id);
      if (!part) return;
      part.html = (part.html || "") + done;
      part.tail = tail;
      if (change.put.has(id)) return;
      const before = change.grown.get(id);
      change.grown.set(id, { done: (before ? before.done : "") + done, tail });
    },
  };
  function received(message) {
    unanswered = 0;
    if (message.op === "reset") {
      seq = message.seq;
      picture.parts = new Map(message.parts.map((part) => [part.id, part]));
      picture.state = message.state;
      change = { ...fresh(), all: true, state: message.state };
      soon();
    } else if (message.op === "change") {
      if (seq < 0 || message.seq <= seq) return; // before the first picture, or in it already
      if (message.seq !== seq + 1) {
        seq = -1;
        asked = 0;
        ask();
        return;
      }
      seq = message.seq;
      for (const op of message.ops) apply[op.op]?.(op);
      soon();
    }
  }
  function tell(content) {
    try {
      model.send(content);
    } catch (error) {
      console.warn("the kernel that showed this has ended", error);
      ended();
    }
  }
  model.on("msg:custom", received);
  ask();
  return {
    model,
    picture,
    intend: (intent, more = {}) => tell({ intent, ...more }),
    // Asks whether there is still a kernel; how often it was asked since anything came from it.
    ping() {
      tell({ op: "ping" });
      return unanswered++;
    },
    check: () => tell({ op: "check" }), // which nobody answers: it cannot be sent to a kernel that has ended
    again() {
      seq = -1;
      asked = 0;
      ask();
    },
    stop() {
      model.off("msg:custom", received);
      clearTimeout(again);
      if (frame) cancelAnimationFrame(frame);
    },
  };
}

// JupyterLab's shortcuts must not see what is typed into a field of ours.
function ownKeys(element) {
  for (const name of ["keydown", "keypress", "keyup"]) element.addEventListener(name, (event) => event.stopPropagation());
  return element;
}

// Copies text; the button says so for a moment.
function copyButton(text, label = "Copy") {
  const button = h("button.kx-button.kx-quiet", { type: "button", "aria-label": `${label} to the clipboard` }, label);
  button.onclick = async () => {
    const value = typeof text === "function" ? text() : text;
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      const area = h("textarea", {});
      area.value = value;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  };
  return button;
}
