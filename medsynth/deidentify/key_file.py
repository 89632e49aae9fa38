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
        ConfigurationError: it is not there or holds fewer than 32 bytes.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"Key file {path} is not there. Expected a file with at least {_SHORTEST_BYTES} random "
            "bytes. Check the path."
        )
    key = path.read_bytes()
    if len(key) < _SHORTEST_BYTES:
        raise ConfigurationError(
            f"Key file {path} holds {len(key)} bytes. Expected at least {_SHORTEST_BYTES} random "
            "ones. Name another file, or one that is not there yet: it is made."
        )
    return hmac.new(b"medsynth pseudonyms", key, hashlib.sha256).hexdigest()


def make_key(path: Path) -> None:
    """Write a new key of random bytes that its owner alone can read.

    Args:
        path: the file to make; its folder must exist.

    Raises:
        ConfigurationError: it is there already, or its folder is not.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (FileExistsError, FileNotFoundError):
        raise ConfigurationError(
            f"Key file {path} cannot be made. Expected a folder that exists, and no file of that "
            "name in it. Choose another place for the key."
        ) from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_bytes(_SHORTEST_BYTES))
        stream.flush()
        os.fsync(stream.fileno())
