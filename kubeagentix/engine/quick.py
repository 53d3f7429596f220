"""Quick Dx with a model: the analyzers' answer first, then a model that checks it and adds its own view.

The model never decides whether there is a diagnosis: if none can be asked or all fail, the analyzers' answer stands
and says why no model was used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.domain.answers import Attempt
from kubeagentix.domain.diagnosis import Evidence, Target
from kubeagentix.domain.events import Listener, Notice, RunEvent, RunFailed, RunFinished, StageChanged, silent
from kubeagentix.domain.messages import Usage
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.payloads import Payload
from kubeagentix.engine import prompt
from kubeagentix.engine.answers import disagreements
from kubeagentix.engine.attempts import raised
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import DEFAULTS, Engine
from kubeagentix.engine.run import Run
from kubeagentix.engine.showing import first_payload
from kubeagentix.errors import NotConfiguredError
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.redaction import using

INTERRUPTED = "no model was used: it was interrupted"
QUESTION = "Find the root cause of what is wrong with {target}."


async def diagnose(
    engine: Engine,
    target: Target,
    *,
    options: RunOptions = DEFAULTS,
    listen: Listener = silent,
    told: Callable[[RunEvent], None] | None = None,
    interrupted: Callable[[Diagnosis], None] | None = None,
) -> Diagnosis:
    """The diagnosis of `target`, with a model's view where one could be had. `told` gets every event of the run.

    `interrupted` gets the analyzers' answer where the wait for the model is cancelled, before that is raised.

    Raises what Quick Dx raises, UsageError for options that cannot be, and with `fallback=False` the provider's error.
    """
    chosen = _chosen(engine, options)
    conversation = Conversation()
    found = await _found(engine, target, options, conversation, listen)
    if not chosen.is_language_model:  # then nobody else is asked either: it was named, or there is no other
        why = f"{chosen.id} is none" if options.provider else "none is configured"
        return replace(found, notes=(*found.notes, f"no model was asked: {why}"))
    run = _begun(engine, options, conversation, found)
    try:
        async for record in run:
            if told is not None:
                told(record.event)
            if isinstance(record.event, StageChanged | Notice):
                listen(record.event)
    except asyncio.CancelledError:
        if interrupted is not None:
            interrupted(replace(found, notes=(*found.notes, INTERRUPTED)))
        raise
    ended = run.records[-1].event
    if isinstance(ended, RunFailed):
        if not options.fallback:
            raise raised(ended.error)
        why = f"{ended.error.message}; {ended.error.hint}" if ended.error.hint else ended.error.message
        notes = (*found.notes, *_failed(ended.attempts[:-1]), f"no model was used: {why}")
        return replace(found, notes=notes, attempts=ended.attempts, usage=_counted(ended.usage))
    assert isinstance(ended, RunFinished)
    return _with_answer(found, ended, run.evidence)


async def payload(
    engine: Engine, target: Target, *, options: RunOptions = DEFAULTS, listen: Listener = silent
) -> Payload | None:
    """The first request that `diagnose` would send, and to whom; nothing is sent. None if no model is asked."""
    if not _chosen(engine, options).is_language_model:
        return None
    conversation = Conversation()
    found = await _found(engine, target, options, conversation, listen)
    return await first_payload(partial(_begun, engine, options, conversation, found), engine.candidates(options))


def _chosen(engine: Engine, options: RunOptions) -> ProviderPlugin:
    chosen = engine.candidates(options)[0].plugin
    if not chosen.is_language_model and not options.provider and not options.fallback:
        raise NotConfiguredError("no language model is configured", hint="see kubeagentix providers, or drop the pin")
    return chosen


async def _found(
    engine: Engine, target: Target, options: RunOptions, conversation: Conversation, listen: Listener
) -> Diagnosis:
    seen = conversation.anonymizer.names.learn_snapshot if engine.is_anonymous(options) else None
    with using(conversation.redactor):  # what the model is shown has the placeholders of the report
        return await engine.quick_dx(target, listen, seen)


def _begun(engine: Engine, options: RunOptions, conversation: Conversation, found: Diagnosis) -> Run:
    return engine.begin(
        QUESTION.format(target=found.target),
        options=replace(options, target=found.target),
        conversation=conversation,
        diagnosis=found,
        wants_answer=True,
        variants=(prompt.FULL, prompt.COMPACT),
        models_only=True,
    )


def _with_answer(found: Diagnosis, ended: RunFinished, shown: Mapping[str, Evidence]) -> Diagnosis:
    """The model's answer beside the analyzers', with what the two disagree about."""
    answer, notes = ended.answer, [*found.notes, *_failed(ended.attempts)]
    if answer is None:
        notes.append(f"{ended.provider} gave no answer ({ended.reason})")
        return replace(found, notes=tuple(notes), attempts=ended.attempts, usage=_counted(ended.usage))
    answer = replace(answer, disagreements=disagreements(answer, found, shown))
    if answer.struck:
        notes.append(f"struck from the model's answer, as no such evidence exists: {', '.join(answer.struck)}")
    return replace(
        found,
        mode="agentic",
        provider=ended.provider,
        model=ended.model,
        answer=answer,
        attempts=ended.attempts,
        notes=tuple(notes),
        usage=_counted(ended.usage),
        timings={**found.timings, "model_s": round(ended.elapsed_s, 4)},
    )


def _failed(attempts: Iterable[Attempt]) -> list[str]:
    """Who was asked to no avail, and why."""
    return [f"{item.provider} ({item.label}) failed: {item.message}" for item in attempts if item.error]


def _counted(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
    }
