-- What the tailnet coordinator keeps is worthless after a restart: coordinators register again, peers and tunnels
-- follow. Without the log, writes are cheap; after a crash the tables are empty.
--
-- A logged table may not refer to one that is not, so the children go first.

ALTER TABLE tailnet_peers SET UNLOGGED;
ALTER TABLE tailnet_tunnels SET UNLOGGED;
ALTER TABLE tailnet_coordinators SET UNLOGGED;
