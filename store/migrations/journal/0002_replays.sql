-- The checkpoint that the attempt began from: 0 is the beginning, NULL is not known.
ALTER TABLE attempts ADD COLUMN checkpoint INTEGER;

-- Where recorded successes were given again instead of being done: as good as done there.
CREATE TABLE replays (
    run TEXT NOT NULL,
    action TEXT NOT NULL,
    seq INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (run, action, seq)
) WITHOUT ROWID;
