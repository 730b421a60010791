from pathlib import Path

from benchmarks.commands import command


def main(data: Path, out: Path | None = None, number: int = 96, split_of: str = "test", sizes: tuple[int, ...] = (1,)):
    pass


def test_defaults_are_left_out():
    assert (
        command("some.where", main, data=Path("a/b.npz"), out=None, number=96) == "python -m some.where --data a/b.npz"
    )


def test_only_changed_options_are_named():
    found = command("some.where", main, data=Path("b.npz"), number=3, split_of="validation", sizes=(1, 8))
    assert found == "python -m some.where --data b.npz --number 3 --split-of validation --sizes 1 8"


def test_switches_have_no_value():
    def switches(fit_others: bool = False, video: bool = True):
        pass

    assert (
        command("some.where", switches, fit_others=True, video=False) == "python -m some.where --fit-others --no-video"
    )
    assert command("some.where", switches, fit_others=False, video=True) == "python -m some.where"
