// The providers' card: a row per provider, made once, so that what is being typed stays.
function mount(link) {
  const rows = new Map();
  const card = outline();
  function show({ parts, state }) {
    for (const part of parts.values()) {
      if (!rows.has(part.id)) {
        rows.set(part.id, row(part, link));
        card.list.append(rows.get(part.id).element);
      }
      rows.get(part.id).update(part);
    }
    card.next.textContent = state.next || "";
    card.said.textContent = state.said || "";
    card.said.className = state.is_error ? "kx-bad" : "";
  }
  return { root: card.element, show, stop: () => {} };
}

function outline() {
  const list = h("div", {});
  const next = h("div", {});
  const said = h("div", { role: "status", "aria-live": "polite" });
  const element = h(
    "section.kx.kx-providers",
    { "aria-label": "Providers", "data-lm-suppress-shortcuts": "true" }, // JupyterLab's keys would come before ours
    h("header", {}, "Providers"),
    list,
    h("footer.kx-provider-said", {}, next, said),
  );
  return { element: ownKeys(element), list, next, said };
}

function row(first, link) {
  const { id, title } = first;
  const mark = h("span.kx-provider-mark", { "aria-hidden": "true" });
  const badges = h("span", {});
  const test = h("button.kx-button", { type: "button", "aria-label": `Test ${title}` }, "Test");
  const use = h("button.kx-button", { type: "button" }, "Use");
  const facts = h("div.kx-provider-facts", {});
  const count = h("summary", {});
  const names = h("div.kx-mute", {});
  const passedOn = h("details", {}, count, names);
  const trial = h("div.kx-provider-facts.kx-provider-trial", { role: "status", "aria-live": "polite" });
  let chosen = false;
  const fields = first.has_model ? entries(first, link, () => chosen) : null;
  const typed = () => (fields ? fields.model.value.trim() : "");
  test.onclick = () => link.intend("test", { provider: id, model: typed() });
  use.onclick = () => (chosen ? link.intend("use", {}) : link.intend("use", { provider: id, model: typed() }));
  const element = h(
    "div.kx-provider",
    { role: "group", "aria-label": title, dataset: { provider: id } },
    h(
      "div.kx-provider-head",
      {},
      mark,
      h("span.kx-title", {}, title),
      h("span.kx-mono.kx-mute", {}, id),
      badges,
      h("span.kx-provider-buttons", {}, test, use),
    ),
    facts,
    h("div.kx-provider-facts", {}, passedOn),
    trial,
    fields && h("div.kx-provider-facts", {}, fields.element),
  );

  function update(part) {
    chosen = part.is_chosen;
    element.dataset.configured = part.is_configured ? "yes" : "no";
    element.dataset.chosen = chosen ? "yes" : "no";
    mark.textContent = part.is_configured ? "✓" : "–";
    badges.replaceChildren(...part.badges.map((text) => h("span.kx-provider-badge", {}, text)));
    test.disabled = !part.is_configured;
    test.setAttribute("aria-disabled", String(part.is_busy)); // disabled, it would lose the focus
    test.textContent = part.is_busy ? "Testing…" : "Test";
    use.textContent = chosen ? "Stop using" : "Use";
    use.setAttribute("aria-label", `${use.textContent} ${title}`);
    use.disabled = !part.is_configured && !chosen;
    facts.replaceChildren(...part.facts.map((text, place) => h(place ? "div.kx-mute" : "div", {}, text)));
    passedOn.hidden = !part.passed_on.length;
    count.textContent = `Passes on ${part.passed_on.length} setting${part.passed_on.length === 1 ? "" : "s"} of this environment`;
    names.textContent = part.passed_on.join(", ");
    trial.textContent = part.trial;
    trial.dataset.outcome = part.outcome;
    fields?.update(part);
  }
  return { element, update };
}

function entries({ id, title }, link, isChosen) {
  const model = h("input.kx-field", { type: "text", spellcheck: "false", "aria-label": `Model of ${title}` });
  const credential = h("input.kx-field", {
    type: "password",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "data-1p-ignore": true, // password managers need not offer to keep it
    "data-lpignore": "true",
    "aria-label": `Credential for ${title}`,
    placeholder: "paste a key or token",
  });
  const keep = h("button.kx-button", { type: "button", "aria-label": `Keep the credential for ${title}` }, "Keep");
  const forget = h("button.kx-button", { type: "button", "aria-label": `Forget the credential for ${title}` }, "Forget");
  keep.onclick = () => {
    const text = credential.value;
    credential.value = ""; // it goes to the kernel once, and is nowhere else
    if (text) link.intend("credential", { provider: id, text });
  };
  credential.onkeydown = (event) => {
    if (event.key === "Enter") keep.click();
  };
  forget.onclick = () => link.intend("forget", { provider: id });
  model.onchange = () => {
    if (isChosen()) link.intend("use", { provider: id, model: model.value.trim() });
  };
  const element = h(
    "details",
    {},
    h("summary", {}, "Model and credential"),
    h(
      "div.kx-provider-fields",
      {},
      h("span", {}, "Model"),
      model,
      h("span", {}),
      h("span", {}, "Credential"),
      credential,
      h("span", {}, keep, " ", forget),
      h("p.kx-mute", {}, "Kept in this kernel's memory for this session; in no file, output or history."),
    ),
  );
  const update = (part) => {
    model.placeholder = part.model || "the default";
    if (part.is_chosen && document.activeElement !== model && part.chosen_model) model.value = part.chosen_model;
    forget.hidden = !part.is_kept;
  };
  return { element, model, update };
}

export default () => docked(mount);
