"""`{{name}}` is a variable, one word whatever it holds; braces that belong to somebody else stay as they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.domain.secrets import Secret
from kubeagentix.errors import UsageError
from kubeagentix.notebook.expansion import expanded, words_of
from tests.notebook.magics.test_kdx import fail, run

NAMES: dict[str, Any] = {
    "name": "web",
    "spaced": 'it\'s a "test" # really',
    "markup": "{{name}} $HOME {name} \\",
    "root": SimpleNamespace(kind="deploy", name="web"),
    "pods": {"first pod": "web-1", "n": 2},
    "places": ["shop", "bank"],
    "number": -5,
    "end": "tail",
    "nothing": None,
    "option": "--stop",
    "key": Secret("a-secret-of-this-test"),
}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{{name}}", ["web"]),
        ("{{ name }}", ["web"]),
        ("deploy/{{name}} -n {{places[0]}}", ["deploy/web", "-n", "shop"]),
        ("{{root.kind}}/{{root.name}}", ["deploy/web"]),
        ("{{places[-1]}} {{pods['first pod']}} {{ pods[\"n\"] }}", ["bank", "web-1", "2"]),
        ("{{spaced}} next", [NAMES["spaced"], "next"]),
        ("--ignore 'reason={{spaced}}'", ["--ignore", f"reason={NAMES['spaced']}"]),
        ("{{markup}}", [NAMES["markup"]]),
        ("--limit {{number}}", ["--limit", "-5"]),
        ("a{{option}}", ["a--stop"]),
        ("{{name}} # not {{unknown}}", ["web"]),
        (r"\{{name}} '\{{name}}'", ["{{name}}", "{{name}}"]),
        ("{{key}}", ["Secret(…)"]),
        ("\ue0000\ue001", ["0"]),
        (
            "{name} {{}} {{{}}} { {name} } $HOME ${name}",
            ["{name}", "{{}}", "{{{}}}", "{", "{name}", "}", "$HOME", "${name}"],
        ),
    ],
)
def test_a_variable_is_one_word(line: str, words: list[str]) -> None:
    assert words_of(line, NAMES) == words


@pytest.mark.parametrize(
    "text",
    [
        "jsonpath={.items[*].metadata.name}",
        "jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'",
        "{.items[?(@.status.phase=='Running')]}",
        "go-template={{.metadata.name}}",
        "{{range .items}}{{.metadata.name}}{{else}}none{{end}}",
        "{{- if .a -}}{{end}} {{- end }} {{- else -}} {{ len .items }} {{ index (slice .a) 1 }}",
        '{{ include "chart.labels" . | nindent 4 }}',
        "{{ $labels.pod }} {{ $value }}",
        "${{ github.sha }}",
        '{{"\\n"}} {{ 1 }} {{ "a" | quote }} {{}} {{ }}',
        '{"a":{"b":{}}}',
        "{{name",
        "name}} {name} {",
        "{{ name\n}}",
        "$HOME $name %name %s {0} {name!r}",
        "{{if}} {{True}}",
    ],
)
def test_what_belongs_to_somebody_else_survives(text: str) -> None:
    assert expanded(text, NAMES) == text


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("why is {{name}} down?", "why is web down?"),
        ("{{spaced}}", NAMES["spaced"]),
        ("{{markup}}", NAMES["markup"]),
        ("{{places}} {{nothing}} {{option}}", "['shop', 'bank'] None --stop"),
        ("the {{end}}", "the tail"),
        (r"\{{name}} is {{name}}", "{{name}} is web"),
        ("{.items[?(@.name=='{{name}}')]}", "{.items[?(@.name=='web')]}"),
    ],
)
def test_in_a_text_it_is_text(text: str, result: str) -> None:
    assert expanded(text, NAMES) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{nmae}}", "there is no variable 'nmae' for {{nmae}}; did you mean name?"),
        ("{{zzz}}", r"there is no variable 'zzz' for {{zzz}}; set it in a cell before, or write \{{zzz}}"),
        ("{{root.nmae}}", "{{root.nmae}} cannot be read: a SimpleNamespace has no 'nmae'; did you mean name?"),
        ("{{places[7]}}", "{{places[7]}} cannot be read: a list has no 7"),
        ("{{pods['first pods']}}", "a dict has no 'first pods'; did you mean first pod?"),
        ("{{name.upper()}}", "{{name.upper()}} is more than a variable; names, attributes"),
        ("{{places[number]}}", "{{places[number]}} is more than a variable"),
        ("{{name + name}}", "is more than a variable"),
        ("{{name|quote}}", "is more than a variable"),
        ("{{print(name)}}", "{{print(name)}} is more than a variable"),
    ],
)
@pytest.mark.parametrize("read", [expanded, words_of])
def test_a_mistake_is_one_clear_line(read: Any, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text, NAMES)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{nothing}}", "{{nothing}} is None, where one word is meant"),
        ("{{places}}", "{{places}} is a list, where one word is meant"),
        ("{{option}}", "{{option}} is '--stop', which begins like an option"),
    ],
)
def test_as_an_option_a_value_must_be_a_word_and_no_option(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        words_of(text, NAMES)
    assert message in str(caught.value)


def test_magics_know_the_notebooks_variables(shell: Any, broken: str, tmp_path: Path) -> None:
    spaced = tmp_path / "a file's snapshot"
    spaced.write_bytes(Path(broken).read_bytes())
    shell.user_ns.update(file=spaced, what="web", place="shop")
    for cell in (
        "%kdx deploy/{{what}} --snapshot {{file}}",
        "%%kdx --snapshot {{file}}\ndeploy/{{what}}\n-n {{place}}",
    ):
        diagnosis, _ = run(shell, cell)
        assert isinstance(diagnosis, kx.Diagnosis)
        assert diagnosis.target.name == "web"
    _, text = fail(shell, "%%kdx\ndeploy/{{waht}}")
    assert text.strip() == "error: there is no variable 'waht' for {{waht}}; did you mean what?"
