//! Templates: what they are set to, and who may use them.

use std::borrow::Cow;

use uuid::Uuid;

use crate::rbac::{Acl, Object, Resource};
use crate::sdk::{CORSBehavior, ProvisionerType, WorkspaceAgentPortShareLevel, WorkspaceTransition};
use crate::store::db::{Guarded, Switches};
use crate::store::filter::{AclColumns, Columns};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::value::{Column, FromColumn, ToValue, Value};
use crate::store::{Error, Where};
use crate::time::Time;

/// An access list as templates keep it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TemplateAcl(pub Acl);

impl FromColumn for TemplateAcl {
    fn from_column(column: Column<'_>) -> Result<Self, Error> {
        match column {
            Column::Text(text) => Acl::parse_template(text)
                .map(TemplateAcl)
                .map_err(|e| Error::Decode(format!("not an access list: {e}"))),
            other => Err(Error::Decode(format!("expected an access list, found {other:?}"))),
        }
    }
}

impl ToValue for TemplateAcl {
    fn to_value(&self) -> Value<'_> {
        Value::Json(Cow::Owned(self.0.template_json()))
    }
}

impl ToValue for &TemplateAcl {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

rows! {
    /// A row of `template_with_names`. Durations are nanoseconds, days of the week a bit each from Monday on.
    pub struct Template {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub organization_id: Uuid,
        pub deleted: bool,
        pub name: String,
        pub provisioner: ProvisionerType,
        pub active_version_id: Uuid,
        pub description: String,
        pub default_ttl: i64,
        pub created_by: Uuid,
        pub icon: String,
        pub user_acl: TemplateAcl,
        pub group_acl: TemplateAcl,
        pub display_name: String,
        pub allow_user_cancel_workspace_jobs: bool,
        pub allow_user_autostart: bool,
        pub allow_user_autostop: bool,
        pub failure_ttl: i64,
        pub time_til_dormant: i64,
        pub time_til_dormant_autodelete: i64,
        pub autostop_requirement_days_of_week: i16,
        pub autostop_requirement_weeks: i64,
        pub autostart_block_days_of_week: i16,
        pub require_active_version: bool,
        pub deprecated: String,
        pub activity_bump: i64,
        pub max_port_sharing_level: WorkspaceAgentPortShareLevel,
        pub use_classic_parameter_flow: bool,
        pub cors_behavior: CORSBehavior,
        pub created_by_avatar_url: String,
        pub created_by_username: String,
        pub created_by_name: String,
        pub organization_name: String,
        pub organization_display_name: String,
        pub organization_icon: String,
    }

    /// A template that is about to be made; what is not said here starts at the schema's defaults.
    pub struct NewTemplate {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub organization_id: Uuid,
        pub name: String,
        pub provisioner: ProvisionerType,
        pub active_version_id: Uuid,
        pub description: String,
        pub created_by: Uuid,
        pub icon: String,
        pub user_acl: TemplateAcl,
        pub group_acl: TemplateAcl,
        pub display_name: String,
        pub allow_user_cancel_workspace_jobs: bool,
        pub max_port_sharing_level: WorkspaceAgentPortShareLevel,
        pub use_classic_parameter_flow: bool,
        pub cors_behavior: CORSBehavior,
    }

    /// What people see of a template, and who may use it.
    pub struct TemplateMeta {
        pub id: Uuid,
        pub updated_at: Time,
        pub description: String,
        pub name: String,
        pub icon: String,
        pub display_name: String,
        pub allow_user_cancel_workspace_jobs: bool,
        pub group_acl: TemplateAcl,
        pub max_port_sharing_level: WorkspaceAgentPortShareLevel,
        pub use_classic_parameter_flow: bool,
        pub cors_behavior: CORSBehavior,
    }

    /// When workspaces of a template start, stop and go.
    pub struct TemplateSchedule {
        pub id: Uuid,
        pub updated_at: Time,
        pub allow_user_autostart: bool,
        pub allow_user_autostop: bool,
        pub default_ttl: i64,
        pub activity_bump: i64,
        pub autostop_requirement_days_of_week: i16,
        pub autostop_requirement_weeks: i64,
        pub autostart_block_days_of_week: i16,
        pub failure_ttl: i64,
        pub time_til_dormant: i64,
        pub time_til_dormant_autodelete: i64,
    }

    /// How many people have a workspace of a template.
    pub struct TemplateOwners {
        pub template_id: Uuid,
        pub unique_owners_sum: i64,
    }

    /// How many people used a template on a day.
    pub struct DailyUsers {
        pub day: i64,
        pub users: i64,
    }

    /// A workspace's latest build, while it runs: its deadlines, and when it was finished.
    pub struct ActiveBuild {
        pub id: Uuid,
        pub workspace_id: Uuid,
        pub deadline: Time,
        pub max_deadline: Time,
        pub completed_at: Time,
    }

    /// How long one finished build of a template took, in microseconds.
    pub struct TemplateBuildTime {
        pub template_id: Uuid,
        pub transition: WorkspaceTransition,
        pub took_micros: i64,
    }
}

/// The object of a template.
pub fn template_object(id: Uuid, organization_id: Uuid, user_acl: &TemplateAcl, group_acl: &TemplateAcl) -> Object {
    Object::of(Resource::Template)
        .id(id)
        .org(organization_id)
        .acl_user(user_acl.0.clone())
        .acl_group(group_acl.0.clone())
}

impl Guarded for Template {
    fn object(&self, _: Switches) -> Object {
        template_object(self.id, self.organization_id, &self.user_acl, &self.group_acl)
    }
}

/// The columns that say what a template is, where it is called `t`.
pub static TEMPLATE_COLUMNS: Columns = Columns {
    id: "t.id",
    org: Some("t.organization_id"),
    owner: None,
    acl: Some(AclColumns { user: "t.user_acl", group: "t.group_acl", below: "", when: "1 = 1" }),
};

queries! {
    /// A template by id, deleted or not.
    GetTemplateByID = get_template_by_id(db, id: Uuid) -> one Template;
        allow(row Read),
        sql "SELECT {row} FROM template_with_names WHERE id = :id";

    /// A template by name, without regard to case.
    GetTemplateByOrganizationAndName = get_template_by_organization_and_name(db, organization_id: Uuid, deleted: bool, name: &str) -> one Template;
        allow(row Read),
        sql "SELECT {row} FROM template_with_names WHERE organization_id = :organization_id AND deleted = :deleted AND lower(name) = lower(:name) LIMIT 1";

    /// The templates that meet some conditions, by name. Templates are `t`, their active versions `v`.
    GetTemplatesWithFilter = get_templates_with_filter(db, conditions: &Where) -> many Template;
        allow(filter Read Template TEMPLATE_COLUMNS),
        sql "SELECT {row:t} FROM template_with_names t LEFT JOIN template_versions v ON v.id = t.active_version_id
            WHERE {where} AND {filter} ORDER BY t.name, t.id";

    /// The templates among these ids that the subject may see, in no order.
    GetTemplatesWithFilter = get_templates_by_ids(db, ids: &[Uuid]) -> many Template;
        allow(filter Read Template TEMPLATE_COLUMNS),
        sql "SELECT {row:t} FROM template_with_names t WHERE t.id IN [:ids] AND {filter}";

    /// Every template there is or was.
    GetTemplates = get_templates(db) -> many Template;
        allow(system Read System),
        sql "SELECT {row} FROM template_with_names ORDER BY name, id";

    /// Makes a template.
    InsertTemplate = insert_template(db, template: &NewTemplate) -> exec;
        allow(object Create Object::of(Resource::Template).org(template.organization_id)),
        sql "INSERT INTO templates {insert}";

    /// Changes what people see of a template.
    UpdateTemplateMetaByID = update_template_meta_by_id(db, meta: &TemplateMeta) -> exec;
        allow(on Update db.unguarded().get_template_by_id(meta.id)?),
        sql "UPDATE templates SET {set} WHERE id = :id";

    /// Changes when workspaces start, stop and go.
    UpdateTemplateScheduleByID = update_template_schedule_by_id(db, schedule: &TemplateSchedule) -> exec;
        allow(on Update db.unguarded().get_template_by_id(schedule.id)?),
        sql "UPDATE templates SET {set} WHERE id = :id";

    /// Changes which versions workspaces may have, and whether new ones may be made at all.
    UpdateTemplateAccessControlByID = update_template_access_control_by_id(db, id: Uuid, require_active_version: bool, deprecated: &str) -> exec;
        allow(on Update db.unguarded().get_template_by_id(id)?),
        sql "UPDATE templates SET {set} WHERE id = :id";

    /// Changes who may use a template.
    UpdateTemplateACLByID = update_template_acl_by_id(db, id: Uuid, user_acl: &TemplateAcl, group_acl: &TemplateAcl) -> exec;
        allow(on Create db.unguarded().get_template_by_id(id)?),
        sql "UPDATE templates SET {set} WHERE id = :id";

    /// Makes a version the active one.
    UpdateTemplateActiveVersionByID = update_template_active_version_by_id(db, id: Uuid, active_version_id: Uuid, updated_at: Time) -> exec;
        allow(on Update db.unguarded().get_template_by_id(id)?),
        sql "UPDATE templates SET {set} WHERE id = :id";

    /// Deletes a template, or takes that back; the row stays.
    UpdateTemplateDeletedByID = update_template_deleted_by_id(db, id: Uuid, deleted: bool, updated_at: Time) -> exec;
        allow(on Delete db.unguarded().get_template_by_id(id)?),
        sql "UPDATE templates SET {set} WHERE id = :id";

    /// How many workspaces there are of a template, whoever may see them.
    GetWorkspacesByTemplateID = count_workspaces_by_template_id(db, template_id: Uuid) -> one i64;
        allow(system Read System),
        sql "SELECT count(*) FROM workspaces WHERE template_id = :template_id AND deleted = FALSE";

    /// The workspaces of a template that start by themselves; prebuilt ones never do.
    GetWorkspacesByTemplateID = get_self_starting_workspaces_by_template_id(db, template_id: Uuid) -> many Uuid;
        allow(system Read System),
        sql "SELECT id FROM workspaces WHERE template_id = :template_id AND deleted = FALSE AND autostart_schedule IS NOT NULL
            AND owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'";

    /// The builds by which workspaces of a template run; prebuilt ones have no deadlines.
    GetActiveWorkspaceBuildsByTemplateID = get_active_builds_by_template_id(db, template_id: Uuid) -> many ActiveBuild;
        allow(system Read System),
        sql "SELECT b.id, b.workspace_id, b.deadline, b.max_deadline, j.completed_at FROM workspaces w
            JOIN workspace_builds b ON b.workspace_id = w.id
            JOIN provisioner_jobs j ON j.id = b.job_id
            WHERE w.template_id = :template_id AND w.deleted = FALSE AND w.owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'
                AND b.transition = 'start' AND j.job_status = 'succeeded'
                AND b.build_number = (SELECT max(l.build_number) FROM workspace_builds l WHERE l.workspace_id = w.id)";

    /// Counts all workspaces of a template as used.
    UpdateTemplateWorkspacesLastUsedAt = update_template_workspaces_last_used_at(db, template_id: Uuid, last_used_at: Time) -> exec;
        allow(on Update db.unguarded().get_template_by_id(template_id)?),
        sql "UPDATE workspaces SET last_used_at = :last_used_at WHERE template_id = :template_id";

    /// Sets when dormant workspaces of a template are deleted, never when 0, and since when they are dormant
    /// where that is given. Prebuilt workspaces keep theirs.
    UpdateWorkspacesDormantDeletingAtByTemplateID = update_workspaces_dormant_deleting_at_by_template_id(db, template_id: Uuid, autodelete_ms: i64, dormant_at: Option<Time>) -> exec;
        allow(on Update db.unguarded().get_template_by_id(template_id)?),
        sql "UPDATE workspaces SET
                deleting_at = CASE WHEN :autodelete_ms = 0 THEN NULL ELSE coalesce(:dormant_at, dormant_at) + :autodelete_ms * 1000 END,
                dormant_at = coalesce(:dormant_at, dormant_at)
            WHERE template_id = :template_id AND dormant_at IS NOT NULL AND deleted = FALSE
                AND owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'",
        pg "UPDATE workspaces SET
                deleting_at = CASE WHEN :autodelete_ms = 0 THEN NULL ELSE coalesce(:dormant_at, dormant_at) + :autodelete_ms * interval '1 millisecond' END,
                dormant_at = coalesce(:dormant_at, dormant_at)
            WHERE template_id = :template_id AND dormant_at IS NOT NULL AND deleted = FALSE
                AND owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'";

    /// Gives all workspaces of a template a time to run, prebuilt ones aside.
    UpdateWorkspacesTTLByTemplateID = update_workspaces_ttl_by_template_id(db, template_id: Uuid, ttl: Option<i64>) -> exec;
        allow(on Update db.unguarded().get_template_by_id(template_id)?),
        sql "UPDATE workspaces SET ttl = :ttl WHERE template_id = :template_id AND owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'";

    /// Takes back all shares of ports in workspaces of a template.
    DeleteWorkspaceAgentPortSharesByTemplate = delete_workspace_agent_port_shares_by_template(db, template_id: Uuid) -> exec;
        allow(on Update db.unguarded().get_template_by_id(template_id)?),
        sql "DELETE FROM workspace_agent_port_share WHERE workspace_id IN (SELECT id FROM workspaces WHERE template_id = :template_id)";

    /// Keeps ports in workspaces of a template from those who are not signed in.
    ReduceWorkspaceAgentShareLevelToAuthenticatedByTemplate = reduce_workspace_agent_share_level_to_authenticated_by_template(db, template_id: Uuid) -> exec;
        allow(on Update db.unguarded().get_template_by_id(template_id)?),
        sql "UPDATE workspace_agent_port_share SET share_level = 'authenticated'
            WHERE share_level = 'public' AND workspace_id IN (SELECT id FROM workspaces WHERE template_id = :template_id)";

    /// How many people used a template on each day from `start` on that anybody did; days are counted from 0.
    GetTemplateInsightsByInterval = get_template_daily_users(db, template_id: Uuid, start: Time, end: Time) -> many DailyUsers;
        allow(on ViewInsights db.unguarded().get_template_by_id(template_id)?),
        sql "SELECT (start_time - :start) / 86400000000 AS day, count(DISTINCT user_id) FROM template_usage_stats
            WHERE template_id = :template_id AND start_time >= :start AND start_time < :end GROUP BY 1",
        pg "SELECT floor(extract(epoch FROM start_time - :start) / 86400)::bigint AS day, count(DISTINCT user_id) FROM template_usage_stats
            WHERE template_id = :template_id AND start_time >= :start AND start_time < :end GROUP BY 1";

    /// How many people have a workspace of each of these templates.
    GetWorkspaceUniqueOwnerCountByTemplateIDs = get_workspace_unique_owner_count_by_template_ids(db, template_ids: &[Uuid]) -> many TemplateOwners;
        allow(system Read System),
        sql "SELECT t.id, count(DISTINCT w.owner_id) FROM templates t
            LEFT JOIN workspaces w ON w.template_id = t.id AND w.deleted = FALSE
            WHERE t.id IN [:template_ids] GROUP BY t.id";

    /// How long each of the last hundred good builds of each of these templates took.
    GetTemplateAverageBuildTime = get_template_build_times(db, template_ids: &[Uuid]) -> many TemplateBuildTime;
        allow(system Read System),
        sql "SELECT template_id, transition, took_micros FROM (
                SELECT v.template_id AS template_id, b.transition AS transition, j.completed_at - j.started_at AS took_micros,
                    row_number() OVER (PARTITION BY v.template_id ORDER BY b.created_at DESC) AS place
                FROM template_versions v
                JOIN workspace_builds b ON b.template_version_id = v.id
                JOIN provisioner_jobs j ON j.id = b.job_id
                WHERE v.template_id IN [:template_ids] AND j.started_at IS NOT NULL AND j.job_status = 'succeeded'
            ) AS builds WHERE place <= 100",
        pg "SELECT template_id, transition, took_micros FROM (
                SELECT v.template_id AS template_id, b.transition AS transition,
                    (extract(epoch FROM j.completed_at - j.started_at) * 1000000)::bigint AS took_micros,
                    row_number() OVER (PARTITION BY v.template_id ORDER BY b.created_at DESC) AS place
                FROM template_versions v
                JOIN workspace_builds b ON b.template_version_id = v.id
                JOIN provisioner_jobs j ON j.id = b.job_id
                WHERE v.template_id IN [:template_ids] AND j.started_at IS NOT NULL AND j.job_status = 'succeeded'
            ) AS builds WHERE place <= 100";
}
