-- Whether a node is given new instances: accepting, draining or leaving.
ALTER TABLE nodes ADD COLUMN standing TEXT NOT NULL DEFAULT 'accepting';

-- Whether the certificate of the cluster's controller was accepted when it was reached last.
ALTER TABLE clusters ADD COLUMN certificate_ok BIGINT NOT NULL DEFAULT 0;
UPDATE clusters SET certificate_ok = reachable;
