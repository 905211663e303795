-- Clusters come, change and go while the cloud runs. What a cluster does not have yet, because its
-- controller has not told, is the empty text (subnet, policy) and 0 (addrs_per_net).

-- here: it follows this machine's eucalyptus.conf; registered: the administrator named it;
-- left: no configuration has it any more and it has instances; gone: only records refer to it.
ALTER TABLE clusters ADD COLUMN standing TEXT NOT NULL DEFAULT 'here';
-- When its controller began to answer, or ceased to.
ALTER TABLE clusters ADD COLUMN changed_ms BIGINT;
