"""Doing something with every image of a set, and what equal images mean for the roles."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from medsynth.errors import AuditError
from privacy_audit.images.body_grid import fit_body_grid, pixel_fingerprint
from privacy_audit.images.image_reading import read_pixels
from privacy_audit.images.image_sets import AuditImage, ImageSet

Result = TypeVar("Result")
Fingerprinted = Sequence[tuple[AuditImage, str]]
"""Images with the hash of their pixels, as `pixel_fingerprint` gives it."""

_SHOWN_IMAGES = 3
# What is trained on or released, and what it is held against, must not share a scan.
_NEVER_TRAINED_ON = "Expected patients that were never trained on. Remove them from one of the two."
_MUST_DIFFER = (
    ("train", "holdout", _NEVER_TRAINED_ON),
    ("train", "null", _NEVER_TRAINED_ON),
    (
        "synthetic",
        "null",
        "Expected synthetic images of other patients, which are not to be released: held against "
        "itself, nothing stands out. Remove them from one of the two.",
    ),
)


def on_every_image(
    function: Callable[[AuditImage], Result],
    images: Sequence[AuditImage],
    *,
    workers: int,
    role: str = "",
) -> list[Result]:
    """Call a function with each image, and tell of all that cannot be used at once.

    Args:
        function: raises `AuditError` where an image cannot be used.
        images: the images.
        workers: how many images are treated at the same time; changes no result.
        role: what to call the set in messages.

    Returns:
        The results, in the order of the images.

    Raises:
        AuditError: images cannot be used; they are counted and the first three named.
    """
    outcomes = _outcomes(function, images, workers)
    errors = [outcome for outcome in outcomes if isinstance(outcome, AuditError)]
    if errors:
        raise _all_together(errors, {role: (len(errors), len(images))})
    return [outcome for outcome in outcomes if not isinstance(outcome, AuditError)]


def fingerprint_roles(
    sets: Mapping[str, ImageSet], *, workers: int
) -> dict[str, list[tuple[AuditImage, str]]]:
    """Read every image of every role once and give the hash of its pixels.

    What cannot be used is told before anything is compared, all roles together.

    Args:
        sets: role -> images.
        workers: how many images are treated at the same time; changes no result.

    Returns:
        Role -> (image, fingerprint), in the order of the images.

    Raises:
        AuditError: images cannot be read or show no body; they are counted by role and
            the first three named.
    """
    fingerprints: dict[str, list[tuple[AuditImage, str]]] = {}
    errors: list[AuditError] = []
    counts: dict[str, tuple[int, int]] = {}
    for role, image_set in sets.items():
        outcomes = _outcomes(_fingerprint, image_set.images, workers)
        of_role = [outcome for outcome in outcomes if isinstance(outcome, AuditError)]
        if of_role:
            errors += of_role
            counts[role] = (len(of_role), len(outcomes))
        fingerprints[role] = [
            (image, outcome)
            for image, outcome in zip(image_set.images, outcomes, strict=True)
            if not isinstance(outcome, AuditError)
        ]
    if errors:
        raise _all_together(errors, counts)
    return fingerprints


def check_roles(roles: Mapping[str, Fingerprinted]) -> None:
    """Make sure that no scan is both looked at and among what it is held against.

    Equal pixels under two names are found; a patient's name in two roles is
    not looked at here.

    Args:
        roles: "train", "synthetic", "holdout", "null" and others -> images with fingerprints.

    Raises:
        AuditError: an image of train is among holdout or null, or a synthetic one among null.
    """
    for first, second, expected in _MUST_DIFFER:
        known = {fingerprint: image for image, fingerprint in roles.get(first, ())}
        shared = [
            (known[fingerprint], image)
            for image, fingerprint in roles.get(second, ())
            if fingerprint in known
        ]
        if shared:
            one, other = shared[0]
            raise AuditError(
                f"{len(shared)} images of {second} have the pixels of an image of {first}, the "
                f"first is {other.name}, equal to {one.name}. {expected}"
            )


def equal_images_of_two_patients(images: Fingerprinted) -> tuple[tuple[str, str], ...]:
    """Give pairs of images of one set that have equal pixels and belong to two patients.

    They may be one patient under two names, who then counts twice.

    Args:
        images: images of one set with fingerprints.

    Returns:
        For each such image its name, behind the first image's that it repeats.
    """
    first: dict[str, AuditImage] = {}
    pairs = []
    for image, fingerprint in images:
        known = first.setdefault(fingerprint, image)
        if known.patient != image.patient:
            pairs.append((known.name, image.name))
    return tuple(pairs)


def describe_equal_images(role: str, pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Give the sentence for the report about images that two patients share.

    Args:
        role: the set.
        pairs: what `equal_images_of_two_patients` gives.

    Returns:
        One sentence, or none where there is no pair.
    """
    if not pairs:
        return ()
    first, repeated = pairs[0]
    return (
        f"{role}: {len(pairs)} images have the pixels of another patient's image, the first is "
        f"{repeated}, equal to {first}. If they are one patient, it was counted twice.",
    )


def _outcomes(
    function: Callable[[AuditImage], Result], images: Sequence[AuditImage], workers: int
) -> list[Result | AuditError]:
    def call(image: AuditImage) -> Result | AuditError:
        try:
            return function(image)
        except AuditError as error:
            return error

    with ThreadPoolExecutor(max(1, workers)) as executor:
        return list(executor.map(call, images))


def _fingerprint(image: AuditImage) -> str:
    pixels = read_pixels(image.name, image.paths)
    # Finding no body is an error of its own.
    fit_body_grid(pixels, image.name)
    return pixel_fingerprint(pixels)


def _all_together(
    errors: Sequence[AuditError], counts: Mapping[str, tuple[int, int]]
) -> AuditError:
    """Make one error of many; a single one stays as it is."""
    if len(errors) == 1:
        return errors[0]
    roles = " and ".join(
        f"{unusable} of {count} {role}".rstrip() for role, (unusable, count) in counts.items()
    )
    # Every message says first what was found, then what was expected.
    found = " ".join(str(error).partition(" Expected ")[0] for error in errors[:_SHOWN_IMAGES])
    return AuditError(
        f"{roles} images cannot be used. The first: {found} Expected whole files with a "
        "patient's body. Mend or remove all of them."
    )
