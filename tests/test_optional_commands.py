"""
Commands of distributions beside the product: listed always, and with a way to install what is missing.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

import droidscope as ds

FOLDERS = {"boards": "grafana/generator", "demo": "examples/demo"}


def without(module, *arguments):
    """
    The `droidscope` command with *arguments* in a process that cannot import *module*.
    """
    script = f"import sys; sys.modules[{module!r}] = None\nfrom droidscope.cli import main\nsys.exit(main())"
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", FOLDERS)
@pytest.mark.parametrize("arguments", [(), ("--help",), ("render", "--check"), ("--once", "--seconds", "20")])
def test_a_command_that_is_not_installed_prints_how_to_install_it(command, arguments):
    """
    Exit code 2 and both ways, from a clone and then from an index, whatever the arguments are.
    """
    done = without(f"droidscope_{command}", command, *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"`droidscope {command}` is not installed" in done.stderr
    clone = f"pip install . ./{FOLDERS[command]}"
    index = f"pip install 'droidscope[{command}]=={ds.__version__}'"
    assert 0 < done.stderr.index(clone) < done.stderr.index(index)


def test_boards_without_the_dashboard_builder_print_how_to_install_it():
    """
    The distribution is there, its dependency is not: the answer is the same.
    """
    done = without("grafana_foundation_sdk", "boards", "render", "--check")

    assert done.returncode == 2
    assert "no module grafana_foundation_sdk" in done.stderr
    assert "pip install 'droidscope[boards]" in done.stderr


def test_the_base_package_prints_how_to_install_its_command():
    """
    In a clone first, since no index has it before the first release.
    """
    done = without("click", "serve")

    assert (done.returncode, done.stdout) == (1, "")
    clone, index = "pip install '.[exporter]'", "pip install 'droidscope[exporter]'"
    assert 0 < done.stderr.index(clone) < done.stderr.index(index)


@pytest.mark.parametrize("command", FOLDERS)
def test_help_lists_a_command_that_is_not_installed(command):
    """
    Whoever looks for it learns that it exists.
    """
    done = without(f"droidscope_{command}", "--help")

    assert done.returncode == 0
    line = next(line for line in done.stdout.splitlines() if line.startswith(f"  {command} "))
    assert line.endswith("(not installed)")


def test_an_addon_that_fails_to_import_is_not_hidden():
    """
    Only a missing module means "not installed"; a bug in an add-on shows as what it is.
    """
    script = (
        "import sys, types\n"
        "sys.modules['droidscope_demo.command'] = types.ModuleType('droidscope_demo.command')\n"
        "from droidscope.cli import main\n"
        "sys.argv = ['droidscope', 'demo']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert "AttributeError" in done.stderr
