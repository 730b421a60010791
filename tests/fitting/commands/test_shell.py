import shutil
import subprocess

import pytest

from fitting.commands.overview import COMMANDS
from fitting.commands.shell import completion, options, print_assets, print_completion
from qposer.io.assets import asset


@pytest.fixture(scope="module")
def script():
    return completion("bash")


@pytest.fixture
def complete(script):
    """What bash offers for the last word of a line."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")

    def complete(*words):
        quoted = " ".join(f"'{word}'" for word in words)
        line = f'{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _qposer; echo "${{COMPREPLY[@]}}"'
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout.split()

    return complete


def test_commands_are_completed(complete):
    assert set(complete("qposer", "")) == {name.split()[0] for name in COMMANDS}
    assert complete("qposer", "ins") == ["instruct"]
    assert complete("qposer", "train", "codep") == ["codeprior"]
    assert complete("qposer", "edit", "sw") == ["swap"]
    assert complete("qposer", "completion", "z") == ["zsh"]


def test_options_are_completed(complete):
    assert complete("qposer", "fit", "a.jpg", "--hyp") == ["--hypotheses"]
    assert complete("qposer", "edit", "swap", "--donor.s") == ["--donor.sample"]
    assert complete("qposer", "train", "qposer", "--model.he") == ["--model.heads"]


def test_files_are_left_to_the_shell(complete):
    assert complete("qposer", "fit", "phot") == []


def test_options_are_those_of_the_command():
    assert "--temperature" in options("sample")
    assert "--pose" not in options("sample")  # the description mentions it


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes_by_the_same_function(script):
    assert completion("zsh").endswith(script)
    begin = "autoload -U compinit && compinit -u -D\n" + completion("zsh")
    line = "COMP_WORDS=(qposer train codep); COMP_CWORD=2; _qposer; echo ${COMPREPLY[*]}"
    line = f"{begin}\nt() {{ emulate -L sh; setopt kshglob noshglob braceexpand; {line}; }}; t"
    offered = subprocess.run(["zsh", "-fc", line], capture_output=True, text=True, check=True).stdout.split()
    assert "codeprior" in offered  # zsh itself drops what does not begin with the word
    assert "fit" not in offered


def test_the_command_prints_the_script_or_explains(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["qposer completion"])
    print_completion()
    assert 'eval "$(qposer completion bash)"' in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["qposer completion", "fish"])
    with pytest.raises(SystemExit) as stopped:
        print_completion()
    assert stopped.value.code == 2
    assert "expected one of bash, zsh" in capsys.readouterr().err


def test_the_folder_of_the_shipped_files(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["qposer assets"])
    print_assets()
    assert capsys.readouterr().out == f"{asset('body.npz').parent}\n"
