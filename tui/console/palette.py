"""The palette: every key of the screen it was opened from by name, those that cannot work now last, with the reason."""

from __future__ import annotations

from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider


class KeysProvider(Provider):
    """Offers what the screen's bindings offer, plus the themes."""

    def _offers(self) -> list[tuple[str, str, Any]]:
        from tui.console.screens.base import ConsoleScreen, own_bindings

        screen = self.screen
        able: list[tuple[str, str, Any]] = []
        unable: list[tuple[str, str, Any]] = []
        if isinstance(screen, ConsoleScreen):
            runs = screen.targets()
            for binding in own_bindings(screen, hidden=True):
                if binding.action.startswith(("palette", "help")):
                    continue
                label = f"{screen.label(binding).rstrip('…')} ({binding.key_display})"
                refused = screen.refused(binding.action, runs)
                offer = (label, refused or binding.tooltip, partial(screen.run_action, f"screen.{binding.action}"))
                (unable if refused else able).append(offer)
        for theme in ("agentwatch-dark", "agentwatch-light"):
            able.append(
                (f"theme {theme.removeprefix('agentwatch-')}", "Change the colours", partial(self._theme, theme))
            )
        return able + unable

    def _theme(self, theme: str) -> None:
        self.app.theme = theme

    async def discover(self) -> Hits:
        for label, text, run in self._offers():
            yield DiscoveryHit(label, run, help=text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for label, text, run in self._offers():
            score = matcher.match(f"{label} {text}")
            if score > 0:
                yield Hit(score, matcher.highlight(label), run, help=text)
