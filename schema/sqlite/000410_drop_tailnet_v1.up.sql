-- The first tailnet protocol is gone; peers and tunnels took the place of these three tables.

DROP TABLE tailnet_agents;
DROP TABLE tailnet_client_subscriptions;
DROP TABLE tailnet_clients;
