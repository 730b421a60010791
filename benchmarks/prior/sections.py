"""Sections of the report, one for each protocol: text, tables, and rows of the overview."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Result
from benchmarks.intervals import Interval, auroc_interval, mean_interval
from benchmarks.prior import completion, denoising, edits
from benchmarks.prior.contenders import NO_PRIOR, QPOSER, VPOSER
from benchmarks.prior.generation import REAL as REAL_POSES
from benchmarks.prior.measurements import Measurements, Sizes
from benchmarks.prior.negatives import NEGATIVES
from benchmarks.prior.plausibility import REAL
from benchmarks.tables import Table

NOTHING = "–"

Rows = dict[str, Result]


@dataclass(frozen=True)
class Section:
    """A section of the report."""

    title: str
    text: str
    """Description of the protocol and of the columns."""
    tables: list[Table]
    plot: str = ""
    """Name of the section's picture, if any."""
    overview: list[tuple[str, str, str]] = field(default_factory=list)
    """Rows of the overview: name of the figure, QPoser's value, and that of the best baseline."""


def sections(found: Measurements, sizes: Sizes) -> list[Section]:
    """Compose all sections.

    Args:
        found: the results.
        sizes: settings of the protocols.

    Returns:
        The sections in order.
    """
    return [
        reconstruction_section(found, sizes),
        plausibility_section(found.plausibility, sizes),
        generation_section(found.generation, sizes),
        completion_section(found.completion, sizes),
        denoising_section(found, sizes),
        edits_section(found.edits, sizes),
    ]


def reconstruction_section(found: Measurements, sizes: Sizes) -> Section:
    """Section of protocol 1.

    Args:
        found: the results.
        sizes: settings of the protocols.

    Returns:
        The section.
    """
    rows, errors = [], {}
    for name, result in found.reconstruction.items():
        error = torch.tensor(result["mpjpe_mm"])
        errors[name] = error.mean().item()
        rows.append(
            (
                name,
                f"{mean_interval(error):.2f}",
                f"{error.quantile(0.99):.1f}",
                f"{mean_interval(torch.tensor(result['mpvpe_mm'])):.2f}",
                str(result.get("bits", NOTHING)),
                " ".join(f"{part:.2f}" for part in result.get("perplexity", ())) or NOTHING,
                f"{found.speed['poses'][name]:,.0f}".replace(",", " "),
            )
        )
    text = f"""Poses are encoded and decoded; QPoser uses hard codes. The other priors have no
encoder.

- *MPJPE*: mean distance of 22 joints in mm, root-relative, mean shape, on at most
  {sizes.reconstruction.poses} test poses.
- *99 %*: 99th percentile of the MPJPE.
- *MPVPE*: mean distance of the open body's vertices in mm, on {sizes.reconstruction.meshes} of these poses.
- *bits*: size of a pose's codes. VPoser's latents are 32 real numbers.
- *perplexity*: how evenly the codes are used (exponential of their entropy), as a fraction of the codebook's size, by
  head.
- *poses/s*: encoded and decoded per second in batches of {sizes.speed.batch} on one core; the median of
  {sizes.speed.rounds} rounds, with all priors alternating in one process. Machine: {found.speed["machine"]}."""
    columns = ("", "MPJPE", "99 %", "MPVPE", "bits", "perplexity", "poses/s")
    own = errors.pop(QPOSER)
    overview = [_overview("reconstruction, MPJPE mm", own, errors, ".2f")]
    return Section("1. Reconstruction", text, [Table(columns, rows)], "reconstruction", overview)


def plausibility_section(found: Rows, sizes: Sizes) -> Section:
    """Section of protocol 2.

    Args:
        found: results by prior.
        sizes: settings of the protocols.

    Returns:
        The section.
    """
    scores = {name: result["energy"] for name, result in found.items()}
    gaps = {f"{name}, gap alone": result["gap_mm"] for name, result in found.items() if "gap_mm" in result}
    areas = {
        name: {kind: auroc_interval(torch.tensor(score[REAL]), torch.tensor(score[kind])) for kind in NEGATIVES}
        for name, score in (scores | gaps).items()
    }
    rows = [(name, *(f"{area:.3f}" for area in by_kind.values())) for name, by_kind in areas.items()]
    energies = torch.tensor(found[QPOSER]["energy"][REAL])
    median, high = energies.quantile(torch.tensor([0.5, 0.95])).tolist()
    text = f"""Energies of {sizes.plausibility.poses} test poses and of the same number of implausible poses of each
kind. The figure is the area under the ROC curve (AUROC): the probability that an implausible pose has a higher energy
than a test pose; 0.5 is chance.

- *(a) mixed parts*: each arm, each leg, and the torso with the head come from five different test poses.
- *(b) noise*: three joints of a test pose rotated by 20 degrees about random axes.
- *(c) wrong bends*: one knee or elbow bent by 30 to 90 degrees in the impossible direction.
- *(d) random*: every joint rotated about a random axis by up to 60 degrees.

Rows *gap alone* use the reconstruction error (MPJPE) as the energy. VPoser's energy is the squared norm of
the latent and a weighted reconstruction error, GMM's the negative log density, diffusion's the denoising error.
QPoser's is scaled to be 0 at the median pose and 1 at the 95th percentile; on these test poses the two are
{median:.2f} and {high:.2f}. It includes a classifier trained to detect mixed parts as in (a), and a per-joint
detector trained on poses with any number of joints rotated by any angle, which includes (b). So QPoser was trained on
these kinds of negatives, made from other people's poses, and the baselines were not."""
    columns = ("", *(f"({letter}) {kind}" for letter, kind in zip("abcd", NEGATIVES, strict=True)))
    overview = []
    for column, kind in zip(columns[1:], NEGATIVES, strict=True):
        others = {name: by_kind[kind].value for name, by_kind in areas.items() if not name.startswith(QPOSER)}
        overview.append(_overview(f"plausibility, AUROC {column}", areas[QPOSER][kind].value, others, ".3f", high=True))
    return Section("2. Plausibility", text, [Table(columns, rows)], "plausibility", overview)


def generation_section(found: Rows, sizes: Sizes) -> Section:
    """Section of protocol 3.

    Args:
        found: results by prior.
        sizes: settings of the protocols.

    Returns:
        The section.
    """
    rows = [
        (
            name,
            f"{result['fid_pose']:.3f}",
            f"{result['fid_joints_cm']:.0f}",
            f"{result['apd_cm']:.1f}",
            f"{result['precision']:.3f}",
            f"{result['recall']:.3f}",
            f"{mean_interval(torch.tensor(result['nearest_rad'])):.2f}",
        )
        for name, result in found.items()
    ]
    text = f"""{sizes.generation.samples} samples of each prior against the same number of test poses (or all, if there
are fewer). The first two rows are real poses of other people in place of samples, as a reference.
The test subjects move differently from the training subjects, so a prior that matches its training poses has the same
distance to the test poses as the training poses themselves.

- *FID pose*: Fréchet distance on the 63 axis-angle numbers, rad²; lower is closer.
- *FID joints*: the same for positions of the 22 joints, cm².
- *APD*: mean distance of joints over pairs of {sizes.generation.pairs_of} samples in cm: diversity. A value near
  that of real poses is best.
- *precision*: share of the samples among test poses (within the distance of a third nearest neighbour).
- *recall*: share of the test poses among the samples.
- *dNN*: sum over 21 joints of the angles to the nearest training pose in radians, mean over
  {sizes.generation.nearest_of} samples: 0 means memorised."""
    columns = ("", "FID pose", "FID joints", "APD", "precision", "recall", "dNN")
    priors = {name: result for name, result in found.items() if name not in REAL_POSES}
    overview = []
    for figure, column, spec in (
        ("fid_pose", "FID pose", ".3f"),
        ("fid_joints_cm", "FID joints", ".0f"),
        ("precision", "precision", ".3f"),
        ("recall", "recall", ".3f"),
    ):
        values = {name: result[figure] for name, result in priors.items()}
        own = values.pop(QPOSER)
        overview.append(_overview(f"generation, {column}", own, values, spec, high=figure in ("precision", "recall")))
    return Section("3. Generation", text, [Table(columns, rows)], "generation", overview)


def completion_section(found: Rows, sizes: Sizes) -> Section:
    """Section of protocol 4.

    Args:
        found: results by prior.
        sizes: settings of the protocols.

    Returns:
        The section.
    """
    figures = ("min_mm", "mean_mm", "diversity_mm")
    rows = []
    for part in completion.PARTS:
        for name, result in found.items():
            intervals = (mean_interval(torch.tensor(result[part][figure])) for figure in figures)
            rows.append((f"{_part_title(part)}: {name}", *(f"{interval:.1f}" for interval in intervals)))
    differences, overview = [], []
    for part in completion.PARTS:
        for figure, column in (("min_mm", "min"), ("mean_mm", "mean")):
            errors = {name: torch.tensor(result[part][figure]) for name, result in found.items()}
            differences.append((f"{_part_title(part)}, {column}", *_against(errors, VPOSER), *_against(errors)))
            means = {name: error.mean().item() for name, error in errors.items()}
            own = means.pop(QPOSER)
            overview.append(_overview(f"completion of {_part_title(part)}, {column} mm", own, means, ".1f"))
    text = f"""The joints of a part are unknown; each prior samples {sizes.completion.hypotheses} hypotheses for
each of {sizes.completion.poses} test poses. The error is the mean distance in mm of the joints that the unknown
rotations move directly: for legs the knees, ankles and feet, for arms the shoulders, elbows and wrists.

- *min*, *mean*: error of the best hypothesis, and mean error of all.
- *diversity*: mean distance of these joints over pairs of hypotheses.

The second table shows QPoser's error minus that of the best VPoser and that of the best baseline in the
row, with the paired interval and the difference in percent. Negative values mean that QPoser is better."""
    tables = [Table(("unknown", "min", "mean", "diversity"), rows)]
    if len(found) > 1:
        heads = ("unknown", "best VPoser", "difference mm", "%", "best baseline", "difference mm", "%")
        tables.append(Table(heads, differences))
    return Section("4. Completion", text, tables, "completion", overview)


def denoising_section(found: Measurements, sizes: Sizes) -> Section:
    """Section of protocol 5.

    Args:
        found: the results.
        sizes: settings of the protocols.

    Returns:
        The section.
    """
    levels = [str(level) for level in denoising.LEVELS_MM]
    rows = [
        (
            name,
            *(f"{mean_interval(torch.tensor(result[level])):.1f}" for level in levels),
            " ".join(f"{weight:.2g}" for weight in found.tuning[name]["weights"]),
        )
        for name, result in found.denoising.items()
    ]
    differences, overview = [], []
    for level in levels:
        errors = {name: torch.tensor(result[level]) for name, result in found.denoising.items()}
        differences.append((f"{level} mm", *_against(errors)))
        means = {name: error.mean().item() for name, error in errors.items()}
        own = means.pop(QPOSER)
        overview.append(_overview(f"denoising {level} mm, MPJPE mm", own, means, ".1f"))
    text = f"""Gaussian noise of 20, 40 or 100 mm on every coordinate of the 22 joints of {sizes.denoising.poses}
test poses; each prior fits a plausible pose to the noisy joints with its authors'
method: VPoser over its latents, GMM over axis-angle numbers, diffusion and QPoser by score distillation,
QPoser over its continuous latents. All use 300 steps of Adam, with step size 0.1 for the baselines and, on
its own scale, 0.4 for QPoser. *{NO_PRIOR}* has a weak penalty towards the T-pose.

- *20 mm*, *40 mm*, *100 mm*: MPJPE of the fitted pose. The error of the noisy joints themselves is 1.6 times
  the noise.
- *weights*: of the prior, one for each noise level, chosen in half decades on {sizes.tuning.poses} validation poses.

The second table shows QPoser's error minus that of the best baseline on the same poses, with the paired interval."""
    tables = [Table(("", *(f"{level} mm" for level in levels), "weights"), rows)]
    if len(found.denoising) > 1:
        tables.append(Table(("noise", "best baseline", "difference mm", "%"), differences))
    return Section("5. Denoising", text, tables, "denoising", overview)


def edits_section(found: Rows, sizes: Sizes) -> Section:
    """Section of protocol 6.

    Args:
        found: results by prior.
        sizes: settings of the protocols.

    Returns:
        The section.
    """
    figures = ("inside_deg", "outside_deg", "unedited_deg")
    result = found[QPOSER]
    rows = [
        (_part_title(part), *(f"{mean_interval(torch.tensor(result[part][figure])):.2f}" for figure in figures))
        for part in edits.PARTS
    ]
    means = [fmean(fmean(result[part][figure]) for part in edits.PARTS) for figure in figures]
    rows.append(("mean", *(f"{mean:.2f}" for mean in means)))
    text = f"""A part's codes are taken from another pose ({sizes.edits.pairs} pairs of test poses) and decoded with
the pose's own codes of the other parts. No baseline has codes of parts.

- *inside*: mean angle in degrees between the part's joints and the donor's.
- *outside*: mean rotation of the other joints by the edit: drift.
- *outside, no edit*: the same after encoding and decoding without an edit; the excess over it is due to the edit."""
    overview = [
        ("edit, inside / outside, degrees", f"{means[0]:.2f} / {means[1]:.2f}", NOTHING),
    ]
    return Section("6. Edits", text, [Table(("part", "inside", "outside", "outside, no edit"), rows)], "", overview)


def _against(errors: dict[str, Float[Tensor, " poses"]], kind: str = "") -> tuple[str, str, str]:
    """Name of the best other prior whose name starts with ``kind``; QPoser's paired difference in mm and in percent."""
    peer = _lowest({n: e.mean().item() for n, e in errors.items() if n != QPOSER and n.startswith(kind)})
    if not peer:
        return NOTHING, NOTHING, NOTHING
    difference: Interval = mean_interval(errors[QPOSER] - errors[peer])
    return peer, f"{difference:+.1f}", f"{100 * difference.value / errors[peer].mean().item():+.0f}"


def _overview(what: str, own: float, others: dict[str, float], spec: str, high: bool = False) -> tuple[str, str, str]:
    """A row of the overview, with the better figure in bold."""
    choose: Callable[..., str] = max if high else min
    if not others:
        return what, f"{own:{spec}}", NOTHING
    peer = choose(others, key=others.__getitem__)
    ours, theirs = f"{own:{spec}}", f"{others[peer]:{spec}}"
    if own > others[peer] if high else own < others[peer]:
        return what, f"**{ours}**", f"{theirs} ({peer})"
    return what, ours, f"**{theirs}** ({peer})"


def _lowest(values: dict[str, float]) -> str:
    return min(values, key=values.__getitem__, default="")


def _part_title(part: str) -> str:
    return part.replace("_", " ")
