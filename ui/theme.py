"""Look of the page: a Gradio theme and the style sheet. Fonts are the ones Gradio carries; nothing is fetched."""

from __future__ import annotations

from pathlib import Path

from gradio.themes import Base, Color, LocalFont
from gradio.themes.utils import sizes

STATIC = Path(__file__).with_name("static")

PINE = Color(
    c50="#eaf5f0", c100="#cfe8dd", c200="#a3d4c0", c300="#6fbb9d", c400="#3f9f7b", c500="#1c8462", c600="#0d6b4f",
    c700="#0b5741", c800="#094534", c900="#073528", c950="#04231a", name="pine",
)  # fmt: skip
STONE = Color(
    c50="#f7f8f6", c100="#eff1ed", c200="#dfe3dd", c300="#c5ccc4", c400="#939d95", c500="#667169", c600="#4c5750",
    c700="#38423c", c800="#232b27", c900="#171e1b", c950="#101512", name="stone",
)  # fmt: skip


def theme() -> Base:
    """Pine green on stone, IBM Plex, square-cut corners; light and dark."""
    base = Base(
        primary_hue=PINE,
        secondary_hue=PINE,
        neutral_hue=STONE,
        radius_size=sizes.radius_sm,
        spacing_size=sizes.spacing_md,
        text_size=sizes.text_md,
        font=[LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
        font_mono=[LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"],
    )
    return base.set(**_surfaces(), **_controls(), **_buttons())


def _surfaces() -> dict[str, str]:
    return {
        "body_background_fill": "*neutral_100",
        "body_background_fill_dark": "*neutral_950",
        "body_text_color": "*neutral_900",
        "body_text_color_dark": "#e8ece8",
        "body_text_color_subdued": "#58635c",
        "body_text_color_subdued_dark": "#a4aea7",
        "background_fill_primary": "#ffffff",
        "background_fill_primary_dark": "*neutral_900",
        "background_fill_secondary": "*neutral_50",
        "background_fill_secondary_dark": "#131916",
        "border_color_primary": "*neutral_200",
        "border_color_primary_dark": "#2d3732",
        "border_color_accent": "*primary_600",
        "border_color_accent_dark": "*primary_300",
        "color_accent": "*primary_600",
        "block_background_fill": "transparent",
        "block_background_fill_dark": "transparent",
        "block_border_width": "0px",
        "block_border_width_dark": "0px",
        "block_shadow": "none",
        "block_shadow_dark": "none",
        "block_padding": "0px",
        "block_label_background_fill": "transparent",
        "block_label_background_fill_dark": "transparent",
        "block_title_text_color": "*neutral_600",
        "block_title_text_color_dark": "#b7c0ba",
        "block_title_text_size": "*text_sm",
        "block_title_text_weight": "700",
        "block_info_text_color": "#58635c",
        "block_info_text_color_dark": "#a4aea7",
        "panel_background_fill": "transparent",
        "panel_background_fill_dark": "transparent",
        "layout_gap": "14px",
        "form_gap_width": "0px",
        "link_text_color": "*primary_700",
        "link_text_color_dark": "*primary_300",
    }


def _controls() -> dict[str, str]:
    return {
        "input_background_fill": "#ffffff",
        "input_background_fill_dark": "#121714",
        "input_border_color": "#8d978f",
        "input_border_color_dark": "#67726b",
        "input_border_color_focus": "*primary_600",
        "input_border_color_focus_dark": "*primary_300",
        "input_border_width": "1px",
        "input_border_width_dark": "1px",
        "input_shadow": "none",
        "input_shadow_focus": "0 0 0 2px *primary_200",
        "input_shadow_focus_dark": "0 0 0 2px *primary_800",
        "input_placeholder_color": "#6b766e",
        "input_placeholder_color_dark": "#96a199",
        "slider_color": "*primary_600",
        "slider_color_dark": "*primary_400",
        "checkbox_background_color_selected": "*primary_600",
        "checkbox_background_color_selected_dark": "*primary_500",
        "checkbox_border_color": "#8d978f",
        "checkbox_border_color_dark": "#7d8881",
        "checkbox_border_color_selected": "*primary_600",
        "checkbox_border_color_selected_dark": "*primary_400",
        "checkbox_label_background_fill": "transparent",
        "checkbox_label_background_fill_dark": "transparent",
        "checkbox_label_background_fill_hover": "*neutral_100",
        "checkbox_label_background_fill_hover_dark": "*neutral_800",
        "checkbox_label_background_fill_selected": "*primary_50",
        "checkbox_label_background_fill_selected_dark": "*primary_900",
        "checkbox_label_border_color": "#8d978f",
        "checkbox_label_border_color_dark": "#67726b",
        "checkbox_label_border_width": "1px",
        "checkbox_label_border_width_dark": "1px",
        "checkbox_label_text_color_selected": "*neutral_900",
        "checkbox_label_text_color_selected_dark": "#ffffff",
        "checkbox_label_padding": "6px 12px",
        "checkbox_label_shadow": "none",
        "table_border_color": "*neutral_200",
        "table_border_color_dark": "#2d3732",
        "table_even_background_fill": "#ffffff",
        "table_even_background_fill_dark": "*neutral_900",
        "table_odd_background_fill": "*neutral_50",
        "table_odd_background_fill_dark": "#131916",
        "table_row_focus": "*primary_50",
        "table_row_focus_dark": "*primary_950",
    }


def _buttons() -> dict[str, str]:
    return {
        "button_primary_background_fill": "*primary_600",
        "button_primary_background_fill_dark": "*primary_300",
        "button_primary_background_fill_hover": "*primary_700",
        "button_primary_background_fill_hover_dark": "*primary_200",
        "button_primary_text_color": "#ffffff",
        "button_primary_text_color_dark": "*primary_950",
        "button_primary_border_color": "*primary_600",
        "button_primary_border_color_dark": "*primary_300",
        "button_secondary_background_fill": "#ffffff",
        "button_secondary_background_fill_dark": "transparent",
        "button_secondary_background_fill_hover": "*neutral_100",
        "button_secondary_background_fill_hover_dark": "*neutral_800",
        "button_secondary_text_color": "*neutral_900",
        "button_secondary_text_color_dark": "#e8ece8",
        "button_secondary_border_color": "#8d978f",
        "button_secondary_border_color_dark": "#67726b",
        "button_cancel_background_fill": "#ffffff",
        "button_cancel_background_fill_dark": "transparent",
        "button_cancel_background_fill_hover": "#fbeceb",
        "button_cancel_background_fill_hover_dark": "#3a1715",
        "button_cancel_text_color": "#a3221b",
        "button_cancel_text_color_dark": "#ff9d94",
        "button_cancel_border_color": "#c0655f",
        "button_cancel_border_color_dark": "#a3564f",
        "button_border_width": "1px",
        "button_border_width_dark": "1px",
        "button_large_text_weight": "700",
        "button_small_text_weight": "400",
        "button_small_padding": "5px 11px",
        "button_large_padding": "10px 18px",
    }


def css() -> str:
    """The style sheet of the page: what both tabs share, the plan editor, the views of tab 2."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in ("style.css", "editor.css", "vlsa.css"))


def script(name: str) -> str:
    """A script of the page, by file name."""
    return (STATIC / name).read_text("utf-8")
