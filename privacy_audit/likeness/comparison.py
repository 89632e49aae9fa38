"""Similarity of many images to many patients."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.body_grid import fit_body_grid, pixel_fingerprint
from privacy_audit.images.image_reading import Pixels, read_pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.similarity import Gallery, PoseSearch, ReducedMap, map_edges

NEAREST_KEPT = 8
"""Patients kept of each image, where only the nearest are asked for."""

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class References:
    """Real images, ready to be searched.

    Attributes:
        images: the images, in the order of the gallery.
        patients: their patients, each once, sorted.
        fingerprints: hash of each image's pixels.
        gallery: what `PoseSearch` searches; its owners are places in `patients`.
    """

    images: tuple[AuditImage, ...]
    patients: tuple[str, ...]
    fingerprints: tuple[str, ...]
    gallery: Gallery

    def best_by_patient(self, similarity: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the highest similarity among each patient's images, in the order of patients."""
        best = np.full(len(self.patients), -np.inf)
        np.maximum.at(best, self.gallery.owners, similarity.astype(np.float64))
        return best


@dataclasses.dataclass(frozen=True)
class Nearest:
    """The reference patients that are most alike to each probe image.

    Its size does not grow with the number of reference patients.

    Attributes:
        probes: the probe images.
        fingerprints: hash of each probe's pixels.
        patients: the reference patients, sorted.
        columns: (probes, kept), places in `patients`, the most alike first.
        similarity: (probes, kept), float64, from -1 to 1.
    """

    probes: tuple[AuditImage, ...]
    fingerprints: tuple[str, ...]
    patients: tuple[str, ...]
    columns: NDArray[np.int64]
    similarity: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Similarity of probe images to reference patients.

    Attributes:
        probes: the probe images.
        fingerprints: hash of each probe's pixels.
        patients: the reference patients, in the order of the columns.
        similarity: (probes, patients), float64, the best over the patient's images. Exact
            for the candidates of the rough search, which hold the highest; for the
            others a rough likeness below theirs.
    """

    probes: tuple[AuditImage, ...]
    fingerprints: tuple[str, ...]
    patients: tuple[str, ...]
    similarity: NDArray[np.float64]

    def nearest(self) -> Nearest:
        """Keep the patients that are most alike to each probe."""
        rows = [_keep_nearest(row) for row in self.similarity]
        return _stack_nearest(self.probes, self.fingerprints, self.patients, rows)


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
        self.workers = max(1, workers)

    def prepare(self, images: Sequence[AuditImage]) -> References:
        """Read real images and make them searchable.

        Of a patient's images with equal pixels, the first is kept.

        Args:
            images: at least one.
        """

        def describe(image: AuditImage) -> tuple[ReducedMap, str]:
            pixels = read_pixels(image.name, image.paths)
            return self._reduce(pixels, image.name), pixel_fingerprint(pixels)

        kept: dict[tuple[str, str], tuple[AuditImage, ReducedMap]] = {}
        for image, (reduced, fingerprint) in zip(images, self._run(describe, images), strict=True):
            kept.setdefault((image.patient, fingerprint), (image, reduced))
        patients = tuple(sorted({image.patient for image, _ in kept.values()}))
        place = {patient: index for index, patient in enumerate(patients)}
        owners = np.array([place[image.patient] for image, _ in kept.values()], dtype=np.int64)
        return References(
            images=tuple(image for image, _ in kept.values()),
            patients=patients,
            fingerprints=tuple(fingerprint for _, fingerprint in kept),
            gallery=self.search.gather([reduced for _, reduced in kept.values()], owners),
        )

    def compare(self, images: Sequence[AuditImage], references: References) -> Comparison:
        """Give the similarity of each image to each reference patient.

        Args:
            images: the probes.
            references: the real images.
        """

        def compare_one(image: AuditImage) -> tuple[NDArray[np.float64], str]:
            return self._compare_image(image, references)

        results = self._run(compare_one, images)
        shape = (len(results), len(references.patients))
        return Comparison(
            probes=tuple(images),
            fingerprints=tuple(fingerprint for _, fingerprint in results),
            patients=references.patients,
            similarity=np.array([row for row, _ in results]).reshape(shape),
        )

    def find_nearest(self, images: Sequence[AuditImage], references: References) -> Nearest:
        """Give the patients that are most alike to each image; needs no table of all pairs.

        Args:
            images: the probes.
            references: the real images.
        """

        def nearest_of(
            image: AuditImage,
        ) -> tuple[tuple[NDArray[np.int64], NDArray[np.float64]], str]:
            row, fingerprint = self._compare_image(image, references)
            return _keep_nearest(row), fingerprint

        results = self._run(nearest_of, images)
        fingerprints = tuple(fingerprint for _, fingerprint in results)
        rows = [row for row, _ in results]
        return _stack_nearest(tuple(images), fingerprints, references.patients, rows)

    def compare_pixels(self, pixels: Pixels, references: References) -> NDArray[np.float64]:
        """Give the similarity of one image in memory to each reference patient."""
        edges = map_edges(fit_body_grid(pixels, "in memory"))
        similarity = self.search.search(edges, references.gallery).similarity
        return references.best_by_patient(similarity)

    def _compare_image(
        self, image: AuditImage, references: References
    ) -> tuple[NDArray[np.float64], str]:
        pixels = read_pixels(image.name, image.paths)
        edges = map_edges(fit_body_grid(pixels, image.name))
        similarity = self.search.search(edges, references.gallery).similarity
        return references.best_by_patient(similarity), pixel_fingerprint(pixels)

    def _reduce(self, pixels: Pixels, name: str) -> ReducedMap:
        return self.search.reduce(map_edges(fit_body_grid(pixels, name)))

    def _run(
        self, function: Callable[[AuditImage], Result], images: Sequence[AuditImage]
    ) -> list[Result]:
        with ThreadPoolExecutor(self.workers) as executor:
            return list(executor.map(function, images))


def merge_columns(first: Comparison, second: Comparison) -> Comparison:
    """Join two comparisons of the same probes; a patient in both keeps the higher similarity.

    Args:
        first: similarity to some patients.
        second: similarity to others, of the same probes in the same order.
    """
    patients = tuple(sorted({*first.patients, *second.patients}))
    place = {patient: index for index, patient in enumerate(patients)}
    similarity = np.full((len(first.probes), len(patients)), -np.inf)
    for part in (first, second):
        columns = [place[patient] for patient in part.patients]
        similarity[:, columns] = np.maximum(similarity[:, columns], part.similarity)
    return Comparison(first.probes, first.fingerprints, patients, similarity)


def _keep_nearest(row: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    columns = np.argsort(-row, kind="stable")[:NEAREST_KEPT]
    return columns, row[columns]


def _stack_nearest(
    probes: tuple[AuditImage, ...],
    fingerprints: tuple[str, ...],
    patients: tuple[str, ...],
    rows: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> Nearest:
    shape = (len(rows), min(NEAREST_KEPT, len(patients)))
    return Nearest(
        probes=probes,
        fingerprints=fingerprints,
        patients=patients,
        columns=np.array([columns for columns, _ in rows], dtype=np.int64).reshape(shape),
        similarity=np.array([similarity for _, similarity in rows]).reshape(shape),
    )
