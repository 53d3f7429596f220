"""What a client's user can begin with: a command of the client, such as /mcp__kubeagentix__diagnose in Claude Code."""

from __future__ import annotations

from mcp import MCPError
from mcp_types import (
    INVALID_PARAMS,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from kubeagentix.errors import excerpt
from kubeagentix.mcp.questions import Context

DIAGNOSE = "diagnose"
_ARGUMENTS = {
    "target": "What does not work, as deploy/web; left out: whatever is broken",
    "namespace": "Where it is; left out: the namespace that the server was started with",
}
_TASK = """\
Find out why {what} does not work, and change nothing.
Begin with run_quickdx{arguments}. Then look at the evidence that it names, and at what speaks against it.
Say which root causes there are, the most certain first, each with the ids of the evidence that it rests on, and what
to do about it; say also what could not be read.
"""


async def list_prompts(_: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
    """The one there is."""
    arguments = [PromptArgument(name=name, description=words) for name, words in _ARGUMENTS.items()]
    words = "Find the root causes of what is broken, with evidence"
    return ListPromptsResult(prompts=[Prompt(name=DIAGNOSE, description=words, arguments=arguments)])


async def get_prompt(_: Context, params: GetPromptRequestParams) -> GetPromptResult:
    """The prompt with what the user filled in. Raises MCPError for another one."""
    unknown = [name for name in params.arguments or {} if name not in _ARGUMENTS]
    if params.name != DIAGNOSE or unknown:
        what = (
            f"argument {excerpt(unknown[0], 60)}" if params.name == DIAGNOSE else f"prompt {excerpt(params.name, 60)}"
        )
        raise MCPError(INVALID_PARAMS, f"there is no {what}; there is {DIAGNOSE}({', '.join(_ARGUMENTS)})")
    given = {name: excerpt(text, 253) for name, text in (params.arguments or {}).items() if text.strip()}
    told = ", ".join(f'{name}="{text}"' for name, text in given.items())
    place = f" in the namespace {given['namespace']}" if "namespace" in given else ""
    task = _TASK.format(what=given.get("target", "whatever is broken") + place, arguments=f"({told})" if told else "")
    return GetPromptResult(messages=[PromptMessage(role="user", content=TextContent(type="text", text=task))])
