import pytest
import torch

import qposer

STANDING = torch.zeros(21, 3)


@pytest.mark.parametrize("name", qposer.__all__)
def test_names_of_the_package_are_there(name):
    assert getattr(qposer, name) is not None


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'no_such'"):
        qposer.no_such  # noqa: B018


def test_nothing_needs_to_be_loaded_by_hand():
    (edit,) = qposer.instruct(STANDING, "raise the left arm")
    assert all(check.satisfied for check in edit.checks)
    guesses = qposer.complete(STANDING, unknown="legs", n=2)
    assert guesses.shape == (2, 21, 3)
    legs = [0, 1, 3, 4, 6, 7, 9, 10]
    rest = [joint for joint in range(21) if joint not in legs]
    torch.testing.assert_close(guesses[:, rest], STANDING[rest].expand(2, -1, -1))
    assert (guesses[:, legs].abs().amax(-1) > 0.01).all()
    assert qposer.swap(STANDING, edit.posture.body_pose, "left_arm").shape == (21, 3)


def test_seeds_replace_generators():
    prior = qposer.CodePrior.from_pretrained()
    generator = torch.Generator().manual_seed(3)
    assert torch.equal(prior.sample(2, seed=3), prior.sample(2, generator=generator))
    assert not torch.equal(prior.sample(2, seed=3), prior.sample(2))
