"""All commands by topic: what ``qposer --help`` shows, and where `fitting.commands.run` finds them."""

from __future__ import annotations

TYPE_CHECKING = False  # see qposer.io.lazy_names
if TYPE_CHECKING:
    from collections.abc import Mapping


class Command:
    """A command: the function that runs it, what it does, and an example."""

    def __init__(self, target: str, does: str, example: str) -> None:
        """Describe a command.

        Args:
            target: ``module:function``; the function reads the arguments from `sys.argv`.
            does: what the command does, in one line.
            example: arguments to try.
        """
        self.target = target
        self.does = does
        self.example = example


TOPICS: Mapping[str, Mapping[str, Command]] = {
    "Fit bodies to what a camera saw": {
        "fit": Command("fitting.commands.fit_image:command", "people in a photo", "photo.jpg --people 3"),
        "folder": Command("fitting.commands.fit_folder:command", "all photos of a folder; resumes", "photos --out out"),
        "video": Command(
            "fitting.commands.fit_video:command", "people in a video", "clip.mp4 --people all --export bvh"
        ),
        "live": Command("fitting.commands.fit_live:command", "a person in front of a camera, live", "0"),
        "views": Command(
            "fitting.commands.fit_views:command", "people seen by several calibrated cameras", "Calib.toml a.jpg b.jpg"
        ),
    },
    "Make and edit poses": {
        "sample": Command("fitting.commands.sample:command", "poses from the prior", "--number 24 --seed 1"),
        "complete": Command(
            "fitting.commands.complete:command",
            "hypotheses for unknown parts of a pose",
            "--pose out/sample.npz:3 --unknown legs",
        ),
        "edit": Command(
            "fitting.commands.edit:command",
            "swap, mirror, interpolate or vary parts of poses",
            "swap --parts left_arm head --pose out/sample.npz:3 --donor.sample 2",
        ),
        "instruct": Command(
            "fitting.commands.instruct:command",
            "edit a pose by instructions in English",
            '"raise the left arm" "look at the left hand"',
        ),
        "draw": Command(
            "fitting.commands.draw_text:command", "poses that match a text", '"both hands are on the hips"'
        ),
        "mix": Command(
            "fitting.commands.mix_photos:command", "parts of several people's poses", "a.jpg b.jpg --take arms --from B"
        ),
        "studio": Command("fitting.commands.studio:command", "pose a body in the browser", "--photo photo.jpg"),
    },
    "Train and evaluate": {
        "train data": Command(
            "qposer.data.build:command", "training poses from motion capture files", "mocap --out poses.npz"
        ),
        "train qposer": Command(
            "qposer.training.train:main", "the quantised autoencoder", "--data poses.npz --out runs/qposer"
        ),
        "train codeprior": Command(
            "qposer.training.train_codeprior:main", "the prior over its codes", "--data poses.npz --out runs/codeprior"
        ),
        "train text": Command(
            "qposer.training.train_text:main", "the prior of poses given texts", "--data poses.npz --out runs/text"
        ),
        "train vposer-latent": Command(
            "qposer.training.train_vposer_latent:main",
            "the latent space that replaces VPoser's",
            "--data poses.npz --out runs/latent",
        ),
        "train regressor": Command(
            "fitting.training.train_regressor:main", "what fits start from", "--data poses.npz --out runs/start"
        ),
        "train sampler": Command(
            "fitting.training.train_sampler:main", "what draws hypotheses", "--data poses.npz --out runs/sampler"
        ),
        "evaluate h36m": Command(
            "fitting.commands.evaluate_h36m:command", "fits on your copy of Human3.6M", "h36m --cameras cameras.json"
        ),
        "evaluate reconstruction": Command(
            "qposer.evaluation.reconstruction:command", "errors of poses from their codes", "--data poses.npz"
        ),
    },
    "More": {
        "export": Command(
            "fitting.commands.export_model:command", "the networks as ONNX or torch.export files", "onnx --model decode"
        ),
        "assets": Command(
            "fitting.commands.shell:print_assets", "print the folder of the weights and example photos", ""
        ),
        "completion": Command(
            "fitting.commands.shell:print_completion", "print shell completion for bash or zsh", "bash"
        ),
    },
}

COMMANDS = {name: command for topic in TOPICS.values() for name, command in topic.items()}
"""Every command by its name of one or two words."""


def overview(group: str | None = None) -> str:
    """What the commands do, with an example of each.

    Args:
        group: the first word of commands of two words; None for all commands.

    Returns:
        The text of ``qposer --help`` or ``qposer GROUP --help``.
    """
    lines = [f"usage: qposer {group} COMMAND ..." if group else "usage: qposer COMMAND ..."]
    if not group:
        lines += ["", "SMPL bodies from photos and videos, and a prior of human pose to make and edit poses."]
    for topic, commands in TOPICS.items():
        shown = {name: command for name, command in commands.items() if group in (None, name.partition(" ")[0])}
        if shown:
            lines += ["", topic, *(line for each in shown.items() for line in _entry(*each))]
    name = f"qposer {group}" if group else "qposer"
    return "\n".join([*lines, "", f"Options of a command: {name} COMMAND --help"])


def _entry(name: str, command: Command) -> list[str]:
    return [f"  {name:<24}{command.does}", f"{'':<26}qposer {name} {command.example}".rstrip()]
