"""What most checks need, measured once."""

import dataclasses
from pathlib import Path

from privacy_audit.images.image_sets import AuditImage
from privacy_audit.inputs import AuditInputs
from privacy_audit.likeness.comparison import Comparer, Comparison, References, merge_columns
from privacy_audit.likeness.nulls import Null, measure_null
from privacy_audit.self_tests.self_test import SelfTest, run_self_test
from privacy_audit.verdict import CheckResult, Flag


@dataclasses.dataclass(frozen=True)
class Found:
    """What some checks found.

    Attributes:
        checks: name -> result.
        flags: synthetic images that point to a real patient.
    """

    checks: dict[str, CheckResult]
    flags: tuple[Flag, ...] = ()


@dataclasses.dataclass(frozen=True)
class Prepared:
    """The inputs with what most checks need of them.

    Attributes:
        inputs: what is audited.
        mode: the release mode.
        seed: equal inputs and seeds give equal results.
        processes: how many images are treated at the same time; changes no result.
        comparer: does the comparing.
        exposed: images of the patients that were trained on or translated, searchable.
        others: all other real images, searchable.
        synthetic: likeness of the synthetic images to the exposed patients.
        against_all: the same to all real patients.
        null: the same for patients that cannot have leaked.
        self_test: whether planted whole copies were found.
    """

    inputs: AuditInputs
    mode: str
    seed: int
    processes: int
    comparer: Comparer
    exposed: References
    others: References | None
    synthetic: Comparison
    against_all: Comparison
    null: Null
    self_test: SelfTest

    @property
    def galleries(self) -> tuple[References, ...]:
        """All real images, searchable."""
        return (self.exposed,) if self.others is None else (self.exposed, self.others)

    @property
    def real_images(self) -> tuple[AuditImage, ...]:
        """All real images, each once."""
        return tuple(image for gallery in self.galleries for image in gallery.images)

    @property
    def unrelated(self) -> tuple[AuditImage, ...]:
        """Images without a source among the released ones: of the null, else of the holdout."""
        images = self.inputs.null or self.inputs.holdout
        return () if images is None else images.images


def prepare(inputs: AuditInputs, *, mode: str, seed: int, processes: int) -> Prepared:
    """Read the images and measure what most checks need.

    Raises:
        AuditError: images cannot be used.
    """
    comparer = Comparer(processes)
    exposed = comparer.prepare(exposed_images(inputs))
    others = None if inputs.holdout is None else comparer.prepare(inputs.holdout.images)
    released = inputs.synthetic.images
    synthetic = comparer.compare(released, exposed)
    against_all = synthetic
    if others is not None:
        against_all = merge_columns(synthetic, comparer.compare(released, others))
    null = measure_null(comparer, exposed, null=inputs.null, holdout=inputs.holdout)
    return Prepared(
        inputs=inputs,
        mode=mode,
        seed=seed,
        processes=processes,
        comparer=comparer,
        exposed=exposed,
        others=others,
        synthetic=synthetic,
        against_all=against_all,
        null=null,
        self_test=run_self_test(
            comparer, exposed, null, train=inputs.train, holdout=inputs.holdout, seed=seed
        ),
    )


def exposed_images(inputs: AuditInputs) -> tuple[AuditImage, ...]:
    """Give the images of the patients that were trained on or translated, each once."""
    images: dict[tuple[Path, ...], AuditImage] = {}
    for image_set in (inputs.train, inputs.source):
        for image in () if image_set is None else image_set.images:
            images.setdefault(image.paths, image)
    return tuple(images.values())
