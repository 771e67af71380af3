//! Tells those who watch a workspace that something about it changed. A notice says what kind of
//! change it was and nothing more; whoever hears it reads the truth from the store.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::pubsub::Pubsub;
use crate::wire_enum;

wire_enum! {
    /// What changed.
    pub enum Kind {
        AgentAppStatusUpdate = "agt_app_status_update",
        AgentConnectionUpdate = "agt_connection_update",
        AgentFirstLogs = "agt_first_logs",
        AgentLifecycleUpdate = "agt_lifecycle_update",
        AgentLogsOverflow = "agt_logs_overflow",
        AgentTimeout = "agt_timeout",
        AppHealthUpdate = "app_health",
        MetadataUpdate = "mtd_update",
        StateChange = "state_change",
        StatsUpdate = "stats_update",
    }
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceEvent {
    /// What changed.
    pub kind: Kind,
    /// Of which workspace.
    pub workspace_id: Uuid,
    /// Of which agent, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<Uuid>,
}

/// The channel of the workspaces of an owner.
pub fn channel(owner: Uuid) -> String {
    format!("workspace_owner:{owner}")
}

/// The channel of a template: its active version or its settings changed.
pub fn template_channel(template: Uuid) -> String {
    format!("template:{template}")
}

/// Tells of a change of a workspace. To be called once the change is kept.
pub fn publish(pubsub: &Pubsub, owner: Uuid, workspace_id: Uuid, kind: Kind) {
    publish_event(pubsub, owner, &WorkspaceEvent { kind, workspace_id, agent_id: None });
}

/// Tells of a change of an agent.
pub fn publish_of_agent(pubsub: &Pubsub, owner: Uuid, workspace_id: Uuid, agent_id: Uuid, kind: Kind) {
    publish_event(pubsub, owner, &WorkspaceEvent { kind, workspace_id, agent_id: Some(agent_id) });
}

fn publish_event(pubsub: &Pubsub, owner: Uuid, event: &WorkspaceEvent) {
    if let Ok(message) = serde_json::to_string(event) {
        pubsub.publish(&channel(owner), &message);
    }
}

/// Whether a notice is about that workspace.
pub fn is_about(message: &str, workspace_id: Uuid) -> bool {
    serde_json::from_str::<WorkspaceEvent>(message).is_ok_and(|event| event.workspace_id == workspace_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_heard_by_who_listens_for_the_owner_and_tells_the_workspace() {
        let (owner, one, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let bus = Pubsub::default();
        let heard = bus.subscribe(&channel(owner));
        publish(&bus, owner, one, Kind::StateChange);
        let message = heard.messages.try_recv().unwrap();
        assert_eq!(&*message, format!(r#"{{"kind":"state_change","workspace_id":"{one}"}}"#));
        assert!(is_about(&message, one) && !is_about(&message, other) && !is_about("{}", one));
    }
}
