"""The scanner: table, blur of the kernel, noise, and the circle that is reconstructed."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.imaging.volume import AIR_HU, HIGHEST_HU, LOWEST_HU
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.site import Site, Table
from medsynth.phantom.space import Field

# Air around the patient; what lies outside the reconstructed circle is AIR_HU.
_ROOM_AIR_HU = -1000.0
_TABLE_GAP_MM = 5.0
_FOAM_HU = -930.0


def paint_table(plain_hu: Field, body: Field, site: Site, spacing_mm: float) -> None:
    """Paint the patient table into the air below the body.

    Args:
        plain_hu: (slices, rows, columns), changed in place.
        body: (slices, rows, columns), share of each voxel inside the skin.
        site: gives the table's shape.
        spacing_mm: distance between voxel centres within a slice.
    """
    _, rows, columns = plain_hu.shape
    across = (np.arange(columns) - (columns - 1) / 2) * spacing_mm
    skin_rows = np.flatnonzero(body.max(axis=(0, 2)) > 0.5)
    back_mm = (float(skin_rows[-1]) if len(skin_rows) else rows * 0.8) * spacing_mm + _TABLE_GAP_MM
    down = np.arange(rows)[:, None] * spacing_mm - back_mm
    if site.table is Table.CURVED:
        down = down + 0.0011 * across[None, :] ** 2 - 4
        inside = np.minimum(down, 26 - down)
    else:
        inside = np.minimum(np.minimum(down, 32 - down), 205 - np.abs(across)[None, :])
    shell = np.clip(0.5 + inside / spacing_mm, 0, 1)
    core = np.clip(0.5 + (inside - 6) / spacing_mm, 0, 1)
    table_hu = _ROOM_AIR_HU + shell * (site.table_hu - _ROOM_AIR_HU)
    table_hu += core * (_FOAM_HU - table_hu)
    plain_hu += (1 - body) * shell * (table_hu - plain_hu).astype(np.float32)


def apply_kernel(values_hu: Field, site: Site, spacing_mm: float) -> Field:
    """Blur, and sharpen edges, as the site's reconstruction kernel does.

    Args:
        values_hu: (slices, rows, columns), HU; linear, so it may be a gain too.
        site: gives the kernel.
        spacing_mm: distance between voxel centres within a slice.

    Returns:
        A new array of the same shape.
    """
    sigma = site.blur_mm / spacing_mm
    blurred: Field = ndimage.gaussian_filter(values_hu, (0, sigma, sigma), truncate=3)
    if site.sharpening > 0:
        wide = ndimage.gaussian_filter(blurred, (0, 2 * sigma, 2 * sigma), truncate=3)
        blurred += np.float32(site.sharpening) * (blurred - wide)
    return blurred


def draw_noise(
    random: np.random.Generator,
    *,
    body: Field,
    plain_hu: Field,
    site: Site,
    options: PhantomOptions,
) -> Field:
    """Draw the noise of one scan.

    Its spectrum rises with the root of frequency, so that the power rises
    linearly as filtered back-projection makes it, and the kernel ends it. Its
    size grows with the water-equivalent diameter of each slice and falls
    towards the skin.

    Args:
        random: the stream of the noise.
        body: share of each voxel inside the skin.
        plain_hu: HU without contrast, which decides the diameter; the diameter
            must not depend on the contrast, or the noise would.
        site: gives level and cut-off.
        options: the grid.

    Returns:
        (slices, rows, columns), HU.

    Source: AAPM report 220 for the diameter; the growth with it is that of a
    scanner with partial tube current modulation (own derivation).
    """
    slices, rows, columns = body.shape
    spacing_mm = options.spacing_mm
    white = random.standard_normal((slices + 1, rows, columns), dtype=np.float32)
    f_rows = np.fft.fftfreq(rows, spacing_mm)[:, None]
    f_columns = np.fft.rfftfreq(columns, spacing_mm)[None, :]
    frequency = np.sqrt(f_rows**2 + f_columns**2)
    damping = np.exp(-0.5 * (frequency / site.noise_cutoff_per_mm) ** 2)
    response = np.sqrt(frequency + 0.004) * damping
    # The half spectrum stands for the whole: inner columns count twice.
    twice = np.full(response.shape[1], 2.0)
    twice[0] = 1.0
    if columns % 2 == 0:
        twice[-1] = 1.0
    power = (response**2 * twice).sum() / (rows * columns)
    spectrum = np.fft.rfft2(white, axes=(1, 2))
    spectrum *= response / np.sqrt(power)
    shaped = np.fft.irfft2(spectrum, s=(rows, columns), axes=(1, 2)).astype(np.float32)
    # Slices thicker than their distance share rays with the next.
    shared = np.float32(max(0.0, site.thickness_ratio - 1))
    noise = (shaped[:-1] + shared * shaped[1:]) / np.sqrt(1 + shared**2)
    noise *= _noise_size(body, plain_hu, site, spacing_mm)
    sized: Field = noise.astype(np.float32)
    return sized


def to_stored_hu(values_hu: Field) -> NDArray[np.int16]:
    """Round to whole HU within the range a scanner stores."""
    return np.clip(np.rint(values_hu), LOWEST_HU, HIGHEST_HU).astype(np.int16)


def outside_circle(matrix: int) -> NDArray[np.bool_]:
    """Give the (rows, columns) outside the circle that a scanner reconstructs."""
    steps = np.arange(matrix) - (matrix - 1) / 2
    outside: NDArray[np.bool_] = steps[:, None] ** 2 + steps[None, :] ** 2 > (matrix / 2) ** 2
    return outside


def blank_outside_circle(values_hu: NDArray[np.int16]) -> None:
    """Set what lies outside the reconstructed circle to air, in place."""
    values_hu[:, outside_circle(values_hu.shape[1])] = AIR_HU


def _noise_size(body: Field, plain_hu: Field, site: Site, spacing_mm: float) -> Field:
    attenuation = np.clip(plain_hu / 1000 + 1, 0, 2) * body
    water_area_mm2 = attenuation.sum(axis=(1, 2), dtype=np.float64) * spacing_mm**2
    diameter_mm = 2 * np.sqrt(np.maximum(water_area_mm2, 1.0) / np.pi)
    size_hu = site.noise_hu * np.exp((diameter_mm - 270) / 170)
    size_hu = np.clip(size_hu, 0.3 * site.noise_hu, 2.2 * site.noise_hu)
    step = max(1, round(8 / spacing_mm))
    coarse = body[:, ::step, ::step]
    sigma = 24 / (spacing_mm * step)
    depth = ndimage.gaussian_filter(coarse, (0, sigma, sigma), truncate=2.5, mode="constant")
    depth = np.repeat(np.repeat(depth, step, axis=1), step, axis=2)
    depth = depth[:, : body.shape[1], : body.shape[2]]
    depth = ndimage.uniform_filter(depth, (0, 2 * step + 1, 2 * step + 1))
    profile = np.float32(0.3) + np.float32(0.7) * depth
    size: Field = profile * size_hu[:, None, None].astype(np.float32)
    return size
