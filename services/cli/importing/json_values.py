"""Reads JSON values one by one from a file that may be larger than memory: an array's entries, or values in a row."""

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from services.cli.importing.row import WrongFormatError

PIECE: Final = 1 << 20
LONGEST: Final = 64 << 20
"""Characters of one value."""
_BLANK: Final = " \t\r\n"


def values(file: BinaryIO) -> Iterator[Any]:
    """The entries if the file is one array, else every value in it. Raises `WrongFormatError`."""
    reading = _Reading(file)
    if not reading.skip(_BLANK):
        return
    within = reading.text[reading.place] == "["
    if within:
        reading.place += 1
    between = _BLANK + "," if within else _BLANK
    while reading.skip(between):
        if within and reading.text[reading.place] == "]":
            return
        yield reading.value()
    if within:
        message = "the array has no end"
        raise WrongFormatError(message)


class _Reading:
    """A window into the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("strict").decode
        self._json = json.JSONDecoder()
        self._ended = False
        self.text = ""
        self.place = 0

    def skip(self, characters: str) -> bool:
        """Goes to the next character that is none of these; False at the end."""
        while True:
            while self.place < len(self.text) and self.text[self.place] in characters:
                self.place += 1
            if self.place < len(self.text):
                return True
            if not self._more():
                return False

    def value(self) -> Any:
        """The value that begins here."""
        while True:
            try:
                found, end = self._json.raw_decode(self.text, self.place)
            except ValueError as error:
                if len(self.text) - self.place > LONGEST or not self._more():
                    message = f"no JSON: {error}"
                    raise WrongFormatError(message) from error
                continue
            if end == len(self.text) and self._more():  # a number may go on
                continue
            self.place = end
            return found

    def _more(self) -> bool:
        if self._ended:
            return False
        piece = self._file.read(PIECE)
        self._ended = not piece
        try:
            self.text = self.text[self.place :] + self._decode(piece, not piece)
        except UnicodeDecodeError as error:
            message = "the file is not UTF-8"
            raise WrongFormatError(message) from error
        self.place = 0
        return True
