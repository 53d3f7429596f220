BEGIN TRANSACTION;
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,               -- chat, or dx for a model's part in a diagnosis
    title TEXT NOT NULL,
    cluster TEXT NOT NULL,
    last_run TEXT NOT NULL DEFAULT '', -- whose messages are stored: two may go on with one conversation
    created_at REAL NOT NULL,         -- seconds since 1970, UTC, here and below
    updated_at REAL NOT NULL
);
INSERT INTO "conversations" VALUES('c-4d060ca08c','chat','why is web failing?','test','run-3c8c88dc31',1.79596864003073239325e+09,1.79596864929954695699e+09);
CREATE TABLE diagnoses (
    id TEXT PRIMARY KEY,
    run_id TEXT REFERENCES runs(id) ON DELETE SET NULL,
    target TEXT NOT NULL,
    cluster TEXT NOT NULL,
    mode TEXT NOT NULL,
    provider TEXT NOT NULL,
    summary TEXT NOT NULL,
    finished_at REAL NOT NULL,
    payload TEXT NOT NULL
);
INSERT INTO "diagnoses" VALUES('d-65739305d5',NULL,'all namespaces','test','rules','rules','Pod default/web: it was evicted',1.79596865085984802243e+09,'{"id":"d-65739305d5","target":{},"cluster":"test","hypotheses":[{"id":"h-ed521db8ea","title":"Pod default/web: it was evicted","summary":"The kubelet evicted the pod for going over its own limit: no message","confidence":0.95,"root":{"kind":"Pod","namespace":"default","name":"web","cluster":"test"},"findings":["f-68b4a7edd2"],"breakdown":[{"label":"pod-endings: Evicted","value":0.95}]}],"findings":[{"id":"f-68b4a7edd2","analyzer":"pod-endings","reason":"Evicted","ref":{"kind":"Pod","namespace":"default","name":"web","cluster":"test"},"title":"Pod default/web: it was evicted","severity":"critical","confidence":0.95,"cause":"The kubelet evicted the pod for going over its own limit: no message","evidence":[{"id":"e-01e8796ef4","ref":{"kind":"Pod","namespace":"default","name":"web","cluster":"test"},"source":"status","summary":"web on no node: Evicted","excerpt":"no message","locator":"status.reason"}],"remedies":[{"title":"Look at Pod default/web","command":"kubectl describe pod/web -n default","effect":"read"}]}],"gaps":[],"mode":"rules","timings":{"collect_s":0.0,"analyze_s":0.0376,"correlate_s":0.0003},"counts":{"Pod":1},"started_at":"2026-11-29T16:10:50.821941+00:00","finished_at":"2026-11-29T16:10:50.859848+00:00"}');
CREATE TABLE events (
    run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,        -- pieces of text that came one after the other are one row
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,            -- JSON of domain/codec.py, here and below
    PRIMARY KEY (run_id, seq)
);
INSERT INTO "events" VALUES('run-0ea7c7b986',0,0,1.79596864007290291783e+09,'run_started','{"provider":"claude","model":"claude-model","credential_source":"CLAUDE_KEY","tools":["echo"],"target":{},"kind":"run_started"}');
INSERT INTO "events" VALUES('run-0ea7c7b986',63,63,1.79596864157005500794e+09,'finding_reported','{"finding":{"id":"f-68b4a7edd2","analyzer":"pod-endings","reason":"Evicted","ref":{"kind":"Pod","namespace":"default","name":"web","cluster":"test"},"title":"Pod default/web: it was evicted","severity":"critical","confidence":0.95,"cause":"The kubelet evicted the pod for going over its own limit: no message","evidence":[{"id":"e-01e8796ef4","ref":{"kind":"Pod","namespace":"default","name":"web","cluster":"test"},"source":"status","summary":"web on no node: Evicted","excerpt":"no message","locator":"status.reason"}],"remedies":[{"title":"Look at Pod default/web","command":"kubectl describe pod/web -n default","effect":"read"}]},"kind":"finding_reported"}');
INSERT INTO "events" VALUES('run-0ea7c7b986',65,65,1.7959686415704050064e+09,'notice','{"code":"attempt","message":"selected: claude / claude-model, credential from CLAUDE_KEY","kind":"notice"}');
INSERT INTO "events" VALUES('run-0ea7c7b986',66,66,1.79596864157231903081e+09,'thinking_delta','{"text":"hm","kind":"thinking_delta"}');
INSERT INTO "events" VALUES('run-0ea7c7b986',67,67,1.79596864157241892807e+09,'text_delta','{"text":"let me look","kind":"text_delta"}');
INSERT INTO "events" VALUES('run-0ea7c7b986',68,68,1.79596864157246494291e+09,'tool_call_ready','{"call":{"part":"call","id":"t1","name":"echo","arguments":{"text":"a"},"origin":"native"},"kind":"tool_call_ready"}');
INSERT INTO "events" VALUES('run-0ea7c7b986',69,69,1.79596864922713398936e+09,'tool_call_finished','{"call":{"part":"call","id":"t1","name":"echo","arguments":{"text":"a"},"origin":"native"},"result":{"part":"result","call_id":"t1","tool_name":"echo","content":"it says a","elapsed_s":7.654149891000088,"data":{"text":"a"}},"kind":"tool_call_finished"}');
INSERT INTO "events" VALUES('run-0ea7c7b986',70,70,1.79596864922773408884e+09,'text_delta','{"text":"It is evicted.","kind":"text_delta"}');
INSERT INTO "events" VALUES('run-0ea7c7b986',71,71,1.79596864927237510681e+09,'run_finished','{"reason":"stop","provider":"claude","model":"claude-model","attempt":"selected","credential_source":"CLAUDE_KEY","usage":{},"elapsed_s":9.264527803999954,"tool_calls":1,"turns":2,"text":"let me lookIt is evicted.","attempts":[{"label":"selected","provider":"claude","model":"claude-model","credential_source":"CLAUDE_KEY"}],"kind":"run_finished"}');
INSERT INTO "events" VALUES('run-3c8c88dc31',0,0,1.79596864928357696526e+09,'run_started','{"provider":"claude","model":"claude-model","credential_source":"CLAUDE_KEY","tools":["echo"],"target":{},"kind":"run_started"}');
INSERT INTO "events" VALUES('run-3c8c88dc31',1,1,1.79596864928372311597e+09,'notice','{"code":"attempt","message":"selected: claude / claude-model, credential from CLAUDE_KEY","kind":"notice"}');
INSERT INTO "events" VALUES('run-3c8c88dc31',2,2,1.79596864928409194949e+09,'text_delta','{"text":"since noon","kind":"text_delta"}');
INSERT INTO "events" VALUES('run-3c8c88dc31',3,3,1.79596864929954695699e+09,'run_finished','{"reason":"stop","provider":"claude","model":"claude-model","attempt":"selected","credential_source":"CLAUDE_KEY","usage":{},"elapsed_s":0.016282004000004235,"tool_calls":0,"turns":1,"text":"since noon","attempts":[{"label":"selected","provider":"claude","model":"claude-model","credential_source":"CLAUDE_KEY"}],"kind":"run_finished"}');
CREATE TABLE evidence (
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (conversation_id, id)
);
INSERT INTO "evidence" VALUES('c-4d060ca08c','e-01e8796ef4','{"id":"e-01e8796ef4","ref":{"kind":"Pod","namespace":"default","name":"web","cluster":"test"},"source":"status","summary":"web on no node: Evicted","excerpt":"no message","locator":"status.reason"}');
CREATE TABLE messages (
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (conversation_id, position)
);
INSERT INTO "messages" VALUES('c-4d060ca08c',0,'{"role":"user","parts":[{"part":"text","text":"why is web failing?"},{"part":"text","text":"Quick Dx of all namespaces, cluster test: 1 root causes, 1 findings.\nH1 [95%] root Pod default/web: Pod default/web: it was evicted\n   The kubelet evicted the pod for going over its own limit: no message\nf-68b4a7edd2 critical Evicted Pod default/web: Pod default/web: it was evicted\n   e-01e8796ef4 status of Pod default/web, status.reason: web on no node: Evicted: \"no message\"","is_data":true}]}');
INSERT INTO "messages" VALUES('c-4d060ca08c',1,'{"role":"assistant","parts":[{"part":"text","text":"let me look"},{"part":"call","id":"t1","name":"echo","arguments":{"text":"a"},"origin":"native"}]}');
INSERT INTO "messages" VALUES('c-4d060ca08c',2,'{"role":"tool","parts":[{"part":"result","call_id":"t1","tool_name":"echo","content":"it says a","elapsed_s":7.654149891000088}],"at":"2026-11-29T16:10:49.227329+00:00"}');
INSERT INTO "messages" VALUES('c-4d060ca08c',3,'{"role":"assistant","parts":[{"part":"text","text":"It is evicted."}]}');
INSERT INTO "messages" VALUES('c-4d060ca08c',4,'{"role":"user","parts":[{"part":"text","text":"since when?"}]}');
INSERT INTO "messages" VALUES('c-4d060ca08c',5,'{"role":"assistant","parts":[{"part":"text","text":"since noon"}]}');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    target TEXT NOT NULL,
    cluster TEXT NOT NULL,
    provider TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL DEFAULT '',
    ending TEXT NOT NULL DEFAULT '',  -- empty as long as it runs, or for good if its process was killed
    owner TEXT NOT NULL,              -- the process that runs it
    started_at REAL NOT NULL,
    ended_at REAL
);
INSERT INTO "runs" VALUES('run-0ea7c7b986','c-4d060ca08c','why is web failing?','all namespaces','test','claude','claude-model','let me lookIt is evicted.','stop','some-host 1 1',1.79596864003073239325e+09,1.79596864927237510681e+09);
INSERT INTO "runs" VALUES('run-3c8c88dc31','c-4d060ca08c','since when?','all namespaces','test','claude','claude-model','since noon','stop','some-host 1 1',1.7959686492833862305e+09,1.79596864929954695699e+09);
INSERT INTO "runs" VALUES('run-cut','c-4d060ca08c','and now?','all namespaces','test','','','','','some-host 1 1',1768478400.0,NULL);
CREATE INDEX runs_of_conversation ON runs(conversation_id, started_at);
CREATE INDEX diagnoses_by_time ON diagnoses(finished_at);
COMMIT;