// A widget that lives inside the static HTML of its output, which is all that the notebook file holds. `build` puts
// the widget's elements into `root` once the kernel has answered, and returns what ends it.
function docked(build) {
  const canDock = () => document.body.hasAttribute("data-jp-theme-light"); // JupyterLab, Notebook 7

  function initialize({ model }) {
    if (!canDock()) return undefined;
    const root = h("div", {});
    let place = null;
    let before = [];
    let focused = null;
    root.addEventListener("focusin", (event) => (focused = event.target));
    root.addEventListener("focusout", () =>
      queueMicrotask(() => {
        if (root.isConnected && !root.contains(document.activeElement)) focused = null; // it was left, not taken away
      }),
    );

    function look() {
      const found = document.getElementsByClassName(`kx-dock-${model.get("dock")}`);
      const next = found[found.length - 1];
      if (!root.firstChild || !next || root.parentNode === next) return;
      before = [...next.childNodes];
      next.replaceChildren(root);
      place = next;
      if (focused) focused.focus({ preventScroll: true });
    }
    const watch = new MutationObserver(look);
    watch.observe(document.body, { childList: true, subtree: true });
    watch.observe(root, { childList: true });
    const stop = build(model, root);
    model.send({ intent: "docks" });
    return () => {
      watch.disconnect();
      stop();
      if (place) place.replaceChildren(...before); // without a kernel: the static report again
    };
  }
  return { initialize, render: ({ model, el }) => (canDock() ? undefined : build(model, el)) };
}
