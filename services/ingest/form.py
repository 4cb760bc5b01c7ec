"""Takes a file out of a form (multipart/form-data, RFC 7578). Pure."""

from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

MEDIA_TYPE: Final = "multipart/form-data"
_END: Final = b"\r\n"
_BLANK: Final = _END + _END
MOST_HEAD: Final = 2048
"""Bytes of a part's headers, or of the content type: the library takes the square of that to read them."""
MOST_PARTS: Final = 50


def file_of(body: bytes, content_type: str, name: str) -> bytes | None:
    """What the part of this name holds, or None if there is none, or nothing that reads as a form."""
    boundary = _boundary(content_type)
    if not boundary:
        return None
    edge = b"--" + boundary
    at = 0 if body.startswith(edge) else body.find(_END + edge) + len(_END)
    for _ in range(MOST_PARTS):
        begins, ends = body.find(_BLANK, at), body.find(_END + edge, at)
        whole = body.startswith(edge, at) and at < begins < ends + 1  # what follows the last part is nobody's
        if not whole or begins - at > MOST_HEAD:
            return None
        if _name(body[at:begins]) == name:
            return body[begins + len(_BLANK) : ends]
        at = ends + len(_END)
    return None


def _boundary(content_type: str) -> bytes:
    if len(content_type) > MOST_HEAD:
        return b""
    kind = Message()
    kind["content-type"] = content_type
    try:
        return (kind.get_boundary() or "").encode()
    except ValueError:  # in a charset that is none
        return b""


def _name(head: bytes) -> object:
    """By which a part goes; its headers begin after the end of the boundary's line."""
    headers = BytesHeaderParser().parsebytes(head.partition(_END)[2])
    return headers.get_param("name", header="content-disposition")
