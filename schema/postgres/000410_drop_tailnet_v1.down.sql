-- The tables come back empty: their rows lived for seconds.

CREATE TABLE tailnet_agents (
    id uuid NOT NULL,
    coordinator_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    node jsonb NOT NULL,
    CONSTRAINT tailnet_agents_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_agents_coordinator_id_fkey
        FOREIGN KEY (coordinator_id) REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
);
CREATE INDEX idx_tailnet_agents_coordinator ON tailnet_agents (coordinator_id);

CREATE TABLE tailnet_client_subscriptions (
    client_id uuid NOT NULL,
    coordinator_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT tailnet_client_subscriptions_pkey PRIMARY KEY (client_id, coordinator_id, agent_id),
    CONSTRAINT tailnet_client_subscriptions_coordinator_id_fkey
        FOREIGN KEY (coordinator_id) REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
);

CREATE TABLE tailnet_clients (
    id uuid NOT NULL,
    coordinator_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    node jsonb NOT NULL,
    CONSTRAINT tailnet_clients_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_clients_coordinator_id_fkey
        FOREIGN KEY (coordinator_id) REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
);
CREATE INDEX idx_tailnet_clients_coordinator ON tailnet_clients (coordinator_id);

CREATE FUNCTION tailnet_notify_agent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tailnet_agent_update', coalesce(OLD.id, NEW.id)::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_agent_change AFTER INSERT OR UPDATE OR DELETE ON tailnet_agents
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_agent_change();

-- A notification for each agent that the client wants: together they could exceed what one may hold.
CREATE FUNCTION tailnet_notify_client_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tailnet_client_update', client_id || ',' || agent_id)
    FROM tailnet_client_subscriptions
    WHERE client_id = NEW.id AND coordinator_id = NEW.coordinator_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_client_change AFTER INSERT OR UPDATE OR DELETE ON tailnet_clients
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_client_change();

CREATE FUNCTION tailnet_notify_client_subscription_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(
        'tailnet_client_update', coalesce(NEW.client_id, OLD.client_id) || ',' || coalesce(NEW.agent_id, OLD.agent_id)
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_client_subscription_change
    AFTER INSERT OR UPDATE OR DELETE ON tailnet_client_subscriptions
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_client_subscription_change();
