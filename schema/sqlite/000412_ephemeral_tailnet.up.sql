-- What the tailnet coordinator keeps is worthless after a restart: coordinators register again, peers and
-- tunnels follow. These tables leave the file for the attached database `ephemeral`, which starts empty each
-- time and is never synced (ephemeral.sql makes them there). Postgres says UNLOGGED for the same purpose.

DROP TABLE tailnet_tunnels;
DROP TABLE tailnet_peers;
DROP TABLE tailnet_coordinators;
