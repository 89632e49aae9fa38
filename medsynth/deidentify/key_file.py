"""The key from which pseudonyms, new UIDs and date shifts are made.

Whoever holds it can tell from an identity which pseudonym it has; nobody else
can. There is no other list of who is who.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from medsynth.errors import ConfigurationError

_SHORTEST_BYTES = 32


def read_secret(path: Path) -> str:
    """Give the secret that a key file stands for: 64 hexadecimal digits.

    Args:
        path: the key file.

    Raises:
        ConfigurationError: it is not there, no file, or holds fewer than 32 bytes.
    """
    return secret_of_key(read_key(path))


def read_key(path: Path) -> bytes:
    """Give the bytes of a key file.

    Args:
        path: the key file.

    Raises:
        ConfigurationError: it is not there, no file, or holds fewer than 32 bytes.
    """
    if not path.is_file():
        what = "is not a file" if path.exists() else "is not there"
        raise ConfigurationError(
            f"Key file {path} {what}. Expected a file with at least {_SHORTEST_BYTES} random "
            "bytes. Check the path."
        )
    key = path.read_bytes()
    if len(key) < _SHORTEST_BYTES:
        raise ConfigurationError(
            f"Key file {path} holds {len(key)} bytes. Expected at least {_SHORTEST_BYTES} random "
            "ones. Name another file."
        )
    return key


def secret_of_key(key: bytes) -> str:
    """Give the secret that a key stands for: 64 hexadecimal digits.

    Args:
        key: random bytes, or other bytes that nobody else has.
    """
    return hmac.new(b"medsynth pseudonyms", key, hashlib.sha256).hexdigest()


def make_key(path: Path) -> None:
    """Write a new key of random bytes that its owner alone can read.

    Args:
        path: the file to make; its folder is made if missing.

    Raises:
        ConfigurationError: it is there already, or its folder cannot be.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (FileExistsError, NotADirectoryError):
        raise ConfigurationError(
            f"Key file {path} cannot be made. Expected a path of folders, and no file or link of "
            "that name at its end. Choose another place for the key."
        ) from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_bytes(_SHORTEST_BYTES))
        stream.flush()
        os.fsync(stream.fileno())


def is_open_to_others(path: Path) -> bool:
    """Tell whether other users of the machine may read or change a key file.

    Only where permissions are those of POSIX; elsewhere the answer is no.

    Args:
        path: an existing file.
    """
    return os.name == "posix" and path.stat().st_mode & 0o077 != 0
