from __future__ import annotations

from typing import Any

from kubeagentix.claude_cli.outcomes import error_of
from kubeagentix.claude_cli.streaming import Reader, is_content, line_of, retry_pause_s, usage_of
from kubeagentix.domain.events import ModelEvent, Notice
from tests.claude_cli.running import LOGIN, POD_LOGS, Lab, a_cli, question, result_of, text_of


def fed(*lines: dict[str, Any]) -> list[ModelEvent]:
    reader = Reader()
    return [event for line in lines for event in reader.feed(line)]


def said(text: str, message_id: str = "msg_1") -> dict[str, Any]:
    return {
        "type": "assistant",
        "message": {"id": message_id, "model": "m", "content": [{"type": "text", "text": text}]},
    }


def test_lines_of_unknown_kinds_are_passed_over() -> None:
    lines: list[dict[str, Any]] = [{}, {"type": "new"}, {"type": "system", "subtype": "new"}, {"type": "stream_event"}]
    assert fed(*lines, {"type": "assistant", "message": None}) == []


def test_an_answer_without_deltas_is_shown_whole() -> None:
    assert text_of(fed(said("It ran out."))) == "It ran out."


def test_an_answer_that_takes_another_way_is_told() -> None:
    start = {"type": "stream_event", "event": {"type": "message_start", "message": {"id": "msg_0"}}}
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "It ran"}}
    events = fed(start, {"type": "stream_event", "event": delta}, said("It was killed."))
    assert text_of(events) == "It ran\n\nIt was killed."
    assert [event.code for event in events if isinstance(event, Notice)] == ["restarted"]


def test_a_limit_that_is_near_is_told() -> None:
    info = {"status": "allowed_warning", "rateLimitType": "five_hour", "resetsAt": 1_795_392_958, "utilization": 0.91}
    (notice,) = fed({"type": "rate_limit_event", "rate_limit_info": info})
    assert isinstance(notice, Notice)
    assert notice.code == "subscription_limit_near"
    assert "five hour limit (91% used), which resets at 2026-11-23" in notice.message


def test_only_content_is_a_sign_of_life() -> None:
    ping = {"type": "stream_event", "event": {"type": "ping"}}
    status = {"type": "system", "subtype": "status"}
    limit = {"type": "rate_limit_event"}
    assert not [line for line in (ping, status, limit) if is_content(line)]
    assert is_content({"type": "stream_event", "event": {"type": "content_block_delta"}})
    assert retry_pause_s({"type": "system", "subtype": "api_retry", "retry_delay_ms": 500}) == 0.5
    assert retry_pause_s(status) is None


def test_what_was_used_is_told_by_older_versions_too() -> None:
    used = {"input_tokens": 20, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 7}
    usage = usage_of({"usage": used})
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.output_tokens) == (27, 5, 2, 7)
    assert usage.cost_usd is None


INIT = '{{"type":"system","subtype":"init","tools":[{tools}],"mcp_servers":[],"apiKeySource":"{key}"}}'


def says(lab: Lab, tools: str = "", key: str = "none") -> Lab:
    path = a_cli(lab.home / "cli", f"echo '{INIT.format(tools=tools, key=key)}'; sleep 600")
    lab.environ |= {"CLAUDE_CODE_CLI_PATH": str(path), "KUBEAGENTIX_CLAUDE_CODE_CHANNEL": "cli"}
    return lab


def test_a_cli_that_offers_tools_of_its_own_is_ended(lab: Lab) -> None:
    raised = says(lab, tools='"Bash"').failure()
    assert raised.detail == "not_isolated"
    assert "Bash" in raised.message
    assert lab.children == []


def test_a_cli_that_works_with_a_key_of_its_own_is_ended(lab: Lab) -> None:
    assert says(lab, key="ANTHROPIC_API_KEY").failure().detail == "api_key_took_over"
    assert lab.children == []


def test_a_cli_that_did_not_connect_to_our_tools_is_ended(lab: Lab) -> None:
    async def run(call: Any) -> Any:
        return result_of(call, "")

    asked = question(tools=(POD_LOGS,), run_tool=run)
    raised = says(lab).failure(asked, KUBEAGENTIX_CLAUDE_CODE_CHANNEL="sdk")
    assert raised.detail == "not_isolated"
    assert "missing" in raised.message


def test_fields_of_another_type_than_they_should_be_are_passed_over() -> None:
    odd: tuple[Any, ...] = (7, "x", [1], {"a": 1}, True, 1e308, 10**400, float("nan"))
    for value in odd:
        reader = Reader()
        for line in (
            {"type": "assistant", "message": {"id": value, "content": value, "model": value}},
            {"type": "system", "subtype": "api_retry", "retry_delay_ms": value, "error_status": value},
            {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning", "resetsAt": value}},
            {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning", "utilization": value}},
            {"type": "result", "errors": value, "usage": value, "modelUsage": {"m": {"inputTokens": value}}},
        ):
            list(reader.feed(line))
            assert retry_pause_s(line) is None or line.get("subtype") == "api_retry"
            assert is_content({**line, "type": value}) is False
        assert reader.ended.result is not None
        assert usage_of(reader.ended.result).input_tokens >= 0
        assert error_of(reader.ended, LOGIN).message


def test_a_line_that_is_nested_too_deeply_is_no_line() -> None:
    assert line_of(b'{"type":' * 5000) is None
    assert line_of(b'{"type": "user"}') == {"type": "user"}
