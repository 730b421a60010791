import torch

from qposer.control.edits import joints_of
from qposer.training.pose_kind import BODY_KIND
from qposer.training.swaps import draw_donated, draw_shuffled


def test_donated_joints_are_whole_parts_or_joints_alone():
    masks = draw_donated(400, torch.Generator().manual_seed(0))
    assert (masks[:100].sum(-1) == 1).all()
    allowed = {tuple(joints_of(part)) for part in BODY_KIND.swapped}
    drawn = {tuple(mask.nonzero()[:, 0].tolist()) for mask in masks[100:]}
    assert drawn == allowed


def test_shuffled_codes_keep_joints_in_their_places_and_heads_together():
    codes = torch.arange(50)[:, None, None] + 100 * torch.arange(21)[:, None] + 10_000 * torch.arange(4)
    shuffled = draw_shuffled(codes, torch.Generator().manual_seed(0))
    donor = shuffled % 100
    assert (donor == donor[..., :1]).all()
    assert (shuffled // 100 % 100 == torch.arange(21)[:, None]).all()
    assert (donor[..., 0] != donor[:, :1, 0]).any()
