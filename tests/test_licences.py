"""The check of licences finds a licence that forbids commercial use, and no others."""

import pytest

from tools.licences import main, restriction, restrictions


@pytest.mark.parametrize(
    "text",
    [
        "Licensed under CC BY-NC 4.0",
        "a license to use the Software for the sole purpose of performing non-commercial scientific research",
        "for non-commercial use only",
        "Any commercial use of the software is prohibited.",
        "for academic use only",
    ],
)
def test_restrictions_are_found(text):
    assert restriction(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "This library is free for commercial and non-commercial use as long as the conditions are adhered to.",
        "This alternative is allowed only for noncommercial distribution and only if you received the program",
        "Permission is hereby granted, free of charge, to any person",
    ],
)
def test_free_licences_pass(text):
    assert restriction(text) is None


def test_packages_are_checked_as_installed(tmp_path, capsys):
    pytest.importorskip("smplx")
    (found,) = restrictions(["smplx"])
    assert found.startswith("smplx ")
    file = tmp_path / "requirements.txt"
    file.write_text("numpy  # arrays\nsmplx\n")
    assert main(str(file)) == 1
    (tmp_path / "more.txt").write_text("-r requirements.txt\n")
    assert main(str(tmp_path / "more.txt")) == 1
    file.write_text("numpy\n")
    assert main(str(file)) == 0
    assert "No package" in capsys.readouterr().out
    with pytest.raises(ValueError, match="surely-not-there is not installed"):
        restrictions(["surely-not-there"])
