-- The first tailnet protocol is gone; peers and tunnels took the place of these three tables.

DROP TABLE tailnet_agents;
DROP TABLE tailnet_client_subscriptions;
DROP TABLE tailnet_clients;

DROP FUNCTION tailnet_notify_agent_change();
DROP FUNCTION tailnet_notify_client_change();
DROP FUNCTION tailnet_notify_client_subscription_change();
