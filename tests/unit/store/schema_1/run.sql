BEGIN TRANSACTION;
CREATE TABLE arms (
    position INTEGER PRIMARY KEY,
    arm_id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL,
    request TEXT NOT NULL
);
INSERT INTO "arms" VALUES(1,'1a3c2b27cfdb1586','{"reasoning.effort":"none"}','sim','sim-mini','plain','{"max_output_tokens":16384,"store":false,"stream":true,"reasoning":{"effort":"none"}}');
INSERT INTO "arms" VALUES(2,'d8ae501b912f5676','{"reasoning.effort":"low"}','sim','sim-mini','plain','{"max_output_tokens":16384,"store":false,"stream":true,"reasoning":{"effort":"low"}}');
CREATE TABLE attempts (
    call INTEGER NOT NULL REFERENCES calls (call), position INTEGER NOT NULL,
    attempt_index INTEGER NOT NULL, status TEXT NOT NULL, http_status INTEGER, failure TEXT, connection_reused INTEGER,
    wait_ms REAL NOT NULL, sent_ns INTEGER, headers_ns INTEGER, first_event_ns INTEGER, first_reasoning_ns INTEGER,
    first_output_ns INTEGER, last_output_ns INTEGER, done_ns INTEGER, closed_ns INTEGER, connect_ns INTEGER,
    deltas BLOB, n_events INTEGER NOT NULL, n_deltas INTEGER NOT NULL, n_reads INTEGER NOT NULL, unknown_events TEXT,
    request_id TEXT, partial_text TEXT,
    PRIMARY KEY (call, position)
) WITHOUT ROWID;
INSERT INTO "attempts" VALUES(1,0,0,'ok',200,NULL,1,0.0,5000000037739,5000020037739,5000020137739,5000356634598,5001142027269,5001314174473,5001316174473,5001316224473,NULL,X'6905444B6B8C040000789C93AB1051BE19B68567E59EE8A5E29BC56F269B18DCAEA813D613E75162166433E0D556135334E7635173D430D2602001000061B70C0B',29,23,27,'{"x.y":2}','req_1',NULL);
INSERT INTO "attempts" VALUES(2,0,0,'error',429,'{"kind":"rate_limit","message":"too many requests","http_status":429,"code":null,"param":null,"clock":null,"retry_after_ms":500.0,"should_retry":null,"body_excerpt":null}',NULL,0.0,5000000246961,5000001246961,NULL,NULL,NULL,NULL,NULL,5000001246961,NULL,NULL,0,0,0,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,1,1,'ok',200,NULL,1,760.0,5000760246961,5000780246961,5000780346961,NULL,5001026827889,5001326455890,5001328455890,5001328505890,NULL,X'6971766D648C040000789C73FA5D6665D86EEDDA2B21FFBDBE4975A5D9D1FDA5AEC1A9F77816CEFA1A6C9578679AB88646A081848D3A2BBB1B8B96B282989204BB159B9A345B393F8FB099A1221BBF9A1E03150000B03D13F0',41,35,39,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,0,0,'error',429,'{"kind":"rate_limit","message":"too many requests","http_status":429,"code":null,"param":null,"clock":null,"retry_after_ms":500.0,"should_retry":null,"body_excerpt":null}',NULL,0.0,5000000104644,5000001104644,NULL,NULL,NULL,NULL,NULL,5000001104644,NULL,NULL,0,0,0,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,1,1,'ok',200,NULL,1,760.0,5000760104644,5000780104644,5000780204644,NULL,5001106365365,5001415678000,5001417678000,5001417728000,NULL,X'69B51B2B698C040000789C6B63A8FE38972BEC47D09A79C7BFDD5D3B2FEE8EA378FE27B3948F0927D66CCEFFDDB0C2FBBB3A9F4E8292BA1CAB858C8682B49892BA01AF80008F9454A00A9BB1BCB4A2862EA7AF0003550000471218E6',42,36,40,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,0,0,'error',429,'{"kind":"rate_limit","message":"too many requests","http_status":429,"code":null,"param":null,"clock":null,"retry_after_ms":500.0,"should_retry":null,"body_excerpt":null}',NULL,0.0,5000000246961,5000001246961,NULL,NULL,NULL,NULL,NULL,5000001246961,NULL,NULL,0,0,0,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,1,1,'ok',200,NULL,1,760.0,5000760246961,5000780246961,5000780346961,NULL,5001026827889,5001326455890,5001328455890,5001328505890,NULL,X'6971766D648C040000789C73FA5D6665D86EEDDA2B21FFBDBE4975A5D9D1FDA5AEC1A9F77816CEFA1A6C9578679AB88646A081848D3A2BBB1B8B96B282989204BB159B9A345B393F8FB099A1221BBF9A1E03150000B03D13F0',41,35,39,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,0,0,'error',429,'{"kind":"rate_limit","message":"too many requests","http_status":429,"code":null,"param":null,"clock":null,"retry_after_ms":500.0,"should_retry":null,"body_excerpt":null}',NULL,0.0,5000000104644,5000001104644,NULL,NULL,NULL,NULL,NULL,5000001104644,NULL,NULL,0,0,0,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,1,1,'ok',200,NULL,1,760.0,5000760104644,5000780104644,5000780204644,NULL,5001106365365,5001415678000,5001417678000,5001417728000,NULL,X'69B51B2B698C040000789C6B63A8FE38972BEC47D09A79C7BFDD5D3B2FEE8EA378FE27B3948F0927D66CCEFFDDB0C2FBBB3A9F4E8292BA1CAB858C8682B49892BA01AF80008F9454A00A9BB1BCB4A2862EA7AF0003550000471218E6',42,36,40,NULL,NULL,NULL);
CREATE TABLE begun_attempts (
    trial_id TEXT NOT NULL REFERENCES trials (trial_id), turn_index INTEGER NOT NULL, attempt_index INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions (session), begun_utc TEXT NOT NULL
);
INSERT INTO "begun_attempts" VALUES('76670ab0cfe393c6',0,0,1,'2026-11-22T18:49:33.811Z');
CREATE TABLE calls (
    call INTEGER PRIMARY KEY,
    result_id INTEGER NOT NULL REFERENCES results (result_id), purpose TEXT NOT NULL, turn_index INTEGER NOT NULL,
    request INTEGER NOT NULL REFERENCES requests (request), status TEXT NOT NULL, intended_ns INTEGER NOT NULL,
    intended_utc_ns INTEGER NOT NULL, failure TEXT, anomalies TEXT, cost_usd REAL,
    input_tokens INTEGER, cached_tokens INTEGER, output_tokens INTEGER, reasoning_tokens INTEGER, usage_source TEXT,
    stop_reason TEXT, response_id TEXT, model_reported TEXT, effort_reported TEXT, tier_reported TEXT
);
INSERT INTO "calls" VALUES(1,1,'subject',0,1,'ok',5000000000000,1793534400000000000,NULL,NULL,0.001314,72,0,280,257,'api','completed','resp_0c60b313e4e80a19_0','sim-mini-2026-10','low','default');
INSERT INTO "calls" VALUES(2,2,'subject',0,2,'ok',5000000000001,1793534400000000001,NULL,NULL,0.0002115,72,0,35,0,'api','completed','resp_72489e08a2d0e8ee_0','sim-mini-2026-10','none','default');
INSERT INTO "calls" VALUES(3,3,'subject',0,3,'ok',5000000000002,1793534400000000002,NULL,NULL,0.000216,72,0,36,0,'api','completed','resp_5d52ef9f0c9925a6_0','sim-mini-2026-10','none','default');
INSERT INTO "calls" VALUES(4,4,'subject',0,2,'ok',5000000000001,1793534400000000001,NULL,NULL,0.0002115,72,0,35,0,'api','completed','resp_72489e08a2d0e8ee_0','sim-mini-2026-10','none','default');
INSERT INTO "calls" VALUES(5,5,'subject',0,3,'ok',5000000000002,1793534400000000002,NULL,NULL,0.000216,72,0,36,0,'api','completed','resp_5d52ef9f0c9925a6_0','sim-mini-2026-10','none','default');
CREATE TABLE cases (
    position INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL UNIQUE, vars TEXT NOT NULL, expected TEXT NOT NULL, expected_text TEXT, tags TEXT NOT NULL,
    cluster TEXT, graders TEXT NOT NULL, content_hash TEXT NOT NULL
);
INSERT INTO "cases" VALUES(1,'case-0000','{"question":"Ann has 3 apples and gets 0 more. How many has she?"}','"3"','3','["hard","money"]',NULL,'[]','d60d72b1a46912fb');
INSERT INTO "cases" VALUES(2,'case-0001','{"question":"Ann has 4 apples and gets 2 more. How many has she?"}','"6"','6','["easy"]',NULL,'[]','6be6e2205b6df866');
CREATE TABLE long_texts (
    long_text INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, text TEXT NOT NULL
);
CREATE TABLE manifest (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    run_id TEXT NOT NULL, suite_name TEXT NOT NULL, created_utc TEXT NOT NULL, plan_hash TEXT NOT NULL,
    version TEXT NOT NULL, state TEXT NOT NULL, finished_utc TEXT,
    stop_reason TEXT, stop_message TEXT, exit_code INTEGER,
    suite_text TEXT NOT NULL, suite_path TEXT NOT NULL, flags TEXT NOT NULL, environment TEXT NOT NULL,
    simulated INTEGER NOT NULL
);
INSERT INTO "manifest" VALUES(1,'20261101T120000Z-c637edf3','effort-maths','2026-11-01T12:00:00.000Z','c637edf3dab54b15','0.1.0','partial','2026-11-01T12:30:00.000Z','budget',NULL,0,'suite: effort-maths
','suites/effort-maths.yaml','{}','{"python":"3.11","platform":"Linux"}',1);
CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_utc TEXT NOT NULL);
INSERT INTO "migrations" VALUES(1,'m001_initial','2026-11-22T18:49:33.632Z');
CREATE TABLE outputs (
    call INTEGER PRIMARY KEY REFERENCES calls (call),
    text TEXT NOT NULL, refusal TEXT, reasoning_summary TEXT, tool_calls TEXT, items TEXT
);
INSERT INTO "outputs" VALUES(1,X'6772C3BCC39F6520EDA080','',NULL,'[{"name":"f","arguments":"{}","call_id":null,"type":"function_call"}]','[{"type":"message"}]');
INSERT INTO "outputs" VALUES(2,'6',NULL,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(3,'3',NULL,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(4,'6',NULL,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(5,'3',NULL,NULL,NULL,NULL);
CREATE TABLE plan (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    suite TEXT NOT NULL, hashed TEXT NOT NULL, plan_hash TEXT NOT NULL, sha256 TEXT
);
INSERT INTO "plan" VALUES(1,'{"name":"effort-maths","endpoints":[{"name":"sim","kind":"simulator","target":"default","protocol":"responses","model":"sim-mini","api_key_env":null,"prices":{"input":0.75,"output":4.5,"cached_input":0.075,"per_tokens":1000000,"as_of":"2026-11-01"},"limits":{"max_concurrency":null,"requests_per_minute":null,"tokens_per_minute":null,"max_output_bytes":33554432,"max_body_bytes":134217728},"timeouts":{"connect":5000,"first_event":120000,"idle":600000,"total":2400000},"retry":{"max_attempts":3,"budget_share":0.2,"max_retry_after_ms":60000}}],"prompts":[{"name":"plain","template":"{{ question }}\nGive only the number."}],"cases":[],"graders":[{"grader_id":"answer","type":"numeric","params":{"expected":"{{ expected }}"},"pass_at":1.0,"grades":["ok"]},{"grader_id":"brief","type":"word_count","params":{"max":20},"pass_at":1.0,"grades":["ok"]}],"description":"Which reasoning effort pays for itself on word problems?","request":{},"sweep":{"axes":{"reasoning.effort":["none","low"]},"exclude":[],"include":[],"baseline":{"reasoning.effort":"none"}},"repeats":1,"load":{"shape":"closed","concurrency":8,"think_ms":0,"warmup":null,"order":"interleaved","seed":11},"budget":{"max_cost_usd":null,"max_calls":null,"max_wall_s":null},"slo":null,"decision":{"rule":"cheapest_within_margin","metric":"answer","margin":0.02,"limits":[{"metric":"total_ms","at_most":60000.0,"quantile":0.5}]},"tolerate_error_share":0.0,"analysis":{"scope":"population","exact":false},"files":[]}','{"arms":["1a3c2b27cfdb1586","d8ae501b912f5676"],"cases":2,"repeats":1}','c637edf3dab54b15','6ed23c9377aa2a80ff9d5eced2f9d117fde24a86542c6e3517f0f2b394ab830a');
CREATE TABLE requests (
    request INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, body TEXT NOT NULL
);
INSERT INTO "requests" VALUES(1,'a4f639f22ac6cde5cc3b6aeab2fa272d8683399fa60706071c389c2c5ecde066','{"max_output_tokens":16384,"store":false,"stream":true,"reasoning":{"effort":"low"},"model":"sim-mini","input":"Ann has 4 apples and gets 2 more. How many has she?"}');
INSERT INTO "requests" VALUES(2,'e2b0ead04b60c2af212221ca0c0bb21732977bf40fa3c86f58c633eb31ce1f83','{"max_output_tokens":16384,"store":false,"stream":true,"reasoning":{"effort":"none"},"model":"sim-mini","input":"Ann has 4 apples and gets 2 more. How many has she?"}');
INSERT INTO "requests" VALUES(3,'2d63bdbef6264dff7759b4ad99ce009cfbc9d03aa80bb3968b048b882188ef4c','{"max_output_tokens":16384,"store":false,"stream":true,"reasoning":{"effort":"none"},"model":"sim-mini","input":"Ann has 3 apples and gets 0 more. How many has she?"}');
CREATE TABLE results (
    result_id INTEGER PRIMARY KEY,
    trial_id TEXT NOT NULL REFERENCES trials (trial_id), session INTEGER NOT NULL REFERENCES sessions (session),
    superseded INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL, failure TEXT, pending_reason TEXT, anomalies TEXT,
    cost_usd REAL
);
INSERT INTO "results" VALUES(1,'0c60b313e4e80a19',1,0,'ok',NULL,NULL,'["odd"]',0.001314);
INSERT INTO "results" VALUES(2,'72489e08a2d0e8ee',1,1,'error','{"kind":"server","message":"busy","http_status":503,"code":null,"param":null,"clock":null,"retry_after_ms":null,"should_retry":null,"body_excerpt":null}',NULL,NULL,0.0002115);
INSERT INTO "results" VALUES(3,'5d52ef9f0c9925a6',1,1,'pending',NULL,'interrupted',NULL,0.000216);
INSERT INTO "results" VALUES(4,'72489e08a2d0e8ee',2,0,'ok',NULL,NULL,NULL,0.0002115);
INSERT INTO "results" VALUES(5,'5d52ef9f0c9925a6',2,0,'ok',NULL,NULL,NULL,0.000216);
CREATE TABLE scores (
    result_id INTEGER NOT NULL REFERENCES results (result_id), position INTEGER NOT NULL,
    grader_id TEXT NOT NULL, grader TEXT NOT NULL, value REAL, passed INTEGER, reason TEXT,
    PRIMARY KEY (result_id, position)
) WITHOUT ROWID;
INSERT INTO "scores" VALUES(1,0,'answer','numeric',1.0,1,NULL);
INSERT INTO "scores" VALUES(1,1,'brief','word_count',1.0,1,NULL);
INSERT INTO "scores" VALUES(4,0,'answer','numeric',1.0,1,NULL);
INSERT INTO "scores" VALUES(4,1,'brief','word_count',1.0,1,NULL);
INSERT INTO "scores" VALUES(5,0,'answer','numeric',1.0,1,NULL);
INSERT INTO "scores" VALUES(5,1,'brief','word_count',1.0,1,NULL);
CREATE TABLE sessions (
    session INTEGER PRIMARY KEY, opened_utc TEXT NOT NULL, pid INTEGER NOT NULL
);
INSERT INTO "sessions" VALUES(1,'2026-11-22T18:49:33.632Z',10790);
INSERT INTO "sessions" VALUES(2,'2026-11-22T18:49:33.830Z',10790);
CREATE TABLE trials (
    position INTEGER PRIMARY KEY,
    trial_id TEXT NOT NULL UNIQUE, case_id TEXT NOT NULL REFERENCES cases (case_id),
    arm_id TEXT NOT NULL REFERENCES arms (arm_id), repeat_index INTEGER NOT NULL, phase TEXT NOT NULL
);
INSERT INTO "trials" VALUES(1,'0c60b313e4e80a19','case-0001','d8ae501b912f5676',0,'measured');
INSERT INTO "trials" VALUES(2,'72489e08a2d0e8ee','case-0001','1a3c2b27cfdb1586',0,'measured');
INSERT INTO "trials" VALUES(3,'5d52ef9f0c9925a6','case-0000','1a3c2b27cfdb1586',0,'measured');
INSERT INTO "trials" VALUES(4,'76670ab0cfe393c6','case-0000','d8ae501b912f5676',0,'measured');
CREATE INDEX begun_attempts_of_trial ON begun_attempts (trial_id);
CREATE UNIQUE INDEX one_result_per_trial ON results (trial_id) WHERE superseded = 0;
COMMIT;
