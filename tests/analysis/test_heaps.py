from __future__ import annotations

import pytest

from kubeagentix.analysis.heaps import heap_option
from kubeagentix.domain.pods import Container, EnvVar


@pytest.mark.parametrize(
    ("text", "option", "size"),
    [
        ("java -Xmx512m -jar app.jar", "-Xmx512m", 512 * 2**20),
        ("-Xmx2G", "-Xmx2G", 2 * 2**30),
        ("-Xmx1048576", "-Xmx1048576", 2**20),
        ("node --max-old-space-size=256 app.js", "--max-old-space-size=256", 256 * 2**20),
    ],
)
def test_the_heap_is_found_in_arguments_and_settings(text: str, option: str, size: float) -> None:
    assert heap_option(Container(args=(text,))) == (option, size)
    assert heap_option(Container(env=(EnvVar(name="OPTIONS", value=text),))) == (option, size)


def test_no_option_is_no_heap() -> None:
    assert heap_option(Container(command=("java", "-Xms64m"))) is None
