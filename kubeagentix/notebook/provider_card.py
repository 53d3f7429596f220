"""The providers' card at work: what is clicked and typed in it, and the static report of the same.

A credential comes from the browser once, is checked, and kept by the choice; nothing that is shown, sent back, logged
or raised from here on holds it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

from kubeagentix import agent, sync
from kubeagentix.api import AUTO
from kubeagentix.engine.probing import Status
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.notebook.choice import KubeAgentix
from kubeagentix.notebook.widgets.providers import ProvidersView
from kubeagentix.report.rendering import text_html
from kubeagentix.report.text import clean_line

KEPT = "{}: kept for this session, in the kernel's memory only"
FORGOTTEN = "{}: forgotten"
ANALYZERS = "%kdx asks the analyzers alone"
MAX_CHARS = 400  # of one line
CELL = "text-align:left;vertical-align:top"  # VS Code and JupyterLab put the text of tables to the right


async def look(choice: KubeAgentix, *, test: bool = False, only: str = "") -> list[Status]:
    """The providers as this session would ask them; `test` really asks."""
    provider = "" if choice.provider == AUTO else choice.provider
    return await agent.provider_statuses(
        test=test, only=only, provider=provider, model=choice.model, credentials=choice.credentials
    )


def next_line(choice: KubeAgentix, found: Sequence[Status]) -> str:
    """Who is asked by the next cell that names nobody."""
    if choice.provider and choice.provider != AUTO:
        who = " / ".join(filter(None, (choice.provider, choice.model)))
        return f"%kdx and %kchat ask {who} from now on; what a cell names comes first"
    first = next((item.id for item in found if item.is_next), "nobody")
    by = "%kdx and %kchat ask" if choice.provider else f"{ANALYZERS}; %kchat and --provider auto ask"
    return f"{by} {first}"


def static_of(choice: KubeAgentix, found: Sequence[Status]) -> Mapping[str, str]:
    """The same as HTML and as text, for where no kernel is."""
    heads = ("Provider", "Configured", "Model", "Asked next")
    head = "".join(f'<th scope="col" style="{CELL}">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(map(_cell, _cells(item)))}</tr>" for item in found)
    line = text_html(next_line(choice, found))
    html = (
        f"<table><caption>Providers</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{line}</p>"
    )
    return {"text/html": html, "text/plain": agent.status_table([*found])}


def _cell(text: str) -> str:
    return f'<td style="{CELL}">{text_html(text)}</td>'


def _cells(item: Status) -> tuple[str, ...]:
    tried = f"; {agent.trial_line(item)}" if item.trial is not None else ""
    mark = "✓ " if item.is_configured else ""
    return f"{item.title} ({item.id})", mark + _facts(item)[0] + tried, item.model, "yes" if item.is_next else ""


class ProviderCard:
    """One card, shown by one cell, usable for as long as the kernel lives."""

    def __init__(self, choice: KubeAgentix, found: Sequence[Status]) -> None:
        self._choice = choice
        self._found = {item.id: item for item in found}
        self._busy: set[str] = set()
        self._context = contextvars.copy_context()  # of the cell, in which output may be changed
        self.view = ProvidersView(self._intended)
        self._update()

    def show(self) -> None:
        """Shows it in the cell that calls."""
        self.view.show(lambda: static_of(self._choice, [*self._found.values()]))

    def _intended(self, name: str, content: Mapping[str, Any]) -> None:
        text = content.pop("text", "") if isinstance(content, MutableMapping) else ""  # nobody else sees it
        self._context.copy().run(self._do, name, str(content.get("provider") or ""), content.get("model"), text)

    def _do(self, name: str, provider: str, model: object, text: object) -> None:
        """Does what was clicked. Raises nothing: a traceback in a cell might show what was typed."""
        try:
            if name == "test":
                self._begin_test(provider, str(model or ""))
                return
            self._say(self._changed(name, provider, str(model or ""), text if isinstance(text, str) else ""))
        except KubeAgentiXError as error:
            self._say(clean_line(str(error), MAX_CHARS), is_error=True)
        except Exception as error:  # noqa: BLE001  the same, whatever it is
            self._say(f"it failed: {type(error).__name__}", is_error=True)
        sync.start(self._look_again())

    def _changed(self, name: str, provider: str, model: str, text: str) -> str:
        if name == "use":
            self._choice.use(provider, model)
            return ""
        if name == "credential":
            self._choice.enter(provider, text)
            return KEPT.format(provider)
        if name == "forget":
            self._choice.forget(provider)
            return FORGOTTEN.format(provider)
        return ""

    def _begin_test(self, provider: str, model: str) -> None:
        if provider in self._found and provider not in self._busy:
            self._busy.add(provider)
            self._update()
            sync.start(self._test(provider, model))

    async def _test(self, provider: str, model: str) -> None:
        try:
            (tried,) = await agent.provider_statuses(
                test=True,
                only=provider,
                provider=provider,
                model=model or (self._choice.model if provider == self._choice.provider else ""),
                credentials=self._choice.credentials,
            )
            self._found[provider] = replace(self._found[provider], trial=tried.trial)
        except KubeAgentiXError as error:
            self._say(clean_line(str(error), MAX_CHARS), is_error=True)
        finally:
            self._busy.discard(provider)
            self._update()
            self.view.refresh()

    async def _look_again(self) -> None:
        found = await look(self._choice)
        for item in found:
            before = self._found[item.id]
            self._found[item.id] = replace(item, trial=before.trial if before.source == item.source else None)
        self._update()
        self.view.refresh()

    def _say(self, said: str, *, is_error: bool = False) -> None:
        self.view.set(said=said, is_error=is_error)

    def _update(self) -> None:
        for item in self._found.values():
            self.view.put(self._part(item))
        self.view.set(next=next_line(self._choice, [*self._found.values()]))

    def _part(self, item: Status) -> dict[str, Any]:
        is_chosen = item.id == self._choice.provider
        badges = (["in use"] if is_chosen else []) + (["asked next"] if item.is_next and not is_chosen else [])
        return {
            "id": item.id,
            "title": item.title,
            "has_model": bool(item.model),
            "is_configured": item.is_configured,
            "is_chosen": is_chosen,
            "is_kept": item.id in self._choice.credentials,
            "is_busy": item.id in self._busy,
            "badges": badges,
            "facts": _facts(item),
            "passed_on": [clean_line(name, MAX_CHARS) for name in item.passed_on],
            "model": item.model,
            "chosen_model": self._choice.model if is_chosen else "",
            "trial": clean_line(agent.trial_line(item), MAX_CHARS),
            "outcome": "" if item.trial is None else "good" if item.trial.is_ok else "bad",
        }


def _facts(item: Status) -> list[str]:
    """What is to be known of it: with what it is asked, or why it is not; what is set and not used."""
    model = f", model {item.model}" if item.model else ""
    first = f"uses {item.source}{model}" if item.is_configured else f"not configured: {item.why_not}"
    ignored = [f"{variable.name} is set but ignored: {variable.why}" for variable in item.ignored]
    return [clean_line(line, MAX_CHARS) for line in (first, *ignored)]
