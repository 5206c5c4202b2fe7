"""An installation below a root, laid over the system in a mount namespace: clients and runbooks find their files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest
from private_box import PrivateBox
from real_paths import run_at_real_paths, run_installed

from device.install.command import Target, install_below, remove_below

CLIENT = """
#include <hlml.h>
#include <stdio.h>
int main(void)
{
    unsigned int count = 0;
    if (hlml_init() != HLML_SUCCESS || hlml_device_get_count(&count) != HLML_SUCCESS)
        return 1;
    printf("%u cards\\n", count);
    return hlml_shutdown() != HLML_SUCCESS;
}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("root")
    target = Target(path, PurePosixPath("/usr"))
    install_below(target)
    yield path
    assert remove_below(target).kept == ()
    assert list(path.iterdir()) == []


def compiled(root: Path, directory: Path, *libraries: str) -> Path:
    source, program = directory / "client.c", directory / "client"
    source.write_text(CLIENT, encoding="ascii")
    places = [f"-I{root}/usr/include/habanalabs", f"-L{root}/usr/lib/habanalabs"]
    subprocess.run(["gcc", source, *places, *libraries, "-o", program], check=True)
    return program


@pytest.mark.parametrize(
    "libraries",
    [
        ("-lhlml", "-Wl,-rpath,/usr/lib/habanalabs"),
        ("-l:libhlml.so.1", "-Wl,-rpath,/usr/lib/habanalabs"),
        ("-l:libhlml.a", "-lm", "-lpthread"),
    ],
)
def test_c_client_links_and_runs(root: Path, tmp_path: Path, libraries: tuple[str, ...]) -> None:
    program = compiled(root, tmp_path, *libraries)
    done = run_installed(root, program, env={}, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "8 cards\n"), done.stderr


def test_hl_smi_is_on_the_shells_own_path(root: Path, tmp_path: Path) -> None:
    done = run_installed(root, "/bin/sh", "-c", "hl-smi -v", env={"ENABLE_CONSOLE": "true"}, cwd=tmp_path)
    assert done.stdout.startswith("Habanalabs hl-smi/hlml version hl-1.24"), done.stderr


@pytest.mark.parametrize("family", ["gaudi", "gaudi2", "gaudi3"])
def test_runbook_enters_the_qual_tree(root: Path, tmp_path: Path, family: str) -> None:
    script = f"cd /opt/habanalabs/qual/{family}/bin && ls && ./hl_qual -h | head -n 3"
    done = run_installed(root, "/bin/sh", "-c", script, env={"PATH": "/usr/bin:/bin"}, cwd=tmp_path)
    assert {"hl_qual", "manage_network_ifs.sh", "monitor", "runner"} <= set(done.stdout.split())
    assert "hl_qual - qualification" in done.stdout, done.stderr


def test_login_shell_has_the_variables_of_a_real_server(root: Path, tmp_path: Path) -> None:
    script = ". /etc/profile.d/habanalabs-emulated.sh; echo $HABANA_LOGS $__python_cmd"
    done = run_installed(root, "/bin/sh", "-c", script, env={}, cwd=tmp_path)
    assert done.stdout == "/var/log/habana_logs/ python3\n"


@pytest.mark.parametrize(
    ("requirement", "level"),
    [("habana-pyhlml==1.10.0.494", "1.6"), ("habana-pyhlml==1.15.3.5", "1.12"), ("habana-pyhlml==1.18.0.524", "1.18")],
)
def test_copy_of_a_level_serves_its_clients_on_a_newest_box(
    root: Path, client: Callable[[str], Path], box: PrivateBox, tmp_path: Path, requirement: str, level: str
) -> None:
    env = {"GAUDI_BOX": str(box.path), "PYTHONPATH": str(client(requirement))}
    driver = Path(__file__).parent / "drive_pyhlml.py"
    library = root / f"usr/lib/habanalabs/abi-{level}/libhlml.so"
    done = run_at_real_paths(sys.executable, driver, env=env, cwd=tmp_path, library=library)
    assert done.returncode == 0, done.stderr
    assert "8 cards" in done.stdout
