// A widget that covers its static report wherever that stands in the page, for as long as a kernel holds it: the file
// has the report alone. Where there is no report yet, it stands in its output, as widgets do.
//
// `mount(link)` builds one instance: { root, show(picture, due), stop() }, and, if it cares, over(report) to be told
// which report it covers now (null: none), doubt() when the kernel may have ended (what it then says comes as a whole),
// and holds(): whether somebody has typed what would be lost. `isReady(picture)` says from when on there is something to
// cover it with.
//
// JupyterLab and Notebook 7 keep a notebook in one page, where the report is sure to be found. VS Code does so too, as
// its sources have it: there it is tried once the widget is seen, and taken back if no report comes.
const COMES_MS = 3000;

function docked(mount, isReady = () => true) {
  const knowsItsPlace = () => document.body.hasAttribute("data-jp-theme-light"); // JupyterLab, Notebook 7
  const triesPlace = () => document.body.hasAttribute("data-vscode-theme-kind");
  const seats = new Map(); // element of the page → the instance in it
  const outputs = new Set();
  let spare = []; // instances without an element, with all that was typed, chosen and opened in them
  let link = null;
  let wait = 0;
  let isLive = false; // whether the kernel that holds it answers

  function seated() {
    const seat = { instance: mount(link), isSeen: false, focused: null, scrolled: new Map() };
    const { root, show } = seat.instance;
    root.addEventListener("focusin", (event) => (seat.focused = event.target));
    root.addEventListener("pointerenter", () => link.check()); // no frontend tells that a kernel was shut down
    root.addEventListener("focusout", () =>
      queueMicrotask(() => {
        if (root.isConnected && !root.contains(document.activeElement)) seat.focused = null; // left, not taken away
      }),
    );
    root.addEventListener("scroll", ({ target }) => seat.scrolled.set(target, target.scrollTop), true);
    show(link.picture, { all: true, put: new Set(), grown: new Map(), dropped: new Set(), state: link.picture.state });
    return seat;
  }
  // An output that is rendered anew takes the instance of the one before.
  function left() {
    if (spare.length) return spare.pop();
    for (const [element, seat] of seats)
      if (seat.isSeen && !element.isConnected) {
        seats.delete(element);
        if (triesPlace()) outputs.delete(element); // which does not tell that a view has ended
        return seat;
      }
    return null;
  }
  function fill(element, report) {
    const seat = left() || seated();
    const { root, over } = seat.instance;
    const scrolled = [...seat.scrolled];
    seats.set(element, seat);
    seat.isSeen = element.isConnected;
    element.prepend(root);
    if (report) report.hidden = true;
    over?.(report);
    for (const [node, top] of scrolled) node.scrollTop = top;
    if (seat.focused && seat.focused.isConnected) seat.focused.focus({ preventScroll: true });
  }
  function look() {
    for (const [element, seat] of seats) seat.isSeen ||= element.isConnected;
    for (const element of outputs) if (!seats.has(element)) fill(element, null);
    if (!isLive || !isReady(link.picture)) return;
    for (const element of document.getElementsByClassName(link.picture.state.dock))
      if (!seats.has(element)) fill(element, element.querySelector(":scope > .kx-report"));
  }
  function uncover(isKept = () => false) {
    isLive = false;
    for (const [element, seat] of seats) {
      if (outputs.has(element) || isKept(seat.instance)) continue;
      seats.delete(element);
      spare.push(seat);
      seat.instance.root.remove();
      const report = element.querySelector(":scope > .kx-report");
      if (report) report.hidden = false;
    }
  }
  // The kernel has ended: the report is back, but not in the place of what somebody has typed.
  function ended() {
    uncover((instance) => instance.holds?.());
  }
  function expectReport(name) {
    clearTimeout(wait);
    wait = setTimeout(() => document.getElementsByClassName(name).length || link.intend("stays"), COMES_MS);
  }
  function initialize({ model }) {
    link = follow(model, (picture, due) => {
      if (due.state.settled && triesPlace()) expectReport(picture.state.dock);
      isLive ||= due.all;
      for (const seat of [...seats.values(), ...spare]) seat.instance.show(picture, due);
      look();
    }, ended);
    if (knowsItsPlace()) link.intend("docks");
    model.on("comm:close", ended);
    model.on("comm_live_update", () => {
      uncover(); // until it answers
      for (const seat of [...seats.values(), ...spare]) seat.instance.doubt?.();
      link.again();
    });
    const watch = new MutationObserver(look);
    watch.observe(document.body, { childList: true, subtree: true });
    return () => {
      watch.disconnect();
      clearTimeout(wait);
      link.stop();
      uncover();
      for (const seat of [...seats.values(), ...spare]) seat.instance.stop();
      seats.clear();
      spare = [];
    };
  }
  function render({ el }) {
    outputs.add(el);
    look();
    if (triesPlace()) link.intend("docks");
    return () => outputs.delete(el);
  }
  return { initialize, render };
}
