//! What those who look after an organization's provisioners are told: its daemons with what they do, and
//! its jobs with what they are for.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::sdk::ProvisionerJobStatus;
use crate::store::db::{Guarded, Switches};
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A daemon with the name of its key, the job that it runs and the one that it ran last.
    pub struct DaemonAtWork {
        pub id: Uuid,
        pub created_at: Time,
        pub name: String,
        pub provisioners: Vec<String>,
        pub tags: BTreeMap<String, String>,
        pub last_seen_at: Option<Time>,
        pub version: String,
        pub api_version: String,
        pub organization_id: Uuid,
        pub key_id: Uuid,
        pub key_name: String,
        pub current_job_id: Option<Uuid>,
        pub current_job_status: Option<ProvisionerJobStatus>,
        pub previous_job_id: Option<Uuid>,
        pub previous_job_status: Option<ProvisionerJobStatus>,
    }

    /// What a job is for, by name.
    pub struct JobPurpose {
        pub job_id: Uuid,
        pub template_version_name: String,
        pub template_id: Option<Uuid>,
        pub template_name: String,
        pub template_display_name: String,
        pub template_icon: String,
        pub workspace_id: Option<Uuid>,
        pub workspace_name: String,
        pub worker_name: String,
    }
}

impl Guarded for DaemonAtWork {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::ProvisionerDaemon).id(self.id).org(self.organization_id)
    }
}

queries! {
    /// The daemons of an organization. `busy`, `idle` and `offline` say which are wanted; those that were not
    /// heard of since `stale` are offline, and left out unless they are asked for.
    GetProvisionerDaemonsWithStatusByOrganization = get_provisioner_daemons_with_status_by_organization(db,
            organization_id: Uuid, any_id: bool, ids: &[Uuid], tags: Option<serde_json::Value>, seen_since: Option<Time>,
            stale: Time, busy: bool, idle: bool, offline: bool, most: i64) -> many DaemonAtWork;
        allow(rows Read),
        sql "SELECT d.id, d.created_at, d.name, d.provisioners, d.tags, d.last_seen_at, d.version, d.api_version,
                d.organization_id, d.key_id, k.name, c.id, c.job_status, p.id, p.job_status
            FROM provisioner_daemons d
            JOIN provisioner_keys k ON k.id = d.key_id
            LEFT JOIN provisioner_jobs c ON c.id = (
                SELECT r.id FROM provisioner_jobs r
                WHERE r.worker_id = d.id AND r.organization_id = d.organization_id AND r.completed_at IS NULL
                ORDER BY r.started_at LIMIT 1)
            LEFT JOIN provisioner_jobs p ON p.id = (
                SELECT l.id FROM provisioner_jobs l
                WHERE l.worker_id = d.id AND l.organization_id = d.organization_id AND l.completed_at IS NOT NULL
                ORDER BY l.completed_at DESC LIMIT 1)
            WHERE d.organization_id = :organization_id
                AND (:any_id OR d.id IN [:ids])
                AND (:tags::tagset IS NULL OR provisioner_tagset_contains(d.tags, :tags))
                AND (:seen_since::timestamptz IS NULL OR d.last_seen_at IS NULL OR d.last_seen_at >= :seen_since)
                AND (:offline OR d.last_seen_at >= :stale)
                AND ((:busy AND c.id IS NOT NULL) OR (:idle AND c.id IS NULL)
                    OR (:offline AND (d.last_seen_at IS NULL OR d.last_seen_at < :stale)))
            ORDER BY d.created_at DESC, d.id LIMIT :most";

    /// The jobs of an organization, the newest first.
    GetProvisionerJobsByOrganizationAndStatusWithQueuePositionAndProvisioner = get_provisioner_jobs_of_organization(db,
            organization_id: Uuid, any_id: bool, ids: &[Uuid], any_status: bool, statuses: &[String],
            tags: Option<serde_json::Value>, initiator_id: Option<Uuid>, most: i64) -> many ProvisionerJob;
        allow(rows Read),
        sql "SELECT {row} FROM provisioner_jobs
            WHERE organization_id = :organization_id
                AND (:any_id OR id IN [:ids])
                AND (:any_status OR CAST(job_status AS text) IN [:statuses])
                AND (:tags::tagset IS NULL OR provisioner_tagset_contains(tags, :tags))
                AND (:initiator_id::uuid IS NULL OR initiator_id = :initiator_id)
            ORDER BY created_at DESC, id LIMIT :most";

    /// What jobs are for that the caller was found to be allowed to read.
    GetProvisionerJobsByOrganizationAndStatusWithQueuePositionAndProvisioner = get_purposes_of_provisioner_jobs(db, ids: &[Uuid]) -> many JobPurpose;
        allow(none),
        sql "SELECT j.id, coalesce(v.name, ''), t.id, coalesce(t.name, ''), coalesce(t.display_name, ''), coalesce(t.icon, ''),
                w.id, coalesce(w.name, ''), coalesce(d.name, '')
            FROM provisioner_jobs j
            LEFT JOIN workspace_builds b ON b.job_id = j.id
            LEFT JOIN workspaces w ON w.id = b.workspace_id
            LEFT JOIN template_versions v ON v.id = coalesce(b.template_version_id, j.input ->> '$.template_version_id')
            LEFT JOIN templates t ON t.id = v.template_id
            LEFT JOIN provisioner_daemons d ON d.id = j.worker_id
            WHERE j.id IN [:ids]",
        pg "SELECT j.id, coalesce(v.name, ''), t.id, coalesce(t.name, ''), coalesce(t.display_name, ''), coalesce(t.icon, ''),
                w.id, coalesce(w.name, ''), coalesce(d.name, '')
            FROM provisioner_jobs j
            LEFT JOIN workspace_builds b ON b.job_id = j.id
            LEFT JOIN workspaces w ON w.id = b.workspace_id
            LEFT JOIN template_versions v ON v.id = coalesce(b.template_version_id, (j.input ->> 'template_version_id')::uuid)
            LEFT JOIN templates t ON t.id = v.template_id
            LEFT JOIN provisioner_daemons d ON d.id = j.worker_id
            WHERE j.id IN [:ids]";
}
