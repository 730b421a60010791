import subprocess
import sys

import pytest

import qposer
from fitting.commands import run as runner
from fitting.commands.overview import COMMANDS, TOPICS, overview


@pytest.fixture
def qposer_command(monkeypatch, capsys):
    """Run ``qposer`` in this process; return its exit status, output and errors."""

    def qposer_command(*words):
        monkeypatch.setattr(sys, "argv", ["/usr/bin/qposer", *words])
        monkeypatch.setattr(runner, "end_on_interrupt", lambda: None)
        try:
            runner.main()
            status = 0
        except SystemExit as stopped:
            status = stopped.code or 0
        return status, *capsys.readouterr()

    return qposer_command


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_the_overview_has_every_command_with_an_example(qposer_command, words):
    status, out, err = qposer_command(*words)
    assert (status, err) == (0, "")
    assert all(topic in out for topic in TOPICS)
    for name, command in COMMANDS.items():
        assert f"\n  {name} " in out
        assert f"qposer {name} {command.example}".rstrip() in out


@pytest.mark.parametrize("words", [("train",), ("train", "--help")])
def test_a_group_shows_its_commands_only(qposer_command, words):
    status, out, _ = qposer_command(*words)
    assert status == 0
    assert out.rstrip() == overview("train")
    assert "qposer train sampler" in out
    assert "qposer fit" not in out


def test_the_version(qposer_command):
    assert qposer_command("--version") == (0, f"qposer {qposer.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("fti",), "did you mean qposer fit? "),
        (("train", "codprior"), "did you mean qposer train codeprior? "),
        (("xyzzy",), ""),
        (("--out",), ""),
    ],
)
def test_an_unknown_command_is_one_line(qposer_command, words, hint):
    status, out, err = qposer_command(*words)
    assert (status, out) == (2, "")
    assert err == f"qposer: there is no command {' '.join(words)!r}: {hint}qposer --help lists all commands\n"


def test_the_command_gets_the_rest_of_the_line(qposer_command):
    status, out, _ = qposer_command("edit", "swap", "--help")
    assert status == 0
    assert out.startswith("usage: qposer edit swap")


def test_errors_name_the_command(qposer_command, tmp_path):
    status, _, err = qposer_command("train", "qposer", "--data", str(tmp_path / "none.npz"), "--out", str(tmp_path))
    assert status == 2
    assert err.startswith("qposer train qposer: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_target_can_be_called(name):
    module, _, function = COMMANDS[name].target.partition(":")
    assert callable(getattr(__import__(module, fromlist=["_"]), function))


HIDDEN = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
sys.argv = ["qposer", *sys.argv[2:]]
from fitting.commands.run import main
main()
"""


@pytest.mark.parametrize(
    ("module", "line", "extra"),
    [("tyro", ["sample"], "fit"), ("cv2", ["fit", "photo.jpg"], "fit"), ("viser", ["studio"], "studio")],
)
def test_a_missing_package_names_its_extra(module, line, extra, tmp_path):
    command = [sys.executable, "-c", HIDDEN, module, *line, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    printed = f'qposer {line[0]}: the package {module} is not installed: pip install "qposer[{extra}]"\n'
    assert (done.returncode, done.stdout, done.stderr) == (2, "", printed)


def test_another_missing_module_is_a_bug(qposer_command, monkeypatch):
    monkeypatch.setitem(sys.modules, "fitting.commands.sample", None)
    with pytest.raises(ModuleNotFoundError):
        qposer_command("sample")


def test_help_loads_nothing_slow():
    program = (
        "import sys; sys.argv = ['qposer', '-h']; from fitting.commands.run import main; main(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not {"torch", "numpy", "tyro", "rich", "cv2"} & loaded
