CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

-- Append-only.  No secondary index: each event carries the previous one of its run.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    prev INTEGER NOT NULL,
    at REAL NOT NULL,
    attempt INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);

-- The projection of the events up to meta.projected_seq: body is a store.records.Run as JSON.
CREATE TABLE runs (
    run TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    status TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE attempts (
    run TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    process_started REAL NOT NULL,
    boot TEXT NOT NULL,
    token TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, attempt)
) WITHOUT ROWID;

-- Intents not cleared, and successes kept to be replayed.
CREATE TABLE actions (
    run TEXT NOT NULL,
    id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    tool TEXT NOT NULL,
    args TEXT NOT NULL,
    digest TEXT NOT NULL,
    key TEXT,
    idempotent INTEGER NOT NULL,
    began_at REAL NOT NULL,
    ended_at REAL,
    result TEXT,
    seq INTEGER NOT NULL,
    check_hint TEXT,
    kept INTEGER NOT NULL DEFAULT 0,
    unavailable INTEGER NOT NULL DEFAULT 0,
    in_doubt INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, id)
) WITHOUT ROWID;

CREATE TABLE checkpoints (
    run TEXT NOT NULL,
    number INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    step INTEGER NOT NULL,
    label TEXT,
    at REAL NOT NULL,
    size_bytes INTEGER NOT NULL,
    digest TEXT NOT NULL,
    covers INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;

CREATE TABLE breakers (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE policies (
    version INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL
);
