-- How the instances of a cluster are connected: SYSTEM, STATIC or MANAGED, with the pairs of
-- addresses of STATIC (JSON list). In SYSTEM mode subnet is the empty text and addrs_per_net 0;
-- what a controller has not told is known by policy, which is the empty text then.
ALTER TABLE clusters ADD COLUMN mode TEXT NOT NULL DEFAULT 'MANAGED';
ALTER TABLE clusters ADD COLUMN pairs TEXT NOT NULL DEFAULT '[]';

-- On the site's own network an instance has tag 0. Its ip is that of its pair, or the empty text
-- where only the site's DHCP server knows; found_ip is the address that its node has seen then.
-- mac is that of its pair; NULL where it is made from the id.
ALTER TABLE instances ADD COLUMN mac TEXT;
ALTER TABLE instances ADD COLUMN found_ip TEXT;
DROP INDEX instances_address;
CREATE UNIQUE INDEX instances_address ON instances (cluster, ip)
    WHERE state <> 'terminated' AND ip <> '';
CREATE UNIQUE INDEX instances_pair ON instances (cluster, mac)
    WHERE state <> 'terminated' AND mac IS NOT NULL;
