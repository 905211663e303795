-- The people behind the users, who apply for accounts, log in on the console and get mail.

-- How far an account has come: approved by an administrator, confirmed by who reads its mail.
ALTER TABLE users ADD COLUMN approved BIGINT NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN confirmed BIGINT NOT NULL DEFAULT 1;

-- Users made by the administrator's tool have no row, and cannot log in, until they get a password.
CREATE TABLE people (
    account             TEXT PRIMARY KEY REFERENCES users (account),
    full_name           TEXT NOT NULL,
    email               TEXT NOT NULL,
    telephone           TEXT NOT NULL,
    project_leader      TEXT NOT NULL,
    affiliation         TEXT NOT NULL,
    project_description TEXT NOT NULL,
    password            TEXT,             -- a PHC string of argon2id; none: cannot log in
    password_ends_ms    BIGINT NOT NULL   -- from then on it must be changed before anything else
);

-- Who is logged in. What the browser has is not here, only its SHA-256.
CREATE TABLE sessions (
    digest     TEXT PRIMARY KEY,
    account    TEXT NOT NULL REFERENCES users (account),
    remembered BIGINT NOT NULL,
    begun_ms   BIGINT NOT NULL,
    used_ms    BIGINT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account);

-- Codes in mails that are good for one thing, once. Only their SHA-256 is here.
CREATE TABLE codes (
    digest   TEXT PRIMARY KEY,
    account  TEXT NOT NULL REFERENCES users (account),
    purpose  TEXT NOT NULL,
    password TEXT,             -- the new one's PHC string, when the purpose is to recover
    ends_ms  BIGINT NOT NULL
);
CREATE INDEX codes_by_account ON codes (account);

-- Mail that has not been taken by the mail server yet.
CREATE TABLE mails (
    id        TEXT PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject   TEXT NOT NULL,
    body      TEXT NOT NULL,
    queued_ms BIGINT NOT NULL,
    next_ms   BIGINT NOT NULL,   -- when to try
    attempts  BIGINT NOT NULL,
    problem   TEXT               -- of the last attempt
);

-- Who did what.
CREATE TABLE audit (
    id      TEXT PRIMARY KEY,
    at_ms   BIGINT NOT NULL,
    actor   TEXT NOT NULL,   -- a user's name as it was then
    action  TEXT NOT NULL,
    object  TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at_ms);
