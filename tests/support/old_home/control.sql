PRAGMA user_version = 1;
PRAGMA application_id = 0;
BEGIN TRANSACTION;
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
INSERT INTO "commands" VALUES(1,'start','a822f260df88',NULL,'{"agent":"counting","goal":"","restart":0,"command":["@PYTHON@","agents.py","counting"],"cwd":"@FOLDER@"}','somebody',1.79578012469036698336e+09,1.79578018469036698344e+09);
INSERT INTO "commands" VALUES(2,'start','7b4d31d07b7b',NULL,'{"agent":"looping","goal":"","restart":0,"command":["@PYTHON@","agents.py","looping"],"cwd":"@FOLDER@"}','somebody',1.79578012481242465974e+09,1.79578018481242465968e+09);
INSERT INTO "commands" VALUES(3,'start','c48cf2314498',NULL,'{"agent":"spending","goal":"","restart":0,"command":["@PYTHON@","agents.py","spending"],"cwd":"@FOLDER@"}','somebody',1.79578012488594722755e+09,1.79578018488594722749e+09);
INSERT INTO "commands" VALUES(4,'start','d0d39e4081d5',NULL,'{"agent":"failing","goal":"","restart":0,"command":["@PYTHON@","agents.py","failing"],"cwd":"@FOLDER@"}','somebody',1.79578012493222475046e+09,1.79578018493222475054e+09);
INSERT INTO "commands" VALUES(5,'start','8512e7f3248e',NULL,'{"agent":"restarting","goal":"","restart":1,"command":["@PYTHON@","agents.py","restarting"],"cwd":"@FOLDER@"}','somebody',1.79578012498139667511e+09,1.7957801849813966751e+09);
INSERT INTO "commands" VALUES(6,'start','b0d3c5c9a27e',NULL,'{"agent":"crashing","goal":"","restart":0,"command":["@PYTHON@","agents.py","crashing"],"cwd":"@FOLDER@"}','somebody',1.79578012502660727504e+09,1.79578018502660727503e+09);
INSERT INTO "commands" VALUES(7,'start','0f83c69c8cba',NULL,'{"agent":"doubtful-done","goal":"","restart":0,"command":["@PYTHON@","agents.py","doubtful-done"],"cwd":"@FOLDER@"}','somebody',1.79578012507217526431e+09,1.79578018507217526439e+09);
INSERT INTO "commands" VALUES(8,'start','1e676e158063',NULL,'{"agent":"doubtful-retry","goal":"","restart":0,"command":["@PYTHON@","agents.py","doubtful-retry"],"cwd":"@FOLDER@"}','somebody',1.79578012512427449224e+09,1.79578018512427449223e+09);
INSERT INTO "commands" VALUES(9,'start','d277ecbc539a',NULL,'{"agent":"plain","goal":"","restart":0,"command":["sh","-c","echo all done"],"cwd":"@FOLDER@"}','somebody',1.7957801257395250797e+09,1.79578018573952507977e+09);
INSERT INTO "commands" VALUES(10,'start','1f1a66dc2ef9',NULL,'{"agent":"broken","goal":"","restart":0,"command":["sh","-c","echo not done >&2; test -e mended"],"cwd":"@FOLDER@"}','somebody',1.7957801257613773346e+09,1.79578018576137733459e+09);
INSERT INTO "commands" VALUES(11,'fork','a822f260df88',NULL,'{"to":"27b5947a099f","checkpoint":2}','somebody',1.79578012591549253463e+09,1.7957801859154925347e+09);
INSERT INTO "commands" VALUES(12,'start','fe63987f86d6',NULL,'{"agent":"leaning","goal":"","restart":0,"command":["@PYTHON@","agents.py","leaning"],"cwd":"@FOLDER@"}','somebody',1.79578012615359544753e+09,1.79578018615359544752e+09);
INSERT INTO "commands" VALUES(13,'pause','fe63987f86d6',NULL,'{"park":true}','somebody',1.79578013013387799258e+09,1.79578019013387799257e+09);
INSERT INTO "commands" VALUES(14,'start','ca361cd2a7ab',NULL,'{"agent":"held","goal":"","restart":0,"command":["@PYTHON@","agents.py","held"],"cwd":"@FOLDER@"}','somebody',1.79578013031152558323e+09,1.79578019031152558322e+09);
INSERT INTO "commands" VALUES(15,'pause','ca361cd2a7ab',NULL,'{}','somebody',1.79578013081909012788e+09,1.79578019081909012796e+09);
INSERT INTO "commands" VALUES(16,'start','a6b8348da664',NULL,'{"agent":"parked","goal":"","restart":0,"command":["@PYTHON@","agents.py","parked"],"cwd":"@FOLDER@"}','somebody',1.79578013101151061055e+09,1.79578019101151061063e+09);
INSERT INTO "commands" VALUES(17,'pause','a6b8348da664',NULL,'{"park":true}','somebody',1.79578013148151874539e+09,1.79578019148151874547e+09);
INSERT INTO "commands" VALUES(18,'start','954725b881a3',NULL,'{"agent":"ended","goal":"","restart":0,"command":["@PYTHON@","agents.py","ended"],"cwd":"@FOLDER@"}','somebody',1.79578013163942503934e+09,1.79578019163942503933e+09);
INSERT INTO "commands" VALUES(19,'kill','954725b881a3',NULL,'{}','somebody',1.79578013198476982119e+09,1.79578019198476982118e+09);
INSERT INTO "commands" VALUES(20,'start','a96bd0e66f5d',NULL,'{"agent":"lost","goal":"","restart":0,"command":["@PYTHON@","agents.py","lost"],"cwd":"@FOLDER@"}','somebody',1.79578013217325901983e+09,1.79578019217325901982e+09);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('commands',20);
COMMIT;
