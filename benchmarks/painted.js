// What a person sees of a page, measured in the page: when something was last painted, and for how long nothing was.
window.painted = (() => {
  const PLACES = ".kx, .jp-OutputArea";
  const WORD = /w(\d+)\W*$/;
  let now = fresh();
  let before = performance.now(); // the animation frame before this one

  function fresh() {
    return { gap: 0, task: 0, input: 0, updates: [], rewritten: 0, last: 0, whole: -1, markAt: 0, mark: "", gone: 0 };
  }
  function frame() {
    const at = performance.now();
    now.gap = Math.max(now.gap, at - before);
    if (now.markAt && !document.querySelector(now.mark)) now.gone += at - before;
    before = at;
    requestAnimationFrame(frame);
  }
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) now.task = Math.max(now.task, entry.duration);
  }).observe({ type: "longtask" });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.interactionId) now.input = Math.max(now.input, entry.duration);
  }).observe({ type: "event", durationThreshold: 16 });

  // After the paint that shows what has just been changed: the frame to come, and then the first task.
  const waiting = [];
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    for (const call of waiting.splice(0)) call();
  };
  function afterPaint(call) {
    requestAnimationFrame(() => {
      waiting.push(call);
      channel.port2.postMessage(0);
    });
  }
  const numbers = (element) => (element.textContent.match(/w\d+/g) || []).map((word) => Number(word.slice(1)));
  // The report, which takes the widget's place in the same frame as the last words where the machine is quick.
  const reportWith = (word) =>
    word < 0 ? null : [...document.querySelectorAll(".jp-OutputArea")].find((output) => numbers(output).includes(word));
  new MutationObserver((records) => {
    const ours = records.filter((record) => (record.target.closest ? record.target : record.target.parentElement)?.closest(PLACES));
    if (!ours.length) return;
    for (const record of ours) for (const node of record.addedNodes) now.rewritten += node.textContent.length;
    const widget = document.querySelector(".kx-answer .kx-tail")?.closest(".kx-answer");
    const answer = widget || reportWith(now.until);
    const tail = widget?.querySelector(".kx-tail").textContent || "";
    const word = widget
      ? Number((WORD.exec(tail) || WORD.exec(widget.textContent.slice(-80)))?.[1] ?? -1)
      : answer ? now.until : -1;
    const hasMark = now.mark && !now.markAt && document.querySelector(now.mark);
    const current = now;
    afterPaint(() => {
      const at = Date.now();
      current.last = at;
      current.updates.push([at, word]);
      if (hasMark) current.markAt = at;
      if (answer && word === current.until) current.whole = numbers(answer).length;
    });
  }).observe(document.body, { childList: true, characterData: true, subtree: true });

  return {
    start(mark = "", until = -2) {
      now = { ...fresh(), mark, until };
      before = performance.now();
    },
    quiet: (ms) => now.last > 0 && Date.now() - now.last > ms,
    stop: () => now,
    numbers: (cell) => numbers(document.querySelectorAll(".jp-CodeCell")[cell].querySelector(".jp-OutputArea")),
  };
})();
