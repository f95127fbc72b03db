# SPDX-License-Identifier: Apache-2.0
"""The checksum at the end of a JSON document: a byte that changed on the disk is found.

A document ends with the CRC-32 (IEEE) of what stands before it, so that no changed byte is taken
for a value. Documents of the first versions have none and are read all the same.
"""

from __future__ import annotations

import re
import zlib

import msgspec

_SUM = re.compile(rb',\n  "checksum": "([^"]*)"\n}\s*$')


def encode_document(document: msgspec.Struct) -> bytes:
    """Return the indented JSON text of a document that has fields, with its checksum."""
    text = msgspec.json.format(msgspec.json.encode(document)).removesuffix(b"\n}")
    return b'%s,\n  "checksum": "%08x"\n}\n' % (text, zlib.crc32(text))


def checked(content: bytes) -> bytes:
    """Return a document without its checksum, which is right where there is one.

    Raises:
        msgspec.DecodeError: It is wrong.
    """
    found = _SUM.search(content)
    if found is None:
        return content
    text = content[: found.start()]
    if found[1] != b"%08x" % zlib.crc32(text):
        raise msgspec.DecodeError("it is not what was written: the checksum differs")
    return text + b"\n}"
