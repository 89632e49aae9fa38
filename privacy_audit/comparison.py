"""Similarity of many images to many patients."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from privacy_audit.body_grid import fit_body_grid, pixel_fingerprint
from privacy_audit.image_reading import Pixels, read_pixels
from privacy_audit.image_sets import AuditImage
from privacy_audit.similarity import EdgeMap, Gallery, PoseSearch, map_edges

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class References:
    """Real images, ready to be searched.

    Attributes:
        images: the images, in the order of the gallery.
        patients: their patients, each once, sorted.
        fingerprints: hash of each image's pixels.
        gallery: what `PoseSearch` searches.
    """

    images: tuple[AuditImage, ...]
    patients: tuple[str, ...]
    fingerprints: tuple[str, ...]
    gallery: Gallery

    def best_by_patient(self, similarity: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the highest similarity among each patient's images, in the order of patients."""
        best = np.full(len(self.patients), -np.inf)
        column = {patient: index for index, patient in enumerate(self.patients)}
        for image, value in zip(self.images, similarity, strict=True):
            index = column[image.patient]
            best[index] = max(best[index], value)
        return best


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Similarity of probe images to reference patients.

    Attributes:
        probes: the probe images.
        fingerprints: hash of each probe's pixels.
        patients: the reference patients, in the order of the columns.
        similarity: (probes, patients), float64, the best over the patient's images.
    """

    probes: tuple[AuditImage, ...]
    fingerprints: tuple[str, ...]
    patients: tuple[str, ...]
    similarity: NDArray[np.float64]


class Comparer:
    """Compares images; keeps what every comparison needs.

    Reading and searching run in threads: they spend their time in compiled
    code. The result does not depend on their number.
    """

    def __init__(self, workers: int) -> None:
        """Prepare the search.

        Args:
            workers: how many images are treated at the same time, at least 1.
        """
        self.search = PoseSearch()
        self._workers = max(1, workers)

    def prepare(self, images: Sequence[AuditImage]) -> References:
        """Read real images and make them searchable.

        Of a patient's images with equal pixels, the first is kept.

        Args:
            images: at least one.
        """
        kept: dict[tuple[str, str], tuple[AuditImage, EdgeMap]] = {}
        described = self._run(_describe_image, images)
        for image, (edges, fingerprint) in zip(images, described, strict=True):
            kept.setdefault((image.patient, fingerprint), (image, edges))
        return References(
            images=tuple(image for image, _ in kept.values()),
            patients=tuple(sorted({image.patient for image, _ in kept.values()})),
            fingerprints=tuple(fingerprint for _, fingerprint in kept),
            gallery=self.search.build_gallery([edges for _, edges in kept.values()]),
        )

    def compare(self, images: Sequence[AuditImage], references: References) -> Comparison:
        """Give the similarity of each image to each reference patient.

        Args:
            images: the probes.
            references: the real images.
        """

        def compare_one(image: AuditImage) -> tuple[NDArray[np.float64], str]:
            edges, fingerprint = _describe_image(image)
            similarity = self.search.search(edges, references.gallery).similarity
            return references.best_by_patient(similarity), fingerprint

        results = self._run(compare_one, images)
        return Comparison(
            probes=tuple(images),
            fingerprints=tuple(fingerprint for _, fingerprint in results),
            patients=references.patients,
            similarity=np.array([row for row, _ in results]).reshape(len(results), -1),
        )

    def compare_pixels(self, pixels: Pixels, references: References) -> NDArray[np.float64]:
        """Give the similarity of one image in memory to each reference patient."""
        edges = map_edges(fit_body_grid(pixels, "in memory"))
        similarity = self.search.search(edges, references.gallery).similarity
        return references.best_by_patient(similarity)

    def _run(
        self, function: Callable[[AuditImage], Result], images: Sequence[AuditImage]
    ) -> list[Result]:
        with ThreadPoolExecutor(self._workers) as executor:
            return list(executor.map(function, images))


def merge_columns(first: Comparison, second: Comparison) -> Comparison:
    """Join two comparisons of the same probes; a patient in both keeps the higher similarity.

    Args:
        first: similarity to some patients.
        second: similarity to others, of the same probes in the same order.
    """
    patients = tuple(sorted({*first.patients, *second.patients}))
    similarity = np.full((len(first.probes), len(patients)), -np.inf)
    for part in (first, second):
        columns = [patients.index(patient) for patient in part.patients]
        similarity[:, columns] = np.maximum(similarity[:, columns], part.similarity)
    return Comparison(first.probes, first.fingerprints, patients, similarity)


def _describe_image(image: AuditImage) -> tuple[EdgeMap, str]:
    pixels = read_pixels(image.name, image.paths)
    return map_edges(fit_body_grid(pixels, image.name)), pixel_fingerprint(pixels)
