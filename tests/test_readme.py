"""The README's code runs."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_tour_of_the_prior_runs():
    (tour,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "import torch" in block]
    names = {}
    exec(tour, names)
    assert names["codes"].shape == (1, 21, 4)
    assert names["drawn"].shape == (16, 21, 3, 3)
    assert names["mixed"].shape == (21, 3, 3)
    assert names["guesses"].shape == (8, 21, 3, 3)
    assert names["edit"].posture.body_pose.shape == (21, 3, 3)
