-- What each instance costs a node beside the figures of its VM type.
ALTER TABLE nodes ADD COLUMN overhead_cores BIGINT NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN overhead_memory_mb BIGINT NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN overhead_disk_gb BIGINT NOT NULL DEFAULT 0;

-- One that is to be terminated may already be on a node that has not been named yet, so it counts
-- until it is gone.
DROP INDEX instances_waiting;
CREATE INDEX instances_waiting
    ON instances (cluster, admitted, launch_index, cores, memory_mb, disk_gb)
    WHERE state <> 'terminated' AND node IS NULL;

-- The call that changed last what should be of an instance.
ALTER TABLE instances ADD COLUMN request TEXT;

-- One row that is written to find out whether anything can be.
CREATE TABLE health (
    probed_ms BIGINT NOT NULL
);
INSERT INTO health (probed_ms) VALUES (0);
