"""
The tests on other interpreters, against the wheels that users install instead of the source tree.

Each interpreter has an environment of its own below .pythons/, from the same locked requirements. One that
is not installed is skipped by name.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).parents[1]
ENVIRONMENTS: Final = ROOT / ".pythons"
REQUIREMENTS: Final = ROOT / "requirements/dev.txt"
DISTRIBUTIONS: Final = (ROOT, ROOT / "grafana/generator", ROOT / "examples/demo")
VERSIONS: Final = ((3, 11), (3, 12), (3, 13), (3, 14))
"""
The versions that are looked for, oldest first.
"""
FAST: Final = ("-m", "not slow")
SMOKE: Final = (
    *(
        f"tests/instrument/{name}.py"
        for name in (
            "test_public",
            "test_spans",
            "test_context",
            "test_decorators",
            "test_decorated_kinds",
            "test_endings",
            "test_misuse",
            "test_sdk",
            "test_forks",
            "sending/test_sudden_ends",
        )
    ),
    *FAST,
)
"""
What an orchestrator imports, where interpreters differ. The ends of processes are tried on every interpreter
that has an environment, by the tests themselves.
"""


def find_interpreter(version: tuple[int, int]) -> Path | None:
    """
    The interpreter of *version*, on the PATH or among pyenv's; None where neither has one that runs.
    """
    return next((path for path in _candidates(version) if _is(version, path)), None)


def _candidates(version: tuple[int, int]) -> Iterator[Path]:
    name = "python{}.{}".format(*version)
    if version == sys.version_info[:2]:
        yield Path(sys.executable)
    if path := shutil.which(name):
        yield Path(path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/*/bin/{name}"))


def _is(version: tuple[int, int], path: Path) -> bool:
    # pyenv has a program of every version's name on the PATH that fails where the version is not chosen.
    script = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([path, "-c", script], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.split() == list(map(str, version))


def build_wheels() -> list[Path]:
    """
    The wheels of this tree: the product, and the distributions beside it.
    """
    folder = ENVIRONMENTS / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    for source in DISTRIBUTIONS:
        run(*build, cwd=source)
    return sorted(folder.glob("*.whl"))


def install(interpreter: Path, version: tuple[int, int], wheels: Sequence[Path]) -> Path:
    """
    The interpreter of an environment that has the locked requirements and the *wheels*, and no source tree.
    """
    folder = ENVIRONMENTS / "{}.{}".format(*version)
    python = folder / "bin/python"
    uv = [Path(sys.executable).with_name("uv")]
    pip = [*uv, "pip", "install", "--quiet", "--python", python]
    run(*uv, "venv", "--quiet", "--clear", "--python", interpreter, folder)
    run(*pip, "--require-hashes", "--requirements", REQUIREMENTS)
    run(*pip, "--no-deps", *wheels)
    where = "import droidscope, pathlib; print(pathlib.Path(droidscope.__file__).parent)"
    package = subprocess.check_output([python, "-c", where], text=True, cwd=ROOT).strip()
    if not Path(package).is_relative_to(folder):
        sys.exit(f"droidscope is imported from {package}; expected it in {folder}")
    return python


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """
    Run a command in the root of the tree, or in *cwd*; its failure ends everything.
    """
    done = subprocess.run(command, cwd=cwd, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def test(interpreter: Path, version: tuple[int, int], wheels: Sequence[Path], tests: Sequence[str]) -> int:
    """
    Install the *wheels* for *interpreter*, show that its command starts, and run *tests*.

    Returns:
        The exit code of pytest.
    """
    print("== python{}.{}: {}".format(*version, interpreter), flush=True)
    python = install(interpreter, version, wheels)
    subprocess.run([python.with_name("droidscope"), "--help"], check=True, stdout=subprocess.DEVNULL)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """
    Test on all interpreters but this one, or on the newest alone.

    Returns:
        0 if all tests passed on all of them.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few tests, on the newest interpreter alone")
    parser.add_argument("tests", nargs="*", help="what pytest is given instead of the fast tests")
    options = parser.parse_args(arguments)

    found = {version: find_interpreter(version) for version in VERSIONS}
    for version in (version for version, path in found.items() if path is None):
        print("python{}.{}: not found, skipped".format(*version))
    installed = [(version, path) for version, path in found.items() if path]
    chosen = installed[-1:] if options.smoke else [one for one in installed if one[0] != sys.version_info[:2]]
    wheels = build_wheels()
    tests = options.tests or (SMOKE if options.smoke else FAST)
    return max((test(path, version, wheels, tests) for version, path in chosen), default=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
