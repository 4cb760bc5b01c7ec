"""Takes a file out of a form (multipart/form-data, RFC 7578). Pure."""

from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

MEDIA_TYPE: Final = "multipart/form-data"
_END: Final = b"\r\n"


def file_of(body: bytes, content_type: str, name: str) -> bytes | None:
    """What the part of this name holds, or None if there is none, or nothing that reads as a form."""
    kind = Message()
    kind["content-type"] = content_type
    boundary = kind.get_boundary()
    if not boundary:
        return None
    for part in (_END + body).split(_END + b"--" + boundary.encode())[1:]:
        if part.startswith(b"--"):  # what follows the last part is nobody's
            return None
        head, found, content = part.partition(_END + _END)
        if found and _name(head) == name:
            return content
    return None


def _name(head: bytes) -> object:
    """By which a part goes; its headers begin after the end of the boundary's line."""
    headers = BytesHeaderParser().parsebytes(head.partition(_END)[2])
    return headers.get_param("name", header="content-disposition")
