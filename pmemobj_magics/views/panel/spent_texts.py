"""Texts that an act has used, and which the page may send once more.

After an act its fields are emptied for the next one. ipywidgets holds back the changes of a field while the kernel has
not taken an earlier one, so what somebody typed before the press may arrive after it, and would fill the field again.
No clock can tell this from somebody who types the same text again; the page can, and says when a field is used.
"""

from __future__ import annotations

from typing import Any

import ipywidgets

__all__ = ["SpentTexts"]


class SpentTexts:
    """Fields that are emptied when their texts were used, and stay empty until somebody uses them again.

    Args:
        fields: The fields, whose descriptions are their labels.
    """

    def __init__(self, *fields: ipywidgets.Text | ipywidgets.Combobox) -> None:
        self._fields = fields
        self._spent: dict[ipywidgets.Widget, str] = {}
        for field in fields:
            field.observe(self._on_change, names=["value"])

    def spend(self, *fields: ipywidgets.Text | ipywidgets.Combobox) -> None:
        """Empty these fields, since their texts were used."""
        for field in fields:
            self._spent[field] = field.value
            field.value = ""

    def use(self, label: str) -> None:
        """Note that somebody uses the field with this label again: what comes from now on is new."""
        for field in self._fields:
            if field.description == label:
                self._spent.pop(field, None)

    def _on_change(self, change: dict[str, Any]) -> None:
        # A text arrives late at most once, so a page that tells nothing can fill the field by trying again.
        if change["new"] and self._spent.get(change["owner"]) == change["new"]:
            del self._spent[change["owner"]]
            change["owner"].value = ""
