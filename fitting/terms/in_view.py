"""A term in the axes of one of several cameras."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, PerJoint, Posed, Residual, Term


@dataclass(frozen=True)
class InView:
    """A term of positions and landmarks in a camera's axes, for bodies in other axes."""

    term: Term
    rotation: Float[Tensor, "#people 3 3"]
    """Rotations from the axes of the fit to those of the camera."""
    translation: Float[Tensor, "#people 3"]
    """Metres."""
    weight: Float[Tensor, " #people"]
    """Factor on the term's weight."""

    def residual(self, at: Posed) -> Residual:
        """The term's residual, weighted."""
        own = self.term.residual(self._seen(at))
        return replace(own, weight=self.weight[:, None] * own.weight)

    def columns(self, at: Posed, by: Derivatives) -> Dense | PerJoint | None:
        """The term's columns for derivatives in the camera's axes.

        Args:
            at: bodies.
            by: derivatives of their landmarks and rotations.

        Returns:
            Columns of the Jacobian.
        """
        moved = {name: self.rotation[:, None] @ columns for name, columns in by.landmarks.items()}
        return self.term.columns(self._seen(at), replace(by, landmarks=moved))

    def _seen(self, at: Posed) -> Posed:
        landmarks = at.landmarks @ self.rotation.mT + self.translation[:, None]
        transl = (self.rotation @ at.transl[..., None])[..., 0] + self.translation
        return at._replace(landmarks=landmarks, transl=transl)
