"""Answers from the tool, from JSON, from damaged JSON and from prose; and what becomes of what they cite."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeagentix.domain.answers import Answer
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.engine.answers import ANSWER_TOOL, MAX_CHARS, read_answer

REF = ResourceRef(kind="Pod", namespace="shop", name="web-1")
LOG = Evidence.of(REF, "log", "DATABASE_URL is not set")
EVENT = Evidence.of(REF, "event", "Back-off restarting failed container")
KNOWN = {item.id: item for item in (LOG, EVENT)}
MADE_UP = "e-00000fffff"
ARGUMENTS: Mapping[str, Any] = {
    "root_cause": "Deployment web lacks DATABASE_URL.",
    "hypotheses": [
        {"title": "DATABASE_URL is missing", "summary": "The log says so.", "confidence": 0.9, "evidence": [LOG.id]},
        {"title": "The probe is too strict", "summary": "It may be.", "confidence": 0.2, "evidence": []},
    ],
    "remedies": ["kubectl -n shop set env deployment/web DATABASE_URL=…"],
}


def read(given: str | Mapping[str, Any]) -> Answer:
    answer = read_answer(given, KNOWN)
    assert answer is not None
    return answer


# The tool


def test_the_tool_s_schema_is_one_and_takes_what_it_asks_for() -> None:
    jsonschema.Draft202012Validator.check_schema(ANSWER_TOOL.parameters)
    jsonschema.validate(ARGUMENTS, ANSWER_TOOL.parameters)
    assert ANSWER_TOOL.name == "submit_answer"


def test_every_field_of_the_tool_is_described() -> None:
    items = ANSWER_TOOL.parameters["properties"]["hypotheses"]["items"]["properties"]
    for field in (*ANSWER_TOOL.parameters["properties"].values(), *items.values()):
        assert len(field["description"]) > 20


def test_arguments_of_the_tool_are_the_answer() -> None:
    answer = read(ARGUMENTS)
    assert answer.form == "tool"
    assert answer.root_cause == "Deployment web lacks DATABASE_URL."
    assert [(claim.title, claim.confidence, claim.evidence) for claim in answer.hypotheses] == [
        ("DATABASE_URL is missing", 0.9, (LOG.id,)),
        ("The probe is too strict", 0.2, ()),
    ]
    assert [claim.is_supported for claim in answer.hypotheses] == [True, False]
    assert answer.remedies == tuple(ARGUMENTS["remedies"])


def test_arguments_may_hold_json_as_text_and_single_things_for_lists() -> None:
    answer = read(
        {
            "root_cause": "x is wrong",
            "hypotheses": json.dumps(ARGUMENTS["hypotheses"]),
            "remedies": {"title": "Set it", "command": "kubectl set env", "why": "it is missing"},
        }
    )
    assert len(answer.hypotheses) == 2
    assert answer.remedies == ("Set it: kubectl set env: it is missing",)


def test_a_root_cause_without_hypotheses_is_one() -> None:
    answer = read({"root_cause": "x is wrong", "confidence": "70%", "evidence": [LOG.id]})
    (claim,) = answer.hypotheses
    assert (claim.title, claim.confidence, claim.evidence) == ("x is wrong", 0.7, (LOG.id,))


def test_hypotheses_without_a_root_cause_have_one() -> None:
    assert read({"hypotheses": [{"title": "a", "summary": "b"}]}).root_cause == "b"


@pytest.mark.parametrize(
    "arguments", [{}, {"root_cause": ""}, {"x": 1}, {"hypotheses": []}, {"hypotheses": [None, {}]}]
)
def test_arguments_that_say_nothing_are_no_answer(arguments: Mapping[str, Any]) -> None:
    assert read_answer(arguments, KNOWN) is None


def test_texts_are_bounded() -> None:
    answer = read({"root_cause": "x" * 10**6, "hypotheses": [{"title": "y" * 10**6}] * 1000, "remedies": ["z"] * 1000})
    assert len(answer.root_cause) == MAX_CHARS
    assert len(answer.hypotheses) < 20
    assert len(answer.remedies) <= 20


# Citations


def test_ids_that_do_not_exist_are_struck_and_those_that_do_are_kept_in_order_and_once() -> None:
    claim = {"title": "t", "evidence": [EVENT.id, MADE_UP, LOG.id, EVENT.id, MADE_UP]}
    answer = read({"root_cause": "r", "hypotheses": [claim]})
    assert answer.hypotheses[0].evidence == (EVENT.id, LOG.id)
    assert answer.hypotheses[0].struck == (MADE_UP,)
    assert answer.struck == (MADE_UP,)


def test_a_claim_that_cites_only_what_does_not_exist_is_unsupported() -> None:
    answer = read({"root_cause": "r", "hypotheses": [{"title": "t", "evidence": [MADE_UP, "log-1"]}]})
    assert answer.hypotheses[0].struck == (MADE_UP, "log-1")
    assert not answer.hypotheses[0].is_supported


@pytest.mark.parametrize(
    "evidence",
    [
        [LOG.id],
        LOG.id,
        [f"[{LOG.id}]"],
        f"see {LOG.id}, the log.",
        [{"id": LOG.id, "why": "it says so"}],
        [f"`{LOG.id}`: the log"],
        json.dumps([LOG.id]),
    ],
)
def test_an_id_is_found_however_it_is_listed(evidence: object) -> None:
    answer = read({"root_cause": "r", "hypotheses": [{"title": "t", "evidence": evidence}]})
    assert (answer.hypotheses[0].evidence, answer.hypotheses[0].struck) == ((LOG.id,), ())


def test_ids_in_a_summary_count_and_a_sentence_is_no_id() -> None:
    claim = {"title": "t", "summary": f"as {LOG.id} and {MADE_UP} show", "evidence": ["the log of the pod"]}
    answer = read({"root_cause": "r", "hypotheses": [claim]})
    assert (answer.hypotheses[0].evidence, answer.hypotheses[0].struck) == ((LOG.id,), (MADE_UP,))


def test_ids_of_any_form_count_where_they_exist() -> None:
    claim = {"title": "t", "evidence": ["e-1", "e-2"]}
    answer = read_answer({"root_cause": "r", "hypotheses": [claim]}, {"e-1": LOG})
    assert answer is not None
    assert (answer.hypotheses[0].evidence, answer.hypotheses[0].struck) == (("e-1",), ("e-2",))


# JSON in text

JSON = json.dumps(ARGUMENTS, indent=2)


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"```json\n{JSON}\n```",
        f"Here is what I found.\n\n```\n{JSON}\n```\nTell me if {{you}} need more.",
        f"I looked at {{web}}. {JSON} That is all.",
        json.dumps({"name": "submit_answer", "arguments": ARGUMENTS}),
        json.dumps({"name": "submit_answer", "arguments": json.dumps(ARGUMENTS)}),
        json.dumps({"answer": ARGUMENTS}),
        f'{{"root_cause": "a draft"}}\n\nBetter:\n{JSON}',
        f"{JSON.replace('web lacks', 'api lacks')}\n\nNo, rather:\n{JSON}",
        f'{JSON}\n\nIn short: {{"root_cause": "a variable is missing"}}',
        JSON.replace("root_cause", "probableRootCause").replace('"summary"', '"Description"'),
    ],
)
def test_json_anywhere_in_text_is_the_answer(text: str) -> None:
    answer = read(text)
    assert answer.form == "json"
    assert answer.root_cause == ARGUMENTS["root_cause"]
    assert answer.hypotheses == read(ARGUMENTS).hypotheses


@pytest.mark.parametrize(
    "text",
    [
        JSON.replace("]\n    }", "],\n    }"),
        JSON.replace('"', "\u201c", 1).replace('"', "\u201d", 1),
        str(ARGUMENTS),
        JSON.replace("{", "{ // the answer", 1),
        JSON.replace('"root_cause"', "root_cause").replace('"title"', "title"),
        JSON[: JSON.index('"remedies"')],
        f"\ufeff{JSON.replace('{', '{' + chr(0xFEFF), 1)}",
        f"```json\n{JSON[: JSON.rindex('],')]}\n```\nI hope {{that}} helps.",
    ],
)
def test_damaged_json_is_read_and_said_to_be_repaired(text: str) -> None:
    answer = read(text)
    assert answer.form == "repaired"
    assert answer.root_cause == ARGUMENTS["root_cause"]
    assert answer.hypotheses == read(ARGUMENTS).hypotheses


@pytest.mark.parametrize(
    "text",
    [
        '{"hypotheses": [{"tit',
        '{"root_cause": ',
        '```json\n{"hypotheses": [\n```',
        '"summary": "the root cause is a probe that fails",\n      "confidence": 0.5\n    }\n  ]\n}',
        'Here it is:\n{"hypotheses": [',
        '"summary": "it fails\nbecause the Secret is missing",\n "confidence": 0.8,\n "evidence": [',
        '{"status": {"phase": "Pending"}}',
    ],
)
def test_a_piece_of_json_without_an_answer_in_it_is_not_shown_as_prose(text: str) -> None:
    assert read_answer(text, KNOWN) is None


def test_every_truncation_is_an_answer_of_the_right_form_or_none() -> None:
    for size in range(len(JSON)):
        answer = read_answer(JSON[:size], KNOWN)
        if answer is not None:
            assert answer.form == "repaired" or size == len(JSON) - 1
            assert ARGUMENTS["root_cause"].startswith(answer.root_cause)
            assert not answer.struck
            assert set(answer.remedies) <= set(ARGUMENTS["remedies"])
            assert {claim.confidence for claim in answer.hypotheses} <= {None, 0.9, 0.2}


# Prose


def test_prose_with_a_root_cause_line_and_a_list() -> None:
    text = (
        "## Analysis\n\n"
        f"**Root cause:** Deployment `web` lacks DATABASE_URL ({LOG.id}).\n\n"
        "Hypotheses:\n"
        f"1. **DATABASE_URL is missing** (90%): the log says so, {LOG.id}\n"
        "   and it exits at once.\n"
        f"2. The probe is too strict - 20%, see {MADE_UP}\n"
        "3. (10 %) a node that is lost\n\n"
        "## Recommended fix\n"
        "- Set the variable:\n"
        "  `kubectl set env deployment/web DATABASE_URL=x`\n"
        "```bash\nkubectl rollout restart deployment/web\nkubectl get pods\n```\n"
    )
    answer = read(text)
    assert answer.form == "prose"
    assert answer.root_cause == f"Deployment `web` lacks DATABASE_URL ({LOG.id})."
    first, second, third = answer.hypotheses
    assert (first.title, first.confidence, first.evidence) == ("DATABASE_URL is missing", 0.9, (LOG.id,))
    assert first.summary == f"the log says so, {LOG.id} and it exits at once."
    assert (second.title, second.confidence, second.struck) == ("The probe is too strict", 0.2, (MADE_UP,))
    assert (third.title, third.confidence, third.summary) == ("a node that is lost", 0.1, "")
    assert answer.remedies == (
        "Set the variable: `kubectl set env deployment/web DATABASE_URL=x`",
        "kubectl rollout restart deployment/web",
        "kubectl get pods",
    )


@pytest.mark.parametrize(
    "text",
    [
        "Root cause: the Secret db is missing.",
        "**Root Cause**: the Secret db is missing.",
        "### Root cause\n\nthe Secret db is missing.\n\nMore text.",
        "The root cause is that the Secret db is missing.",
        "Most likely root cause - the Secret db is missing.",
        "1. Probable root cause (95%): the Secret db is missing.",
        "Let me sum up.\n> **Root cause** the Secret db is missing.",
        "# Diagnosis\n- the Secret db is missing.",
        "Root cause: the Secret db is missing. (Confidence: 95%)",
    ],
)
def test_the_root_cause_is_what_follows_these_words(text: str) -> None:
    assert read(text).root_cause == "the Secret db is missing."


def test_a_sentence_with_a_reason_is_a_root_cause() -> None:
    text = f"I looked at shop. Pod web-1 cannot start because the Secret db is missing [{LOG.id}]. Confidence: 80%"
    answer = read(text)
    assert answer.root_cause == f"Pod web-1 cannot start because the Secret db is missing [{LOG.id}]."
    assert (answer.hypotheses[0].confidence, answer.hypotheses[0].evidence) == (0.8, (LOG.id,))


def test_prose_that_only_cites_says_what_it_says_first() -> None:
    answer = read(f"Secret db is gone. See {LOG.id}.")
    assert (answer.root_cause, answer.hypotheses[0].evidence) == ("Secret db is gone.", (LOG.id,))


def test_evidence_is_found_anywhere_in_prose() -> None:
    answer = read(
        f"Root cause: the Secret db is missing.\n\nEvidence:\n- {LOG.id}: log\n- {EVENT.id}: event\n- {MADE_UP}"
    )
    (claim,) = answer.hypotheses
    assert (claim.evidence, claim.struck) == ((LOG.id, EVENT.id), (MADE_UP,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "Hello!",
        "There are three namespaces:\n- default\n- shop\n- kube-system\n",
        "Which namespace do you mean?",
        "```\nroot cause: in code\n```",
        "kubectl get pods",
    ],
)
def test_prose_that_names_no_cause_is_no_answer(text: str) -> None:
    assert read_answer(text, KNOWN) is None


def test_json_in_code_beside_prose_is_not_in_its_way() -> None:
    text = 'web fails because its ConfigMap holds no port.\n```json\n{"data": {\n  "host": "db"\n}}\n```\n'
    assert read(text).root_cause == "web fails because its ConfigMap holds no port."


def test_prose_before_json_that_breaks_off_is_read() -> None:
    answer = read('web-1 was seen to fail.\nIt fails because the Secret db is missing.\n{"hypotheses": [')
    assert (answer.form, answer.root_cause) == ("prose", "It fails because the Secret db is missing.")


def test_json_in_a_command_is_left_in_it() -> None:
    text = 'Root cause: too few replicas.\nFix:\n- kubectl patch deploy web -p \'{"spec": {"replicas": 2}}\''
    assert read(text).remedies == ('kubectl patch deploy web -p \'{"spec": {"replicas": 2}}\'',)


# Any text

PIECES = [
    *('{"root_cause": "', '"hypotheses": [', '{"title": "', '"confidence": ', '"evidence": ["', '"}', "]", "}", ", "),
    *("Root cause: ", "root cause is ", "- ", "1. ", "**", "## ", "```\n", "\n", " ", "80%", LOG.id, MADE_UP, "word "),
    *("because ", "fix:\n", "kubectl delete pod x", "'", "\u201c", "\\", "(", ":", "  "),
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text())
def test_no_text_is_an_error_and_nothing_is_cited_that_does_not_exist(text: str) -> None:
    answer = read_answer(text, KNOWN)
    if answer is not None:
        assert answer.root_cause
        assert answer.hypotheses
        check(answer)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([LOG.id, MADE_UP, "[1", "{"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["title", "summary", "confidence", "evidence", "id", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.sampled_from(["root_cause", "hypotheses", "remedies", "evidence", "confidence"]), values))
def test_no_arguments_are_an_error(arguments: dict[str, Any]) -> None:
    answer = read_answer(arguments, KNOWN)
    if answer is not None:
        check(answer)


def check(answer: Answer) -> None:
    for claim in answer.hypotheses:
        assert claim.title
        assert set(claim.evidence) <= set(KNOWN)
        assert not set(claim.struck) & set(KNOWN)
        assert len(set(claim.evidence)) == len(claim.evidence)
        assert claim.confidence is None or 0 <= claim.confidence <= 1


@pytest.mark.parametrize("unit", [*PIECES, "- a 80%\n", "Root cause:\n", '{"root_cause": "x"}', "( ", "e-0", "a: "])
def test_the_time_is_linear(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        times = []
        for _ in range(2):
            begin = time.process_time()
            read_answer(text, KNOWN)
            times.append(time.process_time() - begin)
        return min(times)

    assert seconds(200_000) < 8 * seconds(50_000) + 0.05  # four, if nothing else ran; quadratic is sixteen


def test_only_the_end_of_a_very_long_text_is_looked_at() -> None:
    text = '{"root_cause": "old"}' + "x" * 10_000_000 + '{"root_cause": "new"}'
    answer = read_answer(text, {})
    assert answer is not None
    assert answer.root_cause == "new"
