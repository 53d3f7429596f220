// The webview of a notebook, in small: outputs as VS Code orders, replaces and renders them, and widgets by the manager
// that its Jupyter extension brings (from npm, as it is). The kernel's connection is the class that is in that bundle.

const WIDGET = "application/vnd.jupyter.widget-view+json";
const ORDER = ["application/vnd.", "text/html", "text/latex", "text/markdown", "image/", "application/json", "text/plain"];
const { token, kernel: model, port } = JSON.parse(document.body.dataset.start);

function importing(text) {
  return import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
}
function text(bundle, mime) {
  return Array.isArray(bundle[mime]) ? bundle[mime].join("") : bundle[mime];
}
function rank(mime) {
  const at = ORDER.findIndex((start) => mime.startsWith(start));
  return at < 0 ? 100 : at;
}

const source = await (await fetch("ipywidgets.js")).text();
const packed = await importing(`${source}\nexport { __webpack_require__ as need, __webpack_modules__ as modules };`);
packed.activate();
window.vscIPyWidgets8.load(); // which leaves `vscIPyWidgets`, and three modules for requirejs
const holding = (words) => packed.need(Object.keys(packed.modules).find((id) => String(packed.modules[id]).includes(words)));
const { KernelConnection } = holding(".KernelConnection=void 0");
const { ServerConnection } = holding(".ServerConnection=void 0");

const baseUrl = `http://127.0.0.1:${port}/`;
const wsUrl = `ws://127.0.0.1:${port}/`;
const serverSettings = ServerConnection.makeSettings({ baseUrl, wsUrl, token, appendToken: true, WebSocket });
const kernel = new KernelConnection({ serverSettings, model, username: "", handleComms: true });

const known = new Set();
const loader = {
  widgetsRegisteredInRequireJs: known,
  // "Local": the file that the widget's Python package installed; which file, its extension.js tells.
  async loadWidgetScript(name) {
    const entry = await (await fetch(`nbextensions/${name}/extension.js`)).text();
    const path = entry.match(new RegExp(`\\b${name}['"]?:\\s*['"](nbextensions/[\\w/.-]+)['"]`))[1];
    requirejs.config({ paths: { [name]: new URL(path, location.href).href } });
    known.add(name);
  },
  successHandler() {},
  errorHandler(name, module, version, error) {
    console.error("cannot load", name, module, version, error);
  },
};
const manager = new window.vscIPyWidgets.WidgetManager(kernel, null, loader, () => undefined);

const cells = new Map(); // the request's id → the cell
const displays = new Map(); // display id → the output
const primed = new Map(); // model id → until its display has been read

function primedOnce(id) {
  if (!primed.has(id)) {
    const one = {};
    one.ready = new Promise((resolve) => (one.resolve = resolve));
    primed.set(id, one);
  }
  return primed.get(id);
}

async function renderWidget(bundle, element) {
  const id = bundle[WIDGET].model_id;
  if (!manager.has_model(id)) return false; // of another session: the next type is rendered
  await primedOnce(id).ready;
  const place = document.createElement("div");
  place.className = "cell-output-ipywidget-background";
  place.tabIndex = 0;
  element.replaceChildren(place);
  const view = await manager.create_view(await manager.get_model(id), { el: place });
  await manager.display_view(bundle[WIDGET], view, { node: place });
  setTimeout(() => {
    for (const button of place.querySelectorAll("button:not([tabindex])")) {
      button.tabIndex = 0;
      button.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        button.click();
      });
    }
  }, 500);
  return true;
}

async function render(output) {
  const { bundle, element } = output;
  for (const mime of Object.keys(bundle).sort((a, b) => rank(a) - rank(b))) {
    if (mime === WIDGET && !(await renderWidget(bundle, element))) continue;
    element.dataset.mime = mime;
    if (mime === "text/html") {
      const place = document.createElement("div");
      const inside = window.notebook.hidesReports ? place.attachShadow({ mode: "closed" }) : place;
      inside.innerHTML = text(bundle, mime); // not cleaned: that is ours to do
      element.replaceChildren(place);
    } else if (mime !== WIDGET) {
      const place = document.createElement("pre");
      place.textContent = text(bundle, mime);
      element.replaceChildren(place);
    }
    return;
  }
}

function add(cell, bundle, displayId) {
  const element = document.createElement("div");
  element.className = "output";
  cell.element.append(element);
  const output = { bundle, element };
  cell.outputs.push(output);
  if (displayId) displays.set(displayId, output);
  return render(output);
}

// Nothing that comes is lost once a cell has ended: threads go on.
kernel.iopubMessage.connect(async (_, { header, parent_header: parent, content }) => {
  const cell = cells.get(parent.msg_id);
  if (header.msg_type === "update_display_data") {
    const output = displays.get(content.transient.display_id);
    if (!output) return;
    output.bundle = content.data;
    await render(output);
  } else if (cell && (header.msg_type === "display_data" || header.msg_type === "execute_result")) {
    const id = content.data[WIDGET]?.model_id;
    if (id) manager.get_model(id).then(() => primedOnce(id).resolve()); // an update does not do that
    await add(cell, content.data, content.transient?.display_id);
  } else if (cell && header.msg_type === "stream") await add(cell, { "text/plain": content.text });
  else if (cell && header.msg_type === "error") await add(cell, { "text/plain": content.traceback.join("\n") });
});

function ask(cell, { content }) {
  const form = document.createElement("form");
  form.id = "quick-input";
  const label = document.createElement("label");
  const field = document.createElement("input");
  label.append(content.prompt, field);
  form.append(label);
  form.onsubmit = (event) => {
    event.preventDefault();
    form.remove();
    kernel.sendInputReply({ status: "ok", value: field.value }, cell.future.msg.header);
  };
  document.body.append(form);
}

window.notebook = {
  kernel,
  hidesReports: false, // as no VS Code that is known does
  run(code) {
    const element = document.createElement("div");
    element.className = "cell_container";
    const shown = document.createElement("pre");
    shown.className = "cell-source";
    shown.textContent = code;
    element.append(shown);
    document.getElementById("container").append(element);
    const cell = { element, outputs: [], future: null };
    cell.future = kernel.requestExecute({ code, allow_stdin: true, stop_on_error: false }, false);
    cell.future.onStdin = (message) => ask(cell, message);
    cells.set(cell.future.msg.header.msg_id, cell);
    element.dataset.state = "running";
    cell.future.done.then(() => (element.dataset.state = "done"));
  },
  all: () => [...cells.values()].flatMap((cell) => cell.outputs.map((output) => output.bundle)),
  bundles: (at) => [...cells.values()][at].outputs.map((output) => output.bundle),
  // What a notebook shows that is opened without its kernel: the file's outputs, in a new window.
  async reopened(all) {
    const element = document.createElement("div");
    document.getElementById("container").replaceChildren(element);
    for (const bundle of all) await add({ element, outputs: [] }, bundle);
  },
};
await kernel.info;
document.body.dataset.ready = "yes";
