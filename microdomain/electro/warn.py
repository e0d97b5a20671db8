"""The one warning of the electrochemistry."""

from __future__ import annotations


class ElectroWarning(UserWarning):
    """A number was given, but under a condition that the reader must know.

    Raised as a warning where a map holds points without a potential (they become NaN and are
    counted), where activities are used on one side only, and where a cell's volume runs away.
    """
