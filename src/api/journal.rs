//! What a request does, kept for the audit log until the answer's status is known. A handler says what it is
//! about to do and shows the thing before and after; whatever becomes of the request, the door writes it.

use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use super::Cx;
use crate::audit::{self, Asked, Auditable, Entry};
use crate::sdk::{AuditAction, ResourceType};

/// The entries of a request.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<Arc<Mutex<Entry>>>>>);

/// An entry that is being made. It is written with what was shown by the time that the request is answered,
/// and not at all when nothing was.
pub struct Audit(Arc<Mutex<Entry>>);

impl Audit {
    /// Shows the thing as it was.
    pub fn before(&self, thing: &impl Auditable) -> &Audit {
        self.0.lock().before = Some(thing.snapshot());
        self
    }
    /// Shows the thing as it is now.
    pub fn after(&self, thing: &impl Auditable) -> &Audit {
        self.0.lock().after = Some(thing.snapshot());
        self
    }
    /// Says which organization it concerns, where the thing does not.
    pub fn organization(&self, id: Uuid) -> &Audit {
        self.0.lock().organization_id = Some(id);
        self
    }
    /// Says who does it, where no key tells.
    pub fn user(&self, id: Uuid) -> &Audit {
        self.0.lock().user_id = Some(id);
        self
    }
    /// Says that something else is done than it seemed.
    pub fn action(&self, action: AuditAction) -> &Audit {
        self.0.lock().action = action;
        self
    }
    /// Adds what else is told.
    pub fn fields(&self, fields: serde_json::Value) -> &Audit {
        self.0.lock().additional_fields = fields;
        self
    }
}

impl Cx {
    /// Begins an entry of the audit log. Show it the thing with [`Audit::before`] and [`Audit::after`].
    pub fn audit(&self, resource: ResourceType, action: AuditAction) -> Audit {
        let entry = Arc::new(Mutex::new(Entry::new(resource, action)));
        self.journal.0.lock().push(Arc::clone(&entry));
        Audit(entry)
    }

    /// Writes what was begun, now that the request is answered with `status`.
    pub(super) fn write_journal(&self, status: u16) {
        let entries = std::mem::take(&mut *self.journal.0.lock());
        if entries.is_empty() {
            return;
        }
        let asked = Asked {
            user_id: self.actor_if_any().map(|actor| actor.user_id),
            ip: self.request.peer.map(|ip| ip.to_string()),
            user_agent: Some(self.request.head.headers.get("User-Agent").unwrap_or_default().to_owned()),
            request_id: self.request.id,
        };
        for entry in entries {
            let entry = entry.lock();
            match entry.action {
                AuditAction::Login if status >= 400 => {
                    audit::late::leave(&self.deployment, entry.clone(), asked.clone(), status)
                }
                _ => audit::after_request(&self.deployment, &entry, &asked, status),
            }
        }
    }
}
