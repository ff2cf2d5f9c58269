"""XML documents that say at the top that they are drafts."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from audio_batch.sar.record import MissingField


def write_document(root: ElementTree.Element, missing: Sequence[MissingField]) -> str:
    """Return an XML document in UTF-8, indented, with a comment that says DRAFT and lists the missing fields.

    Parameters
    ----------
    root
        Its root; white space is added between elements, never inside a text.
    missing
        The fields that a filing would need and that are not in it.
    """
    ElementTree.indent(root, space="  ")
    fields = "".join(f"\n  {item.field}: {item.source}" for item in missing) or " none"
    comment = f"DRAFT - NOT FILED - FOR REVIEW BY A COMPLIANCE OFFICER. Missing:{fields}"
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {comment} -->\n{body}\n'
