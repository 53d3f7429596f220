"""The prompt that a client's user can begin with."""

from __future__ import annotations

from functools import partial

import mcp_types as types
import pytest
from mcp import Client, MCPError

from tests.engine.changing import Lab
from tests.mcp.clients import ERAS, desk_of, with_client


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (None, "Find out why whatever is broken does not work"),
        ({"target": " ", "namespace": "shop"}, 'Begin with run_quickdx(namespace="shop").'),
        (
            {"target": "deploy/web", "namespace": "shop"},
            "why deploy/web in the namespace shop does not work, and change nothing.",
        ),
    ],
    ids=str,
)
def test_a_user_can_begin_with_a_prompt(lab: Lab, mode: str, arguments: dict[str, str] | None, told: str) -> None:
    async def talk(client: Client) -> types.GetPromptResult:
        (prompt,) = (await client.list_prompts()).prompts
        assert [argument.name for argument in prompt.arguments or ()] == ["target", "namespace"]
        return await client.get_prompt(prompt.name, arguments)

    (message,) = with_client(partial(desk_of, lab.cluster, lab.home), talk, mode).messages
    assert isinstance(message.content, types.TextContent)
    assert told in message.content.text


@pytest.mark.parametrize(("name", "arguments"), [("diagnos", {}), ("diagnose", {"pod": "x"})], ids=str)
def test_a_prompt_that_there_is_not_is_told(lab: Lab, name: str, arguments: dict[str, str]) -> None:
    async def talk(client: Client) -> None:
        with pytest.raises(MCPError, match=r"there is diagnose\(target, namespace\)"):
            await client.get_prompt(name, arguments)

    with_client(partial(desk_of, lab.cluster, lab.home), talk)
