"""Makes a service account with a new key, as the console's JSON file, so that a client can be tried at once."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.simulator.fcm.assertion import AUDIENCE
from services.simulator.fcm.project import SENDER, ServiceAccount

KEY_BITS = 2048


def make_service_account(
    project: str, email: str = "", *, roles: tuple[str, ...] = (SENDER,), token_uri: str = AUDIENCE
) -> tuple[dict[str, Any], ServiceAccount]:
    """The file's content (with the private key) and what the simulator registers. Takes some 100 ms of CPU."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    email = email or f"firebase-adminsdk@{project}.iam.gserviceaccount.com"
    key_id = f"{key.public_key().public_numbers().n % 2**160:040x}"
    file = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": key_id,
        "private_key": private,
        "client_email": email,
        "client_id": str(int(key_id[:16], 16)),
        "token_uri": token_uri,
    }
    account = ServiceAccount(client_email=email, project=project, private_key_id=key_id, public_key=public, roles=roles)
    return file, account
