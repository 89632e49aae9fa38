from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from medsynth.imaging.dicom_discovery import discover_instances
from tests.medsynth.imaging.dicom_examples import example_series, write_slices


def test_discovery_counts_the_files_that_are_not_dicom(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(3))
    for name in ("report.pdf", "empty", "picture.png"):
        (tmp_path / name).write_bytes(b"\x89PNG beside" if name == "picture.png" else b"")
        paths.append(tmp_path / name)
    with ThreadPoolExecutor(1) as executor:
        discovery = discover_instances(paths, executor, on_progress=lambda _: None)
    assert (len(discovery.instances), discovery.other_files) == (3, 3)


def test_discovery_keeps_the_order_of_the_paths_and_tells_progress(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(70))
    told: list[int] = []
    with ThreadPoolExecutor(2) as executor:
        discovery = discover_instances(paths, executor, on_progress=told.append)
    assert [instance.path for instance in discovery.instances] == paths
    # 70 files are 64 and 6, done in either order.
    assert told in ([64, 70], [6, 70])
