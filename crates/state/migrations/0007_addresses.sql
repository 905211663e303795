-- The pool of each cluster is what its controller tells, and is told anew by every start: what was
-- in it before is settled then, and what is a user's stays theirs.
DELETE FROM addresses WHERE account IS NULL;
UPDATE addresses SET configured = 0;
-- VNET_PUBLICIPS of a cluster, without what another cluster had before.
ALTER TABLE clusters ADD COLUMN public_addresses TEXT NOT NULL DEFAULT '';
-- The address as a number, for the order.
ALTER TABLE addresses ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
CREATE INDEX addresses_free ON addresses (cluster, number)
    WHERE account IS NULL AND instance IS NULL AND configured = 1;
CREATE INDEX addresses_unsettled ON addresses (ip) WHERE instance IS NULL AND configured = 0;

-- Whether the instance is to have a public address of the pool while it has none of its owner's.
-- An address that has no account and leads to an instance is such a one.
ALTER TABLE instances ADD COLUMN public BIGINT NOT NULL DEFAULT 0;
