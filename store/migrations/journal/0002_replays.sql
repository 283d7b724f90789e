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

-- What the events of older attempts tell of both.
UPDATE attempts SET checkpoint = begun.checkpoint FROM (
    SELECT run, attempt, coalesce(json_extract(body, '$.checkpoint'), 0) AS checkpoint FROM events
    WHERE kind = 'attempt.started' AND json_extract(body, '$.adopted') IS NULL
) AS begun WHERE begun.run = attempts.run AND begun.attempt = attempts.attempt;

INSERT OR IGNORE INTO replays
SELECT run, json_extract(body, '$.of'), seq, attempt FROM events
WHERE kind = 'gate.replayed' AND json_extract(body, '$.of') IS NOT NULL;
