"""The console's own two themes: calm greys, one bright colour for what needs a person."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="agentwatch-dark",
    dark=True,
    primary="#7aa2c8",
    secondary="#8b93a1",
    accent="#7aa2c8",
    foreground="#c9ced6",
    background="#14161a",
    surface="#191c21",
    panel="#21252c",
    warning="#ffb454",
    error="#ff6b68",
    success="#6fbf73",
    variables={
        "tone-dim": "#858d99",
        "tone-faint": "#454c57",
        "tone-strong": "#f2f4f7",
        "tone-needs": "#ffb454",
        "tone-warn": "#d9a860",
        "tone-bad": "#ff6b68",
        "tone-fresh": "#6fbf73",
        "tone-key": "#8fb8e0",
        "tone-string": "#a8c08a",
        "tone-number": "#c9a3d4",
        "row-cursor": "#2a3442",
        "row-marked": "#22282f",
        "scrollbar": "#343b45",
        "scrollbar-background": "#14161a",
    },
)

LIGHT = Theme(
    name="agentwatch-light",
    dark=False,
    primary="#2d5f8f",
    secondary="#5c6572",
    accent="#2d5f8f",
    foreground="#2b3038",
    background="#fafafa",
    surface="#f1f2f4",
    panel="#e6e9ed",
    warning="#a85400",
    error="#b3261e",
    success="#2e7d32",
    variables={
        "tone-dim": "#666f7c",
        "tone-faint": "#c3c8cf",
        "tone-strong": "#0b0d10",
        "tone-needs": "#a34700",
        "tone-warn": "#8f6400",
        "tone-bad": "#b3261e",
        "tone-fresh": "#2e7d32",
        "tone-key": "#1f5a93",
        "tone-string": "#3f6b1f",
        "tone-number": "#7b3f94",
        "row-cursor": "#d6e2ef",
        "row-marked": "#e9edf2",
        "scrollbar": "#c3c8cf",
        "scrollbar-background": "#fafafa",
    },
)
