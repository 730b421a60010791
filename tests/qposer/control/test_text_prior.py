import pytest
import torch

from qposer.control.text_prior import TextPrior, TextPriorConfig, TextPriorNetwork
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig
from qposer.training.train_text import initialize_from


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2))
    network = CodePriorNetwork(CodePriorConfig(latent_dim=4, width=32, depth=1, judge_width=32))
    return CodePrior(*(part.eval().requires_grad_(False) for part in (model, network)))


@pytest.fixture(scope="module")
def drawing(prior):
    torch.manual_seed(1)
    config = TextPriorConfig(width=32, depth=1, buckets=64, embedding=8, sentence_width=16, context=8)
    network = TextPriorNetwork(config).eval().requires_grad_(False)
    for weights in network.parameters():
        weights += 0.1 * torch.randn(weights.shape)  # a new network does not look at texts
    return TextPrior(prior, network)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_draws_are_rotations_and_repeatable(drawing):
    poses = drawing.generate("raise the left arm", 3, generator=seeded(0))
    assert poses.shape == (3, 21, 3, 3)
    torch.testing.assert_close(poses @ poses.mT, torch.eye(3).expand_as(poses), atol=1e-4, rtol=0)
    assert torch.equal(poses, drawing.generate("raise the left arm", 3, generator=seeded(0)))
    assert not torch.equal(poses, drawing.generate("raise the left arm", 3, generator=seeded(1)))


def test_without_guidance_the_text_is_not_looked_at(drawing):
    one, other = (drawing.generate(text, 2, 0.0, generator=seeded(0)) for text in ("sit", "raise the left arm"))
    assert torch.equal(one, other)
    one, other = (drawing.generate(text, 2, 3.0, generator=seeded(0)) for text in ("sit", "raise the left arm"))
    assert not torch.equal(one, other)


def test_each_text_of_a_batch_has_a_separate_pose(drawing):
    each = drawing.generate_each(["sit", "kneel"], generator=seeded(0))
    other = drawing.generate_each(["sit", "raise the left arm"], generator=seeded(0))
    torch.testing.assert_close(each[0], other[0])


def test_training_begins_where_the_text_makes_no_difference(prior):
    torch.manual_seed(0)
    network = TextPriorNetwork(
        TextPriorConfig(width=32, depth=1, buckets=64, embedding=8, sentence_width=16, context=8)
    )
    initialize_from(network.eval(), prior)
    noisy, level, context = torch.randn(5, 21, 4), torch.full((5, 1), 0.7), torch.randn(5, 8)
    expected = prior.network.denoiser(noisy, level)
    torch.testing.assert_close(network.denoiser(noisy, level, context), expected)


def test_a_file_brings_the_weights_back(drawing, prior, tmp_path):
    drawing.network.save(tmp_path / "text.safetensors", step="3")
    again = TextPrior.from_pretrained(tmp_path / "text.safetensors", prior)
    assert again.network.config == drawing.network.config
    shift = again.network.no_text - drawing.network.no_text
    assert shift.abs().max() < 1e-3
    with pytest.raises(FileNotFoundError, match="no such file"):
        TextPrior.from_pretrained(tmp_path / "absent.safetensors", prior)


def test_wrong_input(drawing, prior):
    with pytest.raises(ValueError, match="has no words"):
        drawing.generate(" ", generator=seeded(0))
    with pytest.raises(ValueError, match="there are no texts"):
        drawing.generate_each([], generator=seeded(0))
    with pytest.raises(ValueError, match="n must be at least 1"):
        drawing.generate("sit", 0, generator=seeded(0))
    with pytest.raises(ValueError, match="guidance finite and not negative"):
        drawing.generate("sit", 1, -1.0, generator=seeded(0))
    other = TextPriorNetwork(TextPriorConfig(width=8, depth=1, buckets=4))
    other.mean += 0.1
    with pytest.raises(ValueError, match="trained on latents of other weights"):
        TextPrior(prior, other)
    with pytest.raises(ValueError, match="has latents of size"):
        TextPrior(prior, TextPriorNetwork(TextPriorConfig(latent_dim=6, width=8, depth=1, buckets=4)))
