-- What the whole EC2 API needs. Ids of rows that were there before are made with SQLite's own
-- functions: only SQLite has such rows.

-- The rules of a group in both directions. Either cidr, or peer_account and peer_group; what is
-- not used is the empty text, so that the same rule is refused a second time.
CREATE TABLE group_rules (
    id           TEXT PRIMARY KEY,
    group_id     TEXT NOT NULL REFERENCES security_groups (id),
    egress       BIGINT NOT NULL,
    protocol     TEXT NOT NULL,
    from_port    BIGINT NOT NULL,
    to_port      BIGINT NOT NULL,
    cidr         TEXT NOT NULL,
    peer_account TEXT NOT NULL,
    peer_group   TEXT NOT NULL,
    description  TEXT NOT NULL,
    UNIQUE (group_id, egress, protocol, from_port, to_port, cidr, peer_account, peer_group)
);
CREATE INDEX group_rules_by_peer ON group_rules (peer_account, peer_group);
INSERT INTO group_rules
    SELECT 'sgr-' || hex(randomblob(4)), group_id, 0, protocol, from_port, to_port, cidr,
        source_account, source_group, '' FROM ingress_rules;
-- What instances may reach was not limited.
INSERT INTO group_rules
    SELECT 'sgr-' || hex(randomblob(4)), id, 1, '-1', -1, -1, '0.0.0.0/0', '', '', ''
    FROM security_groups;
DROP TABLE ingress_rules;

ALTER TABLE key_pairs ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE key_pairs SET id = 'key-' || hex(randomblob(4));
CREATE UNIQUE INDEX key_pairs_by_id ON key_pairs (id);
ALTER TABLE key_pairs ADD COLUMN type TEXT NOT NULL DEFAULT 'rsa';

ALTER TABLE images ADD COLUMN name TEXT;
ALTER TABLE images ADD COLUMN description TEXT;
CREATE TABLE product_codes (
    image TEXT NOT NULL REFERENCES images (id),
    code  TEXT NOT NULL,
    PRIMARY KEY (image, code)
);

-- How often it was stopped or started: odd while it should be stopped.
ALTER TABLE instances ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
-- Whether its guest is not asked before it is stopped.
ALTER TABLE instances ADD COLUMN forced BIGINT NOT NULL DEFAULT 0;
-- Base64; in the place of that of the launch.
ALTER TABLE instances ADD COLUMN user_data TEXT;
-- Whether it can be terminated through the API only after this is unset.
ALTER TABLE instances ADD COLUMN protected BIGINT NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN monitoring BIGINT NOT NULL DEFAULT 0;
CREATE INDEX instances_by_reservation ON instances (reservation);
ALTER TABLE instances ADD COLUMN metadata_enabled BIGINT NOT NULL DEFAULT 1;
ALTER TABLE instances ADD COLUMN metadata_tokens BIGINT NOT NULL DEFAULT 0; -- 1: required
ALTER TABLE instances ADD COLUMN metadata_hops BIGINT NOT NULL DEFAULT 1;
-- Whether its node has not yet said that these are in force.
ALTER TABLE instances ADD COLUMN metadata_pending BIGINT NOT NULL DEFAULT 0;

-- What users note on things, each for themselves: two users may tag the same public image.
CREATE TABLE tags (
    account  TEXT NOT NULL REFERENCES users (account),
    resource TEXT NOT NULL,     -- its id
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (account, resource, key)
);
CREATE INDEX tags_by_resource ON tags (resource);

-- The public addresses of VNET_PUBLICIPS, and those that are still a user's after they were
-- taken out of it.
CREATE TABLE addresses (
    ip          TEXT PRIMARY KEY,
    cluster     TEXT NOT NULL REFERENCES clusters (name),
    configured  BIGINT NOT NULL,    -- whether VNET_PUBLICIPS has it
    account     TEXT REFERENCES users (account),
    allocation  TEXT UNIQUE,        -- eipalloc-
    instance    TEXT UNIQUE REFERENCES instances (id),
    association TEXT UNIQUE         -- eipassoc-
);
CREATE INDEX addresses_by_account ON addresses (account);

-- What every launch asks of its cluster is answered by an index alone: what the nodes hold, what
-- waits for one, which addresses a network has given.
CREATE INDEX instances_placed ON instances (cluster, node, cores, memory_mb, disk_gb)
    WHERE state <> 'terminated' AND node IS NOT NULL;
CREATE INDEX instances_waiting
    ON instances (cluster, admitted, launch_index, cores, memory_mb, disk_gb)
    WHERE state <> 'terminated' AND node IS NULL AND goal = 'run';
DROP INDEX instances_live;
CREATE INDEX instances_live ON instances (cluster, tag, ip) WHERE state <> 'terminated';
