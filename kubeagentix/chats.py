"""`kx.chat`: asks a question and waits; in a notebook, without a question, it opens a chat to talk in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, overload

from kubeagentix import agent
from kubeagentix.api import CredentialLike, Source, credential_of
from kubeagentix.arguments import check_names
from kubeagentix.domain.changes import Approver
from kubeagentix.domain.events import RunRecord
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.conversation import Conversation
from kubeagentix.errors import UsageError
from kubeagentix.quickdx.targets import parse_target

HINT = "ask one, as in kx.chat('why is checkout failing?'); kubeagentix chat asks again and again in a terminal"


@overload
def chat(
    question: str,
    *,
    cluster: Source | None = None,
    namespace: str | None = None,
    target: str | None = None,
    provider: str = "",
    model: str = "",
    credential: CredentialLike | None = None,
    options: RunOptions | None = None,
    conversation: Conversation | None = None,
    told: Callable[[RunRecord], None] | None = None,
    fallback: bool = True,
    history: bool = True,
    approve: Approver | None = None,
) -> agent.Reply: ...
@overload
def chat(
    question: None = None,
    *,
    cluster: Source | None = None,
    namespace: str | None = None,
    target: str | None = None,
    provider: str = "",
    model: str = "",
    credential: CredentialLike | None = None,
    options: RunOptions | None = None,
    fallback: bool = True,
    history: bool = True,
) -> Any: ...
@wraps(agent.chat, assigned=())  # whose parameters these are
def chat(question: str | None = None, **asked: Any) -> Any:
    """Asks about the cluster and waits for the answer; tools really run. `told` gets every event as it comes.

    Without `provider` the first that is configured is asked; `rules` needs no key. `history=False` keeps nothing of it
    in the history; `fallback=False` asks nobody else if that one fails. Where `options` allow changes, each is shown
    and asked about on the terminal or in the cell, or by `approve`, which gets a kx.ApprovalRequest and returns a
    kx.ApprovalAnswer. Without a question it is the chat of this notebook, to be shown as the last line of a cell: it
    stays open, and its cells go on in it.

    Raises ProviderError if nobody can answer, UsageError, and what reading a cluster raises.
    """
    return _opened(**asked) if question is None else agent.chat(question, **asked)


def _opened(
    *,
    cluster: Source | None = None,
    namespace: str | None = None,
    target: str | None = None,
    provider: str = "",
    model: str = "",
    credential: CredentialLike | None = None,
    options: RunOptions | None = None,
    fallback: bool = True,
    history: bool = True,
) -> Any:
    """The chat of this notebook, with what it asks from now on. Raises UsageError where there is no notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        raise UsageError("there is no question, and no notebook in which to open a chat", hint=HINT)
    check_names(namespace=namespace, provider=provider, model=model)
    chosen = agent.options_of(options, fallback=fallback)
    chosen = replace(chosen, provider=provider or chosen.provider, model=model or chosen.model)
    if credential is not None:
        chosen = replace(chosen, credential=credential_of(credential, chosen.provider))
    if target is not None:
        chosen = replace(chosen, target=parse_target(target, namespace))
    from kubeagentix.notebook.open_chat import opened  # noqa: PLC0415  needs the packages of the extra `lab`

    return opened(shell, cluster=cluster, namespace=namespace, options=chosen, history=history)
