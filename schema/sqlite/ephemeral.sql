-- The tailnet tables of version 412, made in the attached database `ephemeral` at every start. Unqualified
-- names find them there, since the main database has no table of the same name.
--
-- The reference's triggers tailnet_notify_coordinator_heartbeat, tailnet_notify_peer_change and
-- tailnet_notify_tunnel_change only send notifications. One process needs none: who writes here publishes.

DROP TABLE IF EXISTS ephemeral.tailnet_tunnels;
DROP TABLE IF EXISTS ephemeral.tailnet_peers;
DROP TABLE IF EXISTS ephemeral.tailnet_coordinators;

CREATE TABLE ephemeral.tailnet_coordinators (
    id TEXT NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    CONSTRAINT tailnet_coordinators_pkey PRIMARY KEY (id)
) STRICT;

CREATE TABLE ephemeral.tailnet_peers (
    id TEXT NOT NULL,
    coordinator_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    node BLOB NOT NULL,
    status TEXT NOT NULL DEFAULT 'ok',
    CONSTRAINT tailnet_peers_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_peers_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE,
    CONSTRAINT tailnet_peers_status_enum CHECK (status IN ('ok', 'lost'))
) STRICT;
CREATE INDEX ephemeral.idx_tailnet_peers_coordinator ON tailnet_peers (coordinator_id);

CREATE TABLE ephemeral.tailnet_tunnels (
    coordinator_id TEXT NOT NULL,
    src_id TEXT NOT NULL,
    dst_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT tailnet_tunnels_pkey PRIMARY KEY (coordinator_id, src_id, dst_id),
    CONSTRAINT tailnet_tunnels_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX ephemeral.idx_tailnet_tunnels_dst_id ON tailnet_tunnels (dst_id);
CREATE INDEX ephemeral.idx_tailnet_tunnels_src_id ON tailnet_tunnels (src_id);
