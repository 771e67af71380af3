-- The tables come back empty: their rows lived for seconds.

CREATE TABLE tailnet_agents (
    id TEXT NOT NULL,
    coordinator_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    node TEXT NOT NULL CHECK (json_valid(node)),
    CONSTRAINT tailnet_agents_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_agents_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idx_tailnet_agents_coordinator ON tailnet_agents (coordinator_id);

CREATE TABLE tailnet_client_subscriptions (
    client_id TEXT NOT NULL,
    coordinator_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT tailnet_client_subscriptions_pkey PRIMARY KEY (client_id, coordinator_id, agent_id),
    CONSTRAINT tailnet_client_subscriptions_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
) STRICT;

CREATE TABLE tailnet_clients (
    id TEXT NOT NULL,
    coordinator_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    node TEXT NOT NULL CHECK (json_valid(node)),
    CONSTRAINT tailnet_clients_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_clients_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idx_tailnet_clients_coordinator ON tailnet_clients (coordinator_id);
