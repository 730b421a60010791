import dataclasses

import pytest
import torch
from hypothesis import settings

from qposer.training.rig_variation import STRENGTH

torch.set_num_threads(1)

settings.register_profile("same examples every time", derandomize=True, deadline=None)
settings.load_profile("same examples every time")


@pytest.fixture
def strengths_of(monkeypatch):
    """Makes a list of the strengths at which modules vary poses from then on."""

    def watch(*modules):
        strengths = []
        for module in modules:

            def spy(rotations, generator, strength=STRENGTH, vary_rig=module.vary_rig):
                strengths.append(strength)
                return vary_rig(rotations, generator, strength)

            monkeypatch.setattr(module, "vary_rig", spy)
        return strengths

    return watch


@pytest.fixture(scope="session")
def shorten():
    """Gives all stages of fits two steps, through a `MonkeyPatch`: for what does not depend on how good a fit is."""

    def short(stage):
        return dataclasses.replace(stage, steps=2)

    def shorten(patched):
        from fitting.optimise import schedule as stages
        from fitting.video import clip

        for module, name in ((stages, "SCHEDULE"), (stages, "ADAM_SCHEDULE"), (clip, "ADAM_SCHEDULE")):
            patched.setattr(module, name, getattr(module, name).each(short))
        patched.setattr(stages, "RESIDUAL", short(stages.RESIDUAL))

    return shorten


@pytest.fixture
def quick(shorten, monkeypatch):
    """Stages of two steps."""
    shorten(monkeypatch)
