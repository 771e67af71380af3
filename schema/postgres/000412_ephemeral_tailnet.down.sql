-- Back under the log, the parent first: it must be there for its children.

ALTER TABLE tailnet_coordinators SET LOGGED;
ALTER TABLE tailnet_tunnels SET LOGGED;
ALTER TABLE tailnet_peers SET LOGGED;
