"""Which words and codes a synthetic image's texts may hold without pointing at anybody.

The words are those in the names of DICOM's own attributes, and the few below.
What is on no list is not called a name: the folder decides, see `Words`.
"""

import functools
import re
import string

from pydicom.datadict import DicomDictionary

_OWN_WORDS = """
abdomen abdominal acknowledgements adrenal adrenals adult affine alignment also anon anonym
anonymised anonymized anonymous aorta are args arguments arms arr asc audit augmentation augmented
authors autoencoder backward batch batches been best beta bile bladder blob body3d bones bowel
brain bytecode byteorder bz2 bzip cache canonical card cards case cases cat cava changelog chart
checkpoint checkpoints checksum checksums chest ckpt clean cli clipped cls codes colon colour com
computed config configs constants contents contributors copied copy copyright core coronal cpu
credits cropped csv cta cyclegan database dataframe dataset datasets datasheet dcm ddim ddpm
decoder deep deformed delayed demo denoised derived dice dicomdir diff dir dirs discriminator
discussion docs download draft early edges eight embeddings enc encoder engine enhancement
ensemble epoch epochs errors esophagus eval evaluated events example examples experiment
experimental export exported fake fatty femur ffp ffs fid fidelity figure figures files fine five
fold folds forward four fourth free frozen fully gallbladder gallery gan gans gaussian gdcm gen
generate generated generations generic gif gland ground gzip hard hash hashes hdf hdf5 hdr header
headers heldout helical helper hepatic here hfp hfs hip holdout hounsfield htm html http https
hybrid hyperparameters imgs including infer inference inferences init inputs int interpolated
invented iteration itk its jpeg jpg json jsonl kept kid kidney kidneys kit lab labelled labels lat
late latent latents latest learned legacy legend lesions licence license licenses liver lobes log
logs lowres lpips lumbar lung lungs lzma made mae manifest masks matplotlib md5 median medsynth
methods metrics mgg mha mhd middle mip mixed models module monai montage montages mosaic mri mse
muscle native net nets networks neural new nibabel nifti nii nnunet noncontrast none notebook
notice npy npz nrrd null numpy oesophagus old one only onnx opacus org organs orig outputs pair
paired pancreas panel params parts patch patches pct pdf pelvis pickle picture pictures pil pkl
plain plot plots png policy postprocessed pred predictions preprocessed preview previews privacy
project prostate protected proton provenance pseudonym psnr pth public python pytorch random
randomised randomized ranges readme recall recon reconstructed rectum reduced reformatted release
released replay reports reproducible requirements res resampled research resized rib ribs rights
rmse rst runs safetensors sagittal same sampled sampler scalar schema score scores scout
screenshot script scripts sectional security seed seeds seg segmentations select seq serialization
server seven sha shaped sharing ship sig silver sim simpleitk simulation simulator six skeleton
smoke smooth spine spleen split src ssim stable started statement std stomach storage stroma
subjects subset sum sums supplement surrogate svg syn synth synthesis synthesise synthesised
synthesize synthesized synthesizer synthetics tables tags tar teaching templates tensorboard
testing tests texts tgz than that their these third this thoracic thorax thumbnail thumbnails tif
tiff toml tomography toolkit torch totalsegmentator toy trachea trained training translate
translated translations translator truth tsv tumor tumour tutorial txt unet unlinked unmodified
unpaired unseen uses uterus utilities utility vae val validate variance vein vena venous vertebra
vertebrae vessel vessels vol vox voxels weighted were where which with without work written wsd
www xml yaml yes yml zeros zip
"""
_VERSION_LETTERS = 3
_HASH_LENGTHS = frozenset({32, 40, 56, 64, 96, 128})
_MARKERS = frozenset(
    {
        "anon",
        "anonymized",
        "anonymised",
        "anonymous",
        "case",
        "demo",
        "fake",
        "gan",
        "gen",
        "generated",
        "noncontrast",
        "patient",
        "phantom",
        "pseudo",
        "pseudonym",
        "sample",
        "series",
        "sim",
        "simulated",
        "subject",
        "syn",
        "synth",
        "synthetic",
        "test",
        "volume",
    }
)
_TOKEN = re.compile(r"[^\W_]+")
_LETTERS_THEN_DIGITS = re.compile(r"([^\W\d_]+)(\d+)([^\W\d_]?)")
_HEXADECIMAL = frozenset(string.hexdigits)


def unknown_words(text: str) -> tuple[str, ...]:
    """Give the words of a text that are on no list, in lower case, each once.

    Numbers up to four digits, versions, single letters and pairs of letters
    and plain hash values count as known.

    Args:
        text: any text.
    """
    words = (word.lower() for word in _TOKEN.findall(text))
    return tuple(dict.fromkeys(word for word in words if not _is_known(word)))


def is_made_up(text: str) -> bool:
    """Whether a patient's name or number is recognisably an invented one.

    Invented are words of our lists, hexadecimal numbers with digits and
    letters, a known word or up to three letters with a number, and up to four digits.

    Args:
        text: Patient's Name, Patient ID or a file's name.
    """
    words = [word.lower() for word in _TOKEN.findall(text)]
    if words and words[0] in _MARKERS:
        return all(_is_known(word) or not word.isalpha() for word in words[1:])
    return all(_is_known(word) or _is_code(word) for word in words)


def is_long_number(text: str) -> bool:
    """Whether a text holds a number of more than four digits as a word of its own."""
    return any(word.isdigit() and len(word) > 4 for word in _TOKEN.findall(text))


def _is_known(word: str) -> bool:
    if word.isdigit():
        return len(word) <= 4
    if len(word) <= 2 or word in _vocabulary() or word.removesuffix("s") in _vocabulary():
        return True
    if len(word) in _HASH_LENGTHS and _HEXADECIMAL.issuperset(word):
        return True
    parts = _LETTERS_THEN_DIGITS.fullmatch(word)
    if parts is None:
        return word[0].isdigit() and len(word) <= 4
    return len(parts[2]) <= 4 and (len(parts[1]) <= _VERSION_LETTERS or parts[1] in _vocabulary())


def _is_code(word: str) -> bool:
    """Whether a word is a code out of a generator: hexadecimal, with up to three letters before."""
    digits = sum(letter.isdigit() for letter in word)
    if not digits or word.isdigit():
        return False
    return any(_HEXADECIMAL.issuperset(word[skipped:]) for skipped in range(4))


@functools.cache
def _vocabulary() -> frozenset[str]:
    words = set(_OWN_WORDS.split())
    for _, _, description, _, _ in DicomDictionary.values():
        words.update(word.lower() for word in _TOKEN.findall(description))
    return frozenset(words)
