"""What a user can choose about a report. Nothing here changes a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """``full_text`` writes every output into static side files ``trials/pNNNN.html``. ``external_css`` writes the style
    sheet of the report and of these into ``report.css`` beside it, for hosts that let a page have no style of its own.

    ``failing_text_bytes`` caps the base64 of the full outputs kept in the page for trials that changed, failed or are
    wrong; ``other_text_bytes`` the same for all other trials. ``preview_characters`` is the length of the preview each
    trial has in the table; it is shortened where a large run would make the page too big.
    """

    full_text: bool = False
    external_css: bool = False
    failing_text_bytes: int = 4_000_000
    other_text_bytes: int = 100_000
    preview_characters: int = 120
