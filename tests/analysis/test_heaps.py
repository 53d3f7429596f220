from __future__ import annotations

import pytest

from kubeagentix.analysis.heaps import heap_option
from kubeagentix.domain.pods import Container, EnvVar, Resources


@pytest.mark.parametrize(
    ("text", "option", "size"),
    [
        ("java -Xmx512m -jar app.jar", "-Xmx512m", 512 * 2**20),
        ("-Xmx2G", "-Xmx2G", 2 * 2**30),
        ("-Xmx1048576", "-Xmx1048576", 2**20),
        ("java -XX:MaxHeapSize=1g", "-XX:MaxHeapSize=1g", 2**30),
        ("node --max-old-space-size=256 app.js", "--max-old-space-size=256", 256 * 2**20),
    ],
)
def test_the_heap_is_found_in_arguments_and_settings(text: str, option: str, size: float) -> None:
    assert heap_option(Container(args=(text,))) == (option, size)
    assert heap_option(Container(env=(EnvVar(name="OPTIONS", value=text),))) == (option, size)


def test_no_option_is_no_heap() -> None:
    assert heap_option(Container(command=("java", "-Xms64m"))) is None


def test_a_share_of_the_limit_is_a_heap_only_where_there_is_a_limit() -> None:
    limits = Resources(limits={"memory": "1Gi"})
    text = "-XX:MaxRAMPercentage=95.0"
    assert heap_option(Container(args=(text,), resources=limits)) == (text, 0.95 * 2**30)
    assert heap_option(Container(args=(text,))) is None


@pytest.mark.parametrize(("value", "size"), [("900MiB", 900 * 2**20), ("1048576", 2**20), ("off", None)])
def test_the_limit_of_a_go_program_is_a_variable(value: str, size: float | None) -> None:
    found = heap_option(Container(env=(EnvVar(name="GOMEMLIMIT", value=value),)))
    assert found == ((f"GOMEMLIMIT={value}", size) if size else None)
