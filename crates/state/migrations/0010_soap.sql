-- Signed SOAP messages that were taken, so that none is taken twice: SHA-256 of certificate and
-- what it signed, until the message is refused for its age anyway.
CREATE TABLE soap_messages (
    digest   TEXT PRIMARY KEY,
    until_ms BIGINT NOT NULL
);
CREATE INDEX soap_messages_until ON soap_messages (until_ms);
