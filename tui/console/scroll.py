"""A run's story as far as it has been read: the later part grows with what happens, older parts are put before it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence

from store.records import Event
from tui.console.telling import Entry, Story


class Scroll:
    """Entries from the oldest that was read to the newest; nothing that was told once is told again.

    Only entries are kept: an event's content is read again when it is opened.
    """

    def __init__(self) -> None:
        self.version = 0
        """Another number for other entries."""
        self._begin()

    def _begin(self) -> None:
        self._older: list[Entry] = []
        self._live = Story()
        self._orphans: dict[str, Event] = {}
        self._first: Event | None = None
        self._first_status_at: float | None = None
        self._last_seq = 0
        self.read = 0
        """How many events were taken in."""

    def __len__(self) -> int:
        return len(self._older) + len(self._live.entries)

    def __getitem__(self, index: int) -> Entry:
        older = len(self._older)
        return self._older[index] if index < older else self._live.entries[index - older]

    @property
    def before(self) -> int:
        """The event before the oldest one that was read; 0 at the beginning of the run."""
        return self._first.prev if self._first is not None else 0

    def take(self, events: Sequence[Event]) -> None:
        """Take in the latest events of the run; those that are known already are skipped.

        Where some were missed in between, the story begins anew with `events`.
        """
        if not events or events[-1].seq <= self._last_seq:
            return
        fresh = events[bisect_left(events, self._last_seq + 1, key=lambda event: event.seq) :]
        if self._first is None or fresh[0].prev != self._last_seq:
            self._begin()
            self._first, fresh = events[0], events
        self._live.add(fresh)
        if not self._older:
            self._orphans = self._live.orphans
            self._first_status_at = self._live.first_status_at
        self._last_seq = fresh[-1].seq
        self.read += len(fresh)
        self.version += 1

    def put_before(self, events: Sequence[Event], page: Story, in_flight: Collection[str] = ()) -> int:
        """Put an older page, and the story that its events tell, before what is there.

        Returns by how many entries the rest moved down.  A page that does not end where the story begins is left out.
        What began in the page and ended nowhere is still going on only if it is among the ids `in_flight`.
        """
        if not events or events[-1].seq != self.before:
            return 0
        ended = page.end_those(self._orphans)
        page.cut_off(but=in_flight)
        if self._first_status_at is not None:
            page.end_wait(self._first_status_at)
        if page.first_status_at is not None:
            self._first_status_at = page.first_status_at
        gone = self._drop(ended)
        self._orphans = page.orphans | {
            ident: event for ident, event in self._orphans.items() if event.seq not in ended
        }
        self._older = page.entries + self._older
        self._first = events[0]
        self.read += len(events)
        self.version += 1
        return len(page.entries) - gone

    def _drop(self, ended: set[int]) -> int:
        """Leave out the lone ends that now stand with their beginnings."""
        before = len(self)
        if ended:
            self._older = [entry for entry in self._older if entry.seq not in ended]
            self._live.leave_out(ended)
        return before - len(self)

    def at(self, seq: int) -> int:
        """The first entry that is not before event `seq`."""
        older = bisect_left(self._older, seq, key=_seq)
        if older < len(self._older):
            return older
        return min(len(self) - 1, older + bisect_left(self._live.entries, seq, key=_seq))

    @property
    def ticking(self) -> bool:
        """Whether something in it grows with the clock."""
        return bool(self._live.in_flight) or self._live.waits is not None


def _seq(entry: Entry) -> int:
    return entry.seq
