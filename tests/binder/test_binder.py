"""What Binder builds and starts: from the files that it reads, with the demo cluster there when the page opens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
BUILDER = os.environ.get("KUBEAGENTIX_TEST_REPO2DOCKER")  # a Python that has it; tests see no KUBE*
ENDED_S = 30

LOCKED = dict(re.findall(r"^([a-z][\w.-]*)==([^ ;\\]+)", (BINDER / "requirements.txt").read_text(), re.MULTILINE))


def test_the_link_opens_the_quickstart_of_this_repository() -> None:
    links = re.findall(r"\(https://mybinder\.org/v2/gh/[\w-]+/[\w-]+/main\?urlpath=lab/tree/(\S+)\)", readme())
    assert set(links) == {"notebooks/01-quickstart.ipynb"}
    assert (ROOT / links[0]).is_file()


def readme() -> str:
    return (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_a_script_can_be_run_and_says_what_it_is(name: str) -> None:
    path = BINDER / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n# ")


def started(*words: str, tmp_path: Path, source: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A program as Binder starts it, in the environment of these tests in place of Binder's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [BINDER / "start", *words],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(source), "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_is_the_current_context_of_what_is_started_and_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import os, kubeagentix as kx; print(os.environ['KUBECONFIG']); "
        "dx = kx.diagnose('deploy/checkout', namespace='orders'); print(dx.hypotheses[0].root); raise SystemExit(7)"
    )
    done = started("python", "-c", code, tmp_path=tmp_path)
    assert done.returncode == 7, done.stderr
    kubeconfig, root = done.stdout.splitlines()
    assert root == "Deployment orders/checkout"
    until = time.monotonic() + ENDED_S
    while Path(kubeconfig).exists():  # the demo removes it when it ends
        assert time.monotonic() < until, "the demo cluster goes on"
        time.sleep(0.05)


def test_a_demo_that_does_not_start_keeps_nobody_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sys\nif 'kubeagentix.cli.tether' in sys.orig_argv: raise SystemExit('broken')\n"
    )
    done = started("echo", "the server", tmp_path=tmp_path, source=broken)
    assert done.stdout == "the server\n"
    assert "The demo cluster is not up; %kdemo starts one in a notebook." in done.stderr


@pytest.mark.skipif(not BUILDER, reason="needs repo2docker: KUBEAGENTIX_TEST_REPO2DOCKER")
def test_binder_builds_from_these_files_and_from_no_dockerfile() -> None:
    done = subprocess.run(
        [str(BUILDER), "-m", "repo2docker", "--no-build", "--debug", "--user-name=jovyan", "--user-id=1000", ROOT],
        capture_output=True,
        text=True,
        check=True,
    )
    told = done.stdout + done.stderr
    python = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f"Building conda environment for python={python}" in told
    steps = [
        line
        for line in told.splitlines()
        if re.match(r"FROM|USER|RUN .*binder|RUN .*pip|ENV R2D_ENTRY|COPY .*src", line)
    ]
    assert steps == [
        "FROM docker.io/library/buildpack-deps:24.04",
        "USER root",
        "COPY --chown=1000:1000 src/binder/requirements.txt ${REPO_DIR}/binder/requirements.txt",
        "USER ${NB_USER}",
        'RUN ${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "binder/requirements.txt"',
        "USER root",
        "COPY --chown=1000:1000 src/ ${REPO_DIR}/",
        "USER ${NB_USER}",
        "RUN chmod +x binder/postBuild",
        "RUN ./binder/postBuild",
        'RUN chmod +x "${REPO_DIR}/binder/start"',
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ]


@pytest.mark.skipif(not BUILDER, reason="needs repo2docker: KUBEAGENTIX_TEST_REPO2DOCKER")
def test_the_jupyter_of_binders_base_environment_stays() -> None:
    code = (
        "import json, re, repo2docker, pathlib; place = pathlib.Path(repo2docker.__file__).parent; "
        "text = (place / 'buildpacks/conda/environment.py-3.13-linux-64.lock').read_text(); "
        r"print(json.dumps(dict(re.findall(r'/([a-z][\w.-]*)-(\d[\d.]*)-\w+\.conda', text))))"
    )
    listed = subprocess.run([str(BUILDER), "-c", code], capture_output=True, text=True, check=True).stdout
    base = {name.replace("_", "-"): release for name, release in json.loads(listed).items()}
    for name in ("ipykernel", "ipywidgets", "jupyterlab", "jupyter-server", "jupyter-client", "tornado"):
        assert LOCKED[name] == base[name]
