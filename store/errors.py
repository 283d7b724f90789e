"""What can be wrong with a home or its databases, each as one sentence for a person."""

from __future__ import annotations


class AgentwatchError(Exception):
    """A mistake or a fault that a person is told about in one sentence, without a traceback."""


class StoreError(AgentwatchError):
    """The record cannot be read or written."""


class HomeNotWritable(StoreError):
    """The home folder cannot be created or written."""


class SocketPathTooLong(StoreError):
    """The socket's path does not fit into the system's limit for Unix sockets."""


class SocketFolderNotPrivate(StoreError):
    """Somebody else could reach into, or put up, the folder of the socket."""


class NewerDatabase(StoreError):
    """A database was written by a newer version of agentwatch."""


class CorruptDatabase(StoreError):
    """A database file is damaged or is no SQLite database."""


class NoJournal(StoreError):
    """The home holds no journal yet: nothing ever ran there."""


class UnknownRun(StoreError):
    """No run has this id or agent name."""


class AmbiguousRun(StoreError):
    """Several runs begin with this prefix."""


class RuntimeAlreadyRunning(StoreError):
    """Another runtime holds the lock of this home."""


class IllegalTransition(StoreError):
    """A status change that the life-cycle table does not allow."""
