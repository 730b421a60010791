"""Constants of the risk."""

import pytest
import torch

from benchmarks.evidence.risk import Known, fitted_constants, page


def fits_of_a_known_risk(people, constants):
    generator = torch.Generator().manual_seed(0)
    evidence = torch.rand(people, 3, generator=generator) + 0.05
    rows = torch.stack([torch.ones(people), *(evidence[:, :2] + 1e-3).log().T, evidence[:, 2]], dim=-1)
    far = torch.rand(people, generator=generator) < (rows @ torch.tensor(constants)).sigmoid()
    return Known(evidence, torch.where(far, 200.0, 100.0))


def test_the_constants_of_a_logistic_model_are_found():
    constants = [1.0, 2.0, 3.0, -1.0]
    found = fitted_constants(fits_of_a_known_risk(40_000, constants))
    assert found.tolist() == pytest.approx(constants, abs=0.15)


def test_the_page_counts_the_people_who_are_far_off():
    known = fits_of_a_known_risk(50, [0.0, 0.0, 0.0, 0.0])
    text = page(known, "COMMAND")
    assert f"50 people, of whom {int((known.error > 150).sum())} are far off" in text
    assert "`COMMAND`" in text
