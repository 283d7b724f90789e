CREATE TABLE commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    run TEXT NOT NULL,
    attempt INTEGER,
    args TEXT NOT NULL,
    who TEXT NOT NULL,
    at REAL NOT NULL,
    expires_at REAL NOT NULL
);
