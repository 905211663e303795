-- Text ids, whole numbers, times in milliseconds since 1970, flags as 0 and 1: the same statements
-- run on SQLite and on PostgreSQL.

-- Every account number that was ever given. One is never given twice, so that a grant to a
-- deleted user can never become a grant to somebody else.
CREATE TABLE account_numbers (
    account TEXT PRIMARY KEY
);

CREATE TABLE users (
    account     TEXT PRIMARY KEY REFERENCES account_numbers (account),
    name        TEXT NOT NULL UNIQUE,
    admin       BIGINT NOT NULL,
    enabled     BIGINT NOT NULL,
    access_key  TEXT NOT NULL UNIQUE,
    secret_key  TEXT NOT NULL,
    created_ms  BIGINT NOT NULL
);

-- X.509 certificates of users; each download of credentials adds one and older ones stay valid.
CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,   -- SHA-1 of the DER, lower-case hex
    account     TEXT NOT NULL REFERENCES users (account),
    pem         TEXT NOT NULL,
    created_ms  BIGINT NOT NULL
);
CREATE INDEX certificates_by_account ON certificates (account);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE vm_types (
    name      TEXT PRIMARY KEY,
    position  BIGINT NOT NULL,
    cores     BIGINT NOT NULL,
    memory_mb BIGINT NOT NULL,
    disk_gb   BIGINT NOT NULL
);

-- A deregistered image keeps its row while an instance refers to it.
CREATE TABLE images (
    id            TEXT PRIMARY KEY,
    account       TEXT NOT NULL REFERENCES users (account),
    location      TEXT NOT NULL,
    architecture  TEXT NOT NULL,
    digest        TEXT NOT NULL,
    size_bytes    BIGINT NOT NULL,
    kernel        TEXT,
    ramdisk       TEXT,
    public        BIGINT NOT NULL,
    registered    BIGINT NOT NULL,
    registered_ms BIGINT NOT NULL
);
CREATE INDEX images_by_digest ON images (digest);

CREATE TABLE launch_permissions (
    image   TEXT NOT NULL REFERENCES images (id),
    account TEXT NOT NULL REFERENCES users (account),
    PRIMARY KEY (image, account)
);
CREATE INDEX launch_permissions_by_account ON launch_permissions (account);

CREATE TABLE key_pairs (
    account     TEXT NOT NULL REFERENCES users (account),
    name        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    public_key  TEXT NOT NULL,      -- one line in the form of authorized_keys
    created_ms  BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);

CREATE TABLE security_groups (
    id          TEXT PRIMARY KEY,
    account     TEXT NOT NULL REFERENCES users (account),
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    UNIQUE (account, name)
);

-- Either cidr, or source_account and source_group; what is not used is the empty text, so that
-- the primary key refuses the same rule twice.
CREATE TABLE ingress_rules (
    group_id       TEXT NOT NULL REFERENCES security_groups (id),
    protocol       TEXT NOT NULL,
    from_port      BIGINT NOT NULL,
    to_port        BIGINT NOT NULL,
    cidr           TEXT NOT NULL,
    source_account TEXT NOT NULL,
    source_group   TEXT NOT NULL,
    PRIMARY KEY (group_id, protocol, from_port, to_port, cidr, source_account, source_group)
);
CREATE INDEX ingress_rules_by_source ON ingress_rules (source_account, source_group);

CREATE TABLE clusters (
    name           TEXT PRIMARY KEY,
    endpoint       TEXT NOT NULL,   -- host:port of its controller
    subnet         TEXT NOT NULL,
    addrs_per_net  BIGINT NOT NULL,
    policy         TEXT NOT NULL,   -- SCHEDPOLICY, by which launches are admitted
    generation     BIGINT NOT NULL, -- of its desired state
    reachable      BIGINT NOT NULL,
    last_seen_ms   BIGINT,
    problems       TEXT NOT NULL    -- JSON list
);

CREATE TABLE nodes (
    cluster        TEXT NOT NULL REFERENCES clusters (name),
    name           TEXT NOT NULL,
    position       BIGINT NOT NULL, -- in NODES
    reachable      BIGINT NOT NULL,
    certificate_ok BIGINT NOT NULL,
    last_seen_ms   BIGINT,
    cores          BIGINT NOT NULL,
    memory_mb      BIGINT NOT NULL,
    disk_gb        BIGINT NOT NULL,
    orphans        TEXT NOT NULL,   -- JSON list
    problems       TEXT NOT NULL,   -- JSON list
    PRIMARY KEY (cluster, name)
);

-- The group networks that have a live instance.
CREATE TABLE networks (
    cluster  TEXT NOT NULL REFERENCES clusters (name),
    tag      BIGINT NOT NULL,
    group_id TEXT NOT NULL REFERENCES security_groups (id),
    subnet   TEXT NOT NULL,
    PRIMARY KEY (cluster, tag),
    UNIQUE (cluster, group_id)
);
CREATE INDEX networks_by_group ON networks (group_id);

CREATE TABLE reservations (
    id             TEXT PRIMARY KEY,
    account        TEXT NOT NULL REFERENCES users (account),
    cluster        TEXT NOT NULL REFERENCES clusters (name),
    client_token   TEXT,
    request_digest TEXT NOT NULL,   -- what the token was first used for
    user_data      TEXT NOT NULL,   -- base64
    created_ms     BIGINT NOT NULL,
    UNIQUE (account, client_token)
);

-- The groups of a launch, by name as well: the group may be gone before the record is.
CREATE TABLE reservation_groups (
    reservation TEXT NOT NULL REFERENCES reservations (id),
    position    BIGINT NOT NULL,
    group_id    TEXT NOT NULL,
    group_name  TEXT NOT NULL,
    PRIMARY KEY (reservation, position)
);
CREATE INDEX reservation_groups_by_group ON reservation_groups (group_id);

CREATE TABLE instances (
    id            TEXT PRIMARY KEY,
    reservation   TEXT NOT NULL REFERENCES reservations (id),
    launch_index  BIGINT NOT NULL,
    admitted      BIGINT NOT NULL,  -- the cluster's generation at admission: their order
    account       TEXT NOT NULL REFERENCES users (account),
    cluster       TEXT NOT NULL REFERENCES clusters (name),
    image         TEXT NOT NULL REFERENCES images (id),
    kernel        TEXT REFERENCES images (id),
    ramdisk       TEXT REFERENCES images (id),
    vm_type       TEXT NOT NULL,
    cores         BIGINT NOT NULL,
    memory_mb     BIGINT NOT NULL,
    disk_gb       BIGINT NOT NULL,
    key_name      TEXT,
    public_key    TEXT,
    tag           BIGINT NOT NULL,
    ip            TEXT NOT NULL,
    goal          TEXT NOT NULL,
    state         TEXT NOT NULL,
    reason        TEXT,
    node          TEXT,
    reboots       BIGINT NOT NULL,
    reboots_done  BIGINT NOT NULL,
    impaired      BIGINT NOT NULL,
    launch_ms     BIGINT NOT NULL,
    terminated_ms BIGINT,
    UNIQUE (reservation, launch_index)
);
CREATE INDEX instances_by_account ON instances (account);
CREATE INDEX instances_live ON instances (cluster, tag) WHERE state <> 'terminated';
CREATE UNIQUE INDEX instances_address ON instances (cluster, ip) WHERE state <> 'terminated';
CREATE INDEX instances_gone ON instances (terminated_ms) WHERE state = 'terminated';
