"""The key ring: seals credentials with AES-256-GCM, and hashes secrets under a pepper; read from one file of mode 0600.

The first process to start makes the file. The first key of the ring seals; every key of it opens.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.store.errors import Unsealable

NONCE_BYTES: Final = 12
KEY_ID_BYTES: Final = 4
FORMAT: Final = b"\x01"


class Keyring:
    """Sealing keys by id (4 bytes), newest first, and the pepper of secret hashes. Lives as long as the process."""

    def __init__(self, keys: dict[bytes, bytes], pepper: bytes) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = next(iter(keys))
        self._pepper = pepper

    def seal(self, plaintext: bytes, bound_to: str) -> bytes:
        """Encrypts; only `unseal` with the same `bound_to` opens it, so that no sealed value can be moved elsewhere."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, plaintext, bound_to.encode())
        return FORMAT + self._newest + nonce + sealed

    def unseal(self, sealed: bytes, bound_to: str) -> bytes:
        """What was sealed. Raises `Unsealable`."""
        key_id, nonce, body = sealed[1:5], sealed[5 : 5 + NONCE_BYTES], sealed[5 + NONCE_BYTES :]
        cipher = self._ciphers.get(key_id)
        if sealed[:1] != FORMAT or cipher is None:
            message = f"no key {key_id.hex()} in the key ring"
            raise Unsealable(message)
        try:
            return cipher.decrypt(nonce, body, bound_to.encode())
        except InvalidTag as error:
            message = f"sealed for something else than {bound_to}"
            raise Unsealable(message) from error

    def hash_secret(self, secret: str) -> bytes:
        """The keyed hash under which a secret is stored; with 256 bits and more in it, one fast round is enough."""
        return hmac.digest(self._pepper, secret.encode(), hashlib.sha256)


def open_keyring(path: Path) -> Keyring:
    """The ring in this file, made on the first start. Raises `Unsealable` if the file is not a key ring."""
    if not path.exists():
        _make(path)
    try:
        ring = json.loads(path.read_text())
        keys = {bytes.fromhex(one["id"]): base64.b64decode(one["key"]) for one in ring["keys"]}
        return Keyring(keys, base64.b64decode(ring["pepper"]))
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        message = f"{path} is not a key ring"
        raise Unsealable(message) from error


def _make(path: Path) -> None:
    """Writes a new ring beside the file and links it there: of two processes that start at once, one wins whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = {"id": os.urandom(KEY_ID_BYTES).hex(), "key": base64.b64encode(os.urandom(32)).decode()}
    ring = {"keys": [key], "pepper": base64.b64encode(secrets.token_bytes(32)).decode()}
    handle, name = tempfile.mkstemp(dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(ring, file)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
