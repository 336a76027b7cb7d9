"""The page that changes the object that is selected in the explorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import ipywidgets

from pmemobj_magics.views.panel.controls import button, choice, heading, offer, row, suggesting_field
from pmemobj_magics.views.panel.messages import Message
from pmemobj_magics.views.panel.spent_texts import SpentTexts

__all__ = ["ChangeActions", "ChangePage"]

#: The entry of the list of templates that changes nothing.
_NO_TEMPLATE = "write a value, or choose"


class ChangeActions(Protocol):
    """What the controls of this page do."""

    def preview(self) -> None: ...
    def change(self) -> None: ...
    def select_root(self) -> None: ...


class ChangePage(ipywidgets.VBox):
    """The changes of an object.

    Attributes:
        kind: The choice of the change.
        place: The field for the key, index or attribute.
        value: The field for the value.
        template: The choice of templates for the value.
        spent: Empties the fields after a change.
        message: What the change did, or why it failed.
    """

    def __init__(self, actions: ChangeActions) -> None:
        self._name = ""
        self._head = ipywidgets.HTML()
        self._line = ipywidgets.HTML()
        self._line.add_class("pmem-panel-preview")
        self._promise = ipywidgets.HTML()
        self.kind = choice("change", [])
        self.place = suggesting_field("key")
        self.value = suggesting_field("value", "5, 'Ada', [1, 2], {'a': 1}")
        self.template = choice("new", [_NO_TEMPLATE])
        self.spent = SpentTexts(self.place, self.value)
        self.change_button = button("Do it", "Make this change.", actions.change, "primary")
        self.root_button = button("Select the root", "Select the root in the explorer.", actions.select_root)
        self.message = Message()
        for control in (self.kind, self.place, self.value):
            control.observe(lambda _: actions.preview(), names=["value"])
        self.template.observe(self._on_template, names=["value"])
        self._controls = ipywidgets.VBox(
            [row(self.kind, self.place), row(self.value, self.template), self._line, row(self.change_button)]
        )
        super().__init__(
            [heading("Change"), row(self._head, self.root_button), self._controls, self.message, self._promise]
        )

    def show_object(self, name: str, head: str, words: Sequence[str], promise: str) -> None:
        """Show which object is selected.

        Args:
            name: Differs from one object to another.
            head: What is said of the object (HTML).
            words: Its possible changes.
            promise: What a change promises (HTML).
        """
        self._head.value, self._promise.value = head, promise
        if self._name != name:
            # What was chosen for the last object need not be what one does to this one.
            self._name = name
            self.kind.options = ()
        offer(self.kind, words)
        self._controls.layout.display = "flex" if words else "none"

    def show_fields(self, place: str, value: str, places: Sequence[str], templates: Sequence[str]) -> None:
        """Show the fields that the chosen change needs, by their names, with what can be chosen for them."""
        self.place.layout.display = "flex" if place else "none"
        self.place.description = place or "key"
        if tuple(self.place.options) != tuple(places):
            self.place.options = tuple(places)
        self.value.layout.display = "flex" if value else "none"
        self.template.layout.display = "flex" if value in ("value",) else "none"
        self.value.description = value or "value"
        offer(self.template, (_NO_TEMPLATE, *templates))

    def show_line(self, html: str) -> None:
        """Show the line of Python that the button would run, or what is missing for it (HTML)."""
        self._line.value = html

    def _on_template(self, change: dict[str, object]) -> None:
        if change["new"] and change["new"] != _NO_TEMPLATE:
            self.spent.use(self.value.description)
            self.value.value = str(change["new"])
            self.template.value = _NO_TEMPLATE
